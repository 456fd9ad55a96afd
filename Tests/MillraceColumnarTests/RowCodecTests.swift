import MillraceColumnar
import Testing

@Suite struct RowCodecTests {
  /// A type and some values of it, all different.
  static let samples: [(type: DataType, values: [Value])] = [
    (.boolean, [.boolean(true), .boolean(false)]),
    (.byte, [.integer(-128), .integer(127)]),
    (.short, [.integer(-1), .integer(300)]),
    (.integer, [.integer(0), .integer(1 << 30)]),
    (.date, [.integer(-5), .integer(20_000)]),
    (.long, [.integer(.min), .integer(.max)]),
    (.timestamp, [.integer(1), .integer(-1)]),
    (.dayToSecond, [.integer(1), .integer(2)]),
    (.yearToMonth, [.integer(1), .integer(2)]),
    (.float, [.double(0.5), .double(.infinity), .double(-1)]),
    (.double, [.double(0.1), .double(-.infinity), .double(0)]),
    (.decimal(precision: 38, scale: 2), [.decimal(1), .decimal(-(1 << 100))]),
    (.string, [.string(""), .string("a"), .string("twelve bytes"), .string("thirteen byte"), .string("é\u{0}")]),
    (.binary, [.binary([]), .binary([0]), .binary([0, 0])]),
    (
      .calendarInterval,
      [.interval(.init(months: 1, days: 2, microseconds: 3)), .interval(.init(months: 0, days: 0, microseconds: 0))]
    ),
    (.array(.string), [.array([]), .array([.null]), .array([.string("a")]), .array([.string("a"), .string("b")])]),
    (.map(.string, .integer), [.map([]), .map([.init(.string("a"), .integer(1)), .init(.string("b"), .null)])]),
    (
      .structure([StructField("x", .integer), StructField("y", .array(.double))]),
      [.structure([.null, .null]), .structure([.integer(1), .array([.double(2)])])]
    ),
    (.array(.array(.integer)), [.array([.array([.integer(1)]), .null]), .array([.array([.integer(1), .null])])]),
  ]

  @Test(arguments: 0..<samples.count)
  func givesBackWhatWasEncoded(_ index: Int) throws {
    let (type, values) = Self.samples[index]
    let column = ColumnVector.of(values + [.null], type: type)
    for isCanonical in [true, false] {
      let codec = RowCodec([type], isCanonical: isCanonical)
      let rows = codec.encode([column], rowCount: column.count)
      let decoded = try codec.decode(rows)[0]
      #expect((0..<column.count).map { decoded.value($0) } == values + [.null])
      // Different values differ as bytes, whether written at once or one by one.
      #expect(Set((0..<rows.count).map { Array(rows.bytes($0)) }).count == column.count)
      let arena = Arena()
      for row in 0..<column.count {
        let one = codec.encode([column], row: row, into: arena)
        #expect(one.withBytes { Array($0) } == Array(rows.bytes(row)))
      }
      for row in 0..<column.count {
        let constant = ColumnVector.constant(column.value(row), type: type, count: 3)
        let repeated = codec.encode([constant], rowCount: 3)
        #expect(Array(repeated.bytes(2)) == Array(rows.bytes(row)))
      }
    }
  }

  @Test func allTypesInOneRow() throws {
    let columns = Self.samples.map { ColumnVector.of([$0.values[0], .null, $0.values[1]], type: $0.type) }
    let codec = RowCodec(Self.samples.map(\.type))
    let decoded = try codec.decode(codec.encode(columns, rowCount: 3))
    for (column, copy) in zip(columns, decoded) {
      #expect((0..<3).map { column.value($0) } == (0..<3).map { copy.value($0) })
    }
  }

  @Test func canonicalRowsFollowEqualityOfValues() {
    func bytes(_ value: Value, _ type: DataType, _ isCanonical: Bool) -> [UInt8] {
      let rows = RowCodec([type], isCanonical: isCanonical).encode([.of([value], type: type)], rowCount: 1)
      return withExtendedLifetime(rows) { Array(rows.bytes(0)) }
    }
    let one = Value.MapEntry(.string("a"), .integer(1)), two = Value.MapEntry(.string("b"), .integer(2))
    let pairs: [(Value, Value, DataType)] = [
      (.double(0), .double(-0.0), .double), (.double(.nan), .double(-.nan), .double),
      (.double(0), .double(-0.0), .float),
      (.array([.double(0)]), .array([.double(-0.0)]), .array(.double)),
      (.map([one, two]), .map([two, one]), .map(.string, .integer)),
    ]
    for (left, right, type) in pairs {
      #expect(bytes(left, type, true) == bytes(right, type, true))
      #expect(bytes(left, type, false) != bytes(right, type, false))
    }
  }

  @Test func damagedRowsAreRefused() {
    let type = DataType.structure([StructField("x", .array(.string)), StructField("y", .long)])
    let codec = RowCodec([type])
    let rows = codec.encode([.of([.structure([.array([.string("abc")]), .integer(7)])], type: type)], rowCount: 1)
    let row = withExtendedLifetime(rows) { Array(rows.bytes(0)) }
    for count in 0..<row.count {
      #expect(throws: MillraceError.self) {
        try row.prefix(count).withUnsafeBytes { try codec.decode($0, into: [ColumnBuilder(type)]) }
      }
    }
    #expect(throws: MillraceError.self) {
      try (row + [0]).withUnsafeBytes { try codec.decode($0, into: [ColumnBuilder(type)]) }
    }
  }

  @Test func valuesAreOrderedAsSparkOrdersThem() {
    let list = DataType.array(.integer)
    let ascending: [(DataType, [Value])] = [
      (.double, [.null, .double(-.infinity), .double(-1), .double(0), .double(.infinity), .double(.nan)]),
      (
        .string,
        [.null, .string(""), .string("a"), .string("aa"), .string("b"), .string("longer than twelve"), .string("é")]
      ),
      (
        list,
        [
          .null, .array([]), .array([.null]), .array([.integer(1)]), .array([.integer(1), .integer(0)]),
          .array([.integer(2)]),
        ]
      ),
      (
        .structure([StructField("a", .integer), StructField("b", .string)]),
        [
          .null, .structure([.null, .string("z")]), .structure([.integer(1), .string("a")]),
          .structure([.integer(1), .string("b")]),
        ]
      ),
    ]
    for (type, values) in ascending {
      let column = ColumnVector.of(values, type: type)
      for i in values.indices {
        for j in values.indices { #expect(ValueOrder.compare(column, i, column, j).signum() == (i - j).signum()) }
      }
    }
  }
}
