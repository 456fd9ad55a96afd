import MillraceColumnar
public import MillraceCore
import Synchronization

/// What a file source is told.
public struct FileSourceSettings: Sendable {
  /// Name of the connector, for messages.
  public var connector: String
  /// Path, folder or shell pattern.
  public var path: String
  /// Which files come first.
  public var order: FileOrder
  /// Most files of one batch.
  public var maxFiles: Int?
  /// About how many plain bytes one batch has; nil leaves it to the engine.
  public var maxBytes: Int64?
  /// What is done with a damaged gzip file.
  public var onCorrupt: GzipDamagePolicy
  /// How the files are cut into records.
  public var records = RecordRules()

  /// Makes settings.
  public init(
    connector: String, path: String, order: FileOrder, maxFiles: Int? = nil,
    maxBytes: Int64? = nil, onCorrupt: GzipDamagePolicy = .fail
  ) {
    self.connector = connector
    self.path = path
    self.order = order
    self.maxFiles = maxFiles
    self.maxBytes = maxBytes
    self.onCorrupt = onCorrupt
  }
}

/// Reads files, plain or gzip, each once and in order. New files, and what is added to known ones, come in later batches.
///
/// A batch has whole files, at least as many as there are workers; only a file that is too large for a batch of its own is cut. So no
/// row of a later file comes a batch before one of an earlier file, and the watermark cannot drop what is still to come.
public final class FileSource: RecordRuleSource, ArchiveSource, FileNamingSource, ReadAheadSource {
  private let settings: FileSourceSettings
  private let files: any FileSystem
  private let warn: @Sendable (MillraceError) -> Void
  private let state = Mutex(State())

  private struct State {
    /// What `plan` may offer once the source is frozen.
    var frozen: [ListedFile]?
    /// The batch that was planned last, what was read before it, and how many workers read it.
    var planned: (batch: FileBatch, place: FileSourceOffset, parallelism: Int)?
    /// Whether a file, by its path, is to be left out; nil: none is.
    var isUnwanted: (@Sendable (String) throws -> Bool)?
    /// Heads that were read of the files that were there last.
    var heads: [FileIdentity.Key: KnownHead] = [:]
    /// The files that were there last; nil before the first look.
    var present: Set<FileIdentity.Key>?
    /// Members' starts that readers passed, by file.
    var restarts: [FileIdentity.Key: [GzipRestartPoint]] = [:]
    /// Plain bytes per byte of gzip in the files read so far.
    var plainRead: Int64 = 0
    var compressedRead: Int64 = 0
    var ratio: Double? { compressedRead > 0 ? Double(plainRead) / Double(compressedRead) : nil }
  }

  /// A head, good for as long as the file has this size and time.
  private struct KnownHead {
    var status: FileStatus
    var head: FileHead
  }

  /// Makes a source; touches nothing yet. `warn` is told of damage that was got over.
  public init(
    _ settings: FileSourceSettings, files: any FileSystem, warn: @escaping @Sendable (MillraceError) -> Void = { _ in }
  ) {
    self.settings = settings
    self.files = files
    self.warn = warn
  }

  /// A file of each folder in a folder; nil where the source reads no folder as a whole.
  public func pathsInFolder() throws -> [String]? {
    guard try files.status(settings.path)?.isDirectory == true else { return nil }
    return try files.firstFiles(inFolder: settings.path)
  }

  /// For instance `gzip-file[logs/*.gz]`.
  public var description: String { "\(settings.connector)[\(settings.path)]" }

  /// Such files are not looked into, and no offset names them.
  public func leaveOutFiles(where isUnwanted: @escaping @Sendable (_ path: String) throws -> Bool) {
    state.withLock { $0.isUnwanted = isUnwanted }
  }

  /// What the options say.
  public var recordRules: RecordRules { settings.records }

  /// Checks that there is something to read, when nothing was read before.
  public func start(after offset: Offset?) throws {
    _ = try FileSourceOffset(offset)
    if try offset == nil && !files.hasFile(settings.path) {
      throw MillraceError(
        "PATH_NOT_FOUND", "no file matches '\(settings.path)'",
        hint: "a path is taken from the folder in which the command runs; check its spelling"
      )
    }
  }

  /// Remembers the files that exist now.
  public func freeze() throws {
    let found = try list()
    state.withLock { $0.frozen = found }
  }

