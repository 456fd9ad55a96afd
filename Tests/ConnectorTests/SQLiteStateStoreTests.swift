import Glibc
import MillraceColumnar
import MillraceCore
import MillraceTesting
import SQLiteConnector
import Testing

/// State in a database, held to the contract of state stores and to what it says of damage.
@Suite struct SQLiteStateStoreTests {
  static func provider(_ options: [String: String] = [:]) throws -> any StateStoreProvider {
    let connector = SQLiteConnector()
    return try connector.makeStateStore(
      StateStoreRequest(options: try Options(options, fields: connector.spec.stateStoreFields, of: "sqlite")))
  }

  static func store(_ folder: String, _ options: [String: String] = [:]) throws -> any DurableStateStore {
    let store = try provider(options).open(
      operatorID: 0, keyTypes: [.long], valueTypes: [.long], directory: folder, environment: .live)
    return try #require(store as? any DurableStateStore)
  }

  static func numbers(_ range: Range<Int64>, times factor: Int64 = 1) -> [ColumnVector] {
    [.of(range.map { .integer($0 * factor) }, type: .long)]
  }

  @Test(arguments: StateStoreAcceptance.shapes, [1, 2, 3])
  func keepsTheContract(shape: StateStoreAcceptance.Shape, seed: UInt64) throws {
    for options in [[:], ["minVersionsToRetain": "2", "cacheSize": "1 MiB"]] {
      let folder = ScratchFolder()
      try StateStoreAcceptance(try Self.provider(options)).run(shape, seed: seed, directory: folder.file("0"))
    }
  }

  /// More rows than the cache holds, in one version and undone.
  @Test func outgrowsItsCache() throws {
    let folder = ScratchFolder()
    var store = try Self.store(folder.file("0"), ["cacheSize": "1 MiB"])
    try store.restore(version: 0, token: nil)
    try store.put(keys: Self.numbers(0..<100_000), values: Self.numbers(0..<100_000), count: 100_000)
    let token = try store.prepare(version: 1)
    try store.commit(version: 1)
    try store.put(keys: Self.numbers(50_000..<150_000), values: Self.numbers(0..<100_000), count: 100_000)
    #expect(store.rowCount == 150_000 && store.memoryBytes < 3 << 20)
    _ = try store.prepare(version: 2)
    store = try Self.store(folder.file("0"))
    try store.restore(version: 1, token: token)
    #expect(store.rowCount == 100_000)
    let found = try store.get(keys: Self.numbers(49_999..<50_001), count: 2)
    #expect(found.values[0].value(0) == .integer(49_999) && found.values[0].value(1) == .integer(50_000))
  }

  @Test func aVersionWithoutChangesWritesNothing() throws {
    let folder = ScratchFolder()
    let store = try Self.store(folder.file("0"))
    try store.restore(version: 0, token: nil)
    #expect(try store.prepare(version: 1)["version"]?.int == 0)
    try store.commit(version: 1)
    #expect(try PosixFileSystem().status(folder.file("0")) == nil, "not even a folder")
    try store.put(keys: Self.numbers(0..<10), values: Self.numbers(0..<10), count: 10)
    let token = try store.prepare(version: 2)
    try store.commit(version: 2)
    try store.put(keys: Self.numbers(0..<10), values: Self.numbers(0..<10), count: 10)
    #expect(try store.prepare(version: 3) == token, "the same values again")
  }

  @Test func keepsStateWithoutACheckpoint() throws {
    let opened = try Self.provider().open(
      operatorID: 0, keyTypes: [.long], valueTypes: [.long], directory: nil, environment: .live)
    for version in 1...3 as ClosedRange<Int64> {
      try opened.put(
        keys: Self.numbers(0..<(version * 100)), values: Self.numbers(0..<(version * 100)), count: Int(version) * 100)
      try opened.commit(version: version)
    }
    try opened.put(keys: Self.numbers(900..<901), values: Self.numbers(0..<1), count: 1)
    try opened.rollback()
    #expect(opened.rowCount == 300)
  }

