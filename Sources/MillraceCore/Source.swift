/// A place in a source: JSON that only the source understands. It is kept in the checkpoint, so its form is versioned by the source.
public struct Offset: Hashable, Sendable {
  /// The place in the source's own words, compared as a whole and otherwise left alone by the engine.
  public var json: JSON
  /// Wraps a place.
  public init(_ json: JSON) { self.json = json }
}

/// How much one micro-batch may read.
public struct ReadLimit: Sendable {
  /// Most files, those that the batch before cut included; nil: no such limit. At least one is read all the same.
  public var files: Int?
  /// Uncompressed bytes.
  public var bytes: Int64?
  /// Most rows, for row sources; nil: no such limit.
  public var rows: Int64?
  /// Uncompressed bytes for a source that has no limit of its own.
  public var defaultBytes: Int64?
  /// Worker threads, so that a plan can have at least as many parts.
  public var parallelism: Int

  /// Makes a limit; nil means none.
  public init(files: Int? = nil, bytes: Int64? = nil, rows: Int64? = nil, parallelism: Int = 1) {
    self.files = files
    self.bytes = bytes
    self.rows = rows
    self.parallelism = parallelism
  }

  /// About how many uncompressed bytes a source may give whose own option says `own`; nil for any number.
  public func byteBound(own: Int64? = nil) -> Int64? {
    guard let chosen = own ?? defaultBytes else { return bytes }
    return bytes.map { min($0, chosen) } ?? chosen
  }
}

/// A part of a batch's input that one worker reads from end to end. It is written into the commit log before it is read,
/// and reading it again gives the same rows.
public struct SourceSplit: Sendable {
  /// Names the file, table or stream to a person and in errors.
  public var name: String
  /// What the source needs to open it again.
  public var payload: JSON
  /// For byte sources: records are read as long as they end within this many bytes, one at least. Nil: to the end.
  public var byteLimit: Int64?
  /// For byte sources: no more bytes will ever follow the end, so a last record without a terminator counts.
  public var isFinal: Bool
  /// Splits with the same key in consecutive batches continue each other; the reader is kept open between them.
  public var continuationKey: String?
  /// Uncompressed bytes, about; nil if not known. The engine computes what it reads of a large split on several threads.
  public var sizeHint: Int64?
  /// For byte sources: uncompressed offset of the split's first byte in its file or stream. Positions in errors and dead letters count
  /// from there, and only a split at 0 begins with a file's header.
  public var offset: Int64

  /// Makes a split.
  public init(
    name: String, payload: JSON, byteLimit: Int64? = nil, isFinal: Bool = true, continuationKey: String? = nil,
    sizeHint: Int64? = nil, offset: Int64 = 0
  ) {
    self.name = name
    self.payload = payload
    self.byteLimit = byteLimit
    self.isFinal = isFinal
    self.continuationKey = continuationKey
    self.sizeHint = sizeHint
    self.offset = offset
  }
}

/// The input of one source for one batch.
public struct SourcePlan: Sendable {
  /// The parts in the order of the data: an earlier part's rows come before those of a later one in every result.
  public var splits: [SourceSplit]
  /// Where the source stands after the batch, when that is known before reading. Byte sources may leave it nil and
  /// compute it from the results.
  public var end: Offset?

  /// Makes a plan.
  public init(splits: [SourceSplit], end: Offset? = nil) {
    self.splits = splits
    self.end = end
  }
}

/// What reading one split came to.
public struct SplitResult: Sendable {
  /// Bytes of whole records that were consumed (byte sources).
  public var bytesConsumed: Int64
  /// Whether the reader met its end (as opposed to the byte limit).
  public var reachedEnd: Bool
  /// Number of rows that the split gave; those that the decoder left out by a pushed filter do not count.
  public var rowCount: Int64
  /// Records that could not be decoded, left out or not.
  public var badRecordCount: Int64

  /// Makes a result.
  public init(
    bytesConsumed: Int64 = 0, reachedEnd: Bool = true, rowCount: Int64 = 0, badRecordCount: Int64 = 0
  ) {
    self.bytesConsumed = bytesConsumed
    self.reachedEnd = reachedEnd
    self.rowCount = rowCount
    self.badRecordCount = badRecordCount
  }
}

