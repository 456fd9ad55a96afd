public import MillraceColumnar
public import MillraceCore
public import MillracePlan

/// A running query's compiled form as the streaming engine drives it: a pure function of a batch's input and the state before it.
///
/// The engine calls `execute` for one batch at a time from its control thread. The executor reads the splits on worker threads,
/// changes `stateStores` (not committing them), and hands result rows to the sinks' `begin…write` through `SinkOutput`.
public protocol BatchExecutor: AnyObject {
  /// The streaming sources, in the order of `BatchInput.plans`.
  var sources: [any Source] { get }
  /// Names of the sources in the same order.
  var sourceNames: [String] { get }
  /// State stores of all operators, one or more for each, in a fixed order.
  var stateStores: [any StateStore] { get }
  /// What must stay the same between runs on one checkpoint, one entry per stateful operator and source.
  var fingerprints: [OperatorFingerprint] { get }
  /// What each of the state stores holds, in their order; for tools that read a checkpoint.
  var stateLayouts: [StateLayout] { get }
  /// Watermark definitions in the query, in the order of `BatchOutput.eventTimes`.
  var watermarks: [WatermarkSettings] { get }
  /// By output, what its rows say of those that came before; nil: they must come out with their batch.
  var replaceableRows: [ReplaceableRows?] { get }
  /// Gives the rows that `BatchInput.withheld` kept back, and those that were postponed before, or rows of all groups where the state
  /// stands at a committed version; `outputs` is nil for the others. Reads no input; `input` says which batch it is. Gives the number
  /// of rows by output.
  func emit(_ input: BatchInput, _ scope: EmissionScope, outputs: [(any SinkOutput)?]) throws -> [Int64]
  /// The rows that the last batch kept back come out with those of a later one.
  func postpone(_ outputs: Set<Int>) throws
  /// Computes a batch. `outputs` has one entry per sink; an entry is nil when that sink holds the batch already.
  func execute(_ input: BatchInput, outputs: [(any SinkOutput)?]) throws -> BatchOutput
  /// Whether a batch without input would emit or evict something now that the watermark moved from `old` to `new`.
  func wantsNoDataBatch(from old: Int64, to new: Int64) -> Bool
  /// When a batch without input has work to do by processing time, in microseconds since the epoch; nil: never. Asked when no input
  /// waits, after the state was restored.
  func nextTimer() throws -> Int64?
  /// Whether the memory of a batch grows with its input, not only with its groups.
  var holdsRows: Bool { get }
  /// Calls `body` with each index below `count`, on several threads where there are some.
  func forEach(_ count: Int, _ body: (Int) throws -> Void) throws
  /// The same beside `main`, which runs on the calling thread; time in `body` counts as `phase`. Throws what `main` throws, else what `body` does.
  func forEach(_ count: Int, as phase: ProfilePhase, beside main: () throws -> Void, _ body: (Int) throws -> Void)
    throws
  /// Counts where the query's time goes; nil where nobody does.
  var profiler: QueryProfiler? { get }
  /// Ends workers and open readers.
  func close()
}

extension BatchExecutor {
  /// All rows come out with their batch.
  public var replaceableRows: [ReplaceableRows?] { [] }

  /// Nothing is kept back.
  public func emit(_ input: BatchInput, _ scope: EmissionScope, outputs: [(any SinkOutput)?]) throws -> [Int64] {
    outputs.map { _ in 0 }
  }

  /// Nothing is kept back.
  public func postpone(_ outputs: Set<Int>) throws {}

  /// Not told.
  public var stateLayouts: [StateLayout] { [] }

  /// Unless it says otherwise.
  public var holdsRows: Bool { true }

  /// Nothing is due by processing time.
  public func nextTimer() throws -> Int64? { nil }

  /// Nobody counts.
  public var profiler: QueryProfiler? { nil }

  /// One after the other.
  public func forEach(_ count: Int, _ body: (Int) throws -> Void) throws {
    for index in 0..<count { try body(index) }
  }

  /// One after the other, `main` first.
  public func forEach(
    _ count: Int, as phase: ProfilePhase, beside main: () throws -> Void, _ body: (Int) throws -> Void
  ) throws {
    try main()
    for index in 0..<count { try body(index) }
  }
}

/// Where a batch's rows for one sink go. Called in order: from the control thread, or by one thread while that one computes where
/// `takesRowsEarly` says so.
public protocol SinkOutput: AnyObject {
  /// Whether rows may be written while others of the batch are still computed, by another thread than the control thread.
  var takesRowsEarly: Bool { get }
  /// Column in whose order rows are written faster; nil where the order is all the same.
  var orderColumn: Int? { get }
  /// Writes result rows.
  func write(_ batch: RecordBatch) throws
  /// For byte sinks: makes an encoder that a worker may use on its own, giving blocks for `write(_:)`. Nil for row sinks.
  func makeBlockEncoder() throws -> (any BlockEncoder)?
  /// Appends blocks that a worker encoded.
  func write(_ blocks: [FinishedBlock]) throws
}

