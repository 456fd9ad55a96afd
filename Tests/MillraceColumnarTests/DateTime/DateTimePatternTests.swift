import MillraceColumnar
import MillraceTesting
import Testing

@Suite struct DateTimePatternTests {
  @Test(arguments: [
    ("dd/MMM/yyyy:HH:mm:ss Z", "01/Jan/2024:10:00:00 +0000", 1_704_103_200_000_000),
    ("dd/MMM/yyyy:HH:mm:ss Z", "01/JAN/2024:10:00:00 +0130", 1_704_097_800_000_000),
    ("dd/MMM/yyyy:HH:mm:ss Z", "01/Jan/2024:10:00:60 +0000", nil),
    ("dd/MMM/yyyy:HH:mm:ss Z", "1/Jan/2024:10:00:00 +0000", nil),
    ("yyyyMMdd HHmm", "20240102 0304", 1_704_164_640_000_000), ("d/M/yy", "2/1/24", 1_704_153_600_000_000),
    ("yyyy-MM-dd", "2026-1-2", nil), ("yyyy-MM-dd", "2024-02-30", nil), ("yyyy-MM-dd", "2024-02-29x", nil),
    ("yyyy-MM-dd HH:mm:ss.SSS", "1970-01-01 00:00:00.5", 500_000),
    ("yyyy-MM-dd HH:mm:ss.SSS", "1970-01-01 00:00:00.1234", nil),
    ("HH:mm:ss,SSSSSS", "00:00:01,000002", 1_000_002), ("MMM d HH:mm:ss", "Jan 2 00:00:01", 86_401_000_000),
    ("h:mm a", "1:05 pm", 47_100_000_000), ("h:mm a", "12:00 AM", 0), ("h:mm", "13:00", nil),
    ("D yyyy", "60 1970", 5_097_600_000_000),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "1970-01-01T01:00:00+01:00", 0),
    ("yyyy-MM-dd'T'HH:mm:ssXXX", "1970-01-01T00:00:00Z", 0),
    ("yyyy-MM-dd HH:mm[:ss]", "1970-01-01 00:01", 60_000_000),
    ("yyyy-MM-dd HH:mm[:ss]", "1970-01-01 00:01:01", 61_000_000),
    ("yyyy-MM-dd HH:mm:ss VV", "1970-01-01 01:00:00 Europe/Berlin", 0),
    ("MMMM d, yyyy", "January 5, 1970", 345_600_000_000),
    ("yyyy", "12345", nil), ("yyyy", "+12345", 327_403_382_400_000_000), ("''yyyy''", "'1970'", 0), ("y", "1970", 0),
  ])
  func parse(pattern: String, text: String, expected: Int64?) throws {
    var parser = DateTimeParser(try DateTimePattern(pattern, for: .reading), zone: .utc)
    var copy = text
    // Twice: the second time the minute is remembered.
    for _ in 0..<2 { #expect(copy.withUTF8 { parser.parse(UnsafeRawBufferPointer($0))?.instant } == expected) }
  }

  @Test func rememberedMinute() throws {
    var parser = DateTimeParser(
      try DateTimePattern("dd/MMM/yyyy:HH:mm:ss Z", for: .reading), zone: try TimeZoneRules.required("Asia/Tokyo"))
    let rows: [(String, Int64?)] = [
      ("01/Jan/1970:00:00:05 +0000", 5), ("01/Jan/1970:00:00:59 +0000", 59), ("01/Jan/1970:00:00:5x +0000", nil),
      ("01/Jan/1970:00:01:00 +0000", 60), ("01/Jan/1970:00:01:00 +0100", -3540), ("01/Jan/1970:00:01:07", nil),
    ]
    for (text, seconds) in rows {
      var copy = text
      #expect(copy.withUTF8 { parser.parse(UnsafeRawBufferPointer($0))?.instant } == seconds.map { $0 * 1_000_000 })
    }
  }

  @Test(arguments: [
    ("EEEE, MMMM dd yyyy", "Thursday, February 29 2024"), ("yyyy'T'HH", "2024T23"), ("yyyyMMdd", "20240229"),
    ("Q", "1"),
    ("d/M/yy h:mm a", "29/2/24 11:59 PM"), ("HH:mm:ss.SSS", "23:59:58.123"), ("SSSSSS", "123456"), ("D", "60"),
    ("DDD", "060"),
    ("E MMM", "Thu Feb"), ("Z", "+0000"), ("XXX", "Z"), ("xxx", "+00:00"), ("VV", "UTC"), ("z", "UTC"), ("O", "GMT"),
    ("QQQ", "Q1"), ("QQQQ", "1st quarter"), ("G", "AD"), ("k K", "23 11"), ("''yy", "'24"), ("F", "1"),
  ])
  func format(pattern: String, expected: String) throws {
    let formatter = DateTimeFormatter(try DateTimePattern(pattern, for: .writing), zone: .utc)
    var writer = StringWriter(rows: 1)
    formatter.write(instant: 1_709_251_198_123_456, to: &writer)
    writer.end()
    #expect(writer.finish(.string, count: 1).value(0) == .string(expected))
  }

  /// Instants that step forwards and back around clock changes, so that remembered texts are used and given up.
  @Test(
    arguments: [
      "yyyy-MM-dd", "EEE HH", "HH:mm Z", "yyyy-MM-dd HH:mm:ss", "HH:mm:ss.SSS", "a h z", "D[ Q]", "MMM VV", "'x'",
    ], ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "+05:45", "America/New_York"])
  func remembersOnlyWhatHolds(pattern: String, zone: String) throws {
    let rules = try TimeZoneRules.required(zone)
    let formatter = DateTimeFormatter(try DateTimePattern(pattern, for: .writing), zone: rules)
    var random = SeededGenerator(seed: UInt64(pattern.utf8.count + zone.utf8.count))
    var instants: [Int64] = [.min, .max, -1, 0, -86_400_000_000, -2_208_988_800_000_000]
    for change: Int64 in [1_711_846_800, 1_729_990_800, 1_712_415_600, 1_710_054_000, 0] {
      for _ in 0..<400 {
        let spans: [Int64] = [1_000_000, 60_000_000, 3_600_000_000, 90_000_000_000]
        let span = spans[Int.random(in: spans.indices, using: &random)]
        instants.append(change * 1_000_000 + Int64.random(in: -span...span, using: &random))
      }
      instants.append(contentsOf: (0..<400).map { change * 1_000_000 + Int64($0 - 200) * 37_000_000 })
    }
    var memo = DateTimeTextMemo(formatter)
    var plain = StringWriter(rows: instants.count), remembered = StringWriter(rows: instants.count)
    for instant in instants {
      formatter.write(instant: instant, to: &plain)
      plain.end()
      memo.write(instant: instant, to: &remembered)
      remembered.end()
    }
    let texts = [plain.finish(.string, count: instants.count), remembered.finish(.string, count: instants.count)]
    for (row, instant) in instants.enumerated() {
      #expect(texts[0].value(row) == texts[1].value(row), "instant \(instant)")
    }
  }

  @Test(arguments: [
    ("YYYY", "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
    ("u", "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
    ("MMMMM", "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
    ("yyyy-MM-ddTHH", "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"),
    ("A", "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER"),
    ("yyyy 'x", "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"),
  ])
  func refused(pattern: String, code: String) throws {
    let error = try #require(throws: MillraceError.self) { try DateTimePattern(pattern, for: .writing) }
    #expect(error.code == code)
  }
}
