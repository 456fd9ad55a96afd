import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceStreaming
import Testing

/// Rows that stateful operators leave out as late go to a sink of their own, where one is named; the answers do not change.
struct LateRowTests {
  private static let schema = Schema([
    StructField("ts", .timestamp), StructField("k", .long), StructField("note", .string),
  ])

  private static func rows(_ seconds: Int64...) -> [[Value]] {
    seconds.map { [.integer($0 * 1_000_000), .integer($0), .string("n\($0)")] }
  }

  /// Runs a query over `marked` (and `others`, a second stream) with 10, 30 and 60 s in batches of their own, then late and timely rows.
  /// Gives what came out, what was late as `operator event-time row`, and how many rows the operators counted.
  private static func run(
    _ text: String, mode: OutputMode = .append, keeps: Bool = true, rows last: [[Value]] = rows(1, 61, 2, 12)
  )
    async throws -> (out: [String], late: [String], counted: Int64)
  {
    let hub = MemoryHub()
    let events = try hub.stream("events", schema: schema), others = try hub.stream("others", schema: schema)
    let spark = SparkSession(connectors: [MemoryConnector(hub)], workers: 2)
    for name in ["events", "others"] {
      let stream = await spark.readStream.format("memory").option("stream", name).load()
      let marked = stream.withWatermark("ts", "0 seconds")
      try await marked.createOrReplaceTempView(name == "events" ? "marked" : "others")
    }
    var options = StreamingOptions()
    if keeps { options.lateRows = SinkEnd(format: "memory") }
    let marked = try await spark.table("marked")
    let frame =
      switch text {
      case "DEDUPLICATE": marked.dropDuplicates("ts")
      case "DEDUPLICATE WITHIN WATERMARK": marked.dropDuplicatesWithinWatermark("k")
      default: try await spark.sql(text)
      }
    let sink = StreamingSink(name: "out", query: try frame.analyzed(), outputMode: mode, format: "memory")
    let query = try spark.start([sink], options)
    for second: Int64 in [10, 30, 60] {
      events.addData(rows(second))
      others.addData(rows(second))
      try await query.processAllAvailable()
    }
    events.addData(last)
    try await query.processAllAvailable()
    try await query.stop()
    let late = hub.table("lateRows").rows.map { row in
      "\(Row([row[6]]).description) \(Row([row[9]]).description) \(Row([row[10]]).description)"
    }
    let operators = query.recentProgress.flatMap(\.stateOperators)
    #expect(operators.contains { $0.updateMicroseconds > 0 }, "\(text)")
    if mode != .complete { #expect(operators.contains { $0.removalMicroseconds > 0 }, "\(text)") }
    let counted = query.recentProgress.flatMap(\.stateOperators).reduce(0) { $0 + $1.rowsDroppedByWatermark }
    return (hub.table("out").rows.map { Row($0).description }.sorted(), late, counted)
  }

  private static func texts(_ late: [String]) -> [String] {
    late.map { $0.filter { $0 != "[" && $0 != "]" } }
  }

  @Test(arguments: [
    (
      "SELECT window.start AS w, count(*) AS n FROM marked GROUP BY window(ts, '5 seconds')", OutputMode.append,
      "stateStoreSave", 3
    ),
    (
      "SELECT window.start AS w, count(*) AS n FROM marked GROUP BY window(ts, '5 seconds')", .update, "stateStoreSave",
      3
    ),
    ("SELECT ts, count(*) AS n FROM marked GROUP BY ts", .append, "stateStoreSave", 3),
    (
      "SELECT session_window.start AS w, count(*) AS n FROM marked GROUP BY session_window(ts, '5 seconds')", .append,
      "sessionWindowStateStoreSaveExec", 3
    ),
    (
      "SELECT window.start AS w, count(*) AS n FROM (SELECT * FROM marked UNION ALL SELECT * FROM others) GROUP BY window(ts, '5 seconds')",
      .append, "stateStoreSave", 3
    ),
    ("SELECT DISTINCT ts, k, note FROM marked", .append, "stateStoreSave", 3),
    ("DEDUPLICATE", .append, "dedupe", 3), ("DEDUPLICATE WITHIN WATERMARK", .append, "dedupeWithinWatermark", 3),
    (
      "SELECT l.k AS k FROM marked l JOIN others r ON l.k = r.k AND l.ts >= r.ts - INTERVAL 1 SECOND AND l.ts <= r.ts + INTERVAL 1 SECOND",
      .append, "symmetricHashJoin", 3
    ),
  ])
  func everyOperatorGivesThem(text: String, mode: OutputMode, name: String, count: Int) async throws {
    let with = try await Self.run(text, mode: mode), without = try await Self.run(text, mode: mode, keeps: false)
    #expect(with.out == without.out && with.counted == without.counted)
    #expect(without.late.isEmpty)
    let late = Self.texts(with.late)
    #expect(late.count == count, "\(late)")
    #expect(late.allSatisfy { $0.hasPrefix("\(name) ") }, "\(late)")
    #expect(late.map { $0.contains("\"k\":1,") || $0.contains("\"k\":1}") } == [true, false, false], "\(late)")
    #expect(late[1].contains("\"k\":2") && late[2].contains("\"k\":12"))
  }

  /// The row is whole, also what the query does not read.
  @Test func theRowIsWhole() async throws {
    let late = try await Self.run(
      "SELECT window.start AS w, count(*) AS n FROM marked GROUP BY window(ts, '5 seconds')"
    ).late
    #expect(Self.texts(late)[0].contains(#""k":1,"note":"n1""#), "\(late)")
  }

  /// In complete mode nothing is late.
  @Test func noneInCompleteMode() async throws {
    let run = try await Self.run(
      "SELECT window.start AS w, count(*) AS n FROM marked GROUP BY window(ts, '5 seconds')", mode: .complete)
    #expect(run.late.isEmpty && run.counted == 0)
  }

  /// Rows without a time are in no window and not late.
  @Test func rowsWithoutATimeAreNotLate() async throws {
    let run = try await Self.run(
      "SELECT ts, count(*) AS n FROM marked GROUP BY ts", rows: [[.null, .integer(5), .null]])
    #expect(run.late.isEmpty && run.counted == 0)
  }

  /// At the end of the input each sink does what it says, else what the pipeline says.
  @Test(arguments: [(EndOfInput.keep, EndOfInput.close), (.close, .keep)])
  func theEndOfInputIsASinksOwn(pipeline: EndOfInput, own: EndOfInput) async throws {
    let hub = MemoryHub()
    let events = try hub.stream("events", schema: Self.schema)
    let spark = SparkSession(connectors: [MemoryConnector(hub)], workers: 2)
    let stream = await spark.readStream.format("memory").option("stream", "events").load()
    let marked = stream.withWatermark("ts", "0 seconds")
    try await marked.createOrReplaceTempView("marked")
    events.addData(Self.rows(1, 2))
    let query = try await spark.sql(
      "SELECT count(*) AS n FROM marked GROUP BY window(ts, '5 seconds')"
    ).analyzed()
    var options = StreamingOptions()
    options.trigger = .availableNow
    options.onEndOfInput = pipeline
    var sinks = ["a", "b"].map {
      StreamingSink(name: $0, query: query, outputMode: .append, format: "memory")
    }
    sinks[1].onEndOfInput = own
    try await spark.start(sinks, options).awaitTermination()
    let closed = Row([.integer(2)]).description
    #expect(hub.table("a").rows.map { Row($0).description } == (pipeline == .close ? [closed] : []))
    #expect(hub.table("b").rows.map { Row($0).description } == (own == .close ? [closed] : []))
  }
}
