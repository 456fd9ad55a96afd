import MillraceExpressions
import MillracePlan
import Testing

/// Rules of the optimizer one at a time, by the text of the plan.
@Suite struct OptimizerTests {
  /// Whether a plan's text is the expected one; shows both where it is not.
  private func expect(_ plan: String, _ expected: String, at location: SourceLocation = #_sourceLocation) {
    #expect(plan == expected, sourceLocation: location)
  }

  // MARK: Push filters

  private static func pushed(_ sql: String) throws -> String { try PlanSupport.text(sql, rules: ["push filters"]) }

  @Test func filterGoesThroughProjection() throws {
    expect(
      try Self.pushed("SELECT * FROM (SELECT a + 1 AS x FROM t) WHERE x > 2"),
      """
      Project [x]
      +- Project [+(a, 1) AS x]
         +- Filter >(+(a, 1), 2)
            +- Scan t [a, b, c]
      """)
  }

  @Test func filterStaysAboveWhatIsRandom() throws {
    expect(
      try Self.pushed("SELECT * FROM (SELECT a, rand() AS x FROM t) WHERE a > 2"),
      """
      Project [a, x]
      +- Filter >(a, 2)
         +- Project [a, rand() AS x]
            +- Scan t [a, b, c]
      """)
  }

  @Test func innerJoinPassesEachConjunctToItsSide() throws {
    expect(
      try Self.pushed("SELECT b, d FROM t JOIN u ON t.a = u.a WHERE b = 'x' AND d = 'y' AND b < d"),
      """
      Project [b, d]
      +- Join inner on (<(b, d) AND =(a, a))
         +- Filter =(b, 'x')
            +- Scan t [a, b, c]
         +- Filter =(d, 'y')
            +- Scan u [a, d]
      """)
  }

  @Test func crossJoinWithConditionBecomesInner() throws {
    expect(
      try Self.pushed("SELECT b FROM t CROSS JOIN u WHERE t.a = u.a"),
      """
      Project [b]
      +- Join inner on =(a, a)
         +- Scan t [a, b, c]
         +- Scan u [a, d]
      """)
  }

  /// The side that outer rows come from takes conditions of WHERE, the other those of ON.
  @Test func leftJoinKeepsItsRows() throws {
    expect(
      try Self.pushed(
        "SELECT b FROM t LEFT JOIN u ON t.a = u.a AND d = 'y' AND b = 'z' WHERE b = 'x' AND coalesce(d, 'w') = 'w'"),
      """
      Project [b]
      +- Filter =(coalesce(d, 'w'), 'w')
         +- Join left outer on (=(a, a) AND =(b, 'z'))
            +- Filter =(b, 'x')
               +- Scan t [a, b, c]
            +- Filter =(d, 'y')
               +- Scan u [a, d]
      """)
  }

  @Test func rightJoinMirrorsLeft() throws {
    expect(
      try Self.pushed("SELECT b FROM t RIGHT JOIN u ON t.a = u.a AND b = 'z' WHERE coalesce(b, 'x') = 'x' AND d = 'w'"),
      """
      Project [b]
      +- Filter =(coalesce(b, 'x'), 'x')
         +- Join right outer on =(a, a)
            +- Filter =(b, 'z')
               +- Scan t [a, b, c]
            +- Filter =(d, 'w')
               +- Scan u [a, d]
      """)
  }

  @Test func fullJoinTakesNothing() throws {
    expect(
      try Self.pushed("SELECT b FROM t FULL JOIN u ON t.a = u.a AND b = 'z' WHERE b IS NULL"),
      """
      Project [b]
      +- Filter isnull(b)
         +- Join full outer on (=(a, a) AND =(b, 'z'))
            +- Scan t [a, b, c]
            +- Scan u [a, d]
      """)
  }

  /// A condition that is not true for NULLs leaves none of the rows that were filled up with them.
  @Test(arguments: [
    ("LEFT", "d = 'w'", "inner"), ("RIGHT", "b = 'x'", "inner"), ("FULL", "b = 'x' AND d = 'w'", "inner"),
    ("FULL", "b = 'x'", "left outer"), ("FULL", "length(d) > 1", "right outer"), ("LEFT", "b = 'x'", "left outer"),
    ("LEFT", "d IS NULL", "left outer"), ("FULL", "b = d", "inner"), ("FULL", "b <=> d", "full outer"),
  ])
  func outerJoinUnderCondition(kind: String, condition: String, result: String) throws {
    let plan = try Self.pushed("SELECT b FROM t \(kind) JOIN u ON t.a = u.a WHERE \(condition)")
    #expect(plan.contains("Join \(result) on"), "\(plan)")
  }

