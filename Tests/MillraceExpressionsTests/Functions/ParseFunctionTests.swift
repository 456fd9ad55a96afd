import Testing

@Suite struct ParseFunctionTests {
  @Test(arguments: [
    ("to_timestamp('01/Jan/2024:10:00:00 +0000', 'dd/MMM/yyyy:HH:mm:ss Z')", "2024-01-01 10:00:00"),
    ("to_timestamp('x', 'yyyy-MM-dd')", "!CANNOT_PARSE_TIMESTAMP"), ("try_to_timestamp('x', 'yyyy-MM-dd')", nil),
    ("to_timestamp(NULL, 'yyyy')", nil), ("to_timestamp('2024-01-02T03:04:05Z')", "2024-01-02 03:04:05"),
    ("to_timestamp('x')", "!CAST_INVALID_INPUT"), ("try_to_timestamp('x')", nil),
    ("to_date('2024-01-02')", "2024-01-02"), ("to_date('02.01.2024', 'dd.MM.yyyy')", "2024-01-02"),
    ("to_date('Jan 5, 2024', 'MMM d, yyyy')", "2024-01-05"), ("to_date(TIMESTAMP'2024-03-04 23:00:00')", "2024-03-04"),
    ("try_to_date('2024-02-29 23:59:59', 'yyyy-MM-dd')", nil), ("try_to_date('foo')", nil),
    ("unix_timestamp('x', 'yyyy')", "!CANNOT_PARSE_TIMESTAMP"),
    ("unix_timestamp(TIMESTAMP'1969-12-31 23:59:58.5')", "-1"),
    ("unix_timestamp('2016-04-08', 'yyyy-MM-dd')", "1460073600"), ("unix_timestamp()", "1700000000"),
    ("to_timestamp_ntz('2016-12-31 10', 'yyyy-MM-dd HH')", "2016-12-31 10:00:00"),
    ("current_timestamp()", "2023-11-14 22:13:20"), ("current_date()", "2023-11-14"), ("current_timezone()", "UTC"),
    ("to_timestamp('2024', 'YYYY')", "!INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION"),
  ])
  func call(text: String, expected: String?) {
    #expect(CallText.result(text) == expected, "\(text)")
  }
}
