import MillraceCore
import MillraceFormats

/// Appends encoded records to files and begins the next one when a file is large, old or idle enough, or another folder's turn comes.
///
/// Every file has a number that no other gets. The token of a batch names the files that take more rows, with their lengths, and the
/// next number; recovery cuts those files back and removes all with that number or a higher one, so a batch is in the files once.
/// Other files are never written again. What is done to files behind their last row (renaming, compressing, removing) waits until the
/// batch is logged: see `RotatedFiles`.
final class RotatingFileSink: HeaderedByteSink, PartitionedByteSink, @unchecked Sendable {
  private let configuration: RotatingFileSinkConfiguration
  private let environment: Environment
  private var owner: RotatingFileOwner?
  private var query = ""
  private let rotated: RotatedFiles
  /// Files that take more rows, by partition.
  private var active: [String: RotatingFile] = [:]
  /// Number of the next file.
  private var next: Int64 = 1
  /// Start of the latest span of event time that was seen.
  private var latestSpan: Int64?
  /// Folders with files whose names are not durable.
  private var newNames: Set<String> = []
  private var uses: Int64 = 0
  private var now: Int64 = 0
  private var reopenCount = 0
  private let deflate: SmallDeflate
  /// What each file begins with.
  private var header: [UInt8] = []

  init(_ configuration: RotatingFileSinkConfiguration, environment: Environment) {
    self.configuration = configuration
    self.environment = environment
    deflate = SmallDeflate(level: configuration.level)
    rotated = RotatedFiles(configuration, environment)
  }

  private var name: RotatingFileName { configuration.name }
  private var files: any FileSystem { environment.files }

  var description: String { "rotating-file[\(name.pattern)]" }
  var guarantee: SinkGuarantee { .truncatable }
  /// Files only grow: a complete result would be there once per batch.
  var outputModes: Set<OutputMode> { [.append, .update] }

  var compression: Compression? {
    isGzip ? .deflateBlocks(level: configuration.level) : nil
  }

  /// No larger than a file, or a batch would be one file whatever its size; nor than a member.
  var blockSize: Int? {
    var limit = min(configuration.roll.maxBytes - Int64(header.count), 1 << 20)
    if isGzip { limit = min(limit, configuration.memberSize) }
    return Int(max(limit, 1))
  }

  var blockRows: Int? { Int(configuration.roll.maxRows) }

  func makePartitioner() throws -> (any RowPartitioner)? { configuration.partitioning.map { FolderPartitioner($0) } }

  func setHeader(_ header: EncodedBlock) { self.header = Array(header.bytes) }

  func open(_ context: SinkContext) throws {
    query = "\(context.queryID)/\(context.sinkName)"
    owner = try RotatingFileOwner(name, files)
    reopenCount = environment.reopening.count
    if configuration.hasLink { try rotated.checkLink(in: "") }
  }

