import MillraceColumnar
import MillraceCore
import MillraceState
import MillraceTesting
import Testing

/// `scan(through:)` against a dictionary, over random puts, removals, commits, rollbacks and restores.
struct TimeIndexTests {
  private struct Row: Equatable {
    var key: Int64
    var time: Int64?
    var value: Int64?
  }

  private static func keys(_ rows: [Row]) -> [ColumnVector] {
    [
      .of(rows.map { $0.time.map { .integer($0) } ?? .null }, type: .timestamp),
      .of(rows.map { .integer($0.key) }, type: .long),
    ]
  }

  private static func values(_ rows: [Row]) -> [ColumnVector] {
    [.of(rows.map { $0.value.map { .integer($0) } ?? .null }, type: .long)]
  }

  private static func number(_ value: Value) -> Int64? { if case .integer(let number) = value { number } else { nil } }

  private static func due(_ store: MemoryStateStore, _ time: Int64) throws -> [Row] {
    var found: [Row] = []
    try store.scan(through: time) { keys, values, count in
      for row in 0..<count {
        found.append(
          Row(
            key: number(keys[1].value(row)) ?? 0, time: number(keys[0].value(row)), value: number(values[0].value(row)))
        )
      }
    }
    return found
  }

  private static func all(_ store: MemoryStateStore) throws -> [Row] {
    var found: [Row] = []
    try store.scan { keys, values, count in
      for row in 0..<count {
        found.append(
          Row(
            key: number(keys[1].value(row)) ?? 0, time: number(keys[0].value(row)), value: number(values[0].value(row)))
        )
      }
    }
    return found
  }

  @Test(arguments: [StateColumn.key(0), .value(0)], [1, 2, 3, 4, 5])
  func findsWhatIsDue(column: StateColumn, seed: UInt64) throws {
    func make() -> MemoryStateStore {
      let store = MemoryStateStore(keyTypes: [.timestamp, .long], valueTypes: [.long])
      store.indexTimes(of: column)
      return store
    }
    var random = SeededGenerator(seed: seed)
    var store = make()
    var log: [MemoryBuffer] = []
    var version: Int64 = 0
    for _ in 0..<300 {
      let count = Int.random(in: 0...8, using: &random)
      let rows = (0..<count).map { _ in
        Row(
          key: Int64.random(in: 0..<6, using: &random),
          time: Int.random(in: 0..<9, using: &random) == 0 ? nil : Int64.random(in: 0..<20, using: &random),
          value: Int.random(in: 0..<9, using: &random) == 0 ? nil : Int64.random(in: 0..<20, using: &random))
      }
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<4: try store.put(keys: Self.keys(rows), values: Self.values(rows), count: count)
      case 4: try store.remove(keys: Self.keys(rows), count: count)
      case 5:
        let due = try Self.due(store, Int64.random(in: 0..<20, using: &random))
        try store.remove(keys: Self.keys(due), count: due.count)
      case 6:
        log.append(try store.changes())
        version += 1
        try store.commit(version: version)
        guard Bool.random(using: &random) else { break }
        store = make()
        for piece in log { try store.apply(UnsafeRawBufferPointer(start: piece.base, count: piece.capacity)) }
      default: try store.rollback()
      }
      let time = Int64.random(in: -1...20, using: &random)
      // In the order of `scan`, so that a restored store gives the same.
      let wanted = try Self.all(store).filter { row in
        (column == .key(0) ? row.time : row.value).map { $0 <= time } ?? false
      }
      #expect(try Self.due(store, time) == wanted)
    }
  }
}
