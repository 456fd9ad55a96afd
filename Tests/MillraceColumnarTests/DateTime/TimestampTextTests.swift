import MillraceColumnar
import Testing

@Suite struct TimestampTextTests {
  @Test(arguments: [
    ("2024-02-29T23:59:59Z", "2024-02-29 23:59:59"), ("2024-02-29 23:59:59.5", "2024-02-29 23:59:59.5"),
    ("2024-02-29T23:59:59.1234567Z", "2024-02-29 23:59:59.123456"), (" 2024-1-2 3:4:5 ", "2024-01-02 03:04:05"),
    ("2024", "2024-01-01 00:00:00"), ("2024-03", "2024-03-01 00:00:00"), ("2024-03-04", "2024-03-04 00:00:00"),
    ("2024-01-01 12", "2024-01-01 12:00:00"), ("2024-01-01 12:30", "2024-01-01 12:30:00"),
    ("2024-07-01 12:00:00+05:30", "2024-07-01 06:30:00"), ("2024-07-01 12:00:00 -3", "2024-07-01 15:00:00"),
    ("2024-01-01 12:00:00 America/Los_Angeles", "2024-01-01 20:00:00"),
    ("2024-01-01T12:00:00.25Europe/Berlin", "2024-01-01 11:00:00.25"),
    ("1969-12-31 23:59:58.5", "1969-12-31 23:59:58.5"),
    ("-0001-01-01 00:00:00", "-0001-01-01 00:00:00"), ("+12345-01-01", "+12345-01-01 00:00:00"),
    ("2024-01-01 00:00:00.", "2024-01-01 00:00:00"),
    ("", nil), ("x", nil), ("2023-02-29", nil), ("2024-13-01", nil), ("2024-01-01 24:00:00", nil), ("24-01-01", nil),
    ("2024-01-01T", nil), ("2024-01-01 12:30Z", nil), ("2024-01-01 12:00:00 Nowhere/City", nil),
    ("2024-01-01 12:00:0x", nil),
    ("2024-001-01", nil), ("2024-01-01 1:2:3:4", nil),
  ])
  func timestamp(text: String, expected: String?) {
    #expect(parse(text, .utc).map(show) == expected)
  }

  @Test func sessionZone() throws {
    let berlin = try TimeZoneRules.required("Europe/Berlin")
    #expect(parse("2024-07-01 12:00:00", berlin).map(show) == "2024-07-01 10:00:00")
    // In the gap the time moves on, in the overlap the earlier offset holds.
    #expect(parse("2024-03-31 02:30:00", berlin).map(show) == "2024-03-31 01:30:00")
    #expect(parse("2024-10-27 02:30:00", berlin).map(show) == "2024-10-27 00:30:00")
    #expect(parse("2075-07-01 12:00:00", berlin).map(show) == "2075-07-01 10:00:00")
    #expect(parse("2075-01-01 12:00:00", berlin).map(show) == "2075-01-01 11:00:00")
    #expect(parse("1880-01-01 00:53:28", berlin).map(show) == "1880-01-01 00:00:00")
  }

  @Test(arguments: [
    ("2024-02-29", 19782), (" 2024-2-9 ", 19762), ("2024", 19723), ("2024-03", 19783), ("2024-02-29T10:00", 19782),
    ("2024-02-29 whatever", 19782), ("1969-12-31", -1), ("-0044-03-15", -735_525), ("02024-02-29", 19782),
    ("", nil), ("24-01-01", nil), ("2023-02-29", nil), ("2024-02-29x", nil), ("2024-02-", nil), ("2024-", nil),
    ("20240229", nil),
  ])
  func date(text: String, expected: Int32?) {
    var copy = text
    #expect(copy.withUTF8 { TimestampText.date(UnsafeRawBufferPointer($0)) } == expected)
  }

  @Test(arguments: [
    ("UTC", 0), ("Z", 0), ("GMT", 0), ("+02:00", 7200), ("-7", -25200), ("UTC+1", 3600), ("GMT+05:30", 19800),
    ("+0130", 5400),
    ("EST", -18000), ("Asia/Tokyo", 32400), ("+19:00", nil), ("Middle/Earth", nil), ("", nil), ("../etc/passwd", nil),
  ])
  func zones(name: String, offset: Int?) {
    #expect(TimeZoneRules.named(name)?.offset(atUTC: 1_700_000_000) == offset)
  }

  private func parse(_ text: String, _ zone: TimeZoneRules) -> Int64? {
    var copy = text
    return copy.withUTF8 { TimestampText.timestamp(UnsafeRawBufferPointer($0), zone: zone) }
  }

  private func show(_ microseconds: Int64) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: DateTimeText.capacity) { buffer in
      let count = DateTimeText.write(microseconds: microseconds, to: buffer.baseAddress!)
      return String(decoding: buffer.prefix(count), as: UTF8.self)
    }
  }
}