  // MARK: Recovery

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try closeFiles()
    guard let owner else { throw MillraceError("SINK_FAILED", "'\(description)' is not open", fault: .bug) }
    let note = try owner.note()
    let existing = try rotated.survey()
    guard let token else {
      try recoverToNothing(owner, note, existing)
      return nil
    }
    guard let note, note.query == query else {
      throw MillraceError(
        "SINK_MODIFIED", "'\(name.ownerPath)' is missing or names another query",
        hint: "if 'path' was changed, change it back or start with a new checkpoint", fault: .external)
    }
    try restore(token)
    CrashPoint.pass("rotating.recover")
    try rotated.remove(existing.filter { $0.number >= next })
    for file in active.values.sorted(by: { $0.number < $1.number }) {
      try file.cutBack(at: path(of: file), files)
      // With other options than before it would become another kind of file in the middle.
      if !isOfPresentForm(file) { active[file.partition] = nil }
    }
    rotated.restart(
      existing.filter { $0.number < next && $0.number >= note.oldest }, open: Set(active.values.map(\.number)))
    return nil
  }

  /// Before the first batch: what this query left is removed, what others left stays.
  private func recoverToNothing(_ owner: RotatingFileOwner, _ note: RotatingFileOwner.Note?, _ existing: [FoundFile])
    throws
  {
    if let note, note.query == query {
      next = note.first
      try rotated.remove(existing.filter { $0.number >= next })
    } else {
      if name.scheme == .logrotate { try rotated.refuseOthers() }
      next = (existing.map(\.number).max() ?? 0) + 1
      try owner.claim(.init(query: query, first: next, oldest: note?.oldest ?? next))
    }
    let oldest = note?.oldest ?? next
    rotated.restart(existing.filter { $0.number < next && $0.number >= oldest })
  }

  private func isOfPresentForm(_ file: RotatingFile) -> Bool {
    let path = name.path(file.number, in: file.folder, date: file.date)
    return file.isGzip == isGzip && file.name == (name.scheme == .logrotate ? nil : FilePath.name(path))
  }

  private var isGzip: Bool { if case .gzip = configuration.compression { true } else { false } }

  private func restore(_ token: JSON) throws {
    let appender = { [self] place in makeAppender(at: place) }
    if token["version"]?.int == 1, let number = token["file"]?.int, let length = token["length"]?.int {
      // Of a version that had one file.
      next = length == 0 ? number : number + 1
      if length == 0 { return }
      let name = FilePath.name(name.path(number, in: "", date: nil))
      let members =
        (token.members ?? []).filter { $0.key != "file" } + [
          .init("number", .int(number)), .init("name", .string(name)),
        ]
      if let file = RotatingFile(.object(members), isGzip: isGzip, appender: appender) { active[file.partition] = file }
      return
    }
    guard let number = token["next"]?.int, let entries = token["files"]?.array else { throw unknown(token) }
    next = number
    latestSpan = token["latest"]?.int
    for entry in entries {
      guard let file = RotatingFile(entry, isGzip: isGzip, appender: appender) else { throw unknown(entry) }
      uses += 1
      file.lastUse = uses
      active[file.partition] = file
    }
  }

  private func unknown(_ token: JSON) -> MillraceError {
    MillraceError("SINK_TOKEN", "'\(token.text)' is no token of a rotating file")
  }

  private func makeAppender(at place: GzipAppender.Place) -> GzipAppender {
    GzipAppender(at: place, memberSize: configuration.memberSize, deflate: deflate)
  }

  /// Where a file lies: with logrotate names it has the plain one once it is published.
  private func path(of file: RotatingFile) throws -> String {
    if let file = file.name.map({ "\(name.path(of: file.folder))/\($0)" }) { return file }
    let path = name.path(file.number, in: file.folder, date: file.date)
    return try files.status(path) == nil ? name.livePath(in: file.folder) : path
  }

  // MARK: A batch

  func begin(batchID: Int64) throws {
    CrashPoint.pass("rotating.begin")
    now = environment.clock.now()
    let requests = environment.reopening.count
    let isReopening = requests != reopenCount
    reopenCount = requests
    for file in active.values where isReopening || isDue(file) { try finish(file) }
  }

  private func isDue(_ file: RotatingFile) -> Bool {
    if configuration.roll.isDue(opened: file.opened, written: file.written, now: now) { return true }
    guard let eventTime = configuration.partitioning?.eventTime, let span = file.span, let latestSpan else {
      return false
    }
    return span + eventTime.interval + eventTime.delay <= latestSpan
  }

  func write(_ block: EncodedBlock) throws {
    if block.bytes.isEmpty { return }
    let file = try file(for: block)
    uses += 1
    file.lastUse = uses
    try file.append(block, now: now)
    if let span = file.span { latestSpan = max(latestSpan ?? span, span) }
    CrashPoint.pass("rotating.write")
  }

  /// The file that a block goes to, with room for it.
  private func file(for block: EncodedBlock) throws -> RotatingFile {
    let partition = block.partition ?? ""
    guard let file = active[partition] else { return try create(partition) }
    // A block that the appender will compress gets to about a quarter.
    let isSmall = compression != nil && !block.isCompressed
    let size = Int64(isSmall ? block.bytes.count / 4 : block.bytes.count)
    if file.rows > 0
      && configuration.roll.isFull(length: file.length, rows: file.rows, adding: size, Int64(block.rowCount))
    {
      try finish(file)
      return try create(partition)
    }
    if !file.isOpen { try file.open(at: path(of: file), files) }
    return file
  }

  /// A file is done: it gets no more rows.
  private func finish(_ file: RotatingFile) throws {
    CrashPoint.pass("rotating.rotate")
    let path = try path(of: file)
    try file.finish(isDurable: configuration.sync != .never)
    if configuration.sync == .rotation, newNames.remove(file.folder) != nil {
      try files.syncDirectory(name.path(of: file.folder))
    }
    active[file.partition] = nil
    rotated.add(file, path: path)
  }

  private func create(_ partition: String) throws -> RotatingFile {
    if active.count >= configuration.maxOpenFiles, let oldest = active.values.min(by: { $0.lastUse < $1.lastUse }) {
      try finish(oldest)
    }
    let key = PartitionKey(partition)
    try rotated.makeFolder(key.folder)
    let date = date(of: key)
    let path = name.path(next, in: key.folder, date: date)
    let file = RotatingFile(
      partition, date: date, number: next, name: name.scheme == .logrotate ? nil : FilePath.name(path), now: now,
      appender: isGzip ? makeAppender(at: .init()) : nil)
    next += 1
    try file.create(at: path, files)
    newNames.insert(file.folder)
    CrashPoint.pass("rotating.create")
    active[partition] = file
    rotated.began(file)
    if !header.isEmpty {
      try header.withUnsafeBytes {
        try file.append(EncodedBlock(bytes: $0, rowCount: 0, plainByteCount: $0.count), now: now)
      }
    }
    return file
  }

  /// The date in a file's name: that of its rows or, without spans, of the clock.
  private func date(of key: PartitionKey) -> String? {
    guard name.scheme == .dated else { return nil }
    if let eventTime = configuration.partitioning?.eventTime {
      return key.span.map { RotatingFileName.date(ofLocal: $0, every: eventTime.interval) }
    }
    let local = configuration.roll.zone.local(fromUTC: now)
    guard let every = configuration.roll.every else { return RotatingFileName.date(ofLocal: local, every: nil) }
    return RotatingFileName.date(ofLocal: local.floored(by: every) &* every, every: every)
  }

  func commit(batchID: Int64) throws -> JSON {
    let isDurable = configuration.sync == .commit
    CrashPoint.pass("rotating.sync")
    for file in active.values { try file.commit(isDurable: isDurable) }
    CrashPoint.pass("rotating.synced")
    if isDurable && !newNames.isEmpty {
      // A token must not name a file that a power cut can take away.
      for folder in newNames { try files.syncDirectory(name.path(of: folder)) }
      newNames = []
      CrashPoint.pass("rotating.listed")
    }
    var token: [JSON.Member] = [.init("version", .int(2)), .init("next", .int(next))]
    if let latestSpan { token.append(.init("latest", .int(latestSpan))) }
    token.append(.init("files", .array(active.values.sorted { $0.number < $1.number }.map(\.json))))
    return .object(token)
  }

  func publish(batchID: Int64) throws {
    try rotated.settle(active.values.map { $0 }, now: environment.clock.now())
  }

  func close() throws {
    try closeFiles()
    try owner?.close()
    owner = nil
  }

  private func closeFiles() throws {
    for file in active.values { try file.close() }
    active = [:]
    newNames = []
    latestSpan = nil
  }
}
