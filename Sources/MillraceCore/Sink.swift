/// How a sink keeps a batch from being written twice.
public enum SinkGuarantee: String, Sendable {
  /// Keeps the batch id with the rows in one transaction and can be asked for it.
  case transactional
  /// Can be cut back to a token.
  case truncatable
  /// A batch may arrive again after a crash.
  case atLeastOnce = "at-least-once"

  /// Whether a query that ends in this sink can be exactly-once.
  public var isExactlyOnce: Bool { self != .atLeastOnce }
}

/// Facts that a sink gets when a query opens it.
public struct SinkContext: Sendable {
  /// Lives with the checkpoint; the same after a restart.
  public var queryID: String
  /// The sink's name in the pipeline.
  public var sinkName: String
  /// Whether a batch that is written again after a crash has the same rows in the same order; not so with the continuous trigger and
  /// with `asyncCommit`.
  public var repeatsExactly: Bool

  /// Makes a context.
  public init(queryID: String, sinkName: String, repeatsExactly: Bool = true) {
    self.queryID = queryID
    self.sinkName = sinkName
    self.repeatsExactly = repeatsExactly
  }
}

/// What every sink does. Implement `RowSink` or `ByteSink`.
///
/// Order of calls, all from the query's control thread: `open`, `recover` once; then for each batch `begin`, any number of writes, `commit`, and
/// `publish` after the commit log has the batch; at the end `close`. A crash can come between any two. After it, `recover` is called
/// with the token of the last batch that the commit log has; then that batch's successor may be written again, with the same rows.
public protocol Sink: AnyObject, Sendable {
  /// One line for progress and `explain`.
  var description: String { get }
  /// How it keeps a batch from being written twice; the same for the sink's whole life.
  var guarantee: SinkGuarantee { get }
  /// Output modes that it can take.
  var outputModes: Set<OutputMode> { get }
  /// Opens or creates what is written to.
  func open(_ context: SinkContext) throws
  /// Brings the sink to the state after `batchID` (nil: before the first batch), whose token is `token`: what came later is cut off
  /// by a truncatable sink. A transactional sink gives the last batch it holds, so that it is not written again; others nil.
  func recover(batchID: Int64?, token: JSON?) throws -> Int64?
  /// A batch begins.
  func begin(batchID: Int64) throws
  /// Makes the batch durable and gives the token to recover to.
  func commit(batchID: Int64) throws -> JSON
  /// Makes a durable and logged batch visible; may be called twice for one batch.
  func publish(batchID: Int64) throws
  /// Ends the sink.
  func close() throws
}

extension Sink {
  /// Nothing to open.
  public func open(_ context: SinkContext) throws {}
  /// Already visible.
  public func publish(batchID: Int64) throws {}
  /// Nothing to end.
  public func close() throws {}
}

/// A sink that keeps rows back until the batch commits, and can let them out before.
///
/// With the continuous trigger a batch is an epoch: the engine calls `flush` after each piece of it, so that rows are out at once, and
/// `commit` at its end. A crash in between makes the rows come again. Sinks whose `write` lets rows out have no need of it.
public protocol FlushingSink: Sink {
  /// Lets out what was written since the last flush. Called from the query's control thread, between writes of a begun batch.
  func flush() throws
}

/// The kind of sink that a connector makes.
public enum SinkKind: Sendable {
  /// It takes batches of rows.
  case rows(any RowSink)
  /// It takes blocks of encoded records.
  case bytes(any ByteSink)

  /// The sink whatever its kind.
  public var sink: any Sink {
    switch self {
    case .rows(let sink): sink
    case .bytes(let sink): sink
    }
  }
}

/// A sink that takes rows.
public protocol RowSink: Sink {
  /// Writes rows of the batch that was begun, in order. The batch's memory must not be kept beyond the call without `detached()`.
  func write(_ batch: RecordBatch) throws
}

/// A row sink whose rows may be written while others of the batch are still computed, so that both happen at the same time.
///
/// `write` is then called by another thread than the rest, one call at a time and never beside another call. The rows and their order are the
/// same. A batch that cannot be computed to its end is given up after some of its rows were written: nothing of it may be seen
/// unless `commit` is called, as after a crash. Sinks for which that costs more than it brings are better off without.
public protocol EarlyRowSink: RowSink {}

