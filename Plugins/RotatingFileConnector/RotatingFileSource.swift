import MillraceCore
import Synchronization

/// Follows log files through rotation: renamed, compressed, copied and truncated, removed, while it runs or while it does not.
///
/// An offset holds, for each log, the files that are not read to their end yet, oldest first. A rotated file stays among them until
/// the next one grows and it has been quiet for `rotateWait`; until then a last line without its end is held back. Plans name exact
/// ranges of whole lines, so that a batch can be read again while the file grows.
final class RotatingFileSource: ByteSource, ArchiveFollower {
  private struct State {
    var initial: [FollowedFile] = []
    /// What an archive that was read before has given.
    var archived: [ArchivedFile] = []
    var planned: Set<FollowedFile.Key> = []
    /// The log that a batch ended with because it was full; the next batch begins after it.
    var turn: String?
    /// Sizes that `freeze` saw.
    var frozen: [FollowedFile.Key: Int64]?
  }

  private let configuration: RotatingFileSourceConfiguration
  private let environment: Environment
  private let survey: LogSurvey
  private let state = Mutex(State())

  init(_ configuration: RotatingFileSourceConfiguration, environment: Environment) {
    self.configuration = configuration
    self.environment = environment
    survey = LogSurvey(configuration, environment.files)
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
      let files = try survey.beyond(archived).map { sighting, read in
        read == 0 ? sighting.file : try moved(sighting.file, to: read, sighting)
      }
      return state.withLock { $0.initial = files }
    }
    let sightings = try survey.initial()
    let files = configuration.startsAtEnd ? try sightings.compactMap { try atEnd($0) } : sightings.map(\.file)
    state.withLock { $0.initial = files }
  }

  func leaveOut(_ files: [ArchivedFile]) { state.withLock { $0.archived = files } }

  /// A file as if all its whole lines had been read.
  private func atEnd(_ sighting: LogSurvey.Sighting) throws -> FollowedFile? {
    var file = sighting.file
    file.isDrained = true
    guard let held = sighting.held else { return file }
    return try moved(file, to: held.lastLineEnd(0..<sighting.size) ?? 0, sighting)
  }

  func freeze() throws {
    let sightings = try survey.look(known: state.withLock { $0.initial })
    state.withLock { state in
      state.frozen = Dictionary(sightings.map { ($0.file.key, $0.size) }, uniquingKeysWith: max)
    }
  }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let known = try offset.map { try RotatingFileSource.files($0) } ?? state.withLock { $0.initial }
    let frozen = state.withLock { $0.frozen }
    var sightings = try survey.look(known: known)
    // A file that came after the freeze is left to the next run.
    if let frozen { sightings.removeAll { frozen[$0.file.key] == nil } }
    sightings = inTurn(sightings)
    var draft = PlanDraft(limit)
    for (index, sighting) in sightings.enumerated() {
      let successor = sightings[(index + 1)...].first { $0.file.base == sighting.file.base }
      try add(sighting, successor: successor, frozenSize: frozen?[sighting.file.key], to: &draft)
    }
    guard let plan = draft.plan() else { return nil }
    state.withLock { state in
      state.planned = draft.keys
      state.turn = draft.isFull ? draft.lastBase : nil
    }
    return plan
  }

  /// The logs from the one on whose turn it is, so that a busy one does not starve the others.
  private func inTurn(_ sightings: [LogSurvey.Sighting]) -> [LogSurvey.Sighting] {
    guard let turn = state.withLock({ $0.turn }),
      let start = sightings.firstIndex(where: { $0.file.base > turn })
    else { return sightings }
    return Array(sightings[start...] + sightings[..<start])
  }

  private func add(
    _ sighting: LogSurvey.Sighting, successor: LogSurvey.Sighting?, frozenSize: Int64?, to draft: inout PlanDraft
  ) throws {
    let file = sighting.file
    guard let held = sighting.held else {
      // Compressed files do not change. The newest of a log stays known although it is done, to tell what comes after it.
      if file.isDrained { return successor == nil ? draft.keep(file) : () }
      return draft.readWhole(file, isLast: successor == nil)
    }
    let size = min(sighting.size, frozenSize ?? .max)
    let isComplete = isComplete(sighting, successor: successor, isFrozen: frozenSize != nil)
    if draft.isFull { return draft.keep(file) }
    let isWhole = isComplete || (frozenSize == nil && successor == nil && isFinal(file))
    var end = isWhole ? size : try held.lastLineEnd(file.offset..<max(size, file.offset)) ?? file.offset
    let isCut = end - file.offset > draft.bytesLeft
    if isCut {
      let fitting = try held.lastLineEnd(file.offset..<file.offset + draft.bytesLeft)
      end = try fitting ?? (draft.isEmpty ? held.firstLineEnd(file.offset..<end) ?? end : file.offset)
    }
    let next = try moved(file, to: end, sighting)
    if end > file.offset { draft.read(file, to: end) }
    // Nothing of the next file, or its rows would come before the rest of this one.
    if isCut { draft.close() }
    if !(isComplete && end == size) { draft.keep(next) }
  }

  /// Whether nothing more will be written to a rotated file.
  private func isComplete(_ sighting: LogSurvey.Sighting, successor: LogSurvey.Sighting?, isFrozen: Bool) -> Bool {
    guard let successor, successor.size > 0 else { return false }
    return isFrozen || environment.clock.now() - sighting.file.modified >= configuration.rotateWait
  }

  /// Whether the last line of the newest file is read as it is.
  private func isFinal(_ file: FollowedFile) -> Bool {
    configuration.finalLineWait.map { environment.clock.now() - file.modified >= $0 } ?? false
  }

  /// The file after reading to `offset`.
  private func moved(_ file: FollowedFile, to offset: Int64, _ sighting: LogSurvey.Sighting) throws -> FollowedFile {
    var file = file
    file.offset = offset
    file.anchor = try sighting.held?.mark(max(0, offset - FollowedFile.anchorLength)..<offset) ?? FollowedFile.Mark()
    file.isDrained = sighting.held == nil || offset >= sighting.size
    return file
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    guard let first = plan.splits.first else { return offset ?? RotatingFileSource.offset([]) }
    var files = try (first.payload["next"]?.array ?? []).map { try FollowedFile($0) }
    for (split, result) in zip(plan.splits, results) where split.payload["to"] == .null {
      let read = try RotatingFileSource.file(split)
      guard let index = files.firstIndex(where: { $0.key == read.key }) else { continue }
      files[index].offset = read.offset + result.bytesConsumed
      files[index].isDrained = result.reachedEnd
      if result.reachedEnd && split.payload["last"] != .bool(true) { files.remove(at: index) }
    }
    return RotatingFileSource.offset(files)
  }

  func commit(_ offset: Offset) throws {
    let keys = Set(try RotatingFileSource.files(offset).map(\.key))
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
