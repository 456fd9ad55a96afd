import MillraceCore
import MillraceFormats
import Synchronization

/// Follows log files through rotation: renamed, compressed, copied and truncated, removed, while it runs or while it does not.
///
/// An offset holds the files of each log, oldest first. A rotated file is done when the next one has grown and it has been quiet for
/// `rotateWait`; until then a last line without its end is held back. A file that is done stays known for as long as
/// it has a name, so that it is not taken for a new one, and is read on if it grows all the same. Plans name exact ranges of whole
/// lines, so that a batch can be read again while the file grows. Where a record is several lines, a range ends with a record, and with the
/// last line of one that is not known to be whole only when nothing has come for a time.
final class RotatingFileSource: RecordRuleSource, ArchiveFollower, FileNamingSource, WakingSource,
  ReportsSourceMetrics
{
  private struct State {
    var initial: [FollowedFile] = []
    /// What an archive that was read before has given.
    var archived: [ArchivedFile] = []
    var planned: Set<FollowedFile.Key> = []
    /// The files that there were when there was nothing to plan after an offset.
    var seen: (after: Offset?, files: [FollowedFile])?
    /// The log that a batch ended with because it was full; the next batch begins after it.
    var turn: String?
    /// When the rotated files that are not done were first seen to have a successor, microseconds.
    var succeeded: [FollowedFile.Key: Int64] = [:]
    /// Sizes that `freeze` saw.
    var frozen: [FollowedFile.Key: Int64]?
    /// Endless lines.
    var unended: [FollowedFile.Key: LogPlanner.Unended] = [:]
    /// The files as the last batch left them.
    var reached: [FollowedFile]?
    /// Of the files, when they were looked at last.
    var sizes: [FollowedFile.Key: Int64] = [:]
    /// Called when something may have come.
    var wake: (@Sendable () -> Void)?
    var watch: (any FolderWatch)?
    var watched: Set<String> = []
    /// Whether all of `watched` are.
    var isWatching = false
  }

  /// How many files that are done an offset holds of each log.
  private static let doneLimit = 16

  private let configuration: RotatingFileSourceConfiguration
  private let environment: Environment
  private let survey: LogSurvey
  private let state = Mutex(State())

  init(_ configuration: RotatingFileSourceConfiguration, environment: Environment) {
    self.configuration = configuration
    self.environment = environment
    survey = LogSurvey(configuration, environment)
  }

  var description: String { "rotating-file[\(configuration.path)]" }
  var recordRules: RecordRules { configuration.rules }

  func start(after offset: Offset?) throws {
    if let wake = state.withLock({ $0.wake }) {
      let watch = environment.files.watch(wake)
      state.withLock { $0.watch = watch }
    }
    if let offset {
      let known = try RotatingFileSource.files(offset)
      _ = try survey.look(known: known)
      return state.withLock { $0.initial = known }
    }
    let archived = state.withLock { $0.archived }
    if !archived.isEmpty {
      let files = try survey.beyond(archived)
      return state.withLock { $0.initial = files }
    }
    let sightings = try survey.initial()
    let files = configuration.startsAtEnd ? try sightings.map { try atEnd($0) } : sightings.map(\.file)
    state.withLock { $0.initial = files }
  }

  func leaveOut(_ files: [ArchivedFile]) { state.withLock { $0.archived = files } }

  /// A file as if all its whole lines had been read.
  private func atEnd(_ sighting: LogSurvey.Sighting) throws -> FollowedFile {
    var file = sighting.file
    file.isDrained = true
    guard !file.isDone, let held = sighting.held else { return file }
    return try file.moved(to: held.lastLineEnd(0..<sighting.size, configuration.rules.encoding) ?? 0, sighting)
  }

  func freeze() throws {
    let sightings = try survey.look(known: state.withLock { $0.initial })
    state.withLock { state in
      state.frozen = Dictionary(sightings.map { ($0.file.key, $0.size) }, uniquingKeysWith: max)
    }
  }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let known = try known(after: offset)
    let frozen = state.withLock { $0.frozen }
    var sightings = try survey.look(known: known)
    // A file that came after the freeze is left to the next run; so is what a known one has that is another file since then.
    if let frozen { sightings.removeAll { frozen[$0.file.key] == nil && $0.file.offset == 0 && !$0.file.isDone } }
    sightings = inTurn(sightings)
    watch(sightings)
    var planner = LogPlanner(
      configuration, now: environment.clock.now(), sightings, succeeded: succeeded(sightings), frozen: frozen,
      limit: limit, unended: state.withLock { $0.unended })
    try planner.add(sightings) { survey.bound() }
    planner.forget(beyond: RotatingFileSource.doneLimit)
    let draft = planner.draft, unended = planner.unended
    state.withLock { state in
      state.unended = unended
      state.sizes = Dictionary(sightings.map { ($0.file.key, $0.size) }, uniquingKeysWith: max)
    }
    guard let plan = draft.plan() else {
      // What is new and gives nothing yet can lose its name before it does.
      state.withLock { $0.seen = (offset, draft.files) }
      return nil
    }
    state.withLock { state in
      state.planned = draft.keys
      state.turn = draft.isFull ? draft.lastBase : nil
    }
    return plan
  }

  /// The files that are known after `offset`, with those that were seen since.
  private func known(after offset: Offset?) throws -> [FollowedFile] {
    let (seen, initial) = state.withLock { ($0.seen, $0.initial) }
    if let seen, seen.after == offset { return seen.files }
    return try offset.map { try RotatingFileSource.files($0) } ?? initial
  }

  /// The logs from the one on whose turn it is, so that a busy one does not starve the others.
  private func inTurn(_ sightings: [LogSurvey.Sighting]) -> [LogSurvey.Sighting] {
    guard let turn = state.withLock({ $0.turn }),
      let start = sightings.firstIndex(where: { $0.file.base > turn })
    else { return sightings }
    return Array(sightings[start...] + sightings[..<start])
  }

  /// The files after which a later one of their log has something in it, and since when that is known.
  private func succeeded(_ sightings: [LogSurvey.Sighting]) -> [FollowedFile.Key: Int64] {
    var grown: Set<String> = []
    var keys: [FollowedFile.Key] = []
    for sighting in sightings.reversed() {
      if grown.contains(sighting.file.base) && !sighting.file.isDone { keys.append(sighting.file.key) }
      if sighting.size > 0 { grown.insert(sighting.file.base) }
    }
    let now = environment.clock.now()
    return state.withLock { state in
      let before = state.succeeded
      state.succeeded = Dictionary(keys.map { ($0, before[$0] ?? now) }) { first, _ in first }
      return state.succeeded
    }
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    guard let first = plan.splits.first else { return offset ?? RotatingFileSource.offset([]) }
    var files = try (first.payload["next"]?.array ?? []).map { try FollowedFile($0) }
    for (split, result) in zip(plan.splits, results) where split.payload["to"] == .null {
      let read = try RotatingFileSource.file(split)
      guard let index = files.firstIndex(where: { $0.key == read.key }) else { continue }
      files[index].offset = read.offset + result.bytesConsumed
      files[index].isDrained = result.reachedEnd
      files[index].isDone = result.reachedEnd
    }
    state.withLock { $0.reached = files }
    return RotatingFileSource.offset(files)
  }

  func commit(_ offset: Offset) throws {
    let keys = Set(try RotatingFileSource.files(offset).filter { !$0.isDone }.map(\.key))
    survey.release(allBut: keys.union(state.withLock { $0.planned }))
  }

  func backlog(after offset: Offset?) -> Int64? {
    let files = offset.map { try? RotatingFileSource.files($0) } ?? state.withLock { $0.initial }
    return files.map { survey.backlog($0) }
  }

  func open(_ split: SourceSplit) throws -> any ByteReader {
    let first = try open(try RotatingFileSource.file(split), to: split.payload["to"]?.int)
    guard let next = split.payload["then"] else { return first }
    return JoinedReader(first, try open(try FollowedFile(next), to: split.payload["thenTo"]?.int))
  }

  private func open(_ file: FollowedFile, to end: Int64?) throws -> any ByteReader {
    do { return try survey.reader(file, to: end) } catch let error as MillraceError
      where error.code == "SOURCE_FILE_MISSING" && !configuration.failsOnDataLoss
    { return EmptyReader() }
  }

  func close() {
    state.withLock { $0.watch }?.close()
    survey.release(allBut: [])
  }

  // MARK: Waking

  func onData(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wake = wake } }

  var isWatching: Bool { state.withLock { $0.isWatching } }

  /// Watches the folders of the logs.
  private func watch(_ sightings: [LogSurvey.Sighting]) {
    guard let watch = state.withLock({ $0.watch }) else { return }
    var folders = Set(sightings.map { FilePath.parent($0.file.base) })
    if !configuration.isPattern { folders.insert(FilePath.parent(configuration.path)) }
    if folders == state.withLock({ $0.watched }), isWatching { return }
    let isWatching = watch.set(folders) && !folders.isEmpty
    state.withLock { state in
      state.watched = folders
      state.isWatching = isWatching
    }
  }

  // MARK: Metrics

  /// What is behind: files, bytes of them, and the earliest time at which one of them was changed.
  func metrics() -> [(name: String, value: String)] {
    let (known, sizes) = state.withLock { ($0.reached ?? $0.initial, $0.sizes) }
    let lag = survey.lag(known, sizes)
    var metrics = [
      (name: "numFilesOutstanding", value: String(lag.files)), (name: "numBytesOutstanding", value: String(lag.bytes)),
    ]
    if let oldest = lag.oldest {
      metrics.append((name: "oldestOutstandingTime", value: RotatingFileSource.text(oldest)))
    }
    return metrics
  }

  /// A time in UTC, for instance `2026-01-31T12:30:00.5Z`.
  private static func text(_ microseconds: Int64) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: DateTimeText.capacity) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      let count = DateTimeText.write(microseconds: microseconds, separator: UInt8(ascii: "T"), to: base)
      return String(decoding: buffer[..<count], as: UTF8.self) + "Z"
    }
  }

  private static func offset(_ files: [FollowedFile]) -> Offset {
    Offset(.dictionary(["version": .int(1), "files": .array(files.map(\.json))]))
  }

  private static func files(_ offset: Offset) throws -> [FollowedFile] {
    guard let files = offset.json["files"]?.array else {
      throw MillraceError("SOURCE_OFFSET", "'\(offset.json.text)' is no offset of a rotating file")
    }
    return try files.map { try FollowedFile($0) }
  }

  private static func file(_ split: SourceSplit) throws -> FollowedFile {
    guard let file = split.payload["file"] else {
      throw MillraceError("SOURCE_OFFSET", "'\(split.payload.text)' is no split of a rotating file")
    }
    return try FollowedFile(file)
  }

  /// Gives what two readers give, one after the other.
  private final class JoinedReader: ByteReader {
    private let readers: [any ByteReader]
    private var current = 0

    init(_ first: any ByteReader, _ second: any ByteReader) { readers = [first, second] }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      while current < readers.count {
        let count = try readers[current].read(into: buffer)
        if count > 0 { return count }
        current += 1
      }
      return 0
    }

    func close() { for reader in readers { reader.close() } }
  }

  private final class EmptyReader: ByteReader {
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { 0 }
    func close() {}
  }
}
