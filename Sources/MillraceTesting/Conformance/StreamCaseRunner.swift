import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillracePlan
import MillraceSQL
import MillraceStreaming
import Synchronization

/// Runs a streaming case: feeds inputs, stops and restarts where the case says so, and compares every micro-batch.
struct StreamCaseRunner {
  private let test: ConformanceCase
  private let variation: StreamCaseVariation
  /// The disk of the checkpoint, and the machine that the sink stands on.
  private let machine = SimulatedFileSystem()

  init(_ test: ConformanceCase, _ variation: StreamCaseVariation = StreamCaseVariation()) {
    self.test = test
    self.variation = variation
  }

  /// What a batch was, beside its rows.
  private struct Fact {
    var hasInput: Bool
    var watermark: Int64?
  }

  private final class Recorder: StreamingQueryListener {
    private let state = Mutex<[Int64: Fact]>([:])
    private let late = Atomic<Int64>(0)
    var facts: [Int64: Fact] { state.withLock { $0 } }
    var lateRowCount: Int64 { late.load(ordering: .relaxed) }
    func onQueryProgress(_ progress: StreamingQueryProgress) {
      let fact = Fact(
        hasInput: progress.sources.contains { $0.startOffset != $0.endOffset }, watermark: progress.eventTime?.watermark
      )
      late.wrappingAdd(progress.stateOperators.reduce(0) { $0 + $1.rowsDroppedByWatermark }, ordering: .relaxed)
      state.withLock { state in
        // Progress of an idle trigger has the number of the next batch; the batch's own comes later and replaces it.
        state[progress.batchID] = fact
      }
    }
  }

  func run() -> ConformanceResult { runWhole().result }

  /// Runs the case and says what came of it.
  func runWhole() -> StreamCaseOutcome {
    let hub = MemoryHub()
    let recorder = Recorder()
    machine.crash(at: variation.crashAt)
    var outcome = StreamCaseOutcome(
      result: ConformanceResult(name: test.name), steps: 0, finalRows: [], lateRowCount: 0)
    do {
      let schema = try drive(hub, recorder)
      if let expected = test.expectedError {
        outcome.result = failed("ran instead of failing with \(expected.code ?? "any error")")
      } else {
        outcome.result = try compare(hub, recorder, schema)
      }
    } catch {
      outcome.failure = error
      outcome.result = judge(error, hub, recorder)
    }
    outcome.steps = machine.changes
    outcome.lateRowCount = recorder.lateRowCount
    outcome.finalRows = hub.table("out").rows.map { "\($0)" }.sorted()
    return outcome
  }

  private func judge(_ error: any Error, _ hub: MemoryHub, _ recorder: Recorder) -> ConformanceResult {
    guard let expected = test.expectedError, expected.matches(error) else {
      let wanted = test.expectedError.map { " instead of \($0.code ?? "any error")" } ?? ""
      return failed("\(error)\(wanted)")
    }
    if expected.phase != "execution" { return ConformanceResult(name: test.name) }
    do {
      return try compare(hub, recorder, nil)
    } catch {
      return failed("the batches before the error cannot be compared")
    }
  }

  private func failed(_ what: String) -> ConformanceResult { ConformanceResult(name: test.name, failure: what) }

  // MARK: Driving

  /// Runs the case to its end and gives the result's columns.
  private func drive(_ hub: MemoryHub, _ recorder: Recorder) throws -> Schema {
    let folder = "/checkpoint"
    let script = StreamScript()
    let isBacklog = test.json["drive"]?.string == "backlog"
    let restarts = Set((test.json["restartAfter"]?.array ?? []).compactMap { $0.int.map(Int.init) })
    hub.table("out").failOnce(atBatches: Set((test.json["failSinkAt"]?.array ?? []).compactMap(\.int)))
    let inputs = try (test.json["sources"]?.members ?? []).map { try batches(of: $0.value).count }.max() ?? 0
    var schema = Schema()
    if isBacklog {
      script.release(inputs)
      schema = try attempts {
        try start(script, hub, recorder, folder, isBacklog: true, until: { try $0.awaitTermination() })
      }
      return schema
    }
    var first = 0
    while true {
      // One run: until the next restart, or to the end.
      let last = restarts.sorted().first { $0 >= first } ?? inputs - 1
      let from = first
      schema = try attempts {
        try start(script, hub, recorder, folder, isBacklog: false) { handle in
          for input in from...max(last, from) where input < inputs {
            script.release(input + 1)
            try handle.processAllAvailable()
          }
        }
      }
      first = last + 1
      if first >= inputs { return schema }
    }
  }

  /// A run that a failing sink ends is started again.
  private func attempts(_ body: () throws -> Schema) throws -> Schema {
    for _ in 0..<20 {
      do {
        return try body()
      } catch let error as MillraceError where StreamCaseRunner.has("MEMORY_SINK_FAILURE", error) {
        continue
      } catch  where machine.isDead {
        machine.reboot(variation.loss)
        continue
      }
    }
    return try body()
  }

  /// Whether the error or what caused it has the code.
  private static func has(_ code: String, _ error: MillraceError) -> Bool {
    error.code == code || (error.cause as? MillraceError).map { has(code, $0) } ?? false
  }

