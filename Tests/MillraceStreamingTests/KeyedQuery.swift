import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillracePlan
import MillraceState
import MillraceTesting
import Synchronization

@testable import MillraceStreaming

/// Counts how often each number modulo 7 came: output 0 gives the counts that changed, output 1 each number with its count.
final class KeyedExecutor: BatchExecutor {
  let source: FakeSource
  let store = MemoryStateStore(keyTypes: [.long], valueTypes: [.long])
  /// Keys whose rows were withheld.
  private var changed: Set<Int64> = []
  /// Keys whose rows wait.
  private var postponed: Set<Int64> = []
  let computed = Monitor<[Int64]>([])

  init(_ source: FakeSource) { self.source = source }

  var sources: [any Source] { [source] }
  var sourceNames: [String] { ["numbers"] }
  var stateStores: [any StateStore] { [store] }
  var fingerprints: [OperatorFingerprint] { [OperatorFingerprint(name: "aggregation 0", content: "keys n % 7")] }
  var watermarks: [WatermarkSettings] { [] }
  var replaceableRows: [ReplaceableRows?] { [.byKey(columns: [0, nil], keyCount: 1), nil] }

  private func count(_ key: Int64) throws -> Int64 {
    guard
      case .integer(let count) = try store.get(keys: [.of([.integer(key)], type: .long)], count: 1).values[0].value(0)
    else { return 0 }
    return count
  }

  private func rows(_ keys: Set<Int64>) throws -> [[Value]] {
    try keys.sorted().map { [.integer($0), .integer(try count($0))] }
  }

  func execute(_ input: BatchInput, outputs: [(any SinkOutput)?]) throws -> BatchOutput {
    guard let range = input.plans[0]?.splits[0].payload.array, let from = range[0].int, let to = range[1].int else {
      throw MillraceError("INTERNAL_ERROR", "a batch without input was asked for")
    }
    changed = []
    var each: [[Value]] = []
    for number in from..<to {
      let key = number % 7
      let next = try count(key) + 1
      try store.put(keys: [.of([.integer(key)], type: .long)], values: [.of([.integer(next)], type: .long)], count: 1)
      changed.insert(key)
      each.append([.integer(number), .integer(next)])
    }
    let counts = input.withheld.contains(0) ? [] : try rows(changed)
    try outputs[0]?.write(.of(counts, schema: FakeExecutor.schema))
    try outputs[1]?.write(.of(each, schema: FakeExecutor.schema))
    computed.change { $0.append(input.batchID) }
    return BatchOutput(
      splitResults: [[SplitResult(rowCount: to - from)]], eventTimes: [],
      stateOperators: [StateOperatorMetrics(operatorName: "fake", rowsUpdated: Int64(changed.count))],
      outputRows: [Int64(counts.count), Int64(each.count)], bytesRead: 0)
  }

  func emit(_ input: BatchInput, _ scope: EmissionScope, outputs: [(any SinkOutput)?]) throws -> [Int64] {
    let keys = scope == .due ? changed.union(postponed) : Set(0..<7).filter { ((try? count($0)) ?? 0) > 0 }
    changed = []
    postponed = []
    let rows = try rows(keys)
    try outputs[0]?.write(.of(rows, schema: FakeExecutor.schema))
    return [Int64(rows.count), 0]
  }

  func postpone(_ outputs: Set<Int>) throws {
    postponed.formUnion(changed)
    changed = []
  }

  func wantsNoDataBatch(from old: Int64, to new: Int64) -> Bool { false }
  func close() {}
}

/// Keeps the latest row of each key in a file, which is written whole with each commit: `batch n`, then `key count`.
final class TableSink: RowSink, ReplacingSink, @unchecked Sendable {
  let path: String
  private let files: any FileSystem
  /// What its rows replace.
  var replaces: RowReplacement? = .keys([0])
  private var table: [Int64: Int64] = [:]
  private var coming: [Int64: Int64] = [:]
  let committed = Monitor<[Int64]>([])

  init(_ path: String, _ files: any FileSystem) {
    self.path = path
    self.files = files
  }