/// A row sink that writes faster where rows come in the order of a column, such as the leading column of the key by which a table is kept.
///
/// Large parts of a result that several workers make are each sorted by it, ascending as ORDER BY does; rows that are equal in it keep their
/// order. That is no promise: all else may come in any order.
public protocol OrderedRowSink: RowSink {
  /// Position of the column in the rows' schema, once the sink is open; nil where their order is all the same.
  var orderColumn: Int? { get }
}

/// A sink that takes bytes. The engine encodes rows, and compresses where the sink asks for it, on the worker threads.
public protocol ByteSink: Sink {
  /// How the engine compresses each block; nil: not at all.
  var compression: Compression? { get }
  /// Largest block before compression; the engine cuts at record ends. Nil: as it comes (about 1 MiB).
  var blockSize: Int? { get }
  /// Most records of a block; nil: as many as fit.
  var blockRows: Int? { get }
  /// Appends a block of whole records, compressed as `compression` says.
  func write(_ block: EncodedBlock) throws
}

extension ByteSink {
  /// As it comes.
  public var blockSize: Int? { nil }
  /// As many as fit.
  public var blockRows: Int? { nil }
}

/// A byte sink that puts rows into different places by what some of their columns hold. Each block that it gets is of one place.
public protocol PartitionedByteSink: ByteSink {
  /// Makes what tells the partition of each row, for one thread; nil where all rows are of one partition. Called before `open`, too.
  func makePartitioner() throws -> (any RowPartitioner)?
}

extension ByteSink {
  /// The columns of `schema` that the sink has written: all but those that the names of its partitions tell.
  public func writtenSchema(of schema: Schema) throws -> Schema {
    guard let partitioner = try (self as? any PartitionedByteSink)?.makePartitioner() else { return schema }
    return Schema(partitioner.writtenColumns.map { schema.fields[$0] })
  }
}

/// Tells the partition of each row. Used by one thread at a time.
public protocol RowPartitioner: AnyObject {
  /// The columns that are written, as positions in the rows' schema: those that the partition's name tells may be left out.
  var writtenColumns: [Int] { get }
  /// Puts the number of each row's partition into `numbers`, one per row: 0, 1, 2, … in the order in which partitions first come.
  func partition(_ batch: RecordBatch, into numbers: UnsafeMutablePointer<UInt32>) throws
  /// What a block of the partition with this number says it is of; equal for equal partitions of all threads.
  func name(_ number: Int) throws -> String
  /// Numbers begin anew, so that what was seen need not be kept for ever.
  func reset()
}

/// A byte sink that begins files by itself and puts what stands in front of all records, such as the names of the columns in CSV, at the
/// start of each.
///
/// Other byte sinks get a header as the first block of the first batch, with a row count of 0.
public protocol HeaderedByteSink: ByteSink {
  /// Takes the header, compressed if the sink asks for that, valid during the call. Called once before `open`, and not at all where the
  /// format has none.
  func setHeader(_ header: EncodedBlock)
}

/// How blocks are compressed.
public enum Compression: Sendable, Hashable {
  /// gzip members; level 0…9 in zlib's scale.
  case gzip(level: Int)
  /// The deflate blocks of a member without its header and trailer, so that several can be joined into one member; level 0…9 in
  /// zlib's scale. Blocks of less than 32 KiB come as they are: with what stands before them in the member they get smaller than alone.
  case deflateBlocks(level: Int)
}

/// Encoded records.
public struct EncodedBlock: @unchecked Sendable {
  /// The bytes to append, valid during the call.
  public var bytes: UnsafeRawBufferPointer
  /// Number of records in the block, for progress.
  public var rowCount: Int
  /// Bytes before compression.
  public var plainByteCount: Int
  /// Whether `bytes` are compressed.
  public var isCompressed: Bool
  /// For deflate blocks: gzip's checksum (CRC-32) of the bytes before compression.
  public var checksum: UInt32
  /// The partition that the records are of, where the sink has several.
  public var partition: String?

  /// Makes a block.
  public init(
    bytes: UnsafeRawBufferPointer, rowCount: Int, plainByteCount: Int, isCompressed: Bool = false, checksum: UInt32 = 0,
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
