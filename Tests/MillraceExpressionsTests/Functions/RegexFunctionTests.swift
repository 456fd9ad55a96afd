import MillraceColumnar
import MillraceExpressions
import Testing

@Suite struct RegexFunctionTests {
  @Test(arguments: [
    (#"regexp_extract('100-200', '(\\d+)-(\\d+)')"#, "100"),
    (#"regexp_extract('100-200', '(\\d+)-(\\d+)', 0)"#, "100-200"),
    (#"regexp_extract('foo', '(\\d+)', 1)"#, ""), (#"regexp_extract('ab', '(a)(x)?b', 2)"#, ""),
    (#"regexp_extract('ab', '(a)b', 2)"#, "!INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX"),
    (#"regexp_extract('x', '(a)b', 2)"#, ""),
    (#"regexp_extract(NULL, '(a)b', 1)"#, nil), (#"regexp_extract('xfoo yfoo', '(?<=y)foo', 0)"#, "foo"),
    (#"regexp_extract('a=\"b c\" d', '\"([^\"]*)\"')"#, "b c"), (#"regexp_extract('naïve café', '(\\S+)$')"#, "café"),
    (#"regexp_extract_all('a1b22c333', '(\\d+)')"#, "[1, 22, 333]"),
    (#"regexp_extract_all('k=v;x=y', '(\\w)=(\\w)', 2)"#, "[v, y]"),
    (#"regexp_extract_all('none', '(\\d+)', 1)"#, "[]"),
    (#"regexp_replace('price: 100 USD', '\\d+(?= USD)', 'N')"#, "price: N USD"),
    (#"regexp_replace('2024-05-06', '(?<y>\\d+)-(?<m>\\d+)-(?<d>\\d+)', '${d}/$2/$1')"#, "06/05/2024"),
    (#"regexp_replace('abc', '', '-')"#, "-a-b-c-"), (#"regexp_replace('naïve', 'ï', '\\$')"#, "na$ve"),
    (#"regexp_replace('aaa', 'a', 'b', 2)"#, "abb"), (#"regexp_replace('a', 'a', '$1')"#, "!INVALID_REGEXP_REPLACE"),
    (#"rlike('a', '(')"#, "!INVALID_PARAMETER_VALUE.PATTERN"), (#"rlike('é', '\\w')"#, "false"),
    (#"rlike('é', '\\p{L}')"#, "true"),
    (#"rlike('é', '^\\S$')"#, "true"), (#"rlike('日', '^\\D$')"#, "true"), (#"rlike('é', '^\\W$')"#, "true"),
    (#"regexp_replace('aé日 b', '\\S', '.')"#, "... ."), (#"rlike('aé', '^[\\S]{2}$')"#, "true"),
    (#"regexp_replace('é1', '\\p{L}', '_')"#, "_1"), (#"rlike('x', '[a-z&&[^x]]')"#, "false"),
    (#"rlike('y', '[a-z&&[^x]]')"#, "true"),
    (#"rlike('m', '[a-d[m-p]]')"#, "true"), (#"rlike('A', '\\p{Lower}')"#, "false"), (#"rlike('a', '(?i)A')"#, "true"),
    (#"rlike('\\u0041', '\\u0041')"#, "false"), (#"rlike('A', '\\u0041')"#, "true"),
    (#"rlike('a]b', '[]a]b')"#, "true"),
    (#"rlike('a', 'a{')"#, "!INVALID_PARAMETER_VALUE.PATTERN"),
    (#"rlike('a', '(?R)')"#, "!INVALID_PARAMETER_VALUE.PATTERN"),
    (#"rlike('a', '\\y')"#, "!INVALID_PARAMETER_VALUE.PATTERN"), (#"rlike('aa', '(a)\\1')"#, "true"),
    (#"rlike('a.b', '\\Qa.b\\E')"#, "true"),
    (#"rlike('naïve', '\\bna\\b')"#, "false"), (#"rlike('na ive', '\\bna\\b')"#, "true"),
    (#"rlike('a\nb', 'a$')"#, "false"),
    (#"rlike('ab\n', 'b$')"#, "true"),
    // A match may begin between CR and LF, and `$` does not stand there, whichever engine runs.
    (#"regexp_instr('x\r\n]', '\\s?]')"#, "3"), (#"regexp_instr('x\r\n]', '(\\s|q)?]')"#, "3"),
    (#"regexp_count('a\r\n\n', '\\s$')"#, "2"), (#"regexp_count('a\r\n\n', '(\\s|q)$')"#, "2"),
    (#"regexp_instr('a\r\n', '\\s$')"#, "3"), (#"regexp_instr('a\r\n', '(\\s|q)$')"#, "3"),
    (#"regexp_instr('a\r\nb', '(?m)(\\s|q)$')"#, "0"), (#"regexp_instr('a\r\n', '(a|q)$')"#, "1"),
    (#"regexp_instr('a\r\n', '\\s\\Z')"#, "3"), (#"regexp_instr('a\r\n', 'a\\Z')"#, "1"),
    (#"regexp_instr('a\r\n', '\\s(q|$?)')"#, "2"),
    (#"rlike('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxz y', '(x+x+)+y')"#, "!REGEX_BUDGET"),
    (#"regexp_count('a1b22', '\\d+')"#, "2"), (#"regexp_count('abc', '')"#, "4"),
    (#"regexp_substr('a1b22', '\\d+')"#, "1"),
    (#"regexp_substr('ab', '\\d+')"#, nil), (#"regexp_instr('éb12', '\\d+')"#, "3"), (#"regexp_instr('a', 'b')"#, "0"),
    (#"split('a1b2c3', '[0-9]')"#, "[a, b, c, ]"), (#"split('a,b,c', ',', 2)"#, "[a, b,c]"),
    (#"split('a,b,,', ',', -1)"#, "[a, b, , ]"),
    (#"split('', ',')"#, "[]"), (#"split('abc', '')"#, "[a, b, c]"), (#"split('abc', '', 2)"#, "[a, bc]"),
    (#"split('', '')"#, "[]"),
    (#"split('one  two\tthree', '\\s+')"#, "[one, two, three]"), (#"split('a|b|c', '\\|')"#, "[a, b, c]"),
    (#"split('AbCd', '(?=[A-Z])')"#, "[Ab, Cd]"), (#"split('a.b', '.')"#, "[, , , ]"),
    (#"split('a--b--c', '--', 0)"#, "[a, b, c]"),
    (#"split(NULL, ',')"#, nil), (#"split('  padded  ', ' ')"#, "[, , padded, , ]"),
    (#"split('aXbXc', 'X', 1)"#, "[aXbXc]"),
    (
      #"split('the quick brown fox jumps over the lazy dog and runs away from it all in the night', ' and ')"#,
      "[the quick brown fox jumps over the lazy dog, runs away from it all in the night]"
    ),
    ("like('abc', 'a%')", "true"), ("like('50_x', '50!_x', '!')", "true"), ("like('50ax', '50!_x', '!')", "false"),
    (#"like('a\\b', 'a\\\\b')"#, "true"), ("like('a!', 'a!', '!')", "!INVALID_FORMAT.ESC_AT_THE_END"),
    ("like('a', '!a', '!')", "!INVALID_FORMAT.ESC_IN_THE_MIDDLE"), ("like('a\nb', 'a%b')", "true"),
    ("like('a\nb', 'a_b')", "true"),
    ("like('axb', 'a.b')", "false"), ("like('éa', '_a')", "true"), ("like('abcbd', '%b_')", "true"),
    ("like('abab', 'a%ab')", "true"),
    ("like('aba', 'ab%ba')", "false"), ("like('', '%')", "true"), ("like('', '')", "true"), ("like('x', '')", "false"),
    ("like('mississippi', 'm%iss%ip_i')", "true"), ("ilike('SPARK', '%arK')", "true"), ("like(NULL, 'a')", nil),
    ("like('a', NULL)", nil),
  ])
  func call(text: String, expected: String?) {
    #expect(CallText.result(text) == expected, "\(text)")
  }

  /// The one-pass program and PCRE2 agree wherever the program exists.
  @Test func scanProgramAgrees() throws {
    let log = #"^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d{3}) (\S+) "([^"]*)" "([^"]*)""#
    let line = #"1.2.3.4 - bob [01/Jan/2024:10:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 512 "-" "Mozilla (é)""#
    let patterns = [
      log, #""(\w+) ([^ ?"]*)"#, #"(\d+)-(\d+)$"#, #"a*b"#, #"^x?y{2,3}z"#, #"(\d{3}) "#, "[^,]*,([^,]*)", "c$",
      #"^\s*(\w+)\s*=\s*(\S*)"#,
    ]
    let texts = [
      line, "", "100-200", "aab", "xyyz", "yyyz", "yyyyz", "12 123 4", "a,b,c", "c\n", "c\r\n", " k = v", "é,ü", "abc",
      "\"GET /x",
    ]
    for pattern in patterns {
      for text in texts {
        let groups = (0...2).map { group in
          [pattern, "(?:)" + pattern].map { source -> String? in
            try? CallText.result(
              FunctionRegistry.builtin.scalar("regexp_extract")!.bind(
                [
                  .expression(.literal(.string(text), .string)), .expression(.literal(.string(source), .string)),
                  .expression(.literal(.integer(Int64(group)), .integer)),
                ], BindingContext()), BindingContext())
          }
        }
        for both in groups { #expect(both[0] == both[1], "\(pattern) on \(text)") }
      }
    }
  }

  /// Several groups of one pattern are matched once.
  @Test func matchesOnce() throws {
    let column = Attribute("value", .string)
    let pattern = Expression.literal(.string(#"(\w+)=(\w+)"#), .string)
    let calls = try (0...2).map { group in
      try FunctionRegistry.builtin.scalar("regexp_extract")!.bind(
        [
          .expression(.attribute(column)), .expression(pattern),
          .expression(.literal(.integer(Int64(group)), .integer)),
        ],
        BindingContext())
    }
    let matches = calls.map { $0.children[0].fingerprint }
    #expect(Set(matches).count == 1)
    let rows = ColumnVector.of(
      [.string("k=v"), .null, .string("none"), .string("a long key=avery_long_value_indeed")], type: .string)
    let result = try Evaluator(calls, input: [column]).evaluate(
      RecordBatch(rowCount: 4, columns: [rows]), EvaluationContext())
    #expect(
      (0..<4).map { result[2].value($0) } == [.string("v"), .null, .string(""), .string("avery_long_value_indeed")])
    #expect((0..<4).map { result[1].value($0) } == [.string("k"), .null, .string(""), .string("key")])
  }

  /// Patterns from a column, and split over rows of all lengths.
  @Test func splitColumn() throws {
    let column = Attribute("value", .string), separator = Attribute("separator", .string)
    let texts = (0..<200).map { count in (0..<count).map { $0 % 7 == 3 ? " " : "x" }.joined() }
    for fixed in [true, false] {
      let call = try FunctionRegistry.builtin.scalar("split")!.bind(
        [
          .expression(.attribute(column)), .expression(fixed ? .literal(.string(" "), .string) : .attribute(separator)),
        ],
        BindingContext())
      let batch = RecordBatch(
        rowCount: 200,
        columns: [.of(texts.map { .string($0) }, type: .string), .of(texts.map { _ in .string(" ") }, type: .string)])
      let result = try Evaluator([call], input: [column, separator]).evaluate(batch, EvaluationContext())[0]
      for (row, text) in texts.enumerated() {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false).map { Value.string(String($0)) }
        #expect(result.value(row) == .array(parts))
      }
    }
  }
}
