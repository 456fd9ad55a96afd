import MillraceCore
import MillracePlan
import Testing

/// Which streaming queries run in which output mode, and the words of those that do not.
@Suite struct StreamingRulesTests {
  private static func objection(
    _ sql: String, _ mode: OutputMode, _ compatibility: StreamingRules.Compatibility = .millrace
  ) -> String? {
    PlanSupport.objection {
      try StreamingRules(mode, compatibility: compatibility).check(try PlanSupport.analyzed(sql).plan)
    }?.message
  }

  /// Spark's continuous processing takes maps only; ours takes what micro-batches take.
  @Test(arguments: [
    ("SELECT upper(k) AS k FROM plain WHERE length(k) > 1", nil), ("SELECT k, count(*) FROM s GROUP BY k", "Aggregate"),
    ("SELECT k FROM plain UNION ALL SELECT k FROM plain", "Union"),
  ])
  func continuous(sql: String, obstacle: String?) throws {
    let plan = try Optimizer.optimize(try PlanSupport.analyzed(sql).plan)
    try StreamingRules(.update).checkContinuous(plan)
    let objection = PlanSupport.objection {
      try StreamingRules(.update, compatibility: .spark).checkContinuous(plan)
    }
    #expect(objection?.message == obstacle.map { "continuous processing does not support \($0) operations" })
  }

  private static let noWatermark =
    "append output mode is not supported for an aggregation without a watermark on one of its keys"
  private static let noSort =
    "sorting is not supported on a stream unless it is over an aggregated result in complete mode"
  private static let chained = "an aggregation or a join over an aggregation needs append mode"
  private static let noAggregate = "complete output mode needs an aggregation"

  /// A query and what append, update and complete say to it; nil: it runs.
  @Test(
    arguments: [
      ("SELECT * FROM plain", nil, nil, noAggregate), ("SELECT k FROM s WHERE v > 1", nil, nil, noAggregate),
      ("SELECT count(*) FROM plain", noWatermark, nil, nil),
      ("SELECT k, count(*) FROM s GROUP BY k", noWatermark, nil, nil),
      ("SELECT window(ts, '1 minute'), count(*) FROM plain GROUP BY window(ts, '1 minute')", noWatermark, nil, nil),
      ("SELECT window(ts, '1 minute'), count(*) FROM s GROUP BY window(ts, '1 minute')", nil, nil, nil),
      (
        "SELECT window(ts, '1 minute', '10 s'), k, count(*) FROM s GROUP BY window(ts, '1 minute', '10 s'), k", nil,
        nil, nil
      ),
      ("SELECT ts, count(*) FROM s GROUP BY ts", nil, nil, nil),
      ("SELECT date_trunc('hour', ts), count(*) FROM s GROUP BY date_trunc('hour', ts)", noWatermark, nil, nil),
      ("SELECT session_window(ts, '5 s'), count(*) FROM s GROUP BY session_window(ts, '5 s')", nil, nil, nil),
      ("SELECT DISTINCT k FROM s", noWatermark, nil, nil), ("SELECT DISTINCT ts, k FROM s", nil, nil, nil),
      ("SELECT * FROM s ORDER BY ts", noSort, noSort, noAggregate),
      ("SELECT k, count(*) AS n FROM s GROUP BY k ORDER BY n", noWatermark, noSort, nil),
      (
        "SELECT k, count(*) AS n FROM s GROUP BY k ORDER BY n LIMIT 3", noWatermark,
        "LIMIT is not supported on a stream in update mode", nil
      ), ("SELECT * FROM s LIMIT 3", nil, "LIMIT is not supported on a stream in update mode", noAggregate),
      (
        "SELECT * FROM s LIMIT 3 OFFSET 1", "OFFSET is not supported on a stream",
        "OFFSET is not supported on a stream",
        noAggregate
      ),
      (
        "SELECT count(*) FROM (SELECT k, window(ts, '1 s') AS w, count(*) FROM s GROUP BY k, window(ts, '1 s')) GROUP BY w",
        nil, chained, chained
      ),
      (
        "SELECT k, row_number() OVER (ORDER BY ts) FROM s",
        "window functions with OVER are not supported on a stream",
        "window functions with OVER are not supported on a stream", noAggregate
      ),
      (
        "SELECT k FROM s EXCEPT SELECT k FROM r", "INTERSECT and EXCEPT are not supported on streams",
        "INTERSECT and EXCEPT are not supported on streams", noAggregate
      ), ("SELECT k FROM s UNION ALL SELECT k FROM r", nil, nil, noAggregate),
      (
        "SELECT k FROM s UNION ALL SELECT b FROM t", "a stream and a table cannot be united",
        "a stream and a table cannot be united", noAggregate
      ),
    ] as [(String, String?, String?, String?)])
  func modes(sql: String, append: String?, update: String?, complete: String?) {
    #expect(Self.objection(sql, .append) == append, "\(sql) in append mode")
    #expect(Self.objection(sql, .update) == update, "\(sql) in update mode")
    #expect(Self.objection(sql, .complete) == complete, "\(sql) in complete mode")
  }

