import MillraceColumnar
import MillraceCore
import MillraceTesting
import SQLiteConnector
import Testing

/// `scan(through:)` against a filtered scan of everything, over random puts, removals, commits, rollbacks and restarts.
struct SQLiteStateTimeTests {
  private typealias Store = TimeIndexedStateStore & DurableStateStore

  private static let keyTypes: [DataType] = [.string, .timestamp, .long]
  private static let valueTypes: [DataType] = [.string, .long]

  private static func store(_ directory: String?, _ column: StateColumn?) throws -> any Store {
    let store = try SQLiteStateStoreTests.provider().open(
      operatorID: 0, keyTypes: keyTypes, valueTypes: valueTypes, directory: directory, environment: .live)
    let indexed = try #require(store as? any Store)
    if let column { indexed.indexTimes(of: column) }
    return indexed
  }

  private static func columns(_ rows: [[Value]], _ types: [DataType], from: Int) -> [ColumnVector] {
    types.indices.map { column in .of(rows.map { $0[from + column] }, type: types[column]) }
  }

  private static func put(_ store: any Store, _ rows: [[Value]]) throws {
    try store.put(
      keys: columns(rows, keyTypes, from: 0), values: columns(rows, valueTypes, from: 3), count: rows.count)
  }

  private static func remove(_ store: any Store, _ rows: [[Value]]) throws {
    try store.remove(keys: columns(rows, keyTypes, from: 0), count: rows.count)
  }

  private static func rows(_ scan: (_ body: ([ColumnVector], [ColumnVector], Int) throws -> Void) throws -> Void) throws
    -> Set<[Value]>
  {
    var found: Set<[Value]> = []
    try scan { keys, values, count in
      for row in 0..<count { #expect(found.insert((keys + values).map { $0.value(row) }).inserted, "a row comes once") }
    }
    return found
  }

  private static func isDue(_ row: [Value], _ column: StateColumn, _ time: Int64) -> Bool {
    let position =
      switch column {
      case .key(let index): index;
      case .value(let index): 3 + index
      }
    return if case .integer(let instant) = row[position] { instant <= time } else { false }
  }

  private static let times: [Int64] = [.min, -5, -1, 0, 1, 2, 3, 255, 256, 1 << 40, .max - 1, .max]

  @Test(arguments: [StateColumn.key(1), .key(2), .value(1)], [1, 2, 3, 4] as [UInt64])
  func findsWhatIsDue(column: StateColumn, seed: UInt64) throws {
    let folder = ScratchFolder()
    var random = SeededGenerator(seed: seed)
    var store = try Self.store(folder.file("0"), column)
    try store.restore(version: 0, token: nil)
    var version: Int64 = 0
    var token: JSON?
    for _ in 0..<150 {
      let batch = (0..<Int.random(in: 0...8, using: &random)).map { _ -> [Value] in
        func time() -> Value {
          Int.random(in: 0..<9, using: &random) == 0
            ? .null : .integer(Self.times[Int.random(in: 0..<Self.times.count, using: &random)])
        }
        let name = Value.string(Bool.random(using: &random) ? "a" : "longer than what lies inside a view")
        return [name, time(), time(), name, time()]
      }
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<4: try Self.put(store, batch)
      case 4: try Self.remove(store, batch)
      case 5:
        let time = Self.times[Int.random(in: 0..<Self.times.count, using: &random)]
        let due = try Self.rows { try store.scan(through: time, $0) }
        try Self.remove(store, due.sorted { "\($0)" < "\($1)" })
      case 6:
        let prepared = try store.prepare(version: version + 1)
        if Bool.random(using: &random) {
          try store.commit(version: version + 1)
          version += 1
          token = prepared
        } else {
          // As after a crash: the prepared version is undone.
          store = try Self.store(folder.file("0"), column)
          try store.restore(version: version, token: token)
        }
      default: try store.rollback()
      }
      let time = Self.times[Int.random(in: 0..<Self.times.count, using: &random)]
      let wanted = try Self.rows { try store.scan($0) }.filter { Self.isDue($0, column, time) }
      #expect(try Self.rows { try store.scan(through: time, $0) } == wanted)
    }
    try store.rollback()
    let present = try Self.rows { try store.scan($0) }
    let reader = try SQLiteStateStoreTests.provider().reader(
      keyTypes: Self.keyTypes, valueTypes: Self.valueTypes, directory: folder.file("0"), environment: .live)
    #expect(try Self.rows { body in try reader?.scan(version: version) { try body($0, $1, $2) } } == present)
  }

  /// A database that was made without an index still gives what is due.
  @Test func databasesOfEarlierPrograms() throws {
    let folder = ScratchFolder()
    var store = try Self.store(folder.file("0"), nil)
    try store.restore(version: 0, token: nil)
    let rows: [[Value]] = (0..<100).map { [.string("a"), .integer($0), .null, .null, .integer(100 - $0)] }
    try Self.put(store, rows)
    let token = try store.prepare(version: 1)
    try store.commit(version: 1)
    store = try Self.store(folder.file("0"), .key(1))
    try store.restore(version: 1, token: token)
    #expect(try Self.rows { try store.scan(through: 9, $0) } == Set(rows.prefix(10)))
  }

  /// What is due is found without a look at the rest.
  @Test(arguments: [StateColumn.key(1), .value(1)])
  func doesNotScanEverything(column: StateColumn) throws {
    let store = try Self.store(nil, column)
    let count: Int64 = 100_000
    try Self.put(store, (0..<count).map { [.string("a"), .integer($0), .integer($0), .null, .integer($0)] })
    let clock = ContinuousClock()
    var rows: [Int] = []
    let all = try clock.measure { rows.append(try Self.count { try store.scan($0) }) }
    let due = try clock.measure { rows.append(try Self.count { try store.scan(through: 9, $0) }) }
    #expect(rows == [Int(count), 10])
    #expect(due * 20 < all, "\(due) of \(all)")
  }

  private static func count(_ scan: (_ body: ([ColumnVector], [ColumnVector], Int) throws -> Void) throws -> Void)
    throws
    -> Int
  {
    var total = 0
    try scan { _, _, count in total += count }
    return total
  }
}
