import MillraceColumnar
import Testing

@Suite struct IntervalParserTests {
  @Test(arguments: [
    ("10 seconds", "0 0 10000000"), ("1 minute 30 seconds", "0 0 90000000"), ("500 milliseconds", "0 0 500000"),
    ("interval 1 day", "0 1 0"), ("INTERVAL 2 Weeks", "0 14 0"), ("1 year 2 months", "14 0 0"),
    ("-1 hour", "0 0 -3600000000"),
    ("1.5 seconds", "0 0 1500000"), ("-0.5 second", "0 0 -500000"), ("1 microsecond", "0 0 1"),
    (" 1  hour ", "0 0 3600000000"),
    ("interval '1:30' hour to minute", "0 0 5400000000"), ("interval '1-2' year to month", "14 0 0"),
    ("interval '-1 02:03:04.5' day to second", "0 -1 -7384500000"), ("interval '5' day", "0 5 0"), ("2day", "0 2 0"),
    ("", nil), ("ten seconds", nil), ("10", nil), ("10 fortnights", nil), ("1.5 hours", nil), ("seconds 10", nil),
    ("99999999999999999999 days", nil), ("3000000000 days", nil), ("interval", nil),
  ])
  func parse(text: String, expected: String?) {
    let interval = try? IntervalParser.parse(text)
    #expect(interval.map { "\($0.months) \($0.days) \($0.microseconds)" } == expected)
  }

  @Test(arguments: [("1 month", "_LEGACY_ERROR_TEMP_3231"), ("soon", "CANNOT_PARSE_INTERVAL")])
  func refused(text: String, code: String) throws {
    #expect(try #require(throws: MillraceError.self) { try IntervalParser.fixedMicroseconds(text) }.code == code)
  }
}
