import MillraceColumnar
import MillraceCore
import MillraceState
import MillraceTesting
import Testing

/// The store against a dictionary, over random puts, removals, commits, rollbacks and restores.
@Suite struct MemoryStateStoreTests {
  static let shapes: [(keys: [DataType], values: [DataType])] = [
    ([.string], [.long]), ([.long], [.string, .double]),
    ([.timestamp, .string], [.decimal(precision: 38, scale: 2), .boolean]),
    ([], [.long]), ([.string], []), ([.integer], [.binary, .short, .float, .date]),
  ]

  static func value(_ type: DataType, _ random: inout some RandomNumberGenerator, distinct: Int) -> Value {
    let number = Int.random(in: 0..<distinct, using: &random)
    if number == 0 { return .null }
    switch type {
    case .boolean: return .boolean(number & 1 == 0)
    case .string: return .string(String(repeating: "s", count: number % 30) + "\(number)")
    case .binary: return .binary([UInt8](repeating: UInt8(number & 255), count: number % 30))
    case .float, .double: return .double(Double(number))
    case .decimal: return .decimal(Int128(number) << 70)
    default: return .integer(Int64(number % 30000))
    }
  }

  static func rows(_ types: [DataType], _ count: Int, distinct: Int, _ random: inout some RandomNumberGenerator)
    -> [[Value]]
  {
    (0..<count).map { _ in types.map { value($0, &random, distinct: distinct) } }
  }

  static func columns(_ rows: [[Value]], _ types: [DataType]) -> [ColumnVector] {
    types.indices.map { index in .of(rows.map { $0[index] }, type: types[index]) }
  }

  static func contents(_ store: any StateStore) throws -> [[[Value]]] {
    var all: [[[Value]]] = []
    try store.scan { keys, values, count in
      for row in 0..<count { all.append([keys.map { $0.value(row) }, values.map { $0.value(row) }]) }
    }
    return all
  }

  static func restored(_ shape: (keys: [DataType], values: [DataType]), _ pieces: [MemoryBuffer]) throws
    -> MemoryStateStore
  {
    let store = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    for piece in pieces { try store.apply(UnsafeRawBufferPointer(start: piece.base, count: piece.capacity)) }
    return store
  }

  @Test(arguments: shapes.indices, [1, 2, 3])
  func followsAModel(shapeIndex: Int, seed: UInt64) throws {
    let shape = Self.shapes[shapeIndex]
    var random = SeededGenerator(seed: seed)
    let store = MemoryStateStore(keyTypes: shape.keys, valueTypes: shape.values)
    var committed: [[Value]: [Value]] = [:]
    var log: [MemoryBuffer] = []
    for version in 1...40 as ClosedRange<Int64> {
      let before = try Self.contents(store)
      var model = committed
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let count = [0, 1, 63, 64, 65, 300].randomElement(using: &random) ?? 1
        let keys = Self.rows(shape.keys, count, distinct: 200, &random)
        let keyColumns = Self.columns(keys, shape.keys)
        if Int.random(in: 0..<3, using: &random) == 0 {
          try store.remove(keys: keyColumns, count: count)
          for key in keys { model[key] = nil }
        } else {
          let values = Self.rows(shape.values, count, distinct: 5000, &random)
          try store.put(keys: keyColumns, values: Self.columns(values, shape.values), count: count)
          for (key, value) in zip(keys, values) { model[key] = value }
        }
        let found = try store.get(keys: keyColumns, count: count)
        for (row, key) in keys.enumerated() {
          let isThere = found.found.value(row) == .boolean(true)
          #expect(isThere == (model[key] != nil))
          #expect(found.values.map { $0.value(row) } == model[key] ?? shape.values.map { _ in .null })
        }
      }
      #expect(store.rowCount == model.count)
      let now = try Self.contents(store)
      #expect(Dictionary(now.map { ($0[0], $0[1]) }, uniquingKeysWith: { $1 }) == model && now.count == model.count)
      if Int.random(in: 0..<4, using: &random) == 0 {
        try store.rollback()
        #expect(try Self.contents(store) == before)
      } else {
        log.append(try store.changes())
        try store.commit(version: version)
        committed = model
        #expect(try Self.contents(store) == now)
      }
      if version % 8 == 0 {
        // The log and a snapshot give the same store, row for row, which goes on in the same way.
        var pieces: [MemoryBuffer] = []
        try store.snapshot { pieces.append(MemoryBuffer(copying: $0)) }
        let replayed = try Self.restored(shape, log), loaded = try Self.restored(shape, pieces)
        let keys = Self.rows(shape.keys, 100, distinct: 1000, &random)
        let values = Self.rows(shape.values, 100, distinct: 1000, &random)
        let stores: [MemoryStateStore] = [store, replayed, loaded]
        let expected = try Self.contents(store)
        for other in stores {
          #expect(try Self.contents(other) == expected)
          try other.put(keys: Self.columns(keys, shape.keys), values: Self.columns(values, shape.values), count: 100)
        }
        let grown = try Self.contents(store)
        for other in stores {
          #expect(try Self.contents(other) == grown)
          try other.rollback()
        }
      }
    }
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
    let rows = Self.columns(Self.rows(shape.keys, 500, distinct: 90, &random), shape.keys)
    var groups = [UInt32](repeating: 0, count: 500)
    table.findOrInsert(rows, count: 500, into: &groups)
    let count = table.groupCount
    let values = Self.columns(Self.rows(shape.values, count, distinct: 50, &random), shape.values)
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
    #expect(try Self.contents(putting).count == count)
  }
}
