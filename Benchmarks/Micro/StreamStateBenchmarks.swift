import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillracePlan
import MillraceSQL
import MillraceState

/// Micro-batches of 1,000 rows over state of several sizes. What a batch costs must not grow with what is kept.
enum StreamStateBenchmarks {
  private static let batchRows = 1000

  /// Kept rows, groups or sessions, and how they are called.
  private static let sizes = [(10_000, "10 k"), (100_000, "100 k"), (1_000_000, "1 M")]

  static func all() -> [MicroBenchmark] {
    sizes.flatMap { size, name in
      // A batch is a second of event time, and of what is kept 1,000 go in each.
      let seconds = size / batchRows
      return [
        benchmark(
          "state/stream-stream join, \(name) kept", keptSeconds: seconds, delay: 0, rowsPerStream: batchRows / 2,
          """
          SELECT a.ts, a.k, a.v, b.v FROM a JOIN b ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL '\(seconds)' SECOND
          AND a.ts + INTERVAL '\(seconds)' SECOND
          """),
        benchmark(
          "state/window aggregation, \(name) kept", keptSeconds: seconds, delay: seconds, rowsPerStream: batchRows,
          "SELECT window.start, k, count(*), sum(v) FROM a GROUP BY window(ts, '1 second'), k"),
        benchmark(
          "state/session windows, \(name) kept", keptSeconds: seconds, delay: 0, rowsPerStream: batchRows,
          "SELECT session_window.start, k, count(*) FROM a GROUP BY session_window(ts, '\(seconds) seconds'), k"),
        benchmark(
          "state/deduplication, \(name) kept", keptSeconds: seconds, delay: seconds, rowsPerStream: batchRows,
          "SELECT DISTINCT ts, k FROM a"),
      ]
    }
  }

  private static func benchmark(
    _ name: String, keptSeconds: Int, delay: Int, rowsPerStream: Int, _ sql: String
  ) -> MicroBenchmark {
    var query: EndlessQuery?
    return MicroBenchmark(name, rows: batchRows) {
      if query == nil {
        let made = try EndlessQuery(sql, delay: Int64(delay) * 1_000_000, rowsPerBatch: rowsPerStream)
        for _ in 0..<keptSeconds + 10 { try made.runBatch() }
        query = made
      }
      try query?.runBatch()
    }
  }
}

/// A streaming query over made rows, without a sink and without a log.
private final class EndlessQuery {
  private let executor: QueryExecutor
  private var batch: Int64 = 0
  private var watermark: Int64 = 0
  private let delay: Int64

  init(_ sql: String, delay: Int64, rowsPerBatch: Int) throws {
    self.delay = delay
    var catalog = Catalog()
    var bindings: [Int: ScanBinding] = [:]
    // The rows of b find those that a had a batch before.
    for (id, name) in ["a", "b"].enumerated() {
      let source = MadeRows(rowsPerBatch, shift: Int64(id))
      catalog.register(
        name,
        .scan(id: id, schema: MadeRows.columns, isStreaming: true, watermark: ("ts", WatermarkSettings(delay: delay))))
      bindings[id] = ScanBinding(name: name, input: .rows(source), isStreaming: true)
    }
    let query = try Analyzer(catalog: catalog).analyze(try SQLParser.parseQuery(sql))
    executor = try QueryExecutor(
      [QueryOutput(name: "out", query: query, outputMode: .append)], bindings: bindings,
      stateProvider: MemoryStateStoreProvider(), stateDirectory: nil, workers: 1)
  }

  deinit { executor.close() }

  func runBatch() throws {
    let plan = SourcePlan(splits: [SourceSplit(name: "made", payload: .int(batch))], end: Offset(.int(batch + 1)))
    let late = watermark
    watermark = max(0, batch * 1_000_000 - delay)
    _ = try executor.execute(
      BatchInput(
        batchID: batch, plans: executor.sources.map { _ in plan }, lateWatermark: late, watermark: watermark,
        timestamp: 0, seed: 0), outputs: [nil])
    batch += 1
    for store in executor.stateStores {
      if let store = store as? any ChangelogStateStore { consume(try store.changes()) }
      try store.commit(version: batch)
    }
  }
}

/// Rows of a second of event time for each batch, every key new.
private final class MadeRows: RowSource {
  static let columns = Schema([
    StructField("ts", .timestamp), StructField("k", .long), StructField("v", .long),
  ])

  private let rows: Int
  private let shift: Int64

  init(_ rows: Int, shift: Int64) {
    self.rows = rows
    self.shift = shift
  }

  var description: String { "made" }
  var schema: Schema { Self.columns }

  func freeze() throws {}
  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? { nil }
  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    plan.end ?? Offset(.int(0))
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    let batch = split.payload.int ?? 0
    func longs(_ value: (Int64) -> Int64) -> MemoryBuffer {
      let buffer = MemoryBuffer(capacity: rows * 8)
      let target = buffer.base.assumingMemoryBound(to: Int64.self)
      for row in 0..<rows { target[row] = value(Int64(row)) }
      return buffer
    }
    let first = (batch - shift) * Int64(rows)
    let all = [
      ColumnVector(type: .timestamp, count: rows, values: longs { batch * 1_000_000 + $0 * 100 }),
      ColumnVector(type: .long, count: rows, values: longs { (first + $0) &* 0x1E37_79B9_7F4A_7C15 }),
      ColumnVector(type: .long, count: rows, values: longs { $0 }),
    ]
    return One(RecordBatch(rowCount: rows, columns: columns.map { all[$0] }))
  }

  private final class One: RowReader {
    private var batch: RecordBatch?
    init(_ batch: RecordBatch) { self.batch = batch }
    func next() throws -> RecordBatch? {
      defer { batch = nil }
      return batch
    }
    func close() {}
  }
}
