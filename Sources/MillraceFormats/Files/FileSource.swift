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
public final class FileSource: RecordRuleSource, ArchiveSource {
  private let settings: FileSourceSettings
  private let files: any FileSystem
  private let warn: @Sendable (MillraceError) -> Void
  private let state = Mutex(State())

  private struct State {
    /// What `plan` may offer once the source is frozen.
    var frozen: [FileCandidate]?
    /// Heads that were read, by place, size and time of the file.
    var heads: [FileStatus: FileHead] = [:]
    /// Members' starts that readers passed, by file.
    var restarts: [FileIdentity.Key: [GzipRestartPoint]] = [:]
    /// Plain bytes per byte of gzip in the files read so far.
    var plainRead: Int64 = 0
    var compressedRead: Int64 = 0
  }

  /// Makes a source; touches nothing yet. `warn` is told of damage that was got over.
  public init(
    _ settings: FileSourceSettings, files: any FileSystem, warn: @escaping @Sendable (MillraceError) -> Void = { _ in }
  ) {
    self.settings = settings
    self.files = files
    self.warn = warn
  }

  /// For instance `gzip-file[logs/*.gz]`.
  public var description: String { "\(settings.connector)[\(settings.path)]" }

  /// What the options say.
  public var recordRules: RecordRules { settings.records }

  /// Checks that there is something to read, when nothing was read before.
  public func start(after offset: Offset?) throws {
    _ = try FileSourceOffset(offset)
    if try offset == nil && files.listFiles(settings.path, order: settings.order).isEmpty {
      throw MillraceError(
        "PATH_NOT_FOUND", "no file matches '\(settings.path)'",
        hint: "a path is taken from the folder in which the command runs; check its spelling"
      )
    }
  }

  /// Remembers the files that exist now.
  public func freeze() throws {
    let found = try candidates()
    state.withLock { $0.frozen = found }
  }

  /// The next files.
  public func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let splits = try waiting(after: offset).splits(settings, limit)
    return splits.isEmpty ? nil : SourcePlan(splits: splits)
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
    let present = state.withLock { Set($0.heads.keys.map { FileIdentity.Key(device: $0.device, inode: $0.inode) }) }
    place.forget(allBut: present, keeping: 10_000)
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

  /// Estimated plain bytes of the files that wait.
  public func backlog(after offset: Offset?) -> Int64? {
    try? waiting(after: offset).reduce(0) { $0 + $1.estimate }
  }

  /// Opens a file of a plan, having made sure that it is the same one.
  public func open(_ split: SourceSplit) throws -> any ByteReader {
    let part = try FilePart(split.payload)
    let path = try part.locate(settings.path, files)
    let reader = try GzipReader(
      files.open(path, .read), offset: part.from, restart: part.restart, fileEnd: part.identity.size,
      policy: settings.onCorrupt, report: warn)
    return FileSplitReader(reader) { [self] point in
      state.withLock { $0.restarts[part.identity.key, default: []].append(point) }
    }
  }

  private func candidates() throws -> [FileCandidate] {
    let listed = try files.listFiles(settings.path, order: settings.order)
    return try listed.map { FileCandidate(path: $0.path, status: $0.status, head: try head($0), files: files) }
  }

  private func head(_ file: ListedFile) throws -> FileHead {
    if let known = state.withLock({ $0.heads[file.status] }) { return known }
    let head = try FileHead(path: file.path, files: files)
    state.withLock { $0.heads[file.status] = head }
    return head
  }

  /// What of the files is not read yet, the file that was cut last in front.
  func waiting(after offset: Offset?) throws -> [WaitingFile] {
    let place = try FileSourceOffset(offset)
    let frozen = state.withLock { $0.frozen }
    let ratio = state.withLock { $0.compressedRead > 0 ? Double($0.plainRead) / Double($0.compressedRead) : nil }
    let all = try frozen ?? candidates()
    let waiting = all.compactMap { $0.waiting(place.entry($0.key), ratio: ratio) }
    return waiting.filter(\.isBegun) + waiting.filter { !$0.isBegun }
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
