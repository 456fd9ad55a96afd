import MillraceExpressions
import Testing

@Suite struct EncodingFunctionTests {
  @Test(arguments: [
    ("base64('Spark')", "U3Bhcms="), ("base64('')", ""), ("base64(X'ff')", "/w=="),
    ("hex(unbase64('U3Bhcms='))", "537061726B"),
    ("unbase64('x')", "!CONVERSION_INVALID_INPUT"), ("hex(17)", "11"), ("hex(-1L)", "FFFFFFFFFFFFFFFF"),
    ("hex('é')", "C3A9"),
    ("hex(unhex('abc'))", "0ABC"), ("unhex('zz')", nil), ("hex(encode('aé', 'UTF-8'))", "61C3A9"),
    ("decode(X'C3A9', 'UTF-8')", "é"),
    ("hex(encode('é', 'utf-16'))", "FEFF00E9"), ("decode(X'00e9', 'UTF-16BE')", "é"),
    ("encode('é', 'US-ASCII')", "!MALFORMED_CHARACTER_CODING"),
    ("decode(X'e9', 'ISO-8859-1')", "é"), ("encode('a', 'EBCDIC')", "!INVALID_PARAMETER_VALUE.CHARSET"),
    ("decode(X'ff', 'UTF-8')", "!MALFORMED_CHARACTER_CODING"),
    ("url_encode('a b&c=é/')", "a+b%26c%3D%C3%A9%2F"), ("url_decode('a+b%26c%3D')", "a b&c="),
    ("url_decode('%zz')", "!CANNOT_DECODE_URL"),
    ("try_url_decode('%z')", nil), ("length(uuid())", "36"),
    ("parse_url('https://user@ex.org:80/a/b?x=1&y=2#frag', 'HOST')", "ex.org"),
    ("parse_url('https://ex.org/a/b?x=1&y=2#frag', 'PATH')", "/a/b"),
    ("parse_url('https://ex.org/a?x=1&y=2', 'QUERY')", "x=1&y=2"),
    ("parse_url('https://ex.org/a?x=1&y=2', 'QUERY', 'y')", "2"),
    ("parse_url('https://ex.org/a?xy=1', 'QUERY', 'y')", nil), ("parse_url('https://ex.org/a#frag', 'REF')", "frag"),
    ("parse_url('https://ex.org/a', 'PROTOCOL')", "https"), ("parse_url('https://u:p@ex.org:80/a?b', 'FILE')", "/a?b"),
    ("parse_url('https://u:p@ex.org:80/a', 'AUTHORITY')", "u:p@ex.org:80"),
    ("parse_url('https://u:p@ex.org:80/a', 'USERINFO')", "u:p"),
    ("parse_url('https://ex.org', 'PATH')", ""), ("parse_url('/a/b', 'HOST')", nil),
    ("parse_url('https://ex.org/a', 'host')", nil),
    ("parse_url('inva lid://ex.org/a', 'HOST')", "!INVALID_URL"), ("try_parse_url('inva lid://ex.org/a', 'HOST')", nil),
    ("parse_url('http://[::1]:80/', 'HOST')", "[::1]"), ("parse_url('http://ex.org/%zz', 'PATH')", "!INVALID_URL"),
  ])
  func call(text: String, expected: String?) {
    #expect(CallText.result(text) == expected, "\(text)")
  }

  /// Every function's example can be run, unless it needs what this test's reader does not know.
  @Test func examples() {
    let skipped = [
      "from_csv", " < ", " IN ", "double(", "named_struct", "map(", "struct(", "->", "1e", "{", "[", "INTERVAL",
    ]
    for name in FunctionRegistry.builtin.names {
      guard let function = FunctionRegistry.builtin.scalar(name),
        !skipped.contains(where: { function.example.contains($0) })
      else { continue }
      guard function.example.contains("("), !function.example.contains(") ") else { continue }
      let result = CallText.result(function.example)
      #expect(result?.hasPrefix("!") != true, "\(function.example)")
    }
  }
}