extension SinkOutput {
  /// Rows come once all are computed.
  public var takesRowsEarly: Bool { false }
  /// In any order.
  public var orderColumn: Int? { nil }
}

/// Encodes and compresses rows on a worker thread. Used by one thread at a time.
public protocol BlockEncoder: AnyObject {
  /// Takes rows.
  func add(_ batch: RecordBatch) throws
  /// The blocks of all rows taken since the last call.
  func finish() throws -> [FinishedBlock]
}

/// A block of encoded records that owns its memory.
public struct FinishedBlock: Sendable {
  /// Encoded and, where the sink asks for it, compressed records; whole ones only.
  public var bytes: ByteBuffer
  /// Number of records in the block.
  public var rowCount: Int
  /// Bytes before compression.
  public var plainByteCount: Int
  /// Whether `bytes` are compressed.
  public var isCompressed: Bool
  /// For deflate blocks: gzip's checksum of the bytes before compression.
  public var checksum: UInt32
  /// The partition that the records are of, where the sink has several.
  public var partition: String?

  /// Makes a block.
  public init(
    bytes: ByteBuffer, rowCount: Int, plainByteCount: Int, isCompressed: Bool = false, checksum: UInt32 = 0,
    partition: String? = nil
  ) {
    self.bytes = bytes
    self.rowCount = rowCount
    self.plainByteCount = plainByteCount
    self.isCompressed = isCompressed
    self.checksum = checksum
    self.partition = partition
  }
}

/// What a batch is computed from.
public struct BatchInput: Sendable {
  /// Number of the batch, from 0; a batch that is run again has the same number.
  public var batchID: Int64
  /// Input by source; nil where the source has nothing in this batch.
  public var plans: [SourcePlan?]
  /// Microseconds: rows whose window ended at or before it are late (the watermark of the batch before).
  public var lateWatermark: Int64
  /// Microseconds: state that ended at or before it is emitted and removed (the watermark of this batch).
  public var watermark: Int64
  /// Microseconds since the epoch: the value of `current_timestamp()`.
  public var timestamp: Int64
  /// Whether all input was read before: what waits for more of it comes out, as if the watermark were at the end of time.
  public var isEndOfInput = false
  /// Outputs whose rows are not given out, but asked for afterwards by `emit`, or left to a later batch by `postpone`.
  public var withheld: Set<Int> = []
  /// Seed of the batch for `rand()` and its kin, kept in the commit log so that a replay gives the same rows.
  public var seed: UInt64

  /// Makes an input.
  public init(
    batchID: Int64, plans: [SourcePlan?], lateWatermark: Int64, watermark: Int64, timestamp: Int64, seed: UInt64
  ) {
    self.batchID = batchID
    self.plans = plans
    self.lateWatermark = lateWatermark
    self.watermark = watermark
    self.timestamp = timestamp
    self.seed = seed
  }
}

/// What a batch came to.
public struct BatchOutput: Sendable {
  /// Results of the splits by source, as `SourcePlan.splits`; empty where the source had nothing.
  public var splitResults: [[SplitResult]]
  /// Event times seen, one entry per watermark definition; nil where no row had one.
  public var eventTimes: [EventTimeStatistics?]
  /// What each stateful operator did, in the order of the executor's `stateStores`.
  public var stateOperators: [StateOperatorMetrics]
  /// Rows by sink.
  public var outputRows: [Int64]
  /// Uncompressed bytes read.
  public var bytesRead: Int64
  /// Records that could not be decoded, by source, where they are to be kept.
  public var badRecords: [[FileBadRecords]] = []
  /// Rows that operators left out as late, where they are to be kept.
  public var lateRows: [LateRows] = []
  /// What each `observe` of the query saw.
  public var observed: [ObservedRows] = []

  /// Makes an output.
  public init(
    splitResults: [[SplitResult]], eventTimes: [EventTimeStatistics?], stateOperators: [StateOperatorMetrics],
    outputRows: [Int64], bytesRead: Int64
  ) {
    self.splitResults = splitResults
    self.eventTimes = eventTimes
    self.stateOperators = stateOperators
    self.outputRows = outputRows
    self.bytesRead = bytesRead
  }
}