  var description: String { "table sink" }
  var guarantee: SinkGuarantee { .transactional }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }
  func replacement() throws -> RowReplacement? { replaces }

  /// The batch and the counts that a file holds.
  static func parsed(_ bytes: [UInt8]?) -> (batchID: Int64?, table: [Int64: Int64]) {
    let lines = String(decoding: bytes ?? [], as: UTF8.self).split(separator: "\n").map { line in
      line.split(separator: " ").map { Int64($0) ?? -1 }
    }
    return (lines.first?[1], Dictionary(lines.dropFirst().map { ($0[0], $0[1]) }) { $1 })
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try recover(batchID: batchID, token: token, through: batchID)
  }

  func recover(batchID: Int64?, token: JSON?, through last: Int64?) throws -> Int64? {
    try files.createDirectory(SimulatedFileSystem.parent(path))
    try files.syncDirectory("/")
    guard try files.status(path) != nil else { return nil }
    let bytes = try StateFiles.readAll(files, path)
    let found = Self.parsed(Array(UnsafeRawBufferPointer(start: bytes.base, count: bytes.capacity)))
    table = found.table
    return found.batchID
  }

  func begin(batchID: Int64) throws { coming = [:] }

  func write(_ batch: RecordBatch) throws {
    for row in batch.rows() {
      guard case .integer(let key) = row[0], case .integer(let count) = row[1] else { continue }
      coming[key] = count
    }
  }

  func commit(batchID: Int64) throws -> JSON {
    table.merge(coming) { $1 }
    let lines = table.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)\n" }
    let file = try files.open(path + ".tmp", .create)
    try Array(("batch \(batchID)\n" + lines.joined()).utf8).withUnsafeBytes { try file.write($0, at: 0) }
    try file.sync()
    try files.rename(path + ".tmp", to: path)
    try files.syncDirectory(SimulatedFileSystem.parent(path))
    committed.change { $0.append(batchID) }
    return .int(batchID)
  }
}

/// Each look at it takes a while.
final class TickingClock: Clock {
  private let time = Atomic<Int64>(1_000_000)
  private let step: Int64

  /// `step` in microseconds.
  init(_ step: Int64) { self.step = step }

  func now() -> Int64 { time.wrappingAdd(step, ordering: .relaxed).newValue }
  func monotonicNanoseconds() -> Int64 { now() * 1000 }
  func sleep(microseconds: Int64) { time.wrappingAdd(microseconds, ordering: .relaxed) }
}

/// A query that counts by key, over a simulated disk.
struct KeyedRun {
  var files = SimulatedFileSystem()
  var total: Int64 = 60
  var perBatch: Int64 = 5
  var trigger = Trigger.availableNow
  /// Microseconds for each look at the clock.
  var step: Int64 = 0
  var asyncCommit = false
  var maxEmitDelay = StreamingQueryConfiguration.defaultMaxEmitDelay

  func table() -> TableSink { TableSink("/data-t/table", files) }

  func start(_ executor: KeyedExecutor, _ table: TableSink, _ listeners: [any StreamingQueryListener] = []) throws
    -> StreamingQueryHandle
  {
    var configuration = StreamingQueryConfiguration(
      checkpointLocation: "/data/checkpoint", trigger: trigger,
      environment: Environment(files: files, clock: TickingClock(step)))
    configuration.tuning = CheckpointTuning(
      segmentSize: 4096, inlineLimit: 100, snapshotMinimum: 300, snapshotRatio: 1, fileLimit: 3, awaitsSnapshots: true)
    configuration.asyncCommit = asyncCommit
    configuration.maxEmitDelay = maxEmitDelay
    let sinks = [
      SinkBinding(name: "counts", kind: .rows(table), schema: FakeExecutor.schema),
      SinkBinding(
        name: "each", kind: .rows(FakeSink(.truncatable, "/data-a/rows", files)), schema: FakeExecutor.schema),
    ]
    return try StreamingQueryHandle.start(
      executor: executor, sinks: sinks, configuration: configuration, listeners: listeners)
  }

  func executor() -> KeyedExecutor { KeyedExecutor(FakeSource(total: total, perBatch: perBatch)) }

  /// Runs to the end; gives the error if there was one.
  func run() -> (any Error)? {
    do {
      try start(executor(), table()).awaitTermination()
      return nil
    } catch { return error }
  }

  /// What the table holds.
  var content: (batchID: Int64?, table: [Int64: Int64]) { TableSink.parsed(files.bytes("/data-t/table")) }

  /// What it is to hold after a batch.
  func expected(after batchID: Int64?) -> [Int64: Int64] {
    let count = batchID.map { min(total, ($0 + 1) * perBatch) } ?? 0
    return Dictionary((0..<count).map { ($0 % 7, 1) }) { $0 + $1 }
  }

  /// Batch, number and count of the other sink's lines.
  var numbers: [[Int64]] {
    FakeSink.rows(String(decoding: files.bytes("/data-a/rows") ?? [], as: UTF8.self)).filter {
      $0.count == 3 && $0[1] != Int64.min
    }.map { Array($0[1...]) }
  }
}
