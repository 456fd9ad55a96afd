import Glibc
import MillraceSQL
import Testing

@Suite struct ParseErrorTests {
  @Test(arguments: [
    ("", "PARSE_EMPTY_STATEMENT", 1, 1), ("  -- nothing", "PARSE_EMPTY_STATEMENT", 1, 13),
    ("SELEC 1", "PARSE_SYNTAX_ERROR", 1, 1),
    ("SELECT", "PARSE_SYNTAX_ERROR", 1, 7), ("SELECT a FORM t", "PARSE_SYNTAX_ERROR", 1, 15),
    ("SELECT a FROM t WHERE", "PARSE_SYNTAX_ERROR", 1, 22),
    ("SELECT (a", "PARSE_SYNTAX_ERROR", 1, 10), ("SELECT a +\n  FROM t", "PARSE_SYNTAX_ERROR", 2, 3),
    ("SELECT a, FROM t", "TRAILING_COMMA_IN_SELECT", 1, 11),
    ("SELECT 'abc", "PARSE_SYNTAX_ERROR", 1, 8), ("SELECT `abc", "PARSE_SYNTAX_ERROR", 1, 8),
    ("SELECT 1 /* x", "UNCLOSED_BRACKETED_COMMENT", 1, 10),
    ("SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR", 1, 11), ("SELECT a IS NULL IS NULL", "PARSE_SYNTAX_ERROR", 1, 18),
    ("SELECT CASE a END", "PARSE_SYNTAX_ERROR", 1, 15),
    ("SELECT 300Y", "INVALID_NUMERIC_LITERAL_RANGE", 1, 8),
    ("SELECT 99999999999999999999L", "INVALID_NUMERIC_LITERAL_RANGE", 1, 8),
    ("SELECT 1000000000000000000000000000000000000000", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", 1, 8),
    ("SELECT X'GG'", "INVALID_TYPED_LITERAL", 1, 8),
    ("SELECT CAST(a AS FOO)", "UNSUPPORTED_DATATYPE", 1, 18),
    ("SELECT CAST(a AS ARRAY)", "INCOMPLETE_TYPE_DEFINITION.ARRAY", 1, 18),
    ("SELECT CAST(a AS DECIMAL(40, 2))", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", 1, 18),
    ("SELECT CAST(a AS VARCHAR)", "DATATYPE_MISSING_SIZE", 1, 18),
    ("SELECT INTERVAL 1 MONTH 1 DAY", "_LEGACY_ERROR_TEMP_0029", 1, 8),
    ("SELECT INTERVAL '1x' DAY", "INVALID_INTERVAL_FORMAT", 1, 8),
    ("SELECT a LIKE 'x' ESCAPE 'ab'", "INVALID_ESC", 1, 26), ("SELECT * FROM", "PARSE_SYNTAX_ERROR", 1, 14),
    ("SELECT a FROM t GROUP a", "PARSE_SYNTAX_ERROR", 1, 17),
    ("SELECT a FROM t JOIN", "PARSE_SYNTAX_ERROR", 1, 21), ("SELECT #", "PARSE_SYNTAX_ERROR", 1, 8),
  ])
  func codesAndPlaces(_ sql: String, _ code: String, _ line: Int, _ column: Int) {
    #expect {
      try SQLParser.parseQuery(sql)
    } throws: { error in
      guard let error = error as? SQLParseError else { return false }
      #expect(error.code == code && error.line == line && error.column == column, "\(sql): \(error)")
      return true
    }
  }

  @Test func rendersLineAndCaret() {
    #expect {
      try SQLParser.parseQuery("SELECT é,\n\ta FORM t")
    } throws: { error in
      "\(error)"
        == "[PARSE_SYNTAX_ERROR] syntax error at or near 't' (line 2, column 9)\n   a FORM t\n          ^\nhint: did you mean FROM?"
    }
  }