extension BatchOutput {
  /// Takes in what came after: sums, and of state its last size. The results of the splits become one for each source.
  package mutating func add(_ next: BatchOutput) throws {
    for (rows, more) in zip(observed, next.observed) { try rows.add(more) }
    splitResults = zip(splitResults, next.splitResults).map { [SplitResult.sum($0 + $1)] }
    eventTimes = zip(eventTimes, next.eventTimes).map { old, new in
      guard let old, let new else { return old ?? new }
      return old.merged(with: new)
    }
    stateOperators = zip(stateOperators, next.stateOperators).map { old, new in
      var sum = new
      sum.rowsUpdated += old.rowsUpdated
      sum.rowsRemoved += old.rowsRemoved
      sum.rowsDroppedByWatermark += old.rowsDroppedByWatermark
      sum.updateMicroseconds += old.updateMicroseconds
      sum.removalMicroseconds += old.removalMicroseconds
      return sum
    }
    outputRows = zip(outputRows, next.outputRows).map { $0 + $1 }
    bytesRead += next.bytesRead
    // Bad records and late rows are taken from each piece as it comes.
  }
}

extension SplitResult {
  fileprivate static func sum(_ results: [SplitResult]) -> SplitResult {
    results.reduce(into: SplitResult()) { sum, result in
      sum.bytesConsumed += result.bytesConsumed
      sum.rowCount += result.rowCount
      sum.badRecordCount += result.badRecordCount
    }
  }
}

/// Event times of a batch in microseconds.
public struct EventTimeStatistics: Sendable {
  /// The earliest event time, in microseconds since the epoch.
  public var minimum: Int64
  /// The latest event time, in microseconds since the epoch.
  public var maximum: Int64
  /// Sum of all event times in microseconds, for their average in progress reports.
  public var sum: Double
  /// Number of rows that had an event time; the others say nothing where it is 0.
  public var count: Int64
  /// Rows beyond these whose event time was too far ahead of the batch's clock to count.
  public var rowsAhead: Int64 = 0

  /// Makes statistics.
  public init(minimum: Int64, maximum: Int64, sum: Double, count: Int64) {
    self.minimum = minimum
    self.maximum = maximum
    self.sum = sum
    self.count = count
  }
}

/// What a stateful operator did in a batch; Spark's progress fields.
public struct StateOperatorMetrics: Sendable {
  /// Spark's name, for instance `stateStoreSave`.
  public var operatorName: String
  /// Keys or rows in the state after the batch.
  public var rowsTotal: Int64
  /// Keys or rows that the batch set, new ones included.
  public var rowsUpdated: Int64
  /// Keys or rows that the batch removed because the watermark passed them.
  public var rowsRemoved: Int64
  /// Input rows that the batch left out for being late: they lie before the watermark of the batch before.
  public var rowsDroppedByWatermark: Int64
  /// Bytes of memory that the state takes, about.
  public var memoryUsedBytes: Int64
  /// Time that taking in the batch took, from its groups or rows to the rows that come out; 0 where it was not measured apart.
  public var updateMicroseconds: Int64 = 0
  /// Time that removing took, where it was measured apart.
  public var removalMicroseconds: Int64 = 0
  /// Time until the changes of all operators were durable, each operator's being written with the others'.
  public var commitMicroseconds: Int64 = 0

  /// Makes metrics.
  public init(
    operatorName: String, rowsTotal: Int64 = 0, rowsUpdated: Int64 = 0, rowsRemoved: Int64 = 0,
    rowsDroppedByWatermark: Int64 = 0, memoryUsedBytes: Int64 = 0
  ) {
    self.operatorName = operatorName
    self.rowsTotal = rowsTotal
    self.rowsUpdated = rowsUpdated
    self.rowsRemoved = rowsRemoved
    self.rowsDroppedByWatermark = rowsDroppedByWatermark
    self.memoryUsedBytes = memoryUsedBytes
  }
}

/// What of an operator or source a checkpoint depends on.
public struct OperatorFingerprint: Sendable, Hashable {
  /// For instance `aggregation 0` or `source requests`.
  public var name: String
  /// Keys, aggregates, window, schema in words; compared as text and shown side by side when it differs.
  public var content: String

  /// Makes a fingerprint.
  public init(name: String, content: String) {
    self.name = name
    self.content = content
  }
}

/// What a state store holds, in words that outlive the query: kept in the checkpoint.
public struct StateLayout: Sendable, Hashable {
  /// Number of the operator; the stores of one operator are its partitions.
  public var operatorID: Int
  /// For instance `aggregation` or `join left`.
  public var operatorName: String
  /// Number of the partition of the operator.
  public var partition: Int
  /// Names and types of the key columns as DDL.
  public var keys: String
  /// Names and types of the value columns as DDL.
  public var values: String
  /// Where the first value is a whole row of `RowCodec`: its columns as DDL.
  public var row: String?

  /// Makes a layout.
  public init(
    operatorID: Int, operatorName: String, partition: Int, keys: String, values: String, row: String? = nil
  ) {
    self.operatorID = operatorID
    self.operatorName = operatorName
    self.partition = partition
    self.keys = keys
    self.values = values
    self.row = row
  }
}