  private func start(
    _ script: StreamScript, _ hub: MemoryHub, _ recorder: Recorder, _ folder: String, isBacklog: Bool,
    until body: (StreamingQueryHandle) throws -> Void
  ) throws -> Schema {
    let session = try ConformanceRunner.session(
      test, connectors: [FragileSinkConnector(inner: MemoryConnector(hub), machine: machine)],
      environment: Environment(files: machine, clock: Environment.live.clock))
    script.restart()
    try registerSources(session, script, isBacklog: isBacklog)
    var frame = try session.execute(statement: test.json["sql"]?.string ?? "")
    for step in test.json["pipeline"]?.array ?? [] { frame = try apply(step, frame, session) }
    let query = try frame.analyzed()
    guard let mode = OutputMode(rawValue: test.json["outputMode"]?.string ?? "append") else {
      throw MillraceError("STREAMING_OUTPUT_MODE.INVALID", "the output mode is unknown")
    }
    var options = StreamingOptions()
    options.checkpointLocation = folder
    options.trigger = isBacklog ? .availableNow : .asSoonAsPossible
    options.listeners = [recorder]
    let sink = StreamingSink(name: "out", query: query, outputMode: mode, format: "memory")
    let running = try session.start([sink], options)
    defer { running.handle.stop() }
    try body(running.handle)
    if let exception = running.exception { throw exception }
    return try frame.schema
  }

  private func registerSources(_ session: SparkSession, _ script: StreamScript, isBacklog: Bool) throws {
    for source in test.json["sources"]?.members ?? [] {
      let schema = try ConformanceRunner.schema(source.value["schema"]?.string ?? "")
      let batches = try batches(of: source.value).map { RecordBatch.of($0, schema: schema) }
      let definition = SourceDefinition(name: source.key, format: "script", schema: schema, isStreaming: true) { _ in
        ScanBinding(
          name: source.key,
          input: .rows(
            ScriptSource(name: source.key, schema: schema, batches: batches, script: script, emptyCounts: isBacklog)),
          isStreaming: true)
      }
      session.register(definition)
      guard let watermark = source.value["watermark"], watermark.members != nil else { continue }
      // Through a view, so that a faulty watermark is reported as an error of the query.
      let plain = try session.execute(statement: "SELECT * FROM `\(source.key)`")
      let marked = plain.withWatermark(watermark["column"]?.string ?? "", watermark["delay"]?.string ?? "")
      session.register(view: source.key, try marked.analyzed())
    }
  }

  /// The rows of a source, batch by batch.
  private func batches(of source: JSON) throws -> [[[Value]]] {
    let schema = try ConformanceRunner.schema(source["schema"]?.string ?? "")
    let given = try (source["batches"]?.array ?? []).map { try ConformanceValue.rows($0, schema) }
    switch variation.cut {
    case .given: return given
    case .whole: return [Array(given.joined())]
    case .rows: return given.joined().map { [$0] }
    }
  }

  private func apply(_ step: JSON, _ frame: DataFrame, _ session: SparkSession) throws -> DataFrame {
    let columns = (step["columns"]?.array ?? []).compactMap(\.string)
    switch step["op"]?.string {
    case "dropDuplicates": return frame.dropDuplicates(columns)
    case "dropDuplicatesWithinWatermark": return frame.dropDuplicatesWithinWatermark(columns)
    case "withWatermark": return frame.withWatermark(step["column"]?.string ?? "", step["delay"]?.string ?? "")
    case "sql":
      session.register(view: step["view"]?.string ?? "", try frame.analyzed())
      return try session.execute(statement: step["sql"]?.string ?? "")
    default: throw MillraceError("CONFORMANCE_FORMAT", "the operation \(step.text) is unknown")
    }
  }

  // MARK: Comparing

  private func compare(_ hub: MemoryHub, _ recorder: Recorder, _ schema: Schema?) throws -> ConformanceResult {
    let expectedSchema = try ConformanceRunner.schema(test.json["schema"]?.string ?? "")
    if let schema {
      guard schema.count == expectedSchema.count, zip(schema.types, expectedSchema.types).allSatisfy({ $0.matches($1) })
      else {
        return failed("schema \(schema.ddl), expected \(expectedSchema.ddl)")
      }
    }
    let actual = hub.table("out").batches
    let expected = test.json["batches"]?.array ?? []
    let facts = recorder.facts
    let isOrdered = test.json["ordered"]?.bool ?? false
    for (index, wanted) in expected.enumerated() {
      let id = wanted["batchId"]?.int ?? 0
      guard index < actual.count, actual[index].batchID == id else {
        return failed(
          "batch \(id) is missing: there are \(actual.map { "\($0.batchID)" }.joined(separator: ", ")), \(expected.count) expected"
        )
      }
      let rows = try ConformanceValue.rows(wanted["rows"], expectedSchema)
      if let difference = ConformanceValue.difference(actual[index].rows, rows, expectedSchema, isOrdered: isOrdered) {
        return failed("batch \(id): \(difference)")
      }
      if let fact = facts[id], let difference = try self.difference(fact, wanted) {
        return failed("batch \(id): \(difference)")
      }
    }
    if actual.count > expected.count { return failed("\(actual.count) batches instead of \(expected.count)") }
    if let schema, schema.names != expectedSchema.names {
      return ConformanceResult(
        name: test.name, failure: "column names \(schema.names), expected \(expectedSchema.names)", isNameOnly: true)
    }
    return ConformanceResult(name: test.name)
  }

  private func difference(_ fact: Fact, _ wanted: JSON) throws -> String? {
    let wantsInput = wanted["input"].map { $0 != .null } ?? false
    if fact.hasInput != wantsInput { return fact.hasInput ? "has input" : "has no input" }
    guard let text = wanted["watermark"], text.string != nil else { return nil }
    guard case .integer(let watermark) = try ConformanceValue.value(text, .timestamp) else { return nil }
    let seen = fact.watermark ?? 0
    return seen == watermark ? nil : "watermark is \(seen) µs, expected \(watermark)"
  }
}
