import MillraceCore
import Synchronization

/// Follows log files through rotation: renamed, compressed, copied and truncated, removed, while it runs or while it does not.
///
/// An offset holds the files of each log, oldest first. A rotated file is done when the next one has grown and it has been quiet for
/// `rotateWait`; until then a last line without its end is held back. A file that is done stays known for as long as
/// it has a name, so that it is not taken for a new one, and is read on if it grows all the same. Plans name exact ranges of whole
/// lines, so that a batch can be read again while the file grows.
final class RotatingFileSource: ByteSource, ArchiveFollower {
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

  func start(after offset: Offset?) throws {
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
    return try file.moved(to: held.lastLineEnd(0..<sighting.size) ?? 0, sighting)
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
    var draft = PlanDraft(limit)
    let newest = Dictionary(sightings.map { ($0.file.base, $0.file.key) }) { _, last in last }
    let succeeded = succeeded(sightings)
    for sighting in sightings {
      let key = sighting.file.key
      if let frozen, frozen[key] == nil {
        draft.keep(sighting.file)
        continue
      }
      try add(
        sighting, isLast: newest[sighting.file.base] == key, succeeded: succeeded[key], frozenSize: frozen?[key],
        to: &draft)
    }
    // A log of which nothing is left stays known by its last file, so that what comes is new and not something to be passed over.
    var kept = Set(draft.files.map(\.base))
    for sighting in sightings.reversed() where kept.insert(sighting.file.base).inserted { draft.keep(sighting.file) }
    draft.forget(beyond: RotatingFileSource.doneLimit)
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

  private func add(
    _ sighting: LogSurvey.Sighting, isLast: Bool, succeeded: Int64?, frozenSize: Int64?, to draft: inout PlanDraft
  ) throws {
    let file = sighting.file
    if file.isDone { return sighting.order == nil ? () : draft.keep(file) }
    if file.isCompressed {
      // Compressed files do not change.
      if !file.isDrained { return draft.readWhole(file) }
      return draft.keep(file.done)
    }
    guard let held = sighting.held else { return draft.keep(file) }
    defer { survey.bound() }
    let size = min(sighting.size, frozenSize ?? .max)
    let isComplete = isComplete(sighting, succeeded: succeeded, isFrozen: frozenSize != nil)
    if draft.isFull { return draft.keep(file) }
    let isWhole = isComplete || (frozenSize == nil && isLast && isFinal(file))
    var end = isWhole ? size : try held.lastLineEnd(file.offset..<max(size, file.offset)) ?? file.offset
    let isCut = end - file.offset > draft.bytesLeft
    if isCut {
      let fitting = try held.lastLineEnd(file.offset..<file.offset + draft.bytesLeft)
      end = try fitting ?? (draft.isEmpty ? held.firstLineEnd(file.offset..<end) ?? end : file.offset)
    }
    let next = try file.moved(to: end, sighting)
    if end > file.offset { draft.read(file, to: end) }
    // Nothing of the next file, or its rows would come before the rest of this one.
    if isCut { draft.close() }
    if !(isComplete && end == sighting.size) { return draft.keep(next) }
    if sighting.order != nil { draft.keep(next.done) }
  }

  /// Whether nothing more is expected to be written to a rotated file. One without a name is let go for good, so that it is waited for
  /// since it was seen that there is a next one; the others are read on if something comes.
  private func isComplete(_ sighting: LogSurvey.Sighting, succeeded: Int64?, isFrozen: Bool) -> Bool {
    guard let succeeded else { return false }
    let changed = sighting.order == nil ? max(sighting.file.modified, succeeded) : sighting.file.modified
    return isFrozen || environment.clock.now() - changed >= configuration.rotateWait
  }

  /// Whether the last line of the newest file is read as it is.
  private func isFinal(_ file: FollowedFile) -> Bool {
    configuration.finalLineWait.map { environment.clock.now() - file.modified >= $0 } ?? false
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
    let file = try RotatingFileSource.file(split)
    do { return try survey.reader(file, to: split.payload["to"]?.int) } catch let error as MillraceError
      where error.code == "SOURCE_FILE_MISSING" && !configuration.failsOnDataLoss
    { return EmptyReader() }
  }

  func close() { survey.release(allBut: []) }

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

  private final class EmptyReader: ByteReader {
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { 0 }
    func close() {}
  }
}
