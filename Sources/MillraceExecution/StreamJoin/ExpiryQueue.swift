/// Slots by the time at which they can go, earliest first: a binary heap.
///
/// Times mostly ascend as rows come, and then adding takes one comparison. Slots that were given away again stay until their
/// time comes; who takes them out tells them from others by the time.
struct ExpiryQueue: ~Copyable {
  struct Entry: BitwiseCopyable {
    var time: Int64
    var slot: Int32
  }

  private var entries = RawArray<Entry>()

  var count: Int { entries.count }
  var byteCount: Int { entries.byteCount }
  /// The earliest time.
  var first: Int64? { entries.count == 0 ? nil : entries[0].time }

  mutating func insert(_ time: Int64, _ slot: Int32) {
    entries.append(Entry(time: time, slot: slot))
    let base = entries.base
    var at = entries.count - 1
    while at > 0, base[(at - 1) / 2].time > time {
      base[at] = base[(at - 1) / 2]
      at = (at - 1) / 2
    }
    base[at] = Entry(time: time, slot: slot)
  }

  /// Takes out the earliest entry if its time is at or before `time`.
  mutating func take(upTo time: Int64) -> Entry? {
    guard entries.count > 0, entries[0].time <= time else { return nil }
    let result = entries[0]
    let last = entries.removeLast()
    let count = entries.count, base = entries.base
    if count == 0 { return result }
    var at = 0
    while true {
      var child = 2 * at + 1
      if child >= count { break }
      if child + 1 < count && base[child + 1].time < base[child].time { child += 1 }
      if base[child].time >= last.time { break }
      base[at] = base[child]
      at = child
    }
    base[at] = last
    return result
  }
}
