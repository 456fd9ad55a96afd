import MillraceColumnar
import MillraceExpressions
import MillracePlan
import Testing

/// What names, stars and types of a query come to, and what is refused.
@Suite struct AnalyzerTests {
  @Test(arguments: [
    ("SELECT * FROM t", "a INT, b STRING, c DOUBLE"), ("SELECT t.* FROM t, u", "a INT, b STRING, c DOUBLE"),
    ("SELECT * FROM t JOIN u USING (a)", "a INT, b STRING, c DOUBLE, d STRING"),
    ("SELECT * EXCEPT (b) FROM t", "a INT, c DOUBLE"), ("SELECT a + 1, a + 1L AS l FROM t", "`(a + 1)` INT, l BIGINT"),
    ("SELECT a FROM t UNION SELECT v FROM s", "a BIGINT"),
    ("SELECT count(*), sum(a), avg(a) FROM t", "`count(1)` BIGINT, `sum(a)` BIGINT, `avg(a)` DOUBLE"),
    (
      "SELECT window(ts, '1 minute') AS w, k FROM s GROUP BY window(ts, '1 minute'), k",
      "w STRUCT<start: TIMESTAMP, end: TIMESTAMP>, k STRING"
    ), ("SELECT x.y.z FROM (SELECT named_struct('y', named_struct('z', 1)) AS x)", "z INT"),
    ("SELECT explode(split(b, ' ')) AS word FROM t", "word STRING"),
    ("SELECT A, B FROM T", "A INT, B STRING"), ("WITH t AS (SELECT 1 AS one) SELECT * FROM t", "one INT"),
    ("VALUES (1, 'x'), (NULL, 'y')", "col1 INT, col2 STRING"), ("SELECT NULL AS n", "n VOID"),
  ])
  func givesColumns(sql: String, ddl: String) throws {
    #expect(try PlanSupport.analyzed(sql).plan.schema.ddl == ddl, "\(sql)")
  }

  @Test(arguments: [
    ("SELECT a FROM t LEFT JOIN u USING (a)", [true]), ("SELECT u.a FROM t LEFT JOIN u ON t.a = u.a", [true]),
    ("SELECT count(*) FROM t", [false]), ("SELECT sum(a) FROM t", [true]), ("SELECT 1, NULL", [false, true]),
    ("SELECT * FROM VALUES (1, 2), (1, NULL)", [false, true]),
  ])
  func knowsWhatMayBeNull(sql: String, expected: [Bool]) throws {
    #expect(try PlanSupport.analyzed(sql).plan.output.map(\.isNullable) == expected, "\(sql)")
  }

