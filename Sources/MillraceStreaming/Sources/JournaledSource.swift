import Glibc
import MillraceColumnar
public import MillraceCore

/// Makes a source that cannot replay replayable: a thread receives its bytes and keeps whole records, in a journal in the
/// checkpoint before anything is computed from them, or without a checkpoint in memory.
///
/// Crash behaviour: bytes that are not in the journal yet may be lost, as nobody was told otherwise; bytes in the journal are
/// processed exactly once. With `syncsBehind` bytes are given out when they are written, and made durable right behind by a thread of
/// its own: a kill loses nothing then, a power cut the last milliseconds, of which rows may have gone out. A record cut off by the end of a connection is dropped and counted, and never joined with the
/// next connection's first. When the journal is full, or the disk, the thread stops receiving until there is room.
public final class JournaledSource: ByteSource, WakingSource, NotifyingSource, PacedSource, ReportsSourceMetrics,
  @unchecked Sendable
{
  /// Bounds of a journal.
  public struct Options: Sendable {
    /// Bytes that may wait to be processed.
    public var maxWaitingBytes: Int64 = 1 << 30
    /// The same without a checkpoint, in memory.
    public var maxMemoryBytes: Int64 = 64 << 20
    /// A longer record is dropped and counted.
    public var maxRecordBytes = 16 << 20
    /// Bytes of a journal file.
    public var segmentBytes = 4 << 20
    /// Whether the beginning of a record that the end of the connection cut off counts as a record.
    public var emitsPartialRecords = false
    /// Whether bytes are given out before they are durable; for the continuous trigger.
    public var syncsBehind = false
    /// Bytes from which records that came in one call are written by a thread of their own while the next are received.
    var writesBehindFrom = 64 << 10

    /// The default bounds.
    public init() {}
  }

  private struct Shared {
    /// Offset behind the last record that may be planned.
    var end: Int64 = 0
    var committed: Int64 = 0
    /// Up to here a run has computed; without a journal nothing before it is asked for again.
    var consumed: Int64 = 0
    var frozenEnd: Int64?
    /// Whether what comes up to the end of the records is read, and nothing after it.
    var awaitsEnd = false
    var failure: (any Error)?
    var isClosed = false
    var isReceiving = false
    var isConnecting = false
    var droppedRecords: Int64 = 0
    var isSyncing = false
    /// Whether nothing is received until there is room.
    var isPaused = false
    /// Times that it came to that.
    var pauses: Int64 = 0
    /// Where records came from, for a source with columns for that.
    var origins = OriginIndex()
    /// Of records that are written and not durable yet, with `syncsBehind`.
    var unsyncedSequences: [String: Int64] = [:]
    /// The bytes from `consumed` on, by their offsets; with a journal only the last of them.
    var chunks: [(start: Int64, bytes: MemorySlice)] = []

    /// Keeps bytes in memory; they are planned from now on.
    mutating func add(_ chunk: MemorySlice, limit: Int64?) {
      chunks.append((end, chunk))
      end += Int64(chunk.count)
      guard let limit else { return }
      let kept = chunks.drop { $0.start < end - limit }
      if kept.count < chunks.count { chunks.removeFirst(chunks.count - kept.count) }
    }

    /// Nothing before `offset` is read again.
    mutating func consume(_ offset: Int64) {
      consumed = max(consumed, offset)
      origins.forget(before: committed)
      let gone = chunks.prefix { $0.start + Int64($0.bytes.count) <= consumed }.count
      if gone > 0 { chunks.removeFirst(gone) }
    }
  }

  private let live: any LiveRecordSource
  private let name: String
  private let environment: Environment
  private let options: Options
  private let journal: IngestJournal?
  private let shared = Monitor(Shared())
  /// Whether the journal has bytes that are not durable, with `syncsBehind`.
  private let unsynced = Monitor(false)
  /// Writes where much comes; made by the thread that receives.
  private var writer: JournalWriter?
  private var wake: @Sendable () -> Void = {}
  private var notify: @Sendable (String) -> Void = { _ in }

  /// Wraps a source of bytes, whose records are lines. With a checkpoint location the bytes survive there, under the source's name.
  public convenience init(
    _ live: any LiveSource, name: String, checkpointLocation: String?, environment: Environment,
    options: Options = Options()
  ) {
    self.init(
      LineRecords(live, maxRecordBytes: options.maxRecordBytes, emitsPartialRecords: options.emitsPartialRecords),
      name: name, checkpointLocation: checkpointLocation, environment: environment, options: options)
  }

  /// Wraps a source of records.
  public init(
    _ live: any LiveRecordSource, name: String, checkpointLocation: String?, environment: Environment,
    options: Options = Options()
  ) {
    self.live = live
    self.name = name
    self.environment = environment
    self.options = options
    journal = checkpointLocation.map {
      IngestJournal(
        files: environment.files, directory: Checkpoint.journalDirectory($0, source: name),
        segmentSize: options.segmentBytes)
    }
  }

  /// The live source's.
  public var description: String { live.description }

  /// Records that were dropped because the connection ended in them or because they are too long.
  public var droppedRecords: Int64 { shared.read(\.droppedRecords) }

  /// `wake` is called as soon as records can be planned.
  public func onData(_ wake: @escaping @Sendable () -> Void) { self.wake = wake }

  /// `notify` is called with what happens to the connections.
  public func onNotice(_ notify: @escaping @Sendable (String) -> Void) { self.notify = notify }

  /// What waits and what was lost, and what the source tells of itself.
  public func metrics() -> [(name: String, value: String)] {
    let state = shared.read { ($0.droppedRecords, $0.isPaused, $0.pauses) }
    var all: [(name: String, value: String)] = []
    if state.0 > 0 { all.append(("droppedRecords", String(state.0))) }
    if state.2 > 0 { all += [("receivingPaused", String(state.1)), ("receivingPauses", String(state.2))] }
    return all + live.metrics()
  }

  /// Where the records in a range of bytes came from.
  func origins(in range: Range<Int64>) -> ArraySlice<OriginIndex.Run> { shared.read { $0.origins.runs(in: range) } }

  /// Opens the journal and begins to receive.
  public func start(after offset: Offset?) throws {
    let committed = offset?.json.int ?? 0
    if live.acknowledges, journal == nil {
      throw MillraceError(
        "ACKNOWLEDGE_NEEDS_CHECKPOINT",
        "'\(name)' is to acknowledge what is durable, and the query has no checkpoint to keep it in",
        hint: "set checkpointLocation, or leave out 'acknowledge'")
    }
    var origins = OriginIndex()
    try journal?.open(committed: committed) { offset, notes in origins.add(notes.runs, at: offset) }
    live.restore(journal?.sequences ?? [:])
    let end = journal?.end ?? committed
    shared.change { state in
      state.committed = committed
      state.consumed = committed
      state.end = end
      state.origins = origins
      state.isReceiving = true
      state.isConnecting = true
    }
    if let journal, options.syncsBehind { try startSyncing(journal) }
    try EngineThread.start("receive \(name)") { [self] in
      receiveAll()
      shared.change {
        $0.isReceiving = false
        $0.isConnecting = false
      }
      wake()
    }
  }

  /// Offers only what was received by now, or where the records end by themselves all of them. A peer that is not there is an error, not an end without rows, so a connection in the
  /// making is waited for.
  public func freeze() throws {
    _ = shared.wait(microseconds: 30_000_000) { $0.isConnecting ? nil : true }
    let endsByItself = live.endsByItself
    shared.change { state in
      state.awaitsEnd = endsByItself
      if !endsByItself { state.frozenEnd = state.end }
    }
  }

  /// Soon, while the end of records that end by themselves is awaited.
  public var nextDue: Int64? {
    let isDue = shared.read { $0.awaitsEnd && ($0.isReceiving || $0.end > $0.consumed || $0.failure != nil) }
    return isDue ? environment.clock.now() + Self.endInterval : nil
  }

  /// Microseconds between looks for the end of records that end by themselves; data wakes earlier.
  private static let endInterval: Int64 = 20_000

  /// Whole records that are kept; throws what ended the receiving once all of them were planned.
  public func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let (end, failure) = shared.read { ($0.frozenEnd ?? $0.end, $0.failure) }
    let from = offset?.json.int ?? 0
    guard from < end else {
      if let failure { throw failure }
      return nil
    }
    let split = SourceSplit(
      name: live.description, payload: .array([.int(from), .int(end)]), byteLimit: limit.byteBound(), isFinal: true,
      sizeHint: end - from, offset: from)
    return SourcePlan(splits: [split])
  }

  /// Behind the records that were read.
  public func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    let range = try Self.range(plan.splits[0])
    let consumed = results[0].reachedEnd ? Int64(range.count) : min(results[0].bytesConsumed, Int64(range.count))
    shared.change { $0.consume(range.lowerBound + consumed) }
    return Offset(.int(range.lowerBound + consumed))
  }

  private static func range(_ split: SourceSplit) throws -> Range<Int64> {
    guard let parts = split.payload.array, parts.count == 2, let from = parts[0].int, let to = parts[1].int, from <= to
    else {
      throw MillraceError("CHECKPOINT_CORRUPT", "the range of '\(split.name)' has another form", fault: .external)
    }
    return from..<to
  }

  /// Reads from memory what is still there, else from the journal.
  public func open(_ split: SourceSplit) throws -> any ByteReader {
    let range = try Self.range(split)
    let chunks = shared.read { state in
      let first = state.chunks.lastIndex { $0.start <= range.lowerBound } ?? state.chunks.endIndex
      return state.chunks[first...].prefix { $0.start < range.upperBound }
    }
    if !chunks.isEmpty { return MemoryReader(chunks: Array(chunks), range: range) }
    if let journal { return try journal.reader(range) }
    throw MillraceError("SOURCE_DATA_LOST", "bytes of '\(split.name)' are not kept any more", fault: .bug)
  }

  /// Forgets what is committed.
  public func commit(_ offset: Offset) throws {
    let committed = offset.json.int ?? 0
    try journal?.forget(before: committed)
    shared.change { state in
      state.committed = committed
      state.consume(committed)
    }
  }

  /// Bytes that wait.
  public func backlog(after offset: Offset?) -> Int64? { shared.read(\.end) - (offset?.json.int ?? 0) }

  /// Ends the connection and waits until nothing is written any more.
  public func close() {
    shared.change { $0.isClosed = true }
    unsynced.change { $0 = true }
    live.close()
    // Nothing may be written to the journal once the checkpoint's lock is gone.
    _ = shared.wait(microseconds: 10_000_000) { $0.isReceiving || $0.isSyncing ? nil : true }
  }

  // MARK: Receiving

  private var isClosed: Bool { shared.read(\.isClosed) }

  private func receiveAll() {
    do {
      try live.connect()
      shared.change { $0.isConnecting = false }
      defer { writer?.finish { isClosed } }
      try receiveConnection()
    } catch {
      fail(error)
    }
  }

  private func fail(_ error: any Error) {
    if isClosed { return }
    shared.change { $0.failure = error }
  }

  /// Receives until the peer ends the stream.
  private func receiveConnection() throws {
    let inbox = LiveInbox()
    var goesOn = true
    while goesOn, waitForRoom() {
      inbox.removeAll()
      let result = Result { try live.receive(into: inbox) }
      if inbox.droppedRecords > 0 { shared.change { $0.droppedRecords += inbox.droppedRecords } }
      for notice in inbox.notices { notify(notice) }
      try keep(inbox)
      goesOn = try result.get()
    }
  }

  /// Waits while too much waits; false once closed.
  private func waitForRoom() -> Bool {
    let hasJournal = journal != nil
    let most = hasJournal ? options.maxWaitingBytes : options.maxMemoryBytes
    return shared.wait(microseconds: nil) { state in
      let hasRoom = state.end - (hasJournal ? state.committed : state.consumed) < most
      if !hasRoom && !state.isPaused { state.pauses += 1 }
      state.isPaused = !hasRoom
      if state.isClosed { return false }
      return hasRoom ? true : nil
    } ?? false
  }

  /// Keeps whole records, then lets the engine have them and the senders know.
  private func keep(_ inbox: LiveInbox) throws {
    guard !isClosed, inbox.records.count > 0 || !inbox.sequences.isEmpty else { return }
    let chunk = inbox.records.takeSlice()
    let piece = JournalWriter.Piece(
      bytes: chunk, notes: JournalNotes(runs: inbox.runs, sequences: inbox.sequences))
    guard let journal else { return publish(piece) }
    let isSmall = chunk.count < options.writesBehindFrom
    if options.syncsBehind || isSmall && writer?.isIdle ?? true {
      try appendWithPatience(piece, journal, isDurable: !options.syncsBehind)
      return publish(piece)
    }
    try writer(journal).add(piece)
  }

  private func writer(_ journal: IngestJournal) throws -> JournalWriter {
    if let writer { return writer }
    let writer = try JournalWriter(
      "write journal of \(name)",
      write: { [self] pieces in
        let size = pieces.reduce(0) { $0 + $1.bytes.count }
        for piece in pieces { try appendWithPatience(piece, journal, isDurable: false, expected: size) }
        try journal.sync()
        for piece in pieces { publish(piece) }
      },
      failed: { [self] error in
        fail(error)
        wake()
      })
    self.writer = writer
    return writer
  }

  /// The engine may have these records now.
  private func publish(_ piece: JournalWriter.Piece) {
    let limit = journal == nil ? nil : min(options.maxMemoryBytes, Self.cachedBytes)
    let sequences = piece.notes.sequences
    shared.change { state in
      state.origins.add(piece.notes.runs, at: state.end)
      state.add(piece.bytes, limit: limit)
      if options.syncsBehind { state.unsyncedSequences.merge(sequences) { $1 } }
    }
    wake()
    if options.syncsBehind {
      if unsynced.read({ !$0 }) { unsynced.change { $0 = true } }
    } else if !sequences.isEmpty {
      live.acknowledge(sequences)
    }
  }

  /// Bytes of the journal that are kept in memory, so that what keeps up need not read the file.
  private static let cachedBytes: Int64 = 32 << 20

  /// A full disk is waited for; the bytes are neither lost nor taken for kept.
  private func appendWithPatience(
    _ piece: JournalWriter.Piece, _ journal: IngestJournal, isDurable: Bool, expected: Int = 0
  ) throws {
    let bytes = piece.bytes.bytes
    while true {
      do {
        try journal.append(bytes, notes: piece.notes, isDurable: isDurable, expected: expected)
        return
      } catch let error as MillraceError where error.code == "IO_DISK_FULL" {
        let isClosed = shared.wait(microseconds: 200_000) { $0.isClosed ? true : nil }
        if isClosed == true { throw error }
      }
    }
  }
}