  /// Two versions in a closed database, and the tokens of both.
  private func made(_ folder: ScratchFolder) throws -> [JSON] {
    let store = try Self.store(folder.file("0"))
    try store.restore(version: 0, token: nil)
    var tokens: [JSON] = []
    for version in 1...2 as ClosedRange<Int64> {
      try store.put(
        keys: Self.numbers(0..<500, times: version), values: Self.numbers(0..<500, times: version * 7), count: 500)
      tokens.append(try store.prepare(version: version))
      try store.commit(version: version)
    }
    return tokens
  }

  /// Every row is right, or there is an error with a name.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func flippedBits(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var refused = 0
    for _ in 0..<60 {
      let folder = ScratchFolder()
      let tokens = try made(folder)
      try flip(folder.file("0/state.db"), &random)
      do {
        let store = try Self.store(folder.file("0"))
        try store.restore(version: 2, token: tokens[1])
        let found = try store.get(keys: Self.numbers(0..<500, times: 2), count: 500)
        for row in 0..<500 { #expect(found.values[0].value(row) == .integer(Int64(row) * 14)) }
      } catch let error as MillraceError {
        refused += 1
        #expect(error.code.hasPrefix("STATE_"), "\(error)")
      }
      let reader = try Self.provider().reader(
        keyTypes: [.long], valueTypes: [.long], directory: folder.file("0"), environment: .live)
      var sum: Int64 = 0
      do {
        try reader?.scan(version: 2) { _, values, count in
          for row in 0..<count { if case .integer(let number) = values[0].value(row) { sum += number } }
        }
        let twice = (0..<500 as Range<Int64>).reduce(0) { $0 + $1 * 14 }
        let once = (0..<500 as Range<Int64>).filter { $0 % 2 == 1 }.reduce(0) { $0 + $1 * 7 }
        #expect(sum == twice + once)
      } catch let error as MillraceError {
        #expect(error.code.hasPrefix("STATE_"), "\(error)")
      }
    }
    #expect(refused > 5)
  }

  private func flip(_ path: String, _ random: inout SeededGenerator) throws {
    let file = try PosixFileSystem().open(path, .update)
    let at = Int64.random(in: 0..<(try file.status().size), using: &random)
    var byte: UInt8 = 0
    _ = try withUnsafeMutableBytes(of: &byte) { try file.read(into: $0, at: at) }
    byte ^= 1 << UInt8.random(in: 0..<8, using: &random)
    try withUnsafeBytes(of: &byte) { try file.write($0, at: at) }
    try file.close()
  }

  @Test func aMissingOrOlderDatabaseIsRefused() throws {
    let folder = ScratchFolder()
    let tokens = try made(folder)
    let older = try Self.store(folder.file("0"))
    try older.restore(version: 1, token: tokens[0])
    for directory in ["0", "nowhere"] {
      let store = try Self.store(folder.file(directory))
      let error = #expect(throws: MillraceError.self) { try store.restore(version: 2, token: tokens[1]) }
      #expect(error?.code == "STATE_CORRUPT" && error?.hint?.isEmpty == false)
    }
    let store = try Self.store(folder.file("0"))
    #expect(throws: MillraceError.self) { try store.restore(version: 2, token: .string("of another store")) }
  }

  @Test func onlySoManyVersionsAreKept() throws {
    let folder = ScratchFolder()
    let store = try Self.store(folder.file("0"), ["minVersionsToRetain": "3"])
    try store.restore(version: 0, token: nil)
    for version in 1...20 as ClosedRange<Int64> {
      try store.put(keys: Self.numbers(0..<version), values: Self.numbers(0..<version), count: Int(version))
      _ = try store.prepare(version: version)
      try store.commit(version: version)
    }
    let reader = try #require(
      try Self.provider().reader(
        keyTypes: [.long], valueTypes: [.long], directory: folder.file("0"), environment: .live))
    #expect(try reader.versions() == 18...20)
    var count = 0
    try reader.scan(version: 18) { _, _, rows in count += rows }
    #expect(count == 18)
    let error = #expect(throws: MillraceError.self) { try reader.scan(version: 17) { _, _, _ in } }
    #expect(error?.code == "STATE_VERSION_NOT_RETAINED")
  }
}