  @Test(
    arguments: [
      ("s JOIN t ON k = b", nil), ("s LEFT JOIN t ON k = b", nil), ("s LEFT SEMI JOIN t ON k = b", nil),
      ("s LEFT ANTI JOIN t ON k = b", nil), ("t JOIN s ON k = b", nil), ("t RIGHT JOIN s ON k = b", nil),
      ("s RIGHT JOIN t ON k = b", "a right outer join with the stream on the left is not supported"),
      ("s FULL JOIN t ON k = b", "a full outer join with the stream on the left is not supported"),
      ("t LEFT JOIN s ON k = b", "a left outer join with the stream on the right is not supported"),
      ("t LEFT SEMI JOIN s ON k = b", "a left semi join with the stream on the right is not supported"),
      ("s JOIN r ON s.k = r.k", nil),
      ("s JOIN r ON s.v < r.w", "a join of two streams needs columns that must be equal"),
      ("s CROSS JOIN r", "a join of two streams needs columns that must be equal"),
      (
        "s LEFT JOIN r ON s.k = r.k",
        "a left outer join of two streams must know when a row finds no partner any more"
      ), ("s LEFT JOIN r ON s.k = r.k AND s.ts = r.ts", nil),
      ("s LEFT JOIN r ON s.k = r.k AND r.ts BETWEEN s.ts AND s.ts + INTERVAL 1 HOUR", nil),
      (
        "s LEFT JOIN r ON s.k = r.k AND r.ts > s.ts",
        "a left outer join of two streams must know when a row finds no partner any more"
      ), ("s RIGHT JOIN r ON s.k = r.k AND r.ts BETWEEN s.ts AND s.ts + INTERVAL 1 HOUR", nil),
      (
        "plain LEFT JOIN s ON plain.k = s.k AND plain.ts = s.ts", nil
      ),
      ("s LEFT ANTI JOIN r ON s.k = r.k AND s.ts = r.ts", nil),
      (
        "s LEFT ANTI JOIN r ON s.k = r.k",
        "a left anti join of two streams must know when a row finds no partner any more"
      ),
    ] as [(String, String?)])
  func joins(tables: String, objection: String?) {
    #expect(Self.objection("SELECT 1 FROM \(tables)", .append) == objection, "\(tables)")
  }

