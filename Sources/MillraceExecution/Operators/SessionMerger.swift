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
  private func others(_ keys: [ColumnVector], count: Int) -> [ColumnVector] {
    let others = keys.indices.filter { $0 != start && $0 != start + 1 }.map { keys[$0] }
    return others.isEmpty ? [.constant(.integer(0), type: .byte, count: count)] : others
  }

  /// Keys of a batch, to look up the sessions that the state has for them.
  func index(_ keys: [ColumnVector], count: Int) -> GroupTable {
    let table = GroupTable(keyTypes: otherTypes)
    _ = groups(keys, count: count) { table.findOrInsert($0, count: count, into: $1) }
    return table
  }

  /// The rows whose key is in the table.
  func known(_ keys: [ColumnVector], count: Int, in table: GroupTable) -> Selection {
    let found = groups(keys, count: count) { table.find($0, count: count, into: $1) }
    return Selection(found.indices.filter { found[$0] != GroupTable.absent })
  }

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
  }

  /// Merges sessions that overlap or meet.
  func merge(_ keys: [ColumnVector], count: Int) -> Result {
    let table = GroupTable(keyTypes: otherTypes)
    let groups = groups(keys, count: count) { table.findOrInsert($0, count: count, into: $1) }
    let starts = keys[start].values(as: Int64.self), ends = keys[start + 1].values(as: Int64.self)
    func begin(_ row: Int) -> Int64 { starts[keys[start].slot(row)] }
    func end(_ row: Int) -> Int64 { ends[keys[start + 1].slot(row)] }
    let order = (0..<count).sorted { (groups[$0], begin($0), $0) < (groups[$1], begin($1), $1) }
    var sessions = [Int](repeating: 0, count: count)
    var bounds: [(start: Int64, end: Int64)] = []
    var group: UInt32?
    for row in order {
      if groups[row] == group, let last = bounds.last, begin(row) <= last.end {
        bounds[bounds.count - 1].end = max(last.end, end(row))
      } else {
        bounds.append((begin(row), end(row)))
        group = groups[row]
      }
      sessions[row] = bounds.count - 1
    }
    var merged = keys
    merged[start] = SessionMerger.column(keys[start].type, sessions) { bounds[$0].start }
    merged[start + 1] = SessionMerger.column(keys[start + 1].type, sessions) { bounds[$0].end }
    return Result(keys: merged, sessions: sessions, sessionCount: bounds.count)
  }

  private static func column(_ type: DataType, _ sessions: [Int], _ bound: (Int) -> Int64) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: max(sessions.count, 1) * 8)
    let values = buffer.base.assumingMemoryBound(to: Int64.self)
    for (row, session) in sessions.enumerated() { values[row] = bound(session) }
    return ColumnVector(type: type, count: sessions.count, values: buffer)
  }
}

extension GroupAccumulation {
  /// The same groups with sessions that touch made one.
  func mergingSessions() throws -> GroupAccumulation {
    guard let sessions = plan.sessions, groupCount > 0 else { return self }
    let result = GroupAccumulation(plan)
    let merged = sessions.merge(flatKeys(), count: groupCount)
    try result.merge(keys: merged.keys, states: try states(), count: groupCount)
    return result
  }
}
