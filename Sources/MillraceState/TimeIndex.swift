import MillraceColumnar
import MillraceCore

/// The rows of a memory store by a time of theirs. Rows of one time are a list; the times are in a queue.
///
/// Adding or removing a row takes as long whatever else is there; what is due comes out without a look at the rest.
final class TimeIndex {
  private static let none = UInt32.max

  let column: StateColumn
  private let table = GroupTable(keyTypes: [.long])
  private var queue = TimeQueue()
  // By bucket, which is a group of `table`:
  @exclusivity(unchecked) private var heads: [UInt32] = []
  // By row:
  @exclusivity(unchecked) private var buckets: [UInt32] = []
  @exclusivity(unchecked) private var next: [UInt32] = []
  @exclusivity(unchecked) private var previous: [UInt32] = []
  private var found = MemoryBuffer(capacity: 0)
  private var isNew = MemoryBuffer(capacity: 0)

  init(_ column: StateColumn) { self.column = column }

  var memoryBytes: Int {
    table.memoryBytes + queue.byteCount
      + (heads.capacity + buckets.capacity + next.capacity + previous.capacity) * 4
  }

  /// Rows have these times now.
  func set(_ rows: UnsafePointer<UInt32>, _ count: Int, _ column: ColumnVector) {
    if count == 0 { return }
    if found.capacity < count * 4 {
      found = MemoryBuffer(capacity: count * 8)
      isNew = MemoryBuffer(capacity: count * 2)
    }
    let groups = found.base.assumingMemoryBound(to: UInt32.self)
    let flags = isNew.base.assumingMemoryBound(to: UInt8.self)
    let wanted = column.type == .long ? column : column.retyped(.long)
    table.findOrInsert([wanted], count: count, into: groups, isNew: flags)
    let values = wanted.values(as: Int64.self)
    for row in 0..<count {
      let bucket = Int(groups[row])
      let isNull = wanted.isNull(row)
      if flags[row] != 0 { open(bucket, isNull ? .max : values[wanted.slot(row)]) }
      place(rows[row], in: groups[row])
    }
  }

  private func open(_ bucket: Int, _ time: Int64) {
    while heads.count <= bucket { heads.append(Self.none) }
    heads[bucket] = Self.none
    // A row without a time, or with one at the end of all, is never due.
    if time != .max { queue.insert(time, Int32(truncatingIfNeeded: bucket)) }
  }

  private func place(_ row: UInt32, in bucket: UInt32) {
    let at = Int(row)
    if at >= buckets.count {
      let more = max(at + 1 - buckets.count, buckets.count)
      buckets.append(contentsOf: repeatElement(Self.none, count: more))
      next.append(contentsOf: repeatElement(Self.none, count: more))
      previous.append(contentsOf: repeatElement(Self.none, count: more))
    }
    if buckets[at] == bucket { return }
    remove(row)
    let head = heads[Int(bucket)]
    buckets[at] = bucket
    next[at] = head
    previous[at] = Self.none
    if head != Self.none { previous[Int(head)] = row }
    heads[Int(bucket)] = row
  }

  /// A row goes; nothing happens if it is not there.
  func remove(_ row: UInt32) {
    let at = Int(row)
    guard at < buckets.count, buckets[at] != Self.none else { return }
    let before = previous[at], after = next[at]
    if before == Self.none { heads[Int(buckets[at])] = after } else { next[Int(before)] = after }
    if after != Self.none { previous[Int(after)] = before }
    // An empty bucket stays until its time comes, so that it is in the queue once.
    buckets[at] = Self.none
  }

  /// The rows whose time is at or before `time`, ascending.
  func rows(through time: Int64) -> [UInt32] {
    var rows: [UInt32] = []
    var kept: [TimeQueue.Entry] = []
    while let entry = queue.take(upTo: time) {
      let bucket = Int(entry.number)
      var row = heads[bucket]
      if row == Self.none {
        let group = UInt32(truncatingIfNeeded: bucket)
        withUnsafePointer(to: group) { pointer in
          table.unlink(pointer, count: 1)
          table.release(pointer, count: 1)
        }
        continue
      }
      kept.append(entry)
      while row != Self.none {
        rows.append(row)
        row = next[Int(row)]
      }
    }
    for entry in kept { queue.insert(entry.time, entry.number) }
    rows.sort()
    return rows
  }
}