  @Test func randomConditionOfJoinStays() throws {
    expect(
      try Self.pushed("SELECT b FROM t JOIN u ON t.a = u.a AND c > rand()"),
      """
      Project [b]
      +- Join inner on (=(a, a) AND >(c, rand()))
         +- Scan t [a, b, c]
         +- Scan u [a, d]
      """)
  }

  @Test func conditionOnKeysGoesBelowGrouping() throws {
    expect(
      try Self.pushed("SELECT b, n FROM (SELECT b, count(*) AS n FROM t GROUP BY b) WHERE b = 'x' AND n > 1"),
      """
      Project [b, n]
      +- Project [b, count AS n]
         +- Filter >(count, CAST(1 AS BIGINT))
            +- Aggregate keys [b], functions [count() AS count]
               +- Filter =(b, 'x')
                  +- Scan t [a, b, c]
      """)
  }

  /// Without keys there is a row whatever the input, so a condition may not empty the input instead.
  @Test func conditionStaysAboveGlobalAggregate() throws {
    expect(
      try Self.pushed("SELECT count(*) FROM t HAVING 1 > 2"),
      """
      Project [count AS count(1)]
      +- Filter >(1, 2)
         +- Aggregate keys [], functions [count() AS count]
            +- Scan t [a, b, c]
      """)
  }

  /// As in Spark, where rows that a condition on keys drops do not move the watermark either.
  @Test func conditionOnKeysGoesBelowTheGroupsOfAStream() throws {
    expect(
      try Self.pushed("SELECT k FROM (SELECT k, count(*) AS n FROM plain GROUP BY k) WHERE k = 'x'"),
      """
      Project [k]
      +- Project [k, count AS n]
         +- Aggregate keys [k], functions [count() AS count]
            +- Filter =(k, 'x')
               +- StreamingScan plain [ts, k, v]
      """)
  }

  @Test(arguments: ["LIMIT 5", "UNION ALL SELECT * FROM t"]) func unionIsPassedAndLimitIsNot(tail: String) throws {
    let text = try Self.pushed("SELECT a FROM (SELECT * FROM t \(tail)) WHERE a = 1")
    let scan = try #require(text.split(separator: "\n").last)
    #expect(scan.hasSuffix("Scan t [a, b, c]"))
    #expect(text.split(separator: "\n").dropLast().last?.contains("Filter") == (tail != "LIMIT 5"))
  }

  @Test func watermarkCountsRowsBeforeConditionsOnTime() throws {
    expect(
      try Self.pushed("SELECT k FROM s WHERE k = 'x' AND ts > TIMESTAMP'2024-01-01'"),
      """
      Project [k]
      +- Filter >(ts, TIMESTAMP '2024-01-01 00:00:00')
         +- EventTimeWatermark ts, delay 10.0 s
            +- Filter =(k, 'x')
               +- StreamingScan s [ts, k, v]
      """)
  }

  // MARK: Prune columns

  private static func pruned(_ sql: String) throws -> String { try PlanSupport.text(sql, rules: ["prune columns"]) }