  @Test(arguments: [
    ("SELECT x FROM t", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
    ("SELECT 1 WHERE x > 1", "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION"),
    ("SELECT a FROM t JOIN u ON t.a = u.a", "AMBIGUOUS_REFERENCE"),
    ("SELECT * FROM nowhere", "TABLE_OR_VIEW_NOT_FOUND"),
    ("SELECT x.* FROM t", "CANNOT_RESOLVE_STAR_EXPAND"), ("SELECT nofunc(a) FROM t", "UNRESOLVED_ROUTINE"),
    ("SELECT b.x FROM t", "INVALID_EXTRACT_BASE_FIELD_TYPE"),
    ("SELECT named_struct('y', 1).z", "FIELD_NOT_FOUND"), ("SELECT * FROM t WHERE *", "INVALID_USAGE_OF_STAR_OR_REGEX"),
    ("SELECT a FROM t WHERE a", "DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN"),
    ("SELECT a FROM t WHERE sum(a) > 1", "INVALID_WHERE_CONDITION"),
    ("SELECT a, sum(c) FROM t", "MISSING_GROUP_BY"), ("SELECT b, sum(c) FROM t GROUP BY a", "MISSING_AGGREGATION"),
    ("SELECT sum(count(*)) FROM t", "NESTED_AGGREGATE_FUNCTION"),
    ("SELECT a FROM t GROUP BY 2", "GROUP_BY_POS_OUT_OF_RANGE"),
    ("SELECT sum(a) FROM t GROUP BY 1", "GROUP_BY_POS_AGGREGATE"),
    ("SELECT a FROM t GROUP BY sum(a)", "GROUP_BY_AGGREGATE"),
    ("SELECT grouping(a) FROM t GROUP BY a", "UNSUPPORTED_GROUPING_EXPRESSION"),
    ("SELECT a FROM t ORDER BY 2", "ORDER_BY_POS_OUT_OF_RANGE"),
    ("SELECT row_number() FROM t", "WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE"),
    ("SELECT rank() OVER w FROM t", "MISSING_WINDOW_SPECIFICATION"),
    ("SELECT 1 + explode(array(1))", "UNSUPPORTED_GENERATOR.NESTED_IN_EXPRESSIONS"),
    ("SELECT a FROM t UNION SELECT a, d FROM u", "NUM_COLUMNS_MISMATCH"),
    ("SELECT array(1) UNION SELECT 1", "INCOMPATIBLE_COLUMN_TYPE"),
    ("SELECT a FROM t LIMIT -1", "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE"),
    ("SELECT a FROM t LIMIT a", "INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE"),
    ("SELECT a FROM t LIMIT 'x'", "INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE"),
    ("SELECT a FROM t LIMIT CAST(NULL AS INT)", "INVALID_LIMIT_LIKE_EXPRESSION.IS_NULL"),
    ("VALUES (1), (1, 2)", "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH"),
    ("VALUES (1), (array(1))", "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE"),
    ("SELECT (SELECT a, d FROM u)", "INVALID_SUBQUERY_EXPRESSION.SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN"),
    ("SELECT a FROM t WHERE a IN (SELECT v FROM s)", "INVALID_SUBQUERY_EXPRESSION.STREAMING_QUERY"),
    ("SELECT window(ts, '1 minute', '2 minutes') FROM s", "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"),
    ("SELECT window(ts, '0 seconds') FROM s", "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"),
    ("SELECT window(ts, 'soon') FROM s", "CANNOT_PARSE_INTERVAL"),
    ("SELECT window(v, '1 s') FROM s", "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"),
    ("SELECT window_time(k) FROM s", "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"),
    ("SELECT :p", "UNBOUND_SQL_PARAMETER"), ("SELECT DATE'2024-02-30'", "INVALID_TYPED_LITERAL"),
    ("SELECT transform(array(1), (x, x) -> x)", "INVALID_LAMBDA_FUNCTION_CALL.DUPLICATE_ARG_NAMES"),
  ])
  func refuses(sql: String, code: String) {
    let error = PlanSupport.objection { _ = try PlanSupport.analyzed(sql) }
    #expect(error?.code == code, "\(sql): \(error?.description ?? "accepted")")
  }

  /// A column name in an error comes with what there is, nearest first.
  @Test func suggestsColumns() {
    let error = PlanSupport.objection { _ = try PlanSupport.analyzed("SELECT bb FROM t") }
    #expect(error?.description.contains("`b`") == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["inner", "LEFT", "left_outer", "leftouter", "full", "outer", "left_semi", "anti", "cross"])
  func readsSparksJoinTypes(word: String) throws { _ = try JoinKind(spark: word) }

  @Test func refusesUnknownJoinTypes() {
    #expect(PlanSupport.objection { _ = try JoinKind(spark: "sideways") }?.code == "UNSUPPORTED_JOIN_TYPE")
  }

  /// The sum of the two must not overflow where a sort below keeps that many rows.
  @Test func limitAndOffsetTogetherStayCountable() throws {
    let plan = try PlanSupport.analyzed("SELECT a FROM t ORDER BY a LIMIT 9223372036854775807 OFFSET 5").plan
    guard case .limit(let count, let offset, _) = plan else {
      Issue.record("\(PlanText.describe(plan))")
      return
    }
    #expect(offset == 5)
    #expect(count.map { !$0.addingReportingOverflow(offset).overflow } == true)
  }
}
