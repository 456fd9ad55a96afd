/// Numbers by a time, earliest first: a binary heap in raw memory. Used by one thread at a time.
///
/// Times mostly ascend as they are added, and then adding takes one comparison.
package struct TimeQueue: ~Copyable {
  package struct Entry: BitwiseCopyable {
    package var time: Int64
    package var number: Int32
  }

  private var entries: UnsafeMutablePointer<Entry>
  private var capacity = 64
  package private(set) var count = 0

  package init() { entries = RawMemory.allocate(Entry.self, capacity: capacity) }

  deinit { RawMemory.deallocate(entries, capacity: capacity) }

  package var byteCount: Int { capacity * MemoryLayout<Entry>.stride }

  package mutating func insert(_ time: Int64, _ number: Int32) {
    if count == capacity { grow() }
    var at = count
    count += 1
    while at > 0, entries[(at - 1) / 2].time > time {
      entries[at] = entries[(at - 1) / 2]
      at = (at - 1) / 2
    }
    entries[at] = Entry(time: time, number: number)
  }

  private mutating func grow() {
    entries = RawMemory.grow(entries, capacity: capacity, used: count, to: capacity * 2)
    capacity *= 2
  }

  /// Takes out the earliest entry if its time is at or before `time`.
  package mutating func take(upTo time: Int64) -> Entry? {
    guard count > 0, entries[0].time <= time else { return nil }
    let result = entries[0]
    count -= 1
    let last = entries[count]
    if count == 0 { return result }
    var at = 0
    while true {
      var child = 2 * at + 1
      if child >= count { break }
      if child + 1 < count && entries[child + 1].time < entries[child].time { child += 1 }
      if entries[child].time >= last.time { break }
      entries[at] = entries[child]
      at = child
    }
    entries[at] = last
    return result
  }
}
