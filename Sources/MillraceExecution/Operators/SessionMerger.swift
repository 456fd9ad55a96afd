import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// Finds which of a key's sessions touch, and gives them common bounds.
struct SessionMerger: Sendable {
  /// Flat column of the session's start; the end is the next one.
  let start: Int
  /// Types of the other flat columns.
  private let otherTypes: [DataType]

  init(start: Int, flatTypes: [DataType]) {
    self.start = start
    let others = flatTypes.indices.filter { $0 != start && $0 != start + 1 }.map { flatTypes[$0] }
    otherTypes = others.isEmpty ? [.byte] : others
  }

  /// The flat key without the session.
  func others(_ keys: [ColumnVector], count: Int) -> [ColumnVector] {
    let others = keys.indices.filter { $0 != start && $0 != start + 1 }.map { keys[$0] }
    return others.isEmpty ? [.constant(.integer(0), type: .byte, count: count)] : others
  }

  /// A table for keys without their sessions.
  func table() -> GroupTable { GroupTable(keyTypes: otherTypes) }

  private func groups(
    _ keys: [ColumnVector], count: Int, _ body: ([ColumnVector], UnsafeMutablePointer<UInt32>) -> Void
  ) -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: count) { buffer, used in
      used = count
      if let base = buffer.baseAddress, count > 0 { body(others(keys, count: count), base) }
    }
  }

  /// What merging came to, by row.
  struct Result {
    /// The keys with the bounds of the merged sessions.
    var keys: [ColumnVector]
    /// Number of the merged session.
    var sessions: [Int]
    var sessionCount: Int
    /// The rows by key and start.
    var order: [Int]
  }

  /// Merges sessions that overlap or meet.
  func merge(_ keys: [ColumnVector], count: Int) -> Result {
    let table = table()
    let groups = groups(keys, count: count) { table.findOrInsert($0, count: count, into: $1) }
    let times = self.bounds(keys)
    let order = (0..<count).sorted { (groups[$0], times.start($0), $0) < (groups[$1], times.start($1), $1) }
    var sessions = [Int](repeating: 0, count: count)
    var bounds: [(start: Int64, end: Int64)] = []
    var group: UInt32?
    for row in order {
      if groups[row] == group, let last = bounds.last, times.start(row) <= last.end {
        bounds[bounds.count - 1].end = max(last.end, times.end(row))
      } else {
        bounds.append((times.start(row), times.end(row)))
        group = groups[row]
      }
      sessions[row] = bounds.count - 1
    }
    var merged = keys
    merged[start] = column(like: keys[start], count: count) { bounds[sessions[$0]].start }
    merged[start + 1] = column(like: keys[start + 1], count: count) { bounds[sessions[$0]].end }
    return Result(keys: merged, sessions: sessions, sessionCount: bounds.count, order: order)
  }

  /// Starts and ends of sessions by row.
  struct Bounds {
    fileprivate let starts: ColumnVector
    fileprivate let ends: ColumnVector

    func start(_ row: Int) -> Int64 { starts.values(as: Int64.self)[starts.slot(row)] }
    func end(_ row: Int) -> Int64 { ends.values(as: Int64.self)[ends.slot(row)] }
  }

  func bounds(_ keys: [ColumnVector]) -> Bounds { Bounds(starts: keys[start], ends: keys[start + 1]) }

  /// A column of times of the type of another.
  func column(like other: ColumnVector, count: Int, _ time: (Int) -> Int64) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(count, 1) * 8)
    let values = buffer.base.assumingMemoryBound(to: Int64.self)
    for row in 0..<count { values[row] = time(row) }
    return ColumnVector(type: other.type, count: count, values: buffer)
  }
}

extension GroupAccumulation {
  /// The same groups with sessions that touch made one.
  func mergingSessions() throws -> GroupAccumulation {
    guard let sessions = plan.sessions, groupCount > 0 else { return self }
    let result = GroupAccumulation(plan)
    let merged = sessions.merge(flatKeys(), count: groupCount)
    if plan.isOrderSensitive {
      // Spark takes them up by their starts.
      let order = Selection(merged.order)
      try result.merge(
        keys: merged.keys.map { $0.gathered(order) }, states: try states().map { $0.gathered(order) }, count: groupCount
      )
    } else {
      try result.merge(keys: merged.keys, states: try states(), count: groupCount)
    }
    return result
  }
}
