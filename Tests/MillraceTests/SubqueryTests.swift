import Millrace
import MillraceColumnar
import Testing

/// Scalar subqueries belong to the plan that uses them, whatever becomes of it.
struct SubqueryTests {
  let spark = SparkSession()

  private func numbers(_ name: String = "n") async throws -> DataFrame {
    try await spark.createDataFrame((1...6).map { [.integer($0)] }, "\(name) BIGINT")
  }

  private func values(_ frame: DataFrame) async throws -> [Value] { try await frame.collect().map { $0[0] } }

  @Test func aPlanAsAViewKeepsThem() async throws {
    try await numbers().createOrReplaceTempView("numbers")
    let high = try await spark.sql("SELECT n FROM numbers WHERE n > (SELECT avg(n) FROM numbers)")
    try await high.createOrReplaceTempView("high")
    #expect(try await values(spark.sql("SELECT n FROM high ORDER BY n")) == [.integer(4), .integer(5), .integer(6)])
    // Beside subqueries of the query's own, and twice.
    let own = try await spark.sql(
      """
      SELECT a.n FROM high AS a JOIN high AS b ON a.n = b.n + (SELECT min(n) FROM numbers)
      WHERE a.n IN (SELECT n FROM numbers WHERE n <> 5) ORDER BY a.n
      """)
    #expect(try await values(own) == [.integer(6)])
  }

  @Test func aViewWithNamedColumnsKeepsThem() async throws {
    try await numbers().createOrReplaceTempView("numbers")
    _ = try await spark.sql(
      "CREATE TEMPORARY VIEW top (m) AS SELECT n FROM numbers WHERE n = (SELECT max(n) FROM numbers)")
    #expect(try await values(spark.sql("SELECT m FROM top")) == [.integer(6)])
  }

  @Test func aRecursiveTableIsLimitedInOneUseOnly() async throws {
    let counting = try await spark.sql(
      "WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < 50) SELECT n FROM c")
    try await counting.createOrReplaceTempView("counting")
    let query = "SELECT count(*) FROM (SELECT n FROM counting LIMIT 3) UNION ALL SELECT count(*) FROM counting"
    #expect(try await values(spark.sql(query)) == [.integer(3), .integer(50)])
  }

  /// Each step has an analyzer of its own; the subqueries of two steps must not be taken for each other.
  @Test func stepsOfADataFrameKeepThemApart() async throws {
    try await numbers().createOrReplaceTempView("numbers")
    let middle = try await numbers().filter("n > (SELECT min(n) FROM numbers)").filter(
      "n < (SELECT max(n) FROM numbers)")
    #expect(try await values(middle) == (2...5).map { .integer($0) })
    let both = try await middle.union(numbers().filter("n = (SELECT count(*) FROM numbers)"))
    #expect(try await values(both) == [2, 3, 4, 5, 6].map { .integer($0) })
    let joined = try await middle.join(
      numbers("m").filter("m = (SELECT avg(n) + 0.5 FROM numbers)"), col("n") == col("m"))
    #expect(try await values(joined) == [.integer(4)])
  }
}