  /// The next files. No more of them are looked into than the batch takes.
  public func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let place = try FileSourceOffset(offset)
    var batch = FileBatch(settings, limit)
    try forEachWaiting(place) { batch.add($0) }
    let planned = (batch, place, limit.parallelism)
    state.withLock { $0.planned = planned }
    return batch.splits.isEmpty ? nil : SourcePlan(splits: batch.splits)
  }

  /// As many files as there are workers, where the source is frozen: what else comes meanwhile may come first.
  package var nextSplits: [SourceSplit] {
    let (planned, frozen, ratio) = state.withLock { ($0.planned, $0.frozen, $0.ratio) }
    guard let (batch, place, count) = planned, let frozen, !batch.isCut else { return [] }
    var next: [SourceSplit] = []
    for file in frozen where !batch.contains(file.key) && place.entry(file.key) == nil {
      // What is wrong with a file is said when its turn comes.
      guard next.count < count, let head = try? head(file, known: nil),
        let found = FileCandidate(file: file, head: head).waiting(nil, ratio: ratio),
        let split = batch.nextSplit(found)
      else { break }
      next.append(split)
    }
    return next
  }

  /// The files of the plan are read, as far as the results say.
  public func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    var place = try FileSourceOffset(offset)
    for (split, result) in zip(plan.splits, results) {
      let part = try FilePart(split.payload)
      let plain = part.from + result.bytesConsumed
      let isFinished = split.byteLimit == nil || result.reachedEnd
      place.set(
        FileSourceOffset.Entry(
          identity: part.identity, plain: plain, restart: restart(part, before: plain, isFinished),
          isFinished: isFinished))
      learn(part, plain, isFinished)
    }
    // A plan that a restart runs again comes before the first look.
    if let present = state.withLock({ $0.present }) { place.forget(allBut: present, keeping: 10_000) }
    return place.offset
  }

  /// What was read, for a source that starts after this one.
  public func archivedFiles(_ offset: Offset?) throws -> [ArchivedFile] {
    try FileSourceOffset(offset).entries.map { entry in
      ArchivedFile(
        headChecksum: entry.identity.headChecksum, headLength: entry.identity.headLength, plainByteCount: entry.plain,
        isFinished: entry.isFinished)
    }
  }

  /// Estimated plain bytes of the files that wait. Of very many not all are looked into for that: the rest counts by what is known of the others.
  public func backlog(after offset: Offset?) -> Int64? {
    guard let place = try? FileSourceOffset(offset) else { return nil }
    var left = Self.backlogLooks
    var known: (plain: Int64, stored: Int64) = (0, 0)
    var unknown: Int64 = 0
    func isPassed(_ file: ListedFile) -> Bool {
      if knownHead(file) != nil { return false }
      if place.hasRead(file) { return true }
      left -= 1
      if left < 0 { unknown += file.status.size }
      return left < 0
    }
    let isComplete: Void? = try? forEachWaiting(place, passing: isPassed) { file in
      known.plain += file.estimate
      known.stored += file.part.identity.size
      return true
    }
    if isComplete == nil { return nil }
    return known.plain + Int64(Double(unknown) * Double(known.plain) / Double(max(known.stored, 1)))
  }

  /// Files that are looked into only to say what waits.
  private static let backlogLooks = 256

  /// Opens a file of a plan, having made sure that it is the same one.
  public func open(_ split: SourceSplit) throws -> any ByteReader {
    let part = try FilePart(split.payload)
    let found = try part.locate(settings.path, files) { try head($0, known: part.identity) }
    let reader = try GzipReader(
      files.open(found.path, .read), offset: part.from, restart: part.restart, fileEnd: part.identity.size,
      policy: settings.onCorrupt, report: warn)
    return FileSplitReader(reader) { [self] point in
      state.withLock { $0.restarts[part.identity.key, default: []].append(point) }
    }
  }

  /// The files that exist now and are wanted.
  private func list() throws -> [ListedFile] {
    let found = try files.listFiles(settings.path, order: settings.order)
    let present = Set(found.map(\.key))
    let isUnwanted = state.withLock { state in
      state.present = present
      state.heads = state.heads.filter { present.contains($0.key) }
      return state.isUnwanted
    }
    guard let isUnwanted else { return found }
    return try found.filter { try !isUnwanted($0.path) }
  }

  private func knownHead(_ file: ListedFile) -> FileHead? {
    state.withLock { state in
      let known = state.heads[file.key]
      return known?.status == file.status ? known?.head : nil
    }
  }

  /// The head of a file that was found, to be compared with what is known of one; nil if it is gone.
  private func head(_ file: ListedFile, known: FileIdentity?) throws -> FileHead? {
    let length = known?.headLength
    if let head = knownHead(file), length.map({ $0 >= head.length || head.checksum(of: $0) != nil }) ?? true {
      return head
    }
    guard let opened = try open(file) else { return nil }
    defer { try? opened.close() }
    let head = try FileHead(opened, size: file.status.size, known: length)
    state.withLock { $0.heads[file.key] = KnownHead(status: file.status, head: head) }
    return head
  }

  /// Opens a file that was found and may have got another name since; nil if it is gone.
  private func open(_ file: ListedFile) throws -> (any File)? {
    func isSame(_ status: FileStatus?) -> Bool {
      status.map { ListedFile(path: file.path, status: $0).key == file.key } ?? false
    }
    if isSame(try files.status(file.path)) {
      let opened = try files.open(file.path, .read)
      if isSame(try opened.status()) { return opened }
      try opened.close()
    }
    let moved = try files.listFiles(settings.path, order: settings.order).first { $0.key == file.key }
    return try moved.map { try files.open($0.path, .read) }
  }

  /// What of the files is not read yet, the file that was cut last in front.
  func waiting(after offset: Offset?) throws -> [WaitingFile] {
    var found: [WaitingFile] = []
    try forEachWaiting(FileSourceOffset(offset)) {
      found.append($0)
      return true
    }
    return found
  }

  /// The same one by one, until `body` gives false, without files that `isPassed` takes.
  private func forEachWaiting(
    _ place: FileSourceOffset, passing isPassed: (ListedFile) -> Bool = { _ in false }, _ body: (WaitingFile) -> Bool
  ) throws {
    let frozen = state.withLock { $0.frozen }
    let ratio = state.withLock(\.ratio)
    let listed = try frozen ?? list()
    func waiting(_ file: ListedFile) throws -> WaitingFile? {
      let entry = place.entry(file.key)
      guard let head = try head(file, known: entry?.identity) else {
        // What was there when the query began must not be left out, unless it was read before.
        if frozen != nil && !place.hasRead(file) { throw FilePart.missing(file.path) }
        return nil
      }
      return FileCandidate(file: file, head: head).waiting(entry, ratio: ratio)
    }
    var begun: Set<FileIdentity.Key> = []
    for file in listed where place.entry(file.key)?.isFinished == false {
      guard let found = try waiting(file), found.isBegun else { continue }
      if !body(found) { return }
      begun.insert(file.key)
    }
    for file in listed where !begun.contains(file.key) && !isPassed(file) {
      if let found = try waiting(file), !body(found) { return }
    }
  }

  private func restart(_ part: FilePart, before plain: Int64, _ isFinished: Bool) -> GzipRestartPoint {
    // What is added to the file later may go on with the last member, so a file that was read to its end is gone on with there.
    if isFinished && !part.isCompressed { return GzipRestartPoint(compressed: part.identity.size, plain: plain) }
    let passed = state.withLock { $0.restarts[part.identity.key] ?? [] }
    return passed.filter { $0.plain <= plain }.max { $0.plain < $1.plain } ?? part.restart
  }

  private func learn(_ part: FilePart, _ plain: Int64, _ isFinished: Bool) {
    state.withLock { state in
      guard isFinished else { return }
      state.restarts[part.identity.key] = nil
      if part.isCompressed {
        state.plainRead += plain - part.restart.plain
        state.compressedRead += part.identity.size - part.restart.compressed
      }
    }
  }
}

/// Reads a split and tells of each member's start.
private final class FileSplitReader: BulkByteReader, StoredByteReader {
  private let reader: GzipReader
  private let passed: (GzipRestartPoint) -> Void
  private var last = GzipRestartPoint()
  var storedByteCount: Int64 { reader.storedByteCount }

  init(_ reader: GzipReader, passed: @escaping (GzipRestartPoint) -> Void) {
    self.reader = reader
    self.passed = passed
    last = reader.restartPoint
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try reader.read(into: buffer)
    if reader.isCompressed && reader.restartPoint != last {
      last = reader.restartPoint
      passed(last)
    }
    return count
  }

  func close() { reader.close() }
}
