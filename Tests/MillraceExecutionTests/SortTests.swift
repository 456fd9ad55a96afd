import MillraceColumnar
import MillraceExpressions
import MillracePlan
import MillraceTesting
import Testing

@testable import MillraceExecution

/// ORDER BY, LIMIT and OFFSET: the order of every type, NULL on either end, ties in the order of the input.
@Suite struct SortTests {
  private static func tables(_ size: Int) -> SmallTables {
    var tables = SmallTables(batchesOf: size)
    let rows: [(Int64?, String?)] = [(3, "c"), (nil, "n"), (1, "a"), (2, "b"), (nil, "m"), (2, "z"), (-5, nil)]
    tables.add("t", [("k", .integer), ("v", .string)], rows.map { [.of($0.0), .of($0.1)] })
    tables.add(
      "f", [("x", .double)],
      [.double(1.5), .null, .double(.nan), .double(-.infinity), .double(.infinity), .double(-0.0)].map { [$0] })
    tables.add("none", [("k", .integer)], [])
    return tables
  }

  @Test(arguments: [
    ("SELECT k FROM t ORDER BY k", "NULL NULL -5 1 2 2 3"), ("SELECT k FROM t ORDER BY k DESC", "3 2 2 1 -5 NULL NULL"),
    ("SELECT k FROM t ORDER BY k NULLS LAST", "-5 1 2 2 3 NULL NULL"),
    ("SELECT k FROM t ORDER BY k DESC NULLS FIRST", "NULL NULL 3 2 2 1 -5"),
    // Ties by the second key, or in the order of the input.
    ("SELECT v FROM t ORDER BY k, v DESC", "n m NULL a z b c"),
    ("SELECT v FROM t ORDER BY k IS NULL", "c a b z NULL n m"),
    ("SELECT v FROM t ORDER BY v NULLS LAST", "a b c m n z NULL"),
    ("SELECT v FROM t ORDER BY length(v) DESC, k", "n m a b z c NULL"),
    ("SELECT x FROM f ORDER BY x", "NULL -inf -0.0 1.5 inf nan"),
    ("SELECT x FROM f ORDER BY x DESC", "nan inf 1.5 -0.0 -inf NULL"),
    ("SELECT k FROM none ORDER BY k", ""), ("SELECT k FROM t ORDER BY k LIMIT 3", "NULL NULL -5"),
    ("SELECT k FROM t ORDER BY k DESC LIMIT 1", "3"), ("SELECT k FROM t ORDER BY k LIMIT 2 OFFSET 1", "NULL -5"),
    ("SELECT k FROM t ORDER BY k LIMIT 0", ""), ("SELECT k FROM t ORDER BY k LIMIT 9 OFFSET 5", "2 3"),
    ("SELECT k FROM t ORDER BY k LIMIT 9223372036854775807 OFFSET 5", "2 3"),
    ("SELECT k FROM t ORDER BY k OFFSET 6", "3"), ("SELECT k FROM t ORDER BY k OFFSET 7", ""),
    ("SELECT v FROM t LIMIT 2", "c n"), ("SELECT v FROM t LIMIT 2 OFFSET 2", "a b"), ("SELECT v FROM t LIMIT 0", ""),
    ("SELECT v FROM t OFFSET 5", "z NULL"), ("SELECT v FROM t LIMIT 100", "c n a b m z NULL"),
    ("SELECT v FROM (SELECT v FROM t LIMIT 4) LIMIT 2 OFFSET 3", "b"),
  ])
  func gives(sql: String, expected: String) throws {
    for size in SmallTables.sizes {
      #expect(try Self.tables(size).rows(sql).joined(separator: " ") == expected, "\(sql), batches of \(size)")
    }
  }

  /// Values of each type in ascending order.
  static let ordered: [(DataType, [Value])] = [
    (.boolean, [.boolean(false), .boolean(true)]), (.byte, [.integer(-128), .integer(0), .integer(127)]),
    (.long, [.integer(.min), .integer(-1), .integer(0), .integer(.max)]),
    (.float, [.double(-2), .double(0.5), .double(.infinity), .double(.nan)]),
    (
      .decimal(precision: 38, scale: 2),
      [.decimal(Int128(Int64.min) - 1), .decimal(-1), .decimal(0), .decimal(Int128(Int64.max) + 1)]
    ),
    (.string, ["", "A", "a", "a text of twelv", "a text of twelve bytes", "b", "é", "😀"].map { .string($0) }),
    (.binary, [.binary([]), .binary([0]), .binary([0, 0]), .binary([127]), .binary([255])]),
    (.date, [.integer(-719_162), .integer(0), .integer(20_000)]),
    (.timestamp, [.integer(-1), .integer(0), .integer(1)]),
    (
      .array(.integer),
      [.array([]), .array([.null]), .array([.integer(1)]), .array([.integer(1), .integer(0)]), .array([.integer(2)])]
    ),
    (
      .structure([StructField("a", .integer), StructField("b", .string)]),
      [[.null, .string("z")], [.integer(1), .null], [.integer(1), .string("a")], [.integer(2), .string("")]].map {
        .structure($0)
      }
    ),
  ]