extension JournaledSource {
  /// Microseconds from one sync to the next: often enough for what a power cut may take, seldom enough not to be in the way.
  private static let syncInterval: Int64 = 5000

  /// Makes the journal durable behind the bytes that come.
  private func startSyncing(_ journal: IngestJournal) throws {
    shared.change { $0.isSyncing = true }
    try EngineThread.start("sync journal of \(name)") { [self] in
      do {
        while !isClosed {
          if takeUnsynced() {
            let sequences = takeUnsyncedSequences()
            try journal.sync()
            if !sequences.isEmpty { live.acknowledge(sequences) }
          }
          environment.clock.sleep(microseconds: Self.syncInterval)
        }
      } catch {
        fail(error)
        wake()
      }
      shared.change { $0.isSyncing = false }
    }
  }

  /// Numbers of records that are written by now.
  private func takeUnsyncedSequences() -> [String: Int64] {
    shared.change { state in
      defer { state.unsyncedSequences = [:] }
      return state.unsyncedSequences
    }
  }

  /// Whether there is something to make durable; waits for it for a while.
  private func takeUnsynced() -> Bool {
    unsynced.wait(microseconds: 100_000) { isUnsynced in
      guard isUnsynced else { return nil }
      isUnsynced = false
      return true
    } ?? false
  }
}
