import MillraceColumnar
import MillraceExpressions
import Testing

/// Expressions are taken for the same by their fingerprints, so no two literals may share one.
@Suite struct FingerprintTests {
  @Test func differentLiterals() {
    let literals: [(Value, DataType)] = [
      (.null, .string), (.string("null"), .string), (.string(""), .string), (.string("a"), .string),
      (.string("a:STRING,'1:b"), .string), (.string("true"), .string), (.boolean(true), .boolean),
      (.integer(1), .integer),
      (.integer(1), .long), (.integer(-1), .long), (.string("1"), .string),
      (.decimal(1), .decimal(precision: 2, scale: 1)),
      (.decimal(1), .decimal(precision: 2, scale: 0)), (.double(1), .double), (.double(0), .double),
      (.double(-0.0), .double),
      (.double(1), .float), (.interval(CalendarInterval(months: 1, days: 2, microseconds: 3)), .calendarInterval),
      (.interval(CalendarInterval(months: 1, days: 23, microseconds: 3)), .calendarInterval),
      (.binary([97]), .binary), (.array([.integer(1)]), .array(element: .integer, containsNull: false)),
      (.array([.integer(1), .null]), .array(element: .integer, containsNull: true)),
    ]
    let fingerprints = literals.map { Expression.literal($0, $1).fingerprint }
    #expect(Set(fingerprints).count == literals.count)
    // Of several literals, too, it can be told where one ends.
    func both(_ left: String, _ right: String) -> String {
      Expression.and(.literal(.string(left), .string), .literal(.string(right), .string)).fingerprint
    }
    #expect(both("a", "b") != both("a:STRING,'1:b", "") && both("a", "a") == both("a", "a"))
  }
}