  @Test func scanReadsWhatIsUsed() throws {
    #expect(
      try Self.pushed("SELECT b FROM t WHERE a > 1").hasSuffix("Scan t [a, b, c]"))
    expect(
      try Self.pruned("SELECT b FROM t WHERE a > 1"),
      """
      Project [b]
      +- Filter >(a, 1)
         +- Scan t [a, b]
      """)
  }

  /// The position of each kept column in the source stays known.
  @Test func scanRemembersPositions() throws {
    let plan = try PlanSupport.plan("SELECT c FROM t", rules: ["prune columns"])
    var columns: [Int] = []
    plan.forEach { if case .relation(let leaf) = $0 { columns = leaf.columns } }
    #expect(columns == [2])
  }

  @Test func countReadsNothing() throws {
    expect(
      try Self.pruned("SELECT count(*) FROM t"),
      """
      Project [count AS count(1)]
      +- Aggregate keys [], functions [count() AS count]
         +- Scan t []
      """)
  }

  @Test func unusedAggregatesGoAndKeysStay() throws {
    expect(
      try Self.pruned("SELECT n FROM (SELECT b, count(*) AS n, sum(a) AS s FROM t GROUP BY b)"),
      """
      Project [n]
      +- Project [count AS n]
         +- Aggregate keys [b], functions [count() AS count]
            +- Scan t [b]
      """)
  }

  @Test func joinKeepsItsKeysBelow() throws {
    expect(
      try Self.pruned("SELECT d FROM t JOIN u ON t.a = u.a"),
      """
      Project [d]
      +- Join inner on =(a, a)
         +- Scan t [a]
         +- Scan u [a, d]
      """)
  }

  @Test func sortKeepsItsKey() throws {
    expect(
      try Self.pruned("SELECT b FROM t ORDER BY c"),
      """
      Project [b]
      +- Sort [c ASC NULLS FIRST]
         +- Project [b, c]
            +- Scan t [b, c]
      """)
  }

  @Test func distinctKeepsAllItsKeys() throws {
    expect(
      try Self.pruned("SELECT a FROM (SELECT DISTINCT a, b FROM t)"),
      """
      Project [a]
      +- Aggregate keys [a, b], functions []
         +- Project [a, b]
            +- Scan t [a, b]
      """)
  }

  @Test func unionIsCutByPosition() throws {
    expect(
      try Self.pruned("SELECT x FROM (SELECT a AS y, b AS x FROM t UNION ALL SELECT a, d FROM u)"),
      """
      Project [x]
      +- Union of 2
         +- Project [x]
            +- Project [b AS x]
               +- Scan t [b]
         +- Project [d]
            +- Project [d]
               +- Scan u [d]
      """)
  }

  @Test func setOperationsCompareAllColumns() throws {
    let text = try Self.pruned("SELECT a FROM (SELECT a, b FROM t EXCEPT SELECT a, d FROM u)")
    #expect(text.contains("Scan t [a, b]"))
    #expect(text.contains("Scan u [a, d]"))
  }

  @Test func unusedWindowFunctionsGo() throws {
    expect(
      try Self.pruned("SELECT a FROM (SELECT a, rank() OVER (ORDER BY c) AS n FROM t)"),
      """
      Project [a]
      +- Project [a]
         +- Scan t [a]
      """)
  }

  @Test func watermarkKeepsItsColumn() throws {
    expect(
      try Self.pruned("SELECT k FROM s"),
      """
      Project [k]
      +- EventTimeWatermark ts, delay 10.0 s
         +- StreamingScan s [ts, k]
      """)
  }

  // MARK: The rest

  @Test(arguments: [
    ("SELECT 1 + 2 * 3", "Project [7 AS (1 + (2 * 3))]\n+- OneRow one row []"),
    ("SELECT 1 / 0", "Project [/(1.0, 0.0) AS (1 / 0)]\n+- OneRow one row []"),
    ("SELECT a + CAST('x' AS INT) AS x FROM t", "Project [+(a, CAST('x' AS INT)) AS x]\n+- Scan t [a, b, c]"),
    ("SELECT a + NULL + CAST('x' AS INT) AS x FROM t", "Project [NULL AS x]\n+- Scan t [a, b, c]"),
    ("SELECT upper(substr(b, nullif(1, 1))) AS x FROM t", "Project [NULL AS x]\n+- Scan t [a, b, c]"),
    ("SELECT false AND 1 / 0 > 1 AS x", "Project [false AS x]\n+- OneRow one row []"),
    ("SELECT 1 IN (1, CAST('x' AS INT)) AS x", "Project [true AS x]\n+- OneRow one row []"),
    ("SELECT coalesce(a, NULL + 1) AS x FROM t", "Project [coalesce(a, NULL) AS x]\n+- Scan t [a, b, c]"),
    ("SELECT rand(1)", "Project [rand() AS rand(1)]\n+- OneRow one row []"),
    ("SELECT current_timestamp()", "Project [current_timestamp()]\n+- OneRow one row []"),
    ("SELECT a FROM t WHERE true AND a > 1", "Project [a]\n+- Filter >(a, 1)\n   +- Scan t [a, b, c]"),
    ("SELECT a FROM t WHERE a > 1 OR false", "Project [a]\n+- Filter >(a, 1)\n   +- Scan t [a, b, c]"),
    ("SELECT false AND 1 / a > 1 AS x FROM t", "Project [false AS x]\n+- Scan t [a, b, c]"),
    ("SELECT 1 / a > 1 AND false AS x FROM t", "Project [false AS x]\n+- Scan t [a, b, c]"),
    ("SELECT 1 / a > 1 OR true AS x FROM t", "Project [true AS x]\n+- Scan t [a, b, c]"),
    (
      "SELECT 1 / x > 1 AND false AS y FROM VALUES (1) AS v(x)",
      "Project [(>(/(1.0, CAST(x AS DOUBLE)), 1.0) AND false) AS y]\n+- Project [col1 AS x]\n   +- LocalRows VALUES [col1]"
    ),
    (
      "SELECT a FROM t WHERE 1 / a > 1 AND a > 2 AND 1 > 2",
      "Project [a]\n+- Filter false\n   +- Scan t [a, b, c]"
    ),
    ("SELECT 1 BETWEEN a AND -5 AS x FROM t", "Project [false AS x]\n+- Scan t [a, b, c]"),
    (
      "SELECT a > 1 AND 1 / 0 > 1 AND false AS x FROM t",
      "Project [((>(a, 1) AND >(/(1.0, 0.0), 1.0)) AND false) AS x]\n+- Scan t [a, b, c]"
    ),
  ])
  func constantsAreFolded(sql: String, expected: String) throws {
    expect(
      try PlanSupport.text(sql, rules: ["fold constants"]), expected)
  }

  @Test func projectionsMerge() throws {
    expect(
      try PlanSupport.text("SELECT x * 2 AS y FROM (SELECT a + 1 AS x FROM t)", rules: ["merge projections"]),
      """
      Project [*(+(a, 1), 2) AS y]
      +- Scan t [a, b, c]
      """)
    expect(
      try PlanSupport.text("SELECT x, x AS y FROM (SELECT rand(1) AS x FROM t)", rules: ["merge projections"]),
      """
      Project [x, x AS y]
      +- Project [rand() AS x]
         +- Scan t [a, b, c]
      """)
  }

  // MARK: Merge aggregates

  private static func merged(_ sql: String) throws -> String {
    try PlanSupport.text(sql, rules: ["push filters", "merge aggregates", "prune columns"])
  }

  private static func aggregations(_ sql: String) throws -> Int {
    try merged(sql).split(separator: "\n").count { $0.contains("Aggregate") }
  }

  @Test func sumOfRowCountsCountsRows() throws {
    expect(
      try Self.merged(
        "SELECT b, sum(n) AS s, max(a) AS m FROM (SELECT a, b, count(*) AS n FROM t GROUP BY a, b) GROUP BY b"),
      """
      Project [b, sum AS s, max AS m]
      +- Aggregate keys [b], functions [sum(1) AS sum, max(a) AS max]
         +- Scan t [a, b]
      """)
  }

  @Test(arguments: [
    ("SELECT DISTINCT b FROM (SELECT a, b, sum(c) AS x FROM t GROUP BY a, b)", 1),
    ("SELECT DISTINCT b, n FROM (SELECT b, count(*) AS n FROM t GROUP BY b)", 1),
    ("SELECT b, count(DISTINCT a) FROM (SELECT DISTINCT a, b FROM t) GROUP BY b", 1),
    ("SELECT sum(n) FROM (SELECT window, k, count(*) AS n FROM s GROUP BY window(ts, '1 m'), k) GROUP BY window", 1),
    ("SELECT sum(n) FROM (SELECT ts, k, count(*) AS n FROM s GROUP BY ts, k) GROUP BY window(ts, '1 m')", 1),
    // What is in the groups counts.
    ("SELECT b, count(*) FROM (SELECT a, b FROM t GROUP BY a, b) GROUP BY b", 2),
    ("SELECT b, sum(n) FROM (SELECT a, b, count(c) AS n FROM t GROUP BY a, b) GROUP BY b", 2),
    ("SELECT b, max(n) FROM (SELECT a, b, count(*) AS n FROM t GROUP BY a, b) GROUP BY b", 2),
    ("SELECT b, sum(n), avg(a) FROM (SELECT a, b, count(*) AS n FROM t GROUP BY a, b) GROUP BY b", 2),
    ("SELECT b, sum(n) FROM (SELECT a, b, count(*) AS n FROM t GROUP BY a, b HAVING count(*) > 1) GROUP BY b", 2),
    ("SELECT sum(n) FROM (SELECT count(*) AS n FROM t)", 2),
    ("SELECT DISTINCT w FROM (SELECT session_window w, k FROM s GROUP BY session_window(ts, '5 s'), k)", 2),
    // A window over windows waits for theirs.
    (
      "SELECT sum(n) FROM (SELECT window w, count(*) AS n FROM s GROUP BY window(ts, '1 m')) GROUP BY window(w, '1 h')",
      2
    ),
  ])
  func aggregationsMerge(sql: String, left: Int) throws {
    #expect(try Self.aggregations(sql) == left)
  }

  /// All rules together never change what comes out.
  @Test(arguments: [
    "SELECT * FROM t", "SELECT b, count(*) FROM t WHERE a > 1 GROUP BY b HAVING count(*) > 1 ORDER BY b LIMIT 3",
    "SELECT t.a, d FROM t FULL JOIN u ON t.a = u.a", "SELECT a FROM t WHERE a IN (SELECT a FROM u WHERE d = t.b)",
    "SELECT explode(split(b, ' ')) AS w, a FROM t", "SELECT a FROM t EXCEPT ALL SELECT a FROM u",
    "SELECT window.start, count(*) FROM s GROUP BY window(ts, '1 minute', '10 seconds')",
  ])
  func schemaStays(sql: String) throws {
    let plan = try PlanSupport.analyzed(sql).plan
    #expect(try Optimizer.optimize(plan).schema == plan.schema)
  }
}
