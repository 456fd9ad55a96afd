import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillracePlan
import MillraceStreaming
import MillraceTesting
import Testing

/// One random script: rows out of order, stops, restarts and a failing sink, against the model of the query.
struct StreamScriptRun {
  private let seed: UInt64
  private var random: SeededGenerator
  private let query: ScriptQuery
  private let rowLimit: Int64?
  private var expected: ExpectedBatches
  private let hub = MemoryHub()
  private let folder: String
  private var clock: Int64 = 1_700_000_000
  private var nextNumber: Int64 = 1
  private var steps: [String] = []

  init(seed: UInt64) {
    self.seed = seed
    random = SeededGenerator(seed: seed)
    query = ScriptQuery.random(&random)
    rowLimit =
      !query.readsTwo && Int.random(in: 0..<4, using: &random) == 0 ? Int64.random(in: 1...5, using: &random) : nil
    expected = ExpectedBatches(query)
    folder = "/dev/shm/millrace-scripts-\(seed)-\(UInt64.random(in: 0 ..< .max))"
  }

  /// Runs the script; gives what is wrong, nil if nothing is.
  mutating func run() throws -> String? {
    defer { try? Environment.live.files.removeTree(folder) }
    let a = try hub.stream("a", schema: ScriptRow.schema), b = try hub.stream("b", schema: ScriptRow.schema)
    var running: StreamingQueryHandle? = nil
    for _ in 0..<Int.random(in: 2...7, using: &random) {
      if Int.random(in: 0..<6, using: &random) == 0 {
        let batch = expected.nextBatchID + Int64.random(in: 0...2, using: &random)
        steps.append("fail at \(batch)")
        hub.table("out").failOnce(atBatches: [batch])
      }
      if running != nil, Int.random(in: 0..<4, using: &random) == 0 {
        running?.stop()
        running = nil
        steps.append("stop")
      }
      let (left, right) = (rows(), query.readsTwo ? rows() : [])
      steps.append("add \(left.map(\.text)) \(right.map(\.text))")
      hub.addData([(a, left.map(\.values)), (b, right.map(\.values))])
      expected.add(left, right)
      if running == nil && Int.random(in: 0..<4, using: &random) == 0 { continue }
      running = try settled(running)
      expected.settle(rowLimit)
      if let difference = compare() { return difference }
    }
    guard Bool.random(using: &random) else {
      running = try settled(running)
      running?.stop()
      expected.settle(rowLimit)
      return compare()
    }
    running?.stop()
    steps.append("close")
    expected.settle(rowLimit)
    expected.close()
    // The second run finds that everything was given out.
    for _ in 0..<2 { try runToEnd() }
    return compare()
  }

  /// Reads everything and gives out what waits for more.
  private func runToEnd() throws {
    for _ in 0..<20 {
      do {
        _ = try start(isLast: true).awaitTermination(timeout: nil)
        return
      } catch let error as MillraceError where Self.isSinkFailure(error) {
        continue
      }
    }
  }

  /// Rows around the script's time, which goes on; some come late, some repeat.
  private mutating func rows() -> [ScriptRow] {
    clock += Int64.random(in: 0...12, using: &random)
    return (0..<Int.random(in: 0...6, using: &random)).map { _ in
      defer { nextNumber += 1 }
      let back = Int.random(in: 0..<5, using: &random) == 0 ? Int64.random(in: 0...40, using: &random) : 0
      let key = Int.random(in: 0..<8, using: &random)
      return ScriptRow(
        time: clock + Int64.random(in: -5...5, using: &random) - back, key: key == 0 ? nil : Int64(key % 4),
        number: nextNumber)
    }
  }

  /// A query that has processed everything: the running one, or a new one as often as the sink fails.
  private func settled(_ running: StreamingQueryHandle?) throws -> StreamingQueryHandle {
    var current = running
    for _ in 0..<20 {
      let handle = try current ?? start()
      do {
        try handle.processAllAvailable()
        return handle
      } catch let error as MillraceError where Self.isSinkFailure(error) {
        handle.stop()
        current = nil
      }
    }
    throw MillraceError("TEST", "the sink fails for ever")
  }

  private static func isSinkFailure(_ error: MillraceError) -> Bool {
    error.code == "MEMORY_SINK_FAILURE" || (error.cause as? MillraceError).map(isSinkFailure) ?? false
  }