  /// Runs a body on a thread of its own and tells how many bytes of stack it took.
  private func stackUsed(by body: @escaping @Sendable () -> Void) -> Int {
    let size = 2 << 20
    guard let stack = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), stack != MAP_FAILED
    else {
      return .max
    }
    defer { munmap(stack, size) }
    let words = stack.assumingMemoryBound(to: UInt64.self)
    memset(stack, 0xA5, size)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstack(&attributes, stack, size)
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(body))
    pthread_create(
      &thread, &attributes,
      { box in
        if let box { Unmanaged<Box>.fromOpaque(box).takeRetainedValue().body() }
        return nil
      }, box.toOpaque())
    pthread_join(thread, nil)
    var untouched = 0
    while untouched < size / 8, words[untouched] == 0xA5A5_A5A5_A5A5_A5A5 { untouched += 1 }
    return size - untouched * 8
  }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Shapes that nest: what stands before, between and after the core.
  static let shapes: [(String, String, String)] = [
    ("(", "1", ")"), ("- ", "a", ""), ("NOT ", "a", ""), ("f(", "1", ")"), ("1 + (", "1", ")"),
    ("a AND (b OR ", "c", ")"),
    ("CASE WHEN a THEN ", "1", " END"), ("(SELECT ", "1", ")"), ("EXISTS (SELECT * FROM t WHERE ", "a", ")"),
    ("x -> ", "x", ""),
    ("CAST(", "a", " AS INT)"), ("a[", "0", "]"), ("", "a", "[0]"), ("", "a", " + 1"), ("", "a", "::int"),
    ("", "a", " OR b"), ("f(x, ", "1", ", y).z"),
    ("(SELECT * FROM (", "SELECT 1", "))"), ("a IN (", "1", ")"), ("a LIKE ", "b", ""), ("a BETWEEN ", "1", " AND 2"),
    ("", "a", " IN (1) AND b"),
    ("((SELECT 1) UNION ", "SELECT 1", ")"),
  ]

  /// Any depth ends in a tree that can be printed, compared and released, or in SQL_TOO_DEEP; never in a crash.
  @Test(arguments: shapes)
  func nestingIsBounded(_ before: String, _ core: String, _ after: String) {
    let used = stackUsed {
      for count in [1, 10, 30, 60, 90, 130, 190, 200, 260, 300, 350, 400, 1000, 20_000] {
        let sql = String(repeating: before, count: count) + core + String(repeating: after, count: count)
        do {
          let tree = try SQLParser.parseExpression(sql)
          let printed = SQLUnparser.unparse(tree)
          _ = SQLUnparser.prettyName(tree)
          _ = tree.hashValue
          #expect(tree == tree && !printed.isEmpty)
        } catch {
          // What the grammar refuses at once it refuses at any depth.
          let code = (error as? SQLParseError)?.code
          #expect(code == "SQL_TOO_DEEP" || code == "PARSE_SYNTAX_ERROR", "\(before)…\(after) × \(count): \(error)")
        }
      }
    }
    // The tasks of a query have stacks of 512 KiB; the caller needs some of it.
    #expect(used < 400 * 1024, "\(before)…\(after) takes \(used / 1024) KiB")
  }

  /// Each relation behind a comma is joined with those before it, so that many of them nest, too.
  @Test func relationsBehindCommasAreBounded() throws {
    func sql(_ count: Int) -> String { "SELECT * FROM " + Array(repeating: "t", count: count).joined(separator: ", ") }
    _ = try SQLParser.parseQuery(sql(40))
    #expect { try SQLParser.parseQuery(sql(20_000)) } throws: { ($0 as? SQLParseError)?.code == "SQL_TOO_DEEP" }
  }

  @Test func longTextsTakeLinearTime() throws {
    let clock = ContinuousClock()
    var times: [Duration] = []
    for count in [1000, 8000] {
      let list = (0..<count).map { "\($0)" }.joined(separator: ", ")
      let filter = (0..<count).map { "a = \($0)" }.joined(separator: " OR ")
      let nested = String(repeating: "(a, (b), ", count: 20) + "1" + String(repeating: ")", count: 20)
      let sql =
        "SELECT \(nested) FROM t WHERE a IN (\(list)) AND (\(filter)) AND b = '\(String(repeating: "x\\n", count: count))'"
      times.append(try clock.measure { _ = try SQLParser.parseQuery(sql) })
    }
    #expect(times[1] < times[0] * 40)
  }
}
