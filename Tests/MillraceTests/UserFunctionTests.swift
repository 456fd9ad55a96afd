import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import Synchronization
import Testing

/// Functions written in Swift, in SQL and in DataFrames.
struct UserFunctionTests {
  private let spark = SparkSession(workers: 2)

  private func text(_ sql: String) async throws -> [String] {
    try await spark.sql(sql).collect().map(\.description)
  }

  // MARK: Scalars

  @Test func rowsAreGivenToTypedClosures() async throws {
    let initials = spark.udf.register("Initials") { (first: String, last: String?) in
      "\(first.prefix(1))\(last?.prefix(1) ?? "-")"
    }
    spark.udf.register("half") { (number: Int64) -> Int64? in number % 2 == 0 ? number / 2 : nil }
    spark.udf.register("clamp") { (value: Double, low: Double, high: Double) in min(max(value, low), high) }
    let rows: [[Value]] = [[.string("Ada"), .string("L")], [.string("Bob"), .null], [.null, .string("X")]]
    let people = try await spark.createDataFrame(rows, "first STRING, last STRING")
    #expect(
      try await people.select(initials(col("first"), col("last"))).collect() == [
        [.string("AL")], [.string("B-")], [.null],
      ])
    #expect(try await text("SELECT half(id), initials('x', 'y') FROM range(3)") == ["[0,xy]", "[null,xy]", "[1,xy]"])
    // A whole number and a decimal are cast as SQL does it.
    #expect(try await text("SELECT clamp(5, 0, 2.5)") == ["[2.5]"])
    #expect(try await spark.range(6).filter("half(id) > 0").count() == 2)
    #expect(try await text("DESCRIBE FUNCTION half").first == "[Function: half]")
  }

  @Test func everyTypeGoesThereAndBack() async throws {
    func register<T: SQLValue>(_ name: String, _ type: T.Type) { spark.udf.register(name) { (value: T) in value } }
    register("same_b", Bool?.self)
    register("same_i", Int32?.self)
    register("same_y", Int8?.self)
    register("same_f", Float?.self)
    register("same_s", String?.self)
    register("same_bin", Binary?.self)
    register("same_t", Timestamp?.self)
    register("same_d", CalendarDate?.self)
    register("same_a", [Int64?]?.self)
    register("same_aa", [[String]]?.self)
    register("same_m", [String: Double?]?.self)
    let cases = [
      ("same_b", ["true", "false"]), ("same_i", ["7"]), ("same_y", ["tinyint(7)"]), ("same_f", ["float(1.5)"]),
      ("same_s", ["''", "'a text that is longer than a view holds'"]), ("same_bin", ["X'00FF'"]),
      ("same_t", ["timestamp'2024-01-02 03:04:05.678'"]), ("same_d", ["date'1969-12-31'"]),
      ("same_a", ["array(1L, NULL, 3L)", "array()"]), ("same_aa", ["array(array('x'), array('y', 'z'))"]),
      ("same_m", ["map('a', 1.5D)", "map('a', CAST(NULL AS DOUBLE))"]),
    ]
    for (name, values) in cases {
      for value in values {
        // Maps cannot be compared in SQL.
        if name != "same_m" { #expect(try await text("SELECT \(name)(\(value)) <=> \(value)") == ["[true]"]) }
        #expect(try await text("SELECT \(name)(\(value))") == text("SELECT \(value)"))
      }
      #expect(try await text("SELECT \(name)(NULL)") == ["[null]"])
    }
  }

  @Test func wholeColumnsAreGivenToABatchFunction() async throws {
    let sizes = Mutex<[Int]>([])
    spark.udf.register(
      udf("doubled", [.long], returns: .long) { columns, count in
        sizes.withLock { $0.append(count) }
        return ColumnVector.map(.long, columns[0]) { (number: Int64) in number * 2 }
      })
    #expect(try await text("SELECT sum(doubled(id)) FROM range(20000)") == ["[399980000]"])
    #expect(sizes.withLock { $0.reduce(0, +) == 20000 && $0.count < 10 })
  }

  private struct Broken: Error {}

  @Test func whatAFunctionThrowsTellsFunctionAndRow() async throws {
    spark.udf.register("fragile") { (number: Int64, name: String) throws -> Int64 in
      if number == 4 { throw Broken() }
      return number
    }
    let batchwise = udf("brittle", [.long], returns: .long) { columns, count in
      for row in 0..<count where columns[0].values(as: Int64.self)[columns[0].slot(row)] == 5 { throw Broken() }
      return columns[0]
    }
    spark.register(batchwise)
    for (sql, message) in [
      ("fragile(id, 'n' || id)", "`fragile` failed at row 4 of a batch, for (4, n4)"),
      ("brittle(id)", "`brittle` failed at row 5 of a batch, for (5)"),
    ] {
      await #expect {
        try await spark.sql("SELECT \(sql) FROM range(10)").collect()
      } throws: { error in
        let error = error as? MillraceError
        return error?.code == "FAILED_EXECUTE_UDF" && error?.message.contains(message) == true && error?.cause is Broken
      }
    }
  }

  @Test func wrongResultsAndArgumentsAreRefused() async throws {
    spark.register(udf("short", [.long], returns: .long) { columns, _ in columns[0].gathered(.range(0..<1)) })
    spark.register(
      udf("typed", [.long], returns: .long) { _, count in .constant(.string("x"), type: .string, count: count) })
    spark.udf.register("number") { (value: Int64) in value }
    for (sql, code) in [
      ("short(id)", "UDF_RESULT_MISMATCH"), ("typed(id)", "UDF_RESULT_MISMATCH"),
      ("number()", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"), ("number(id, id)", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"),
      ("number(array(id))", "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"), ("no_such(id)", "UNRESOLVED_ROUTINE"),
    ] {
      await #expect {
        try await spark.sql("SELECT \(sql) FROM range(3)").collect()
      } throws: { ($0 as? MillraceError)?.code == code }
    }
  }

  @Test func equalCallsAreComputedOnceUnlessTheyMayDiffer() async throws {
    let calls = Mutex(0)
    func register(_ name: String, deterministic: Bool) {
      spark.udf.register(name, deterministic: deterministic) { (number: Int64) -> Int64 in
        calls.withLock { count in
          count += 1
          return Int64(count)
        }
      }
    }
    register("stable", deterministic: true)
    #expect(try await text("SELECT stable(id) = stable(id) FROM range(1)") == ["[true]"])
    #expect(calls.withLock { $0 } == 1)
    register("restless", deterministic: false)
    #expect(try await text("SELECT restless(id) = restless(id) FROM range(1)") == ["[false]"])
    #expect(calls.withLock { $0 } == 3)
  }

  // MARK: Aggregates

  /// Sum and number of values; what `avg` keeps.
  struct Mean: AggregateState {
    var sum = 0.0
    var count: Int64 = 0
    static let stateTypes: [DataType] = [.double, .long]
    init() {}
    init(from row: inout AggregateStateReader) throws { (sum, count) = (try row.next(), try row.next()) }
    func write(to row: inout AggregateStateWriter) {
      row.append(sum)
      row.append(count)
    }
  }

  static let mean = udaf("my_mean", zero: Mean()) { (state: inout Mean, value: Double) in
    state.sum += value
    state.count += 1
  } merge: { state, other in
    state.sum += other.sum
    state.count += other.count
  } finish: { state -> Double? in
    state.count == 0 ? nil : state.sum / Double(state.count)
  }

  /// All words of a group, sorted: a nested state.
  static let words = udaf("words", zero: [String](), isOrderSensitive: false) { (state: inout [String], word: String) in
    state.append(word)
  } merge: { state, other in
    state += other
  } finish: {
    $0.sorted().joined(separator: " ")
  }

  @Test func aggregatesGroupFilterAndCountDifferentValuesOnce() async throws {
    spark.register(Self.mean)
    spark.register(Self.words)
    let rows: [[Value]] = [
      [.string("a"), .integer(1), .string("x")], [.string("b"), .integer(5), .string("y")],
      [.string("a"), .integer(3), .string("z")], [.string("a"), .null, .string("x")], [.string("c"), .null, .null],
    ]
    try await spark.createDataFrame(rows, "k STRING, n INT, w STRING").createOrReplaceTempView("t")
    #expect(
      try await text("SELECT k, my_mean(n), words(w) FROM t GROUP BY k ORDER BY k") == [
        "[a,2.0,x x z]", "[b,5.0,y]", "[c,null,]",
      ])
    #expect(
      try await text("SELECT my_mean(n), words(DISTINCT w), words(w) FILTER (WHERE n > 1) FROM t") == [
        "[3.0,x y z,y z]"
      ])
    #expect(try await text("SELECT my_mean(n) FROM t WHERE false") == ["[null]"])
    let grouped = try await spark.table("t").groupBy("k").agg(Self.words(col("w")).alias("w")).orderBy("k")
    #expect(try await grouped.select("w").first() == [.string("x x z")])
  }

  @Test func partialResultsOfManyWorkersMeet() async throws {
    let spark = SparkSession(workers: 4)
    spark.register(Self.mean)
    let numbers = try await spark.range(100_000).select((col("id") % 7).alias("k"), col("id"))
    let ours = numbers.groupBy("k").agg(Self.mean(col("id")), avg(col("id")))
    for row in try await ours.collect() { #expect(row[1] == row[2]) }
  }

  @Test func anAggregatesErrorTellsItsStep() async throws {
    spark.register(
      udaf("fails", zero: 0) { (state: inout Int, value: Int) in
        if value == 2 { throw Broken() }
        state += value
      } merge: {
        $0 += $1
      } finish: {
        $0
      })
    await #expect {
      try await spark.sql("SELECT fails(id) FROM range(5)").collect()
    } throws: { error in
      let error = error as? MillraceError
      return error?.code == "FAILED_EXECUTE_UDF" && error?.message.contains("`fails` failed in update at row 2") == true
    }
  }

  @Test func stateOfAStreamOutlivesItsQuery() async throws {
    let bench = StreamBench()
    let folder = try TemporaryDirectory()
    bench.spark.register(Self.mean)
    bench.spark.register(Self.words)
    let (input, frame) = try await bench.stream("rows", [StructField("k", .string), StructField("n", .integer)])
    func run(_ rows: [[Value]]) async throws {
      input.addData(rows)
      let result = frame.groupBy("k").agg(Self.mean(col("n")), Self.words(col("n").cast("STRING")))
      let query = try await result.writeStream.queryName("out").format("memory").outputMode(.complete)
        .option("checkpointLocation", folder.path).trigger(.AvailableNow).start()
      try await query.awaitTermination()
    }
    try await run([[.string("a"), .integer(1)], [.string("b"), .integer(2)]])
    try await run([[.string("a"), .integer(4)], [.string("a"), .null]])
    #expect(bench.table("out") == ["[a,2.5,1 4]", "[b,2.0,2]"])
    // Another layout of the state under the same name is refused, not misread.
    bench.spark.register(
      udaf("my_mean", zero: 0.0) { (state: inout Double, value: Double) in
        state += value
      } merge: {
        $0 += $1
      } finish: {
        state -> Double? in
        state
      })
    await #expect {
      try await run([[.string("a"), .integer(1)]])
    } throws: { ($0 as? MillraceError)?.code == "STATE_SCHEMA_INCOMPATIBLE" }
  }
}
