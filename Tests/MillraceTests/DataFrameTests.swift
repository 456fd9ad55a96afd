import Millrace
import MillraceColumnar
import MillraceCore
import Testing

/// Steps and actions of the DataFrame API over bounded rows.
struct DataFrameTests {
  private let spark = SparkSession(workers: 1)

  private func hits() async throws -> DataFrame {
    let rows: [[Value]] = [
      [.string("a"), .integer(1), .integer(10)], [.string("b"), .integer(2), .integer(20)],
      [.string("a"), .integer(3), .integer(30)], [.string("c"), .null, .integer(40)],
    ]
    return try await spark.createDataFrame(rows, "host STRING, n INT, bytes BIGINT")
  }

  private func text(_ frame: DataFrame) async throws -> [String] { try await frame.collect().map(\.description) }

  @Test func columnsAreChosenAndComputed() async throws {
    let hits = try await hits()
    #expect(try await text(hits.select("n", "host")).first == "[1,a]")
    #expect(try await text(hits.select(col("n") + 1, 10 - col("n"), 2 * col("n"))).first == "[2,9,2]")
    #expect(try await text(hits.withColumn("n", "n * 100").limit(1)) == ["[a,100,10]"])
    #expect(try await text(hits.withColumn("k", col("bytes") % 3).limit(1)) == ["[a,1,10,1]"])
    #expect(
      try hits.withColumns(["z": lit(1), "y": lit(2), "n": lit("x")]).columns == ["host", "n", "bytes", "y", "z"])
    #expect(try hits.withColumnsRenamed(["N": "m", "none": "x"]).columns == ["host", "m", "bytes"])
    #expect(try hits.toDF("x", "y", "z").columns == ["x", "y", "z"])
    #expect(try hits.drop("HOST", "none").columns == ["n", "bytes"])
    #expect(try await text(hits.select("host", "n").limit(1).toJSON()) == [#"[{"host":"a","n":1}]"#])
    #expect(try hits.dtypes.map(\.1) == ["string", "int", "bigint"])
  }

  @Test func conditions() async throws {
    let hits = try await hits()
    #expect(try await hits.filter(1 < col("n")).count() == 2)
    #expect(try await hits.filter("a" == col("host") && col("n") != 1).count() == 1)
    #expect(try await hits.where(col("n").isNull() || col("host").isin("a", "b")).count() == 4)
    let sizes = hits.select(when(col("bytes") > 30, "large").when(col("bytes") > 10, "middle").otherwise("small"))
    #expect(try await text(sizes) == ["[small]", "[middle]", "[middle]", "[large]"])
    await #expect(throws: MillraceError.self) { try await hits.select(col("n").otherwise(1)).collect() }
  }

  @Test func groups() async throws {
    let hits = try await hits()
    let sums = hits.groupBy(col("host")).agg(sum(col("bytes")).alias("total"), count(col("*")).alias("hits"))
    #expect(try await text(sums.orderBy(col("total").desc(), col("host"))) == ["[a,40,2]", "[c,40,1]", "[b,20,1]"])
    #expect(try await text(hits.agg("sum(bytes) AS s", "max(n)")) == ["[100,3]"])
    #expect(try await text(hits.rollup("host").count().orderBy("host")) == ["[null,4]", "[a,2]", "[b,1]", "[c,1]"])
    #expect(try await hits.cube(col("host"), col("n")).agg(avg(col("bytes"))).count() == 12)
    #expect(try await text(hits.groupBy().max("n")) == ["[3]"])
  }

  @Test func orders() async throws {
    let hits = try await hits()
    #expect(try await text(hits.select("n").orderBy(col("n").ascNullsLast())).last == "[null]")
    #expect(try await text(hits.select("n").sort(col("n").descNullsFirst())).first == "[null]")
    let number = row_number().over(Window.partitionBy("host").orderBy(col("bytes").desc()))
    #expect(
      try await text(hits.select(col("bytes"), number).orderBy("bytes")) == ["[10,2]", "[20,1]", "[30,1]", "[40,1]"])
    let running = sum(col("bytes")).over(Window.orderBy("bytes").rowsBetween(Window.unboundedPreceding, -1))
    #expect(try await text(hits.select(running)) == ["[null]", "[10]", "[30]", "[60]"])
  }

  @Test func setsAndJoins() async throws {
    let hits = try await hits()
    let few = hits.limit(2)
    #expect(try await hits.union(hits).count() == 8)
    #expect(try await hits.unionByName(hits.select("bytes", "n", "host")).count() == 8)
    #expect(try await hits.intersect(few).count() == 2)
    #expect(try await hits.except(few).count() == 2)
    #expect(try await hits.join(few, "host").count() == 3)
    #expect(try await hits.join(few, ["host", "n"], "left_anti").count() == 2)
    #expect(try await hits.crossJoin(few).count() == 8)
    let pairs = hits.alias("l").join(few.alias("r"), col("l.host") == col("r.host"), "left_outer")
    #expect(
      try await text(pairs.select(col("l.n"), col("r.n")).orderBy("l.n")) == ["[null,null]", "[1,1]", "[2,2]", "[3,1]"])
    #expect(try await hits.alias("l").join(few.alias("r"), joinExprs: "l.n < r.n").count() == 1)
  }

  @Test func lambdasInsideLambdas() async throws {
    let one = try await spark.sql("SELECT array(array(1, 2), array(3)) AS a, 10 AS x")
    let sums = transform(col("a")) { inner in transform(inner) { $0 + element_at(inner, 1) } }
    #expect(try await text(one.select(sums)) == ["[[[2, 3], [6]]]"])
    let folded = aggregate(transform(col("a")) { size($0) }, lit(0)) { $0 + $1 }
    #expect(try await text(one.select(folded)) == ["[3]"])
    #expect(try await text(one.select(call_function("array_max", col("a")[1]))) == ["[3]"])
  }

  @Test func rowsAreReadByNameAndType() async throws {
    let row = try #require(try await hits().first())
    #expect(row.getAsString(0) == "a" && row.getAsInt64(1) == 1 && row[2] == .integer(10))
    #expect(try row.get("HOST") == .string("a") && row["none"] == nil && row.asDict["n"] == .integer(1))
    #expect(row == [.string("a"), .integer(1), .integer(10)])
    #expect { try row.get("none") } throws: { ($0 as? MillraceError)?.code == "FIELD_NOT_FOUND" }
    #expect(try await hits().tail(1).first?.isNullAt(1) == true)
    #expect(try await hits().filter("n > 9").isEmpty())
  }

  @Test func whatCannotBeReadIsReportedWithItsPlace() async throws {
    let hits = try await hits()
    let broken: [(DataFrame, String)] = [
      (hits.select(col("n").cast("NUMBR")), "UNSUPPORTED_DATATYPE"), (hits.select(expr("n +")), "PARSE_SYNTAX_ERROR"),
      (hits.filter("n >"), "PARSE_SYNTAX_ERROR"), (hits.groupBy("n").agg("count("), "PARSE_SYNTAX_ERROR"),
      (hits.dropDuplicates("hos"), "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES"),
      (await spark.read.format("none").load(), "DATA_SOURCE_NOT_FOUND"),
      (await spark.read.schema("a NUMBR").csv("x"), "UNSUPPORTED_DATATYPE"),
      (await spark.read.table("none"), "TABLE_OR_VIEW_NOT_FOUND"),
    ]
    for (frame, code) in broken {
      #expect { try frame.schema } throws: { ($0 as? MillraceError)?.code == code }
    }
  }

  @Test func keptRowsAreNotComputedAgain() async throws {
    let random = try await spark.range(5).select(rand())
    let kept = try await random.cache()
    #expect(try await kept.collect() == kept.collect())
    #expect(try kept.schema == random.schema)
    #expect(try await spark.range(0).persist().count() == 0)
  }

  /// Rows come in batches of some thousands.
  @Test(arguments: ["rand()", "rand(7)", "randn()", "randn(7)", "uuid()", "randstr(12)", "randstr(12, 3)"])
  func randomValuesDoNotComeAgain(call: String) async throws {
    let counts = try await spark.sql("SELECT count(DISTINCT x) FROM (SELECT \(call) AS x FROM range(30000))").collect()
    #expect(counts == [[.integer(30000)]])
  }

  @Test func settings() async throws {
    let session = SparkSession()
    let zone = "spark.sql.session.timeZone"
    func hour() async throws -> [Row] { try await session.sql("SELECT hour(timestamp_seconds(0))").collect() }
    try await session.conf.set(zone, "Europe/Berlin")
    #expect(try await session.conf.get(zone) == "Europe/Berlin")
    #expect(try await hour() == [[.integer(1)]])
    try await session.conf.unset(zone)
    #expect(try await session.conf.get(zone, "?") == "?")
    #expect(try await hour() == [[.integer(0)]])
    await #expect(throws: MillraceError.self) { try await session.conf.get("none") }
  }
}
