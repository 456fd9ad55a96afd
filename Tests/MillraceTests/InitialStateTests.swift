// swift-format-ignore-file: NeverUseImplicitlyUnwrappedOptionals
// State variables of a processor are there from `initialize` on.

import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceTesting
import Testing

/// Processors that begin with state from a bounded query.
struct InitialStateTests {
  /// Running totals that begin with what the initial state says, and the number of its rows.
  final class Totals: StatefulProcessorWithInitialState {
    private var total: ValueState<Int64>!
    private var begun: ListState<Int64>!

    func initialize(_ handle: StatefulProcessorHandle) throws {
      total = try handle.getValueState("total", Int64.self)
      begun = try handle.getListState("begun", Int64.self)
    }

    func handleInitialState(_ key: Row, _ initialState: InputRow, _ timers: TimerValues) throws {
      let amount: Int64 = try initialState.get("amount")
      if amount < 0 { throw ForeachTests.Broken() }
      try total.update((try total.get() ?? 0) + amount)
      try begun.appendValue(amount)
    }

    func handleInputRows(_ key: Row, _ rows: InputRows, _ timers: TimerValues, _ output: OutputRows) throws {
      var sum = try total.get() ?? 0
      for row in rows { sum += try row.get("n", as: Int64.self) }
      try total.update(sum)
      try output.append(key[0], sum, try begun.get())
    }
  }

  static let outputSchema = "user STRING, total BIGINT, begun ARRAY<BIGINT>"

  private func initial(_ spark: SparkSession, _ rows: [(String, Int64)]) async throws -> DataFrame {
    try await spark.createDataFrame(rows.map { [.integer($0.1), .string($0.0)] }, "amount BIGINT, name STRING")
  }

  private func totals(_ stream: DataFrame, _ initial: DataFrame) -> DataFrame {
    stream.groupBy("user").transformWithState(
      { Totals() }, outputSchema: Self.outputSchema, outputMode: .update, initialState: initial.groupBy("upper(name)"))
  }

  /// The first batch begins with it, keys without rows have it in later batches, and a query that goes on does not read it again.
  @Test func theFirstBatchBeginsWithIt() async throws {
    let folder = try TemporaryDirectory()
    let bench = StreamBench()
    let (input, stream) = try await bench.stream("in", [StructField("user", .string), StructField("n", .long)])
    func start(_ rows: [(String, Int64)]) async throws -> StreamingQuery {
      try await totals(stream, try await initial(bench.spark, rows)).writeStream.queryName("out").outputMode("update")
        .option("checkpointLocation", folder.path).format("memory").start()
    }
    var query = try await start([("a", 10), ("b", 100), ("a", 5)])
    input.addData([[.string("A"), .integer(1)], [.string("C"), .integer(7)]])
    try await query.processAllAvailable()
    #expect(bench.table("out") == ["[A,16,[10, 5]]", "[C,7,[]]"])
    input.addData([[.string("B"), .integer(1)]])
    try await query.processAllAvailable()
    #expect(bench.table("out").contains("[B,101,[100]]"))
    #expect(query.recentProgress.first?.stateOperators.first?.rowsUpdated ?? 0 > 5)
    try await query.stop()
    query = try await start([("a", 1000), ("d", 1)])
    input.addData([[.string("A"), .integer(1)], [.string("D"), .integer(1)]])
    try await query.processAllAvailable()
    #expect(bench.table("out").suffix(5).contains("[A,17,[10, 5]]") && bench.table("out").contains("[D,1,[]]"))
    try await query.stop()
  }

  @Test func aBoundedQueryBeginsWithItToo() async throws {
    let spark = SparkSession(workers: 2)
    let rows = try await spark.createDataFrame([[.string("A"), .integer(1)]], "user STRING, n BIGINT")
    let found = try await totals(rows, try await initial(spark, [("a", 2), ("b", 3)])).collect()
    #expect(found.map(\.description) == ["[A,3,[2]]"])
  }

  @Test func wrongInitialStatesAreRefused() async throws {
    let bench = StreamBench()
    let (_, stream) = try await bench.stream("in", [StructField("user", .string), StructField("n", .long)])
    let rows = try await bench.spark.createDataFrame([[.string("A"), .integer(1)]], "user STRING, n BIGINT")
    let wrong: [(GroupedData, String)] = [
      (rows.groupBy("n"), "INITIAL_STATE_KEYS_MISMATCH"), (rows.groupBy("user", "n"), "INITIAL_STATE_KEYS_MISMATCH"),
      (stream.groupBy("user"), "INITIAL_STATE_OF_STREAM"), (rows.rollup("user"), "UNSUPPORTED_GROUPING"),
    ]
    for (state, code) in wrong {
      let frame = rows.groupBy("user").transformWithState(
        { Totals() }, outputSchema: Self.outputSchema, initialState: state)
      let error = await #expect(throws: MillraceError.self) { try await frame.collect() }
      #expect(error?.code == code)
    }
    let broken = totals(rows, try await initial(bench.spark, [("a", -1)]))
    let error = await #expect(throws: MillraceError.self) { try await broken.collect() }
    #expect(error?.code == "TRANSFORM_WITH_STATE_USER_FUNCTION_ERROR")
    #expect(error?.message.contains("handleInitialState") == true)
  }

  @Test func theTesterKnowsIt() throws {
    let tester = try TwsTester(
      Totals(), key: "user STRING", input: "n BIGINT", output: Self.outputSchema, initial: "amount BIGINT",
      initialState: [([.string("a")], [.integer(4)]), ([.string("b")], [.integer(5)]), ([.string("a")], [.integer(6)])]
    )
    #expect(try tester.test([.string("a")], [[.integer(1)]]).map(\.description) == ["[a,11,[4, 6]]"])
    #expect(try tester.test([.string("c")], [[.integer(1)]]).map(\.description) == ["[c,1,[]]"])
  }
}
