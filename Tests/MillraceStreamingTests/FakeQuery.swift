import MillraceColumnar
import MillraceCore
import MillraceTesting
import MillraceExecution
import MillraceFormats
import MillracePlan
import MillraceState
import Synchronization

@testable import MillraceStreaming

/// Numbers 0 ..< total, a few per batch.
final class FakeSource: Source {
  private let available: Mutex<Int64>
  private let frozen = Mutex<Int64?>(nil)
  let committed = Mutex<[Int64]>([])
  let perBatch: Int64

  init(total: Int64, perBatch: Int64) {
    available = Mutex(total)
    self.perBatch = perBatch
  }

  var description: String { "fake" }
  func add(_ count: Int64) { available.withLock { $0 += count } }
  func freeze() throws {
    let total = available.withLock { $0 }
    frozen.withLock { $0 = total }
  }
  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let from = offset?.json.int ?? 0
    let end = frozen.withLock { $0 } ?? available.withLock { $0 }
    guard from < end else { return nil }
    let to = min(end, from + (limit.rows ?? perBatch))
    return SourcePlan(splits: [SourceSplit(name: "numbers", payload: .array([.int(from), .int(to)]))])
  }
  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    Offset(plan.splits[0].payload.array?[1] ?? .null)
  }
  func commit(_ offset: Offset) throws { committed.withLock { $0.append(offset.json.int ?? -1) } }
}

/// Counts how often each number modulo 7 came, and gives number and count. The number is also the event time in seconds;
/// an extra row (-batch, -watermark) comes out of a batch without input.
final class FakeExecutor: BatchExecutor {
  let source: FakeSource
  let store: MemoryStateStore
  var sources: [any Source] { [source] }
  var sourceNames: [String] { ["numbers"] }
  /// What the engine is given as the store, if not the store itself.
  var shownStore: (any StateStore)?
  var stateStores: [any StateStore] { [shownStore ?? store] }
  var fingerprints = [
    OperatorFingerprint(name: "source numbers", content: "fake"),
    OperatorFingerprint(name: "aggregation 0", content: "keys n % 7 BIGINT"),
  ]
  var watermarkDelays: [Int64]
  var watermarks: [WatermarkSettings] { watermarkDelays.map { WatermarkSettings(delay: $0) } }
  var inputs: [BatchInput] = []
  /// Numbers of the batches that were computed, for other threads to see.
  let computed = Monitor<[Int64]>([])
  var failAt: Int64?
  /// Whether 5, 16, 27, … are bad records and 6, 17, 28, … late rows beside what they are otherwise.
  var leavesOut = false
  var failure = MillraceError("DIVIDE_BY_ZERO", "division by zero")

  init(_ source: FakeSource, delays: [Int64] = []) {
    self.source = source
    watermarkDelays = delays
    store = MemoryStateStore(keyTypes: [.long], valueTypes: [.long, .string])
  }

  func execute(_ input: BatchInput, outputs: [(any SinkOutput)?]) throws -> BatchOutput {
    inputs.append(input)
    if input.batchID == failAt { throw failure }
    var numbers: [Int64] = []
    var results: [[SplitResult]] = [[]]
    if let range = input.plans[0]?.splits[0].payload.array, let from = range[0].int, let to = range[1].int {
      numbers = Array(from..<to)
      results = [[SplitResult(rowCount: to - from)]]
    }
    var rows: [[Value]] = []
    for number in numbers {
      let key = [ColumnVector.of([.integer(number % 7)], type: .long)]
      let old = try store.get(keys: key, count: 1).values[0].value(0)
      var count: Int64 = 1
      if case .integer(let before) = old { count += before }
      let filler = Value.string(String(repeating: "f", count: Int(number % 50)))
      try store.put(
        keys: key, values: [.of([.integer(count)], type: .long), .of([filler], type: .string)], count: 1)
      rows.append([.integer(number), .integer(count)])
    }
    if numbers.isEmpty { rows.append([.integer(-input.batchID), .integer(-input.watermark / 1_000_000)]) }
    for output in outputs { try output?.write(.of(rows, schema: Self.schema)) }
    computed.change { $0.append(input.batchID) }
    let times = numbers.last.map {
      EventTimeStatistics(minimum: numbers[0] * 1_000_000, maximum: $0 * 1_000_000, sum: 0, count: Int64(numbers.count))
    }
    var output = BatchOutput(
      splitResults: results, eventTimes: watermarkDelays.map { _ in times }, stateOperators: [],
      outputRows: outputs.map { _ in Int64(rows.count) }, bytesRead: 0)
    if leavesOut { leaveOut(numbers, &output) }
    return output
  }

