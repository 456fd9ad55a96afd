import MillraceColumnar

/// The sessions that a store has, by key, so that a batch looks at those of its own keys only.
///
/// A session has a slot; the slots of a key are a list. Sessions are given in the order of their starts, so that what comes of
/// them does not depend on how the lists came to be.
final class SessionIndex {
  private static let none: Int32 = -1

  private let merger: SessionMerger
  private let table: GroupTable
  /// First slot by group of `table`.
  private var heads = RawArray<Int32>()
  private var starts = RawArray<Int64>()
  private var ends = RawArray<Int64>()
  /// The next slot of the key, or of the list of free slots.
  private var next = RawArray<Int32>()
  private var firstFree = SessionIndex.none
  private var groups = RawArray<UInt32>()
  /// By group: 1 while its sessions are being given.
  private var isSeen = RawArray<UInt8>()

  init(_ merger: SessionMerger) {
    self.merger = merger
    table = merger.table()
  }

  var memoryBytes: Int {
    table.memoryBytes + heads.byteCount + starts.byteCount + ends.byteCount + next.byteCount
  }

  /// Adds sessions that are not there.
  func insert(_ keys: [ColumnVector], count: Int) {
    if count == 0 { return }
    groups.extend(to: count, with: GroupTable.absent)
    table.findOrInsert(merger.others(keys, count: count), count: count, into: groups.base)
    heads.extend(to: table.groupCount, with: Self.none)
    let bounds = merger.bounds(keys)
    for row in 0..<count {
      let slot = takeSlot()
      let group = Int(groups[row])
      starts[Int(slot)] = bounds.start(row)
      ends[Int(slot)] = bounds.end(row)
      next[Int(slot)] = heads[group]
      heads[group] = slot
    }
  }

  private func takeSlot() -> Int32 {
    let slot = firstFree
    if slot != Self.none {
      firstFree = next[Int(slot)]
      return slot
    }
    starts.append(0)
    ends.append(0)
    next.append(0)
    return Int32(truncatingIfNeeded: starts.count - 1)
  }

  /// Forgets sessions that are there.
  func remove(_ keys: [ColumnVector], count: Int) {
    if count == 0 { return }
    groups.extend(to: count, with: GroupTable.absent)
    table.find(merger.others(keys, count: count), count: count, into: groups.base)
    let bounds = merger.bounds(keys)
    for row in 0..<count where groups[row] != GroupTable.absent {
      remove(group: groups[row], bounds.start(row), bounds.end(row))
    }
  }

  private func remove(group: UInt32, _ start: Int64, _ end: Int64) {
    var before = Self.none
    var slot = heads[Int(group)]
    while slot != Self.none && (starts[Int(slot)] != start || ends[Int(slot)] != end) {
      before = slot
      slot = next[Int(slot)]
    }
    if slot == Self.none { return }
    let after = next[Int(slot)]
    if before == Self.none { heads[Int(group)] = after } else { next[Int(before)] = after }
    next[Int(slot)] = firstFree
    firstFree = slot
    guard heads[Int(group)] == Self.none else { return }
    withUnsafePointer(to: group) { pointer in
      table.unlink(pointer, count: 1)
      table.release(pointer, count: 1)
    }
  }

  /// The full keys of the sessions of every key among `keys`, each once.
  func sessions(ofKeysLike keys: [ColumnVector], count: Int) -> (keys: [ColumnVector], count: Int) {
    groups.extend(to: count, with: GroupTable.absent)
    if count > 0 { table.find(merger.others(keys, count: count), count: count, into: groups.base) }
    isSeen.extend(to: table.groupCount, with: 0)
    var found: [(row: Int, start: Int64, end: Int64)] = []
    for row in 0..<count where groups[row] != GroupTable.absent && isSeen[Int(groups[row])] == 0 {
      isSeen[Int(groups[row])] = 1
      let first = found.count
      var slot = heads[Int(groups[row])]
      while slot != Self.none {
        found.append((row, starts[Int(slot)], ends[Int(slot)]))
        slot = next[Int(slot)]
      }
      if found.count > first + 1 { found[first...].sort { $0.start < $1.start } }
    }
    for session in found { isSeen[Int(groups[session.row])] = 0 }
    let rows = Selection(found.map(\.row))
    var result = keys.map { $0.gathered(rows) }
    result[merger.start] = merger.column(like: keys[merger.start], count: found.count) { found[$0].start }
    result[merger.start + 1] = merger.column(like: keys[merger.start + 1], count: found.count) { found[$0].end }
    return (result, found.count)
  }
}