  @Test func outerJoinsOfStreamsNeedAppend() {
    #expect(
      Self.objection("SELECT 1 FROM s LEFT JOIN r ON s.k = r.k AND s.ts = r.ts", .update)
        == "a left outer join of two streams needs append mode")
  }

  /// What Spark refuses and we do not, and the words under `compatibility: "spark"`.
  @Test(
    arguments: [
      ("SELECT count(DISTINCT v) FROM s", .update, "distinct aggregates are not supported on a stream"),
      (
        "SELECT session_window(ts, '5 s'), count(*) FROM s GROUP BY session_window(ts, '5 s')", .update,
        "session windows are not supported in update mode"
      ),
      (
        "SELECT 1 FROM s LEFT ANTI JOIN r ON s.k = r.k AND s.ts = r.ts", .append,
        "a left anti join of two streams is not supported"
      ),
      (
        "SELECT session_window(ts, '5 s'), count(*) FROM s GROUP BY session_window(ts, '5 s')", .append,
        "a session window without another key is not supported"
      ),
    ] as [(String, OutputMode, String)])
  func onlySparkRefuses(sql: String, mode: OutputMode, objection: String) {
    #expect(Self.objection(sql, mode) == nil)
    #expect(Self.objection(sql, mode, .spark) == objection)
  }

  @Test(arguments: OutputMode.allCases) func tableIsNoStream(mode: OutputMode) {
    #expect(
      Self.objection("SELECT count(*) FROM t", mode)
        == "a streaming sink needs a query over a stream, and this one reads none")
  }

  /// Every refusal has a code of its own and says what to do instead.
  @Test(
    arguments: [
      ("SELECT 1 FROM t", .append, "WRITE_STREAM_NOT_ALLOWED"),
      ("SELECT count(*) FROM plain", .append, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
      ("SELECT * FROM s", .complete, "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"),
      ("SELECT * FROM s ORDER BY ts", .append, "UNSUPPORTED_STREAMING_OPERATION.SORT"),
      ("SELECT k FROM s EXCEPT SELECT k FROM r", .append, "UNSUPPORTED_STREAMING_OPERATION.SET_OPERATION"),
      ("SELECT k FROM s UNION ALL SELECT b FROM t", .append, "UNSUPPORTED_STREAMING_OPERATION.UNION_WITH_TABLE"),
      ("SELECT * FROM s LIMIT 3", .update, "UNSUPPORTED_STREAMING_OPERATION.LIMIT"),
      ("SELECT * FROM s LIMIT 3 OFFSET 1", .append, "UNSUPPORTED_STREAMING_OPERATION.OFFSET"),
      (
        "SELECT count(*) FROM (SELECT k, count(*) FROM s GROUP BY k)", .update,
        "UNSUPPORTED_STREAMING_OPERATION.AGGREGATION_CHAIN"
      ), ("SELECT 1 FROM s FULL JOIN t ON k = b", .append, "UNSUPPORTED_STREAMING_OPERATION.JOIN_WITH_TABLE"),
      ("SELECT 1 FROM s JOIN r ON s.v < r.w", .append, "UNSUPPORTED_STREAMING_OPERATION.JOIN_WITHOUT_EQUALITY"),
      ("SELECT 1 FROM s LEFT JOIN r ON s.k = r.k", .append, "UNSUPPORTED_STREAMING_OPERATION.JOIN_WITHOUT_BOUNDS"),
      (
        "SELECT 1 FROM s LEFT JOIN r ON s.k = r.k AND s.ts = r.ts", .update,
        "UNSUPPORTED_STREAMING_OPERATION.JOIN_OUTPUT_MODE"
      ), ("SELECT count(DISTINCT v) FROM s", .update, "UNSUPPORTED_STREAMING_OPERATION.DISTINCT_AGGREGATE"),
      (
        "SELECT 1 FROM s LEFT ANTI JOIN r ON s.k = r.k AND s.ts = r.ts", .append,
        "UNSUPPORTED_STREAMING_OPERATION.ANTI_JOIN"
      ),
      (
        "SELECT session_window(ts, '5 s'), count(*) FROM s GROUP BY session_window(ts, '5 s')", .append,
        "UNSUPPORTED_STREAMING_OPERATION.SESSION_WITHOUT_KEY"
      ),
    ] as [(String, OutputMode, String)])
  func refusals(sql: String, mode: OutputMode, code: String) {
    let error = PlanSupport.objection {
      try StreamingRules(mode, compatibility: .spark).check(try PlanSupport.analyzed(sql).plan)
    }
    #expect(error?.code == code)
    #expect(error?.hint?.isEmpty == false)
  }
}