  private func leaveOut(_ numbers: [Int64], _ output: inout BatchOutput) {
    var bad = BadRecords()
    for number in numbers where number % 11 == 5 {
      var text = "number \(number)"
      let fault = BadRecords.Fault(code: "BAD", message: "bad")
      text.withUTF8 { bad.append(UnsafeRawBufferPointer($0), offset: number, line: nil, fault: fault) }
    }
    if bad.count > 0 { output.badRecords = [[FileBadRecords(name: "numbers", records: bad)]] }
    output.lateRows = numbers.filter { $0 % 11 == 6 }.map { number in
      let row: [Value] = [.integer(number), .string("{}")]
      return LateRows(
        output: "s0", operatorName: "stateStoreSave", operatorID: 0, watermark: 0,
        rows: .of([row], schema: LateRows.schema))
    }
  }

  static let schema = Schema([StructField("n", .long), StructField("count", .long)])
  func wantsNoDataBatch(from old: Int64, to new: Int64) -> Bool { true }
  func close() {}

  /// What the sinks hold after all of 0 ..< total.
  static func expected(_ total: Int64) -> [[Int64]] { (0..<total).map { [$0, $0 / 7 + 1] } }
}

/// Keeps lines `batch n count` in a file. Transactional: rewrites it whole under the batch's number.
/// Truncatable: appends, and is cut back.
final class FakeSink: RejectingSink, RowSink, @unchecked Sendable {
  let guarantee: SinkGuarantee
  let path: String
  /// Positions of the columns that it keeps.
  private let columns: [Int]
  /// Whether its target refuses 7, 20, 33, …
  private var rejects = false
  private let files: any FileSystem
  private var lines: [String] = []
  private var committed = ""
  private var file: (any File)?
  var begun: [Int64] = []

  init(_ guarantee: SinkGuarantee, _ path: String, _ files: any FileSystem, columns: [Int] = [0, 1]) {
    self.guarantee = guarantee
    self.columns = columns
    self.path = path
    self.files = files
  }

  var description: String { "fake sink" }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }

  private func content() throws -> String {
    guard try files.status(path) != nil else { return "" }
    let bytes = try StateFiles.readAll(files, path)
    return String(decoding: UnsafeRawBufferPointer(start: bytes.base, count: bytes.capacity), as: UTF8.self)
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try files.createDirectory(SimulatedFileSystem.parent(path))
    try files.syncDirectory("/")
    committed = try content()
    if guarantee == .transactional { return FakeSink.rows(committed).last?[0] }
    let length = token?.int ?? 0
    guard committed.utf8.count >= length else { throw MillraceError("SINK_TRUNCATED", "'\(path)' is too short") }
    committed = String(decoding: committed.utf8.prefix(Int(length)), as: UTF8.self)
    let file = try files.open(path, .update)
    try file.truncate(to: length)
    try file.sync()
    try files.syncDirectory(SimulatedFileSystem.parent(path))
    self.file = file
    return nil
  }

  func begin(batchID: Int64) throws {
    begun.append(batchID)
    lines = ["\(batchID) begin 0\n"]
  }

  func write(_ batch: RecordBatch) throws {
    let batchID = begun.last ?? -1
    for row in batch.rows() {
      guard case .integer(let n) = row[columns[0]], case .integer(let count) = row[columns[1]] else { continue }
      let isRejected = rejects && n % 13 == 7
      lines.append(isRejected ? "\(batchID) rejected \(n)\n" : "\(batchID) \(n) \(count)\n")
    }
  }

  func isolateRejectedRows() { rejects = true }

  /// Of the batch in work, or of one that the file holds already.
  func rejectedRows(batchID: Int64) throws -> [RejectedRow] {
    let all = begun.last == batchID ? lines.joined() : committed
    return all.split(separator: "\n").filter { $0.hasPrefix("\(batchID) rejected ") }.map { line in
      RejectedRow(record: String(line.split(separator: " ")[2]), code: "REFUSED", message: "refused")
    }
  }

  func commit(batchID: Int64) throws -> JSON {
    let more = lines.joined()
    if guarantee == .transactional {
      let file = try files.open(path + ".tmp", .create)
      try Array((committed + more).utf8).withUnsafeBytes { try file.write($0, at: 0) }
      try file.sync()
      try files.rename(path + ".tmp", to: path)
      try files.syncDirectory(SimulatedFileSystem.parent(path))
      committed += more
      return .null
    }
    try Array(more.utf8).withUnsafeBytes { try file?.write($0, at: Int64(committed.utf8.count)) }
    try file?.sync()
    committed += more
    return .int(Int64(committed.utf8.count))
  }

  /// Batch, number and count of each line; a batch's first line has number `Int64.min`.
  static func rows(_ text: String) -> [[Int64]] {
    text.split(separator: "\n").map { line in line.split(separator: " ").map { Int64($0) ?? Int64.min } }
  }
}

