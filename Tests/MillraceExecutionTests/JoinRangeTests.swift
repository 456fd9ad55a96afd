import MillraceColumnar
import MillraceTesting
import Testing

/// Joins on comparisons, whose candidates are searched, beside the same conditions in words for which every pair is looked at.
@Suite struct JoinRangeTests {
  private static func tables(_ size: Int, seed: UInt64) -> SmallTables {
    var random = SeededGenerator(seed: seed)
    var tables = SmallTables(batchesOf: size)
    let fields: [(String, DataType)] = [
      ("k", .integer), ("low", .long), ("high", .long), ("d", .double), ("s", .string), ("n", .integer),
    ]
    func draw(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
    let special: [Double] = [.nan, -0.0, 0, .infinity, -.infinity]
    func row(_ number: Int) -> [Value] {
      let low = draw(300)
      // Most ranges are short, a few reach far, and some are empty.
      let high = draw(20) == 0 ? low + 200 : low - 2 + draw(8)
      func orNull(_ value: Value) -> Value { draw(25) == 0 ? .null : value }
      return [
        .integer(Int64(draw(3))), orNull(.integer(Int64(low))), orNull(.integer(Int64(high))),
        orNull(.double(draw(5) == 0 ? special[draw(5)] : Double(low) / 8)), orNull(.string("a common start \(low)")),
        .integer(Int64(number)),
      ]
    }
    tables.add("l", fields, (0..<150).map(row))
    tables.add("r", fields, (0..<200).map(row))
    tables.add("none", fields, [])
    return tables
  }

  /// Pairs of conditions that say the same.
  private static let conditions = [
    ("l.low BETWEEN r.low AND r.high", "NOT l.low < r.low AND NOT r.high < l.low"),
    ("l.low > r.low AND l.low < r.high", "NOT l.low <= r.low AND NOT r.high <= l.low"),
    ("r.low BETWEEN l.low - 3 AND l.low + 3", "NOT r.low < l.low - 3 AND NOT r.low > l.low + 3"),
    ("l.k = r.k AND l.low BETWEEN r.low AND r.high", "l.k = r.k AND NOT l.low < r.low AND NOT r.high < l.low"),
    ("l.low <= r.high AND r.low <= l.high", "NOT l.low > r.high AND NOT r.low > l.high"),
    ("l.low > r.high + 250", "NOT l.low <= r.high + 250"), ("r.low >= l.high + 250", "NOT l.high + 250 > r.low"),
    ("l.d >= r.d AND l.d - 1 <= r.d", "NOT l.d < r.d AND NOT l.d - 1 > r.d"),
    ("l.s > r.s AND l.low < r.high", "NOT l.s <= r.s AND NOT r.high <= l.low"),
    (
      "CAST(l.low AS DECIMAL(25, 3)) >= CAST(r.low AS DECIMAL(25, 3)) AND l.n % 2 = r.n % 2 AND l.high < r.high",
      "NOT l.low < r.low AND l.n % 2 = r.n % 2 AND NOT r.high <= l.high"
    ),
  ]

  @Test(arguments: ["INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI", "LEFT ANTI"])
  func givesWhatLookingAtAllPairsGives(kind: String) throws {
    for (seed, size) in [(1, 7), (2, 1000)] {
      let tables = Self.tables(size, seed: UInt64(seed))
      for (range, plain) in Self.conditions {
        let columns = kind.hasPrefix("LEFT ") ? "l.n" : "l.n, r.n"
        let found = try tables.rows("SELECT \(columns) FROM l \(kind) JOIN r ON \(range)")
        let expected = try tables.rows("SELECT \(columns) FROM l \(kind) JOIN r ON \(plain)")
        #expect(found == expected, "\(kind) JOIN ON \(range)")
        #expect(!expected.isEmpty)
      }
    }
  }

  /// A bound that fails matters to rows that are paired only.
  @Test func failsWhereAPairFails() throws {
    let tables = Self.tables(100, seed: 3)
    let condition = "r.low < 9223372036854775800 + l.low"
    #expect(try tables.rows("SELECT l.n FROM l JOIN r ON \(condition)") == ["!ARITHMETIC_OVERFLOW"])
    #expect(try tables.rows("SELECT l.n FROM l JOIN none r ON \(condition)").isEmpty)
  }
}