/// What every source does. Implement `ByteSource`, `RowSource` or `LiveSource`.
///
/// The engine calls, all from the query's control thread: `start` once; then for each batch `plan`, later `offset(after:results:)`
/// once all splits were read, and `commit` when the batch is durable. After a crash `start` gets the last committed offset, and the
/// pending plan, if there is one, is read again without calling `plan`. Reading happens on worker threads.
public protocol Source: AnyObject, Sendable {
  /// One line for progress and `explain`, for instance `gzip-file[logs/*.gz]`.
  var description: String { get }
  /// Prepares to go on after `offset` (nil: from the beginning). May touch the world for the first time.
  func start(after offset: Offset?) throws
  /// From now on `plan` offers only what exists at this moment, and then nil. Called for `availableNow` and `once`.
  func freeze() throws
  /// The next input after `offset`, or nil when there is nothing (yet).
  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan?
  /// Where the source stands after `plan` was read with `results` (one per split).
  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset
  /// Everything up to `offset` is durable; the source may forget it. May be called twice with the same offset.
  func commit(_ offset: Offset) throws
  /// Uncompressed bytes, or rows for row sources, that wait after `offset` as far as it is known; for progress only.
  func backlog(after offset: Offset?) -> Int64?
  /// Ends the source. Called once.
  func close()
}

extension Source {
  /// Nothing to prepare.
  public func start(after offset: Offset?) throws {}
  /// Nothing to forget.
  public func commit(_ offset: Offset) throws {}
  /// Not known.
  public func backlog(after offset: Offset?) -> Int64? { nil }
  /// Nothing to end.
  public func close() {}
}

/// A source that can say that it has something new, so that the engine need not look so often.
public protocol WakingSource: Source {
  /// `wake` is to be called from any thread when there may be something to plan. Called once, before `start`.
  func onData(_ wake: @escaping @Sendable () -> Void)
  /// Whether it does so at present. If not, the engine looks as often as it does with other sources.
  var isWatching: Bool { get }
}

extension WakingSource {
  /// Always.
  public var isWatching: Bool { true }
}

/// The kind of source that a connector makes.
public enum SourceKind: Sendable {
  /// Bytes that can be read again; the engine finds and decodes the records.
  case bytes(any ByteSource)
  /// Rows that can be read again.
  case rows(any RowSource)
  /// Bytes that come only once; the engine keeps them in a journal first.
  case live(any LiveSource)
  /// Records that come only once, from any number of senders; the engine keeps them in a journal first.
  case liveRecords(any LiveRecordSource)
}

/// A source that moves bytes. Framing, decoding and decompression beyond the source's own are the engine's.
public protocol ByteSource: Source {
  /// Opens a split at its first byte. Called on a worker thread.
  func open(_ split: SourceSplit) throws -> any ByteReader
}

/// A source that can say what the batch behind the one that it planned last will probably read, so that idle threads begin with it.
package protocol ReadAheadSource: ByteSource {
  /// The splits, as `plan` would name them; none if they are not known. Called on the control thread. They bind nobody: what a plan names in the
  /// end counts.
  var nextSplits: [SourceSplit] { get }
}

/// Reads the bytes of one split in order. Used by one thread at a time.
public protocol ByteReader: AnyObject {
  /// Fills the buffer from its start with at least one byte and gives how many; 0 at the end.
  /// Throws named errors with file and offset for damaged input, after all bytes before the damage were given.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
  /// Ends reading. Called once.
  func close()
}

/// A reader whose bytes lie in memory already, so that they can be used where they are.
public protocol ResidentByteReader: ByteReader {
  /// The next bytes, at least one, and what they lie in; nil at the end. Up to 64 bytes behind them may be read, too. Calls of `read` in between
  /// go on behind them.
  func nextBlock() throws -> (owner: MemoryBuffer, bytes: UnsafeRawBufferPointer)?
}

/// A source that moves rows.
public protocol RowSource: Source {
  /// All columns the source has.
  var schema: Schema { get }
  /// Opens a split; the batches must have just the columns `columns` (positions in `schema`), in that order.
  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader
}

/// Reads the rows of one split in order. Used by one thread at a time.
public protocol RowReader: AnyObject {
  /// The next rows, nil at the end.
  func next() throws -> RecordBatch?
  /// Ends reading. Called once.
  func close()
}

/// A source whose bytes come once and cannot be asked for again, such as a socket. The engine writes them into a
/// journal in the checkpoint before anything is computed from them, which makes the query replayable; without a
/// checkpoint it keeps them in memory.
public protocol LiveSource: AnyObject, Sendable {
  /// One line for progress and `explain`.
  var description: String { get }
  /// Connects, as patiently as the source's options say. Called once, on the journal's own thread.
  func connect() throws
  /// Waits for bytes and gives how many were put at the start of the buffer; 0 when the peer ended the stream. A source that connects
  /// again after a failure does so in here; an error ends the query.
  func receive(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
  /// Ends a waiting `receive`. Called from another thread.
  func close()
}

/// A reader whose bytes cost work (decompression), so that reading ahead on another thread pays.
public protocol BulkByteReader: ByteReader {}

/// A reader that knows how much it fetched from where the bytes lie, which is less than it gives where they are compressed.
/// For profiles only; what a reader without it gives counts as fetched.
public protocol StoredByteReader: ByteReader {
  /// Bytes fetched so far. Asked for on the thread that reads.
  var storedByteCount: Int64 { get }
}