/// A query over fakes on one simulated disk.
struct FakeRun {
  var files: SimulatedFileSystem
  var total: Int64 = 60
  var perBatch: Int64 = 5
  var delays: [Int64] = []
  var trigger = Trigger.availableNow
  var clock: any Clock = SystemClock()
  var asyncCommit = false
  /// Whether it has dead letters and late rows, and sinks that leave out rows.
  var sides = false
  var tuning = CheckpointTuning(
    segmentSize: 4096, inlineLimit: 150, snapshotMinimum: 450, snapshotRatio: 1, fileLimit: 3, awaitsSnapshots: true)

  func configuration() -> StreamingQueryConfiguration {
    var configuration = StreamingQueryConfiguration(
      checkpointLocation: "/data/checkpoint", trigger: trigger,
      environment: Environment(files: files, clock: clock))
    configuration.tuning = tuning
    configuration.asyncCommit = asyncCommit
    return configuration
  }

  func sinks() -> [FakeSink] {
    [FakeSink(.transactional, "/data-t/rows", files), FakeSink(.truncatable, "/data-a/rows", files)]
  }

  func start(_ executor: FakeExecutor, _ sinks: [FakeSink]) throws -> StreamingQueryHandle {
    let bindings = sinks.enumerated().map { index, sink in
      SinkBinding(
        name: "s\(index)", kind: .rows(sink), schema: FakeExecutor.schema, rejectedRows: sides ? .deadLetter : nil)
    }
    guard sides else {
      return try StreamingQueryHandle.start(executor: executor, sinks: bindings, configuration: configuration())
    }
    executor.leavesOut = true
    nonisolated(unsafe) let run = QueryRun(executor: executor, sinks: bindings, sides: sideSinks())
    return try StreamingQueryHandle.start(configuration: configuration()) { run }
  }

  /// Dead letters as batch and number within it, late rows as batch and event time.
  func sideSinks() -> SideSinks {
    let letters = FakeSink(.transactional, "/data-d/rows", files, columns: [3, 4])
    let late = FakeSink(.truncatable, "/data-l/rows", files, columns: [3, 9])
    return SideSinks(
      deadLetter: SinkBinding(name: DeadLetter.sinkName, kind: .rows(letters), schema: DeadLetter.schema),
      lateRows: SinkBinding(name: LateRow.sinkName, kind: .rows(late), schema: LateRow.schema))
  }

  /// Runs to the end; gives the error if there was one.
  func run() -> (any Error)? {
    do {
      let executor = FakeExecutor(FakeSource(total: total, perBatch: perBatch), delays: delays)
      try start(executor, sinks()).awaitTermination()
      return nil
    } catch { return error }
  }

  /// What a sink holds, without the lines that mark batches.
  func rows(_ path: String) -> [[Int64]] {
    FakeSink.rows(String(decoding: files.bytes(path) ?? [], as: UTF8.self)).filter {
      $0.count == 3 && $0[1] != Int64.min
    }.map {
      Array($0[1...])
    }
  }
}