  private func start(isLast: Bool = false) throws -> StreamingQueryHandle {
    let session = SparkSession(connectors: [MemoryConnector(hub)], workers: 1)
    for (name, delay) in zip(["a", "b"], query.delays) {
      var options = SourceOptions(format: "memory")
      options.options = ["stream": name]
      options.schema = ScriptRow.schema
      let definition = try SourceDefinition(
        name: name, options, isStreaming: true, connectors: session.connectors, environment: .live)
      session.register(definition, watermark: ("ts", WatermarkSettings(delay: delay * 1_000_000)))
    }
    if let duplicates = query.duplicates {
      let plain = try session.execute(statement: "SELECT * FROM a")
      let first =
        duplicates.isWithinWatermark
        ? plain.dropDuplicatesWithinWatermark(duplicates.columns) : plain.dropDuplicates(duplicates.columns)
      session.register(view: "a", try first.analyzed())
    }
    let frame = try session.execute(statement: query.sql)
    var options = StreamingOptions()
    options.checkpointLocation = folder
    options.limit.rows = rowLimit
    if isLast {
      options.trigger = .availableNow
      options.onEndOfInput = .close
    }
    let sink = StreamingSink(name: "out", query: try frame.analyzed(), outputMode: query.mode, format: "memory")
    return try session.start([sink], options).handle
  }

  private func compare() -> String? {
    let actual = hub.table("out").batches.map { $0.rows.map(Self.text).sorted() }
    let wanted = expected.batches.map { $0.sorted() }
    if actual == wanted { return nil }
    let first = zip(actual, wanted).enumerated().first { $1.0 != $1.1 }?.offset ?? min(actual.count, wanted.count)
    return """
      seed \(seed): \(query.name), \(query.mode), delays \(query.delays), at most \(rowLimit.map { "\($0)" } ?? "all") rows
      \(query.sql)
      \(steps.joined(separator: "\n"))
      batch \(first): \(first < actual.count ? "\(actual[first])" : "is missing")
      expected: \(first < wanted.count ? "\(wanted[first])" : "none")
      """
  }

  private static func text(_ row: [Value]) -> String {
    row.map { value in
      switch value {
      case .null: "NULL"
      case .integer(let number): "\(number)"
      case .string(let text): text
      default: "\(value)"
      }
    }.joined(separator: " ")
  }
}

/// The batches that a script must give: which rows are in which, and the watermark in each.
struct ExpectedBatches {
  private var model: any StreamModel
  private let query: ScriptQuery
  private var waiting: (a: [ScriptRow], b: [ScriptRow]) = ([], [])
  /// Latest time seen less the delay, by stream.
  private var seen: [Int64?]
  private var watermark: Int64 = 0
  private var last: Int64 = 0
  private(set) var batches: [[String]] = []

  init(_ query: ScriptQuery) {
    self.query = query
    model = query.model
    seen = Array(repeating: nil, count: query.readsTwo ? 2 : 1)
  }

  var nextBatchID: Int64 { Int64(batches.count) }

  mutating func add(_ a: [ScriptRow], _ b: [ScriptRow]) {
    waiting.a += a
    waiting.b += b
  }

  /// What waits for more input comes out, in a batch of its own.
  mutating func close() {
    if !query.runsOnWatermark { return }
    batches.append(query.mode == .append ? model.batch([], [], late: last, watermark: 1 << 40) : [])
  }

  /// Everything that waits is processed.
  mutating func settle(_ limit: Int64?) {
    while true {
      let a = Array(waiting.a.prefix(limit.map { Int($0) } ?? .max)), b = waiting.b
      waiting.a.removeFirst(a.count)
      waiting.b = []
      if a.isEmpty && b.isEmpty && (watermark <= last || !query.runsOnWatermark) { return }
      let inForce = watermark
      batches.append(model.batch(a, b, late: last, watermark: inForce))
      last = inForce
      for (index, rows) in [a, b].enumerated() where index < seen.count {
        let counting = rows.filter { $0.key != nil || !query.needsKeys[index] }
        if let latest = counting.map(\.time).max() {
          seen[index] = max(seen[index] ?? 0, latest - query.delays[index])
        }
      }
      watermark = max(watermark, seen.map { $0 ?? 0 }.min() ?? 0)
    }
  }
}
