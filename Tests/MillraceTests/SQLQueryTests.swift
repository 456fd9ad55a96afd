import Millrace
import MillraceColumnar
import Testing

/// Whole queries over a small log: rows as text, or the code of the error.
struct SQLQueryTests {
  private static let tables = """
    CREATE TEMPORARY VIEW logs AS SELECT * FROM VALUES
      (TIMESTAMP'2024-01-01 00:00:00', 'a', 200, 100L, '/x'), (TIMESTAMP'2024-01-01 00:01:00', 'b', 404, NULL, '/y'),
      (TIMESTAMP'2024-01-01 00:02:00', 'a', 500, 50L, '/x/z'), (TIMESTAMP'2024-01-01 01:00:00', 'c', 200, 10L, NULL)
      AS t(ts, host, status, bytes, path);
    CREATE TEMPORARY VIEW hosts AS SELECT * FROM VALUES ('a', 'eu'), ('b', 'us'), (NULL, 'zz') AS t(host, dc)
    """

  private static func session() throws -> SparkSession {
    let session = SparkSession(workers: 1)
    for statement in tables.split(separator: ";") { _ = try session.execute(statement: String(statement)) }
    return session
  }

  private static func text(_ value: Value) -> String {
    switch value {
    case .integer(let number): "\(number)"
    case .string(let text): text
    case .boolean(let flag): "\(flag)"
    case .null: "NULL"
    default: "\(value)"
    }
  }

  /// Rows separated by blanks, cells by commas; sorted, so that the order of rows does not matter.
  private static func answer(_ sql: String) throws -> String {
    do {
      let rows = try session().execute(statement: sql).batches().flatMap { $0.rows() }
      return rows.map { row in row.map { text($0) }.joined(separator: ",") }.sorted().joined(separator: " ")
    } catch let error as MillraceError {
      return error.code
    }
  }

  @Test(arguments: [
    (
      "WITH a AS (WITH b AS (SELECT 1 AS x) SELECT x + 1 AS y FROM b), c AS (SELECT y * 2 AS z FROM a) SELECT * FROM c, a",
      "4,2"
    ),
    ("SELECT host, count(*) AS n FROM logs GROUP BY host HAVING n > 1", "a,2"),
    ("SELECT host, status, count(*) FROM logs GROUP BY ALL ORDER BY ALL", "a,200,1 a,500,1 b,404,1 c,200,1"),
    ("SELECT host FROM logs QUALIFY row_number() OVER (PARTITION BY host ORDER BY ts DESC) = 1", "a b c"),
    ("SELECT status AS s, s + 1 AS t, t * 2 AS u FROM logs LIMIT 1", "200,201,402"),
    ("FROM logs |> WHERE status >= 400 |> AGGREGATE count(*) AS n GROUP BY host", "a,1 b,1"),
    ("SELECT host FROM logs WHERE host NOT IN (SELECT host FROM hosts)", ""),
    ("SELECT host, (SELECT count(*) FROM hosts h WHERE h.host = l.host) AS n FROM logs l", "a,1 a,1 b,1 c,0"),
    ("SELECT l.dc, c FROM hosts l, LATERAL (SELECT count(*) AS c FROM logs r WHERE r.host = l.host)", "eu,2 us,1 zz,0"),
    (
      "SELECT l.dc, x FROM hosts l LEFT JOIN LATERAL (SELECT concat(l.dc, path) AS x FROM logs r WHERE r.host = l.host)",
      "eu,eu/x eu,eu/x/z us,us/y zz,NULL"
    ),
    (
      "WITH RECURSIVE f(a, b) AS (VALUES (0, 1) UNION ALL SELECT b, a + b FROM f WHERE b < 5) SELECT a FROM f",
      "0 1 1 2 3"
    ),
    ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t LIMIT 3", "1 2 3"),
    ("SELECT int('5'), string(5), boolean('true')", "5,5,true"),
    ("SELECT from_json('{\"a\": 1}', 'a INT, b STRING').a", "1"),
    ("SELECT count(*) FROM VALUES (map('a', 1, 'b', 2)), (map('b', 2, 'a', 1)) AS t(m) GROUP BY m", "2"),
    ("SELECT (host, status) IN (('a', 200), ('b', 1)) FROM logs", "false false false true"),
    ("SELECT DISTINCT host FROM logs ORDER BY upper(host)", "a b c"),
  ])
  func givesRows(sql: String, expected: String) throws { #expect(try Self.answer(sql) == expected, "\(sql)") }

  @Test(arguments: [
    ("SELECT nope FROM logs", "UNRESOLVED_COLUMN.WITH_SUGGESTION"), ("SELECT * FROM nope", "TABLE_OR_VIEW_NOT_FOUND"),
    ("SELECT nope(1)", "UNRESOLVED_ROUTINE"), ("SELECT upper()", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"),
    ("SELECT host FROM logs l JOIN hosts h ON l.host = h.host", "AMBIGUOUS_REFERENCE"),
    ("SELECT 1 AS a, 2 AS A ORDER BY a", "AMBIGUOUS_REFERENCE"),
    ("SELECT host, count(*) FROM logs", "MISSING_GROUP_BY"),
    ("SELECT host FROM logs HAVING host = 'a'", "MISSING_GROUP_BY"),
    ("SELECT bytes, count(*) FROM logs GROUP BY host", "MISSING_AGGREGATION"),
    ("SELECT sum(count(*)) FROM logs", "NESTED_AGGREGATE_FUNCTION"),
    ("SELECT host FROM logs WHERE count(*) > 1", "INVALID_WHERE_CONDITION"),
    ("SELECT host FROM logs WHERE host", "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN"),
    ("SELECT 1 + true", "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES"),
    ("SELECT host FROM logs ORDER BY 5", "ORDER_BY_POS_OUT_OF_RANGE"),
    ("SELECT DISTINCT host FROM logs ORDER BY status", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
    ("SELECT host FROM logs UNION SELECT 1, 2", "NUM_COLUMNS_MISMATCH"),
    (
      "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT sum(n) FROM t",
      "RECURSION_LEVEL_LIMIT_EXCEEDED"
    ),
  ])
  func givesSparksError(sql: String, code: String) throws { #expect(try Self.answer(sql) == code, "\(sql)") }

  @Test(arguments: [
    ("SELECT HOST FROM logs", "HOST"), ("SELECT l.bytes + 1 FROM logs l", "(bytes + 1)"),
    ("SELECT double('NaN')", "NaN"),
    ("SELECT Sum(Bytes) FROM logs", "sum(Bytes)"), ("SELECT count(*) FROM logs", "count(1)"),
  ])
  func namesColumnsAsSpark(sql: String, name: String) throws {
    #expect(try Self.session().execute(statement: sql).schema.names == [name])
  }

  /// Constants bound into an aggregate tell two of them apart.
  @Test(arguments: [
    (
      "SELECT percentile(bytes, 0) < percentile(bytes, 1), approx_percentile(bytes, 0.1), approx_percentile(bytes, 0.9) FROM logs",
      "true,10,100"
    ),
    ("SELECT first(path), first(path, true), last(path), last(path, true) FROM logs ", "/x,/x,NULL,/x/z"),
    (
      "SELECT listagg(host, '-') WITHIN GROUP (ORDER BY host), listagg(host, '+') WITHIN GROUP (ORDER BY host DESC) FROM logs",
      "a-a-b-c,c+b+a+a"
    ),
  ])
  func aggregatesWithOtherConstantsAreOthers(sql: String, expected: String) throws {
    #expect(try Self.answer(sql) == expected)
  }
}