  @Test(arguments: ordered.indices) func everyTypeHasItsOrder(index: Int) throws {
    let (type, values) = Self.ordered[index]
    var random = SeededGenerator(seed: UInt64(index))
    let shuffled = (values + [.null]).shuffled(using: &random)
    let column = ColumnVector.of(shuffled, type: type)
    let key = Expression.attribute(Attribute("x", type))
    for (isAscending, nullsFirst) in [(true, true), (true, false), (false, true), (false, false)] {
      let order = RowOrder([column], [SortOrder(key, isAscending: isAscending, nullsFirst: nullsFirst)]).sorted()
      let expected = isAscending ? values : values.reversed()
      // By text, since NaN does not equal itself.
      #expect(
        (0..<order.count).map { "\(shuffled[Int(order.rows[$0])])" }
          == (nullsFirst ? [.null] + expected : expected + [.null]).map { "\($0)" })
    }
  }

  /// The first rows by a heap are the first rows of the whole order, ties included.
  @Test(arguments: 0..<20) func topRowsAreTheFirstOfAll(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let count = Int.random(in: 0...300, using: &random)
    let numbers = (0..<count).map { _ in Int64.random(in: 0..<20, using: &random) }
    let texts = (0..<count).map { _ in "text number \(Int.random(in: 0..<5, using: &random))" }
    // With NULLs, without, or as a type whose values are not their own order.
    let first =
      switch seed % 3 {
      case 0: ColumnVector.of(numbers.map { $0 == 0 ? .null : .integer($0) }, type: .long)
      case 1: ColumnVector.of(numbers.map { .integer($0 - 7) }, type: .long)
      default: ColumnVector.of(numbers.map { .double($0 == 3 ? .nan : Double(7 - $0)) }, type: .double)
      }
    let columns = [first, ColumnVector.of(texts.map { .string($0) }, type: .string)]
    let orders = columns.map { column in
      SortOrder(
        .attribute(Attribute("x", column.type)), isAscending: Bool.random(using: &random),
        nullsFirst: Bool.random(using: &random))
    }
    let order = RowOrder(columns, orders)
    let sorted = order.sorted()
    let all = (0..<count).map { sorted.rows[$0] }
    for limit in [0, 1, 2, 7, count / 4, count / 2, count, count + 1] {
      let top = order.sorted(limit: limit)
      #expect((0..<top.count).map { top.rows[$0] } == Array(all.prefix(limit)), "the first \(limit) of \(count)")
    }
  }

  /// Keys that are equal in many bits: long beginnings, few values, values of two words, ends inside a word. Ordered as comparing values
  /// orders them.
  @Test(arguments: 0..<30) func manyRowsAreInTheOrderOfTheirValues(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let count = [9, 200, 3000].randomElement(using: &random) ?? 0
    let stem = String(repeating: "the same beginning ", count: [0, 1, 40].randomElement(using: &random) ?? 0)
    let types: [DataType] = [.string, .long, .decimal(precision: 38, scale: 0), .double, .binary, .array(.integer)]
    let columns = (0..<3).map { _ -> ColumnVector in
      let type = types.randomElement(using: &random) ?? .long
      let span = [2, 30, 100_000].randomElement(using: &random) ?? 2
      let hasNulls = Bool.random(using: &random)
      return ColumnVector.of(
        (0..<count).map { _ in
          let number = Int64.random(in: 0..<Int64(span), using: &random)
          if hasNulls && number % 5 == 0 { return .null }
          switch type {
          case .string: return .string(stem + String(repeating: "x", count: Int(number % 17)) + String(number / 17))
          case .binary: return .binary(Array(repeating: 0, count: Int(number % 19)))
          case .decimal: return .decimal(Int128(number - 9) << (number % 2 == 0 ? 60 : 3))
          case .double: return .double(number % 7 == 0 ? .nan : number % 3 == 0 ? -0.0 : Double(9 - number))
          case .array: return .array([.integer(number)])
          default: return .integer(number - 9)
          }
        }, type: type)
    }
    let orders = columns.map { column in
      SortOrder(
        .attribute(Attribute("x", column.type)), isAscending: Bool.random(using: &random),
        nullsFirst: Bool.random(using: &random))
    }
    func precedes(_ a: Int, _ b: Int) -> Bool {
      for (column, order) in zip(columns, orders) {
        let isNull = (column.isNull(a), column.isNull(b))
        if isNull.0 && isNull.1 { continue }
        if isNull.0 || isNull.1 { return isNull.0 == order.nullsFirst }
        let compared = ValueOrder.compareValues(column, a, column, b)
        if compared != 0 { return order.isAscending == (compared < 0) }
      }
      return a < b
    }
    let sorted = RowOrder(columns, orders).sorted()
    #expect(sorted.count == count)
    let rows = (0..<count).map { Int(sorted.rows[$0]) }
    #expect(rows == (0..<count).sorted(by: precedes), "\(orders.map(\.expression.type)), \(count) rows")
  }
}
