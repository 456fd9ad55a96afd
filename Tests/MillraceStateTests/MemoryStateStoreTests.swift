import CKernels
import MillraceColumnar
import MillraceCore
import MillraceState
import MillraceTesting
import Testing

/// The store against a dictionary, over random puts, removals, commits, rollbacks and restores.
@Suite struct MemoryStateStoreTests {
  typealias Shape = StateStoreAcceptance.Shape
  static let shapes = StateStoreAcceptance.shapes

  static func restored(_ shape: Shape, _ pieces: [MemoryBuffer]) throws
    -> MemoryStateStore
  {
    let store = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    for piece in pieces { try store.apply(UnsafeRawBufferPointer(start: piece.base, count: piece.capacity)) }
    return store
  }

  @Test(arguments: shapes, [1, 2, 3])
  func keepsTheContract(shape: Shape, seed: UInt64) throws {
    try StateStoreAcceptance(MemoryStateStoreProvider()).run(shape, seed: seed, directory: "")
  }

  /// The log and a snapshot give the same store, row for row, which goes on in the same way.
  @Test(arguments: shapes, [1, 2, 3])
  func restoresRowForRow(shape: Shape, seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let store = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    var log: [MemoryBuffer] = []
    for version in 1...40 as ClosedRange<Int64> {
      let before = try StateRows.contents(store)
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let count = [0, 1, 63, 64, 65, 300].randomElement(using: &random) ?? 1
        let keys = StateRows.columns(StateRows.rows(shape.keys, count, distinct: 200, &random), shape.keys)
        if Int.random(in: 0..<3, using: &random) == 0 {
          try store.remove(keys: keys, count: count)
        } else {
          let values = StateRows.rows(shape.values, count, distinct: 5000, &random)
          try store.put(keys: keys, values: StateRows.columns(values, shape.values), count: count)
        }
      }
      let now = try StateRows.contents(store)
      if Int.random(in: 0..<4, using: &random) == 0 {
        try store.rollback()
        #expect(try StateRows.contents(store) == before)
      } else {
        log.append(try store.changes())
        try store.commit(version: version)
        #expect(try StateRows.contents(store) == now)
      }
      if version % 8 == 0 { try compareRestored(store, shape, log, &random) }
    }
  }

  /// However many rows of a large store a version changes and removes, in whatever order.
  @Test(arguments: [1, 7, 8, 40, 1500, 3000]) func someRowsOfMany(changedCount: Int) throws {
    let shape = Shape(keys: [.long], values: [.long])
    let store = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    func column(_ numbers: [Int]) -> [ColumnVector] { [.of(numbers.map { .integer(Int64($0)) }, type: .long)] }
    let all = Array(0..<3001)
    try store.put(keys: column(all), values: column(all), count: all.count)
    var log = [try store.changes()]
    try store.commit(version: 1)
    var random = SeededGenerator(seed: UInt64(changedCount))
    let changed = all.shuffled(using: &random).prefix(changedCount)
    try store.put(keys: column(Array(changed)), values: column(changed.map { -$0 }), count: changedCount)
    let removed = Array(changed.prefix(changedCount / 3))
    try store.remove(keys: column(removed), count: removed.count)
    log.append(try store.changes())
    try store.commit(version: 2)
    #expect(try StateRows.contents(Self.restored(shape, log)) == StateRows.contents(store))
  }

  /// Changes of more than a MiB come in pieces that together are the same.
  @Test func largeChangesComeInPieces() throws {
    let shape = Shape(keys: [.long, .string], values: [.string])
    let store = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    var whole: [MemoryBuffer] = []
    var pieces: [MemoryBuffer] = []
    var counts: [Int] = []
    func keys(_ rows: Range<Int>) -> [ColumnVector] {
      [
        ColumnVector.of(rows.map { .integer(Int64($0)) }, type: .long),
        ColumnVector.of(rows.map { .string("key \($0)") }, type: .string),
      ]
    }
    func put(_ rows: Range<Int>, _ text: String) throws {
      let values = [ColumnVector.of(rows.map { .string("\(text) of row \($0)") }, type: .string)]
      try store.put(keys: keys(rows), values: values, count: rows.count)
    }
    func end(_ version: Int64) throws {
      whole.append(try store.changes())
      let before = pieces.count
      try store.changes { pieces.append(MemoryBuffer(copying: $0)) }
      counts.append(pieces.count - before)
      try store.commit(version: version)
    }
    let long = String(repeating: "value ", count: 200)
    try put(0..<3000, long)
    try end(1)
    try put(1000..<1200, "short")
    try put(1500..<4500, "another \(long)")
    try store.remove(keys: keys(0..<900), count: 900)
    try end(2)
    try put(7..<9, "few")
    try end(3)
    try end(4)
    #expect(counts[0] > 2 && counts[1] > 2)
    #expect(counts[2...] == [1, 1])
    #expect(pieces.allSatisfy { $0.capacity < 4 << 20 })
    let expected = try StateRows.contents(store)
    #expect(expected.count == 3602)
    for log in [whole, pieces] {
      let isSame = try StateRows.contents(Self.restored(shape, log)) == expected
      #expect(isSame)
    }
  }

  /// What was found out about the keys of some rows does not hold for those that follow.
  @Test func keysOfSeveralPatterns() throws {
    let shape = Shape(keys: [.string], values: [.string, .long])
    let store = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    func digits(_ row: Int, _ radix: Int) -> String { String(String(1_000_000 + row, radix: radix).suffix(4)) }
    let patterns: [(Int) -> String] = [
      { "user-\(digits($0, 10))" }, { "USER-\(digits($0, 10))" }, { "user-\(digits($0, 36))" },
      { "u\(digits($0, 10))" },
      { "user-\(digits($0, 10).dropLast())g" },
    ]
    for (number, pattern) in patterns.enumerated() {
      let keys = ColumnVector.of(
        (0..<9000).map { .string("\(number % 3)\(pattern($0 % 1000 + number))/\(100_000 + $0)") }, type: .string)
      let values: [ColumnVector] = [
        .of((0..<9000).map { .string(pattern($0)) }, type: .string),
        .of((0..<9000).map { .integer(Int64($0)) }, type: .long),
      ]
      try store.put(keys: [keys], values: values, count: 9000)
    }
    let changes = try store.changes()
    try store.commit(version: 1)
    let isSame = try StateRows.contents(Self.restored(shape, [changes])) == StateRows.contents(store)
    #expect(isSame)
  }

  private func compareRestored(
    _ store: MemoryStateStore, _ shape: Shape, _ log: [MemoryBuffer], _ random: inout SeededGenerator
  ) throws {
    var pieces: [MemoryBuffer] = []
    try store.snapshot { pieces.append(MemoryBuffer(copying: $0)) }
    var frozen: [[UInt8]] = []
    try store.freeze().write { frozen.append(Array($0)) }
    #expect(
      frozen == pieces.map { Array(UnsafeRawBufferPointer(start: $0.base, count: $0.capacity)) })
    let keys = StateRows.columns(StateRows.rows(shape.keys, 100, distinct: 1000, &random), shape.keys)
    let values = StateRows.columns(StateRows.rows(shape.values, 100, distinct: 1000, &random), shape.values)
    let others = [try Self.restored(shape, log), try Self.restored(shape, pieces)]
    let expected = try StateRows.contents(store)
    for other in others { #expect(try StateRows.contents(other) == expected) }
    for each in [store] + others { try each.put(keys: keys, values: values, count: 100) }
    let grown = try StateRows.contents(store)
    for other in others { #expect(try StateRows.contents(other) == grown) }
    try store.rollback()
  }

  @Test func damagedChangesAreRefused() throws {
    let store = MemoryStateStore(keyTypes: [.string], valueTypes: [.long])
    let keys = ColumnVector.of([.string("a"), .string("a longer key than twelve")], type: .string)
    try store.put(keys: [keys], values: [.of([.integer(1), .null], type: .long)], count: 2)
    let good = try store.changes()
    let bytes = Array(UnsafeRawBufferPointer(start: good.base, count: good.capacity))
    for at in bytes.indices {
      var flipped = bytes
      flipped[at] ^= 1 << UInt8(at % 8)
      for damaged in [flipped, Array(bytes[..<at])] {
        let fresh = MemoryStateStore(keyTypes: [.string], valueTypes: [.long])
        #expect(throws: MillraceError.self) { try damaged.withUnsafeBytes { try fresh.apply($0) } }
      }
    }
  }

  /// Changes of format 1: row 0 "a" is removed, row 1 gets 5, row 2 "b" comes with 7.
  @Test func theFirstFormatIsRead() throws {
    let store = MemoryStateStore(keyTypes: [.string], valueTypes: [.long])
    try store.put(
      keys: [.of([.string("a"), .string("x")], type: .string)], values: [.of([.integer(1), .integer(2)], type: .long)],
      count: 2)
    try store.commit(version: 1)
    let body = ByteBuffer()
    for numbers in [[0], [1], [2]] as [[UInt32]] {
      body.append(raw: UInt32(1))
      body.append(raw: numbers[0])
    }
    func long(_ value: Int64) {
      body.append(0 as UInt8)
      body.append(raw: value)
      body.append(0 as UInt8)
    }
    long(5)
    // A text: no NULLs, its length as an integer, its bytes.
    long(1)
    body.append("b")
    long(7)
    let delta = ByteBuffer()
    delta.append(raw: UInt32(1))
    delta.append(raw: ck_crc32c(1, body.bytes.baseAddress, body.count))
    delta.append(body.bytes)
    try store.apply(delta.bytes)
    let found = try store.get(
      keys: [.of([.string("a"), .string("x"), .string("b")], type: .string)], count: 3)
    #expect((0..<3).map { found.values[0].value($0) } == [.null, .integer(5), .integer(7)])
  }

  /// Many more rows than a section has go at once.
  @Test func manyRowsAreRemovedAtOnce() throws {
    let count = 150_000
    let keys = ColumnVector.of((0..<count).map { .integer(Int64($0)) }, type: .long)
    let store = MemoryStateStore(keyTypes: [.long], valueTypes: [.long])
    let restored = MemoryStateStore(keyTypes: [.long], valueTypes: [.long])
    func commit(_ version: Int64) throws {
      let changes = try store.changes()
      try store.commit(version: version)
      try restored.apply(UnsafeRawBufferPointer(start: changes.base, count: changes.capacity))
    }
    try store.put(keys: [keys], values: [keys], count: count)
    try commit(1)
    #expect(restored.rowCount == count)
    try store.remove(keys: [keys], count: count)
    try commit(2)
    #expect(restored.rowCount == 0)
  }

  /// Vectors whose memory a store has taken over do not change with it.
  @Test func whoeverGaveTheValuesKeepsThem() throws {
    let store = MemoryStateStore(keyTypes: [.long], valueTypes: [.long])
    let table = GroupTable(keyTypes: [.long])
    let keys = ColumnVector.of([.integer(1), .integer(2)], type: .long)
    var groups: [UInt32] = [0, 0]
    table.findOrInsert([keys], count: 2, into: &groups)
    let given = ColumnVector.of([.integer(10), .integer(20)], type: .long)
    #expect(store.adopt(table, values: [given]))
    try store.commit(version: 1)
    let new = ColumnVector.of([.integer(11), .integer(21)], type: .long)
    try store.put(keys: [keys], values: [new], count: 2)
    #expect((0..<2).map { given.value($0) } == [.integer(10), .integer(20)])
    let found = try store.get(keys: [keys], count: 2).values[0]
    #expect((0..<2).map { found.value($0) } == [.integer(11), .integer(21)])
  }

  @Test func memoryStaysBounded() throws {
    let store = MemoryStateStore(keyTypes: [.string], valueTypes: [.string])
    var peak = 0
    for version in 1...300 as ClosedRange<Int64> {
      let keys = ColumnVector.of((0..<50).map { .string("a rather long key \(version) \($0)") }, type: .string)
      let values = ColumnVector.of((0..<50).map { .string("a rather long value \(version) \($0)") }, type: .string)
      let fixed = ColumnVector.of([.string("the key that stays")], type: .string)
      try store.put(keys: [fixed], values: [.of([.string("value \(version) that changes")], type: .string)], count: 1)
      try store.put(keys: [keys], values: [values], count: 50)
      try store.commit(version: version)
      try store.remove(keys: [keys], count: 50)
      if version == 100 { peak = store.memoryBytes }
    }
    #expect(store.rowCount == 1 && store.memoryBytes < peak + 300_000)
  }

  @Test(arguments: shapes.indices)
  func adoptsATableAsIfItsKeysWerePut(shapeIndex: Int) throws {
    let shape = Self.shapes[shapeIndex]
    var random = SeededGenerator(seed: 11)
    let table = GroupTable(keyTypes: shape.keys)
    let rows = StateRows.columns(StateRows.rows(shape.keys, 500, distinct: 90, &random), shape.keys)
    var groups = [UInt32](repeating: 0, count: 500)
    table.findOrInsert(rows, count: 500, into: &groups)
    let count = table.groupCount
    let values = StateRows.columns(StateRows.rows(shape.values, count, distinct: 50, &random), shape.values)
    let adopting = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    let putting = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    try putting.put(keys: table.keyColumns(), values: values, count: count)
    #expect(adopting.adopt(table, values: values))
    #expect(!adopting.adopt(table, values: values), "the store has rows now")
    let changes = try [adopting.changes(), putting.changes()].map { buffer in
      Array(UnsafeRawBufferPointer(start: buffer.base, count: buffer.capacity))
    }
    #expect(changes[0] == changes[1])
    try adopting.rollback()
    #expect(adopting.rowCount == 0)
    try putting.commit(version: 1)
    #expect(try StateRows.contents(putting).count == count)
  }

  /// `put` behind `find` does what it does without, whichever of the keys are new.
  @Test(arguments: shapes.indices) func putsWhereKeysWereFound(shapeIndex: Int) throws {
    let shape = Self.shapes[shapeIndex]
    var random = SeededGenerator(seed: 12)
    let finding = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    let putting = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    for version in 1...12 as ClosedRange<Int64> {
      let rows = StateRows.columns(StateRows.rows(shape.keys, 60, distinct: 200, &random), shape.keys)
      let table = GroupTable(keyTypes: shape.keys)
      var groups = [UInt32](repeating: 0, count: 60)
      table.findOrInsert(rows, count: 60, into: &groups)
      let count = table.groupCount, keys = table.keyColumns()
      let values = StateRows.columns(StateRows.rows(shape.values, count, distinct: 50, &random), shape.values)
      let (known, places) = try finding.find(keys: keys, count: count)
      let expected = try putting.get(keys: keys, count: count)
      for row in 0..<count { #expect(known.found.value(row) == expected.found.value(row)) }
      try finding.put(keys: keys, values: values, count: count, at: places)
      try putting.put(keys: keys, values: values, count: count)
      let changes = try [finding.changes(), putting.changes()].map { buffer in
        Array(UnsafeRawBufferPointer(start: buffer.base, count: buffer.capacity))
      }
      #expect(changes[0] == changes[1])
      for store in [finding, putting] { try version % 4 == 0 ? store.rollback() : store.commit(version: version) }
      #expect(finding.rowCount == putting.rowCount)
    }
  }

  /// Rows are due from the version that set them until they are taken, over commits, with the values that they have then.
  @Test func rowsThatAreDue() throws {
    let store = MemoryStateStore(keyTypes: [.long], valueTypes: [.long])
    func column(_ numbers: [Int64]) -> ColumnVector { .of(numbers.map { .integer($0) }, type: .long) }
    func put(_ keys: [Int64], _ value: Int64) throws {
      try store.put(keys: [column(keys)], values: [column(keys.map { _ in value })], count: keys.count)
    }
    func taken() throws -> [[Value]] {
      var rows: [[Value]] = []
      try store.takeDue { keys, values, count in
        for row in 0..<count { rows.append([keys[0].value(row), values[0].value(row)]) }
      }
      return rows
    }
    try put([1, 2, 3, 4], 1)
    try store.commit(version: 1)
    #expect(try taken().isEmpty, "nobody has marked them")
    try put([2, 5], 2)
    store.markDue()
    try store.commit(version: 2)
    try put([2, 3], 3)
    store.markDue()
    try store.rollback()
    try put([4], 4)
    store.markDue()
    try store.remove(keys: [column([5])], count: 1)
    try store.commit(version: 3)
    // What was rolled back may be due, with its value of before.
    #expect(try taken() == [[.integer(2), .integer(2)], [.integer(3), .integer(1)], [.integer(4), .integer(4)]])
    #expect(try taken().isEmpty)
    try put([6], 6)
    try store.commit(version: 4)
    #expect(try taken().isEmpty, "a number that is used again is not due")
  }
}
