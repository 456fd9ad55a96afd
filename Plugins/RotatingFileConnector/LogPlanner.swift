import MillraceCore
import MillraceFormats

/// Decides what the next batch reads of the files that a look has found.
struct LogPlanner {
  let configuration: RotatingFileSourceConfiguration
  let now: Int64
  /// The newest file of each log.
  let newest: [String: FollowedFile.Key]
  /// Since when rotated files are known to have a successor, microseconds.
  let succeeded: [FollowedFile.Key: Int64]
  /// Sizes that are not to be read beyond, for a source that has been frozen.
  let frozen: [FollowedFile.Key: Int64]?
  private(set) var draft: PlanDraft
  /// Endless lines.
  private(set) var unended: [FollowedFile.Key: Unended]
  private let splitter: RecordSplitter

  init(
    _ configuration: RotatingFileSourceConfiguration, now: Int64, _ sightings: [LogSurvey.Sighting],
    succeeded: [FollowedFile.Key: Int64], frozen: [FollowedFile.Key: Int64]?, limit: ReadLimit,
    unended: [FollowedFile.Key: Unended]
  ) {
    self.configuration = configuration
    self.now = now
    self.succeeded = succeeded
    self.frozen = frozen
    let keys = Set(sightings.map(\.file.key))
    self.unended = unended.filter { keys.contains($0.key) }
    newest = Dictionary(sightings.map { ($0.file.base, $0.file.key) }) { _, last in last }
    draft = PlanDraft(limit)
    splitter = RecordSplitter(configuration.rules)
  }

  /// Plans all files; `used` is called when one has been looked into.
  mutating func add(_ sightings: [LogSurvey.Sighting], used: () -> Void) throws {
    var sightings = sightings
    // Logs whose next file waits for the rest of a record.
    var waiting: Set<String> = []
    for index in sightings.indices {
      let sighting = sightings[index]
      let base = sighting.file.base
      if waiting.contains(base) || (frozen != nil && frozen?[sighting.file.key] == nil) {
        draft.keep(sighting.file)
        continue
      }
      let later = index + 1 < sightings.count ? sightings[(index + 1)...] : []
      let next = later.firstIndex { $0.file.base == base && $0.size > 0 }
      let rest = try next.map { try continuation(of: sighting, in: sightings[$0]) } ?? Rest.unknown
      defer { if sighting.held != nil { used() } }
      guard case .joined(let start, let end) = rest, let next else {
        try add(sighting, isOver: rest == .over)
        continue
      }
      if try add(sighting, from: start, joined: sightings[next].file, to: end) {
        sightings[next].file = try sightings[next].file.moved(to: end ?? 0, sightings[next])
      } else {
        waiting.insert(base)
      }
    }
    // A log of which nothing is left stays known by its last file, so that what comes is new and not something to be passed over.
    var kept = Set(draft.files.map(\.base))
    for sighting in sightings.reversed() where kept.insert(sighting.file.base).inserted { draft.keep(sighting.file) }
  }

  mutating func forget(beyond limit: Int) { draft.forget(beyond: limit) }

  // MARK: One file

  private mutating func add(_ sighting: LogSurvey.Sighting, isOver: Bool) throws {
    let file = sighting.file
    if file.isDone { return sighting.order == nil ? () : draft.keep(file) }
    if file.isCompressed {
      // Compressed files do not change.
      if !file.isDrained { return draft.readWhole(file) }
      return draft.keep(file.done)
    }
    if sighting.held == nil || draft.isFull { return draft.keep(file) }
    let size = min(sighting.size, frozen?[file.key] ?? .max)
    let isComplete = isComplete(sighting)
    let isWhole = isComplete || (frozen == nil && newest[file.base] == file.key && isFinal(file))
    let end = isWhole ? size : try end(sighting, size, isOver: isOver)
    try add(sighting, to: end, isComplete: isComplete)
  }

  /// Position up to which a file can be read although more may be written to it.
  private mutating func end(_ sighting: LogSurvey.Sighting, _ size: Int64, isOver: Bool) throws -> Int64 {
    let file = sighting.file
    guard size > file.offset, let held = sighting.held else { return file.offset }
    guard let end = try lastLineEnd(held, file, size) else { return file.offset }
    // What is there now is all that a frozen source reads, so its last record ends with it.
    if configuration.rules.grouping == nil || isOver || frozen != nil || isQuiet(file) { return end }
    return try held.lastRecordEnd(file.offset..<end, splitter) ?? file.offset
  }

  private mutating func lastLineEnd(_ held: HeldFile, _ file: FollowedFile, _ size: Int64) throws -> Int64? {
    let encoding = configuration.rules.encoding
    var start = file.offset
    if let known = unended[file.key], known.head == file.head, known.offset == file.offset, known.end < size {
      start = known.end - (known.end - start) % Int64(encoding.unit)
    }
    let end = try held.lastLineEnd(start..<size, encoding)
    let isLong = end == nil && size - file.offset > Unended.length && file.head.length == FollowedFile.headLength
    unended[file.key] = isLong ? Unended(head: file.head, offset: file.offset, end: size) : nil
    return end
  }

  /// Up to where no line ends in a file, so that an endless one is not looked through again and again.
  struct Unended {
    /// Bytes from which it is worth knowing.
    static let length: Int64 = 1 << 20
    var head: FollowedFile.Mark
    var offset: Int64
    var end: Int64
  }

  /// Reads a file to a place, or as far as the batch has room.
  private mutating func add(_ sighting: LogSurvey.Sighting, to place: Int64, isComplete: Bool) throws {
    let file = sighting.file
    guard let held = sighting.held else { return draft.keep(file) }
    var end = place
    let isCut = end - file.offset > draft.bytesLeft
    if isCut {
      let fitting = try held.lastRecordEnd(file.offset..<file.offset + draft.bytesLeft, splitter)
      end = try fitting ?? (draft.isEmpty ? held.firstRecordEnd(file.offset..<end, splitter) ?? end : file.offset)
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
  private func isComplete(_ sighting: LogSurvey.Sighting) -> Bool {
    guard let succeeded = succeeded[sighting.file.key] else { return false }
    let changed = sighting.order == nil ? max(sighting.file.modified, succeeded) : sighting.file.modified
    return frozen != nil || now - changed >= configuration.rotateWait
  }

  /// Whether the last line of the newest file is read as it is.
  private func isFinal(_ file: FollowedFile) -> Bool {
    configuration.finalLineWait.map { now - file.modified >= $0 } ?? false
  }

  /// Whether no more lines of the last record are waited for.
  private func isQuiet(_ file: FollowedFile) -> Bool { now - file.modified >= configuration.multilineTimeout }

  // MARK: Records across a rotation

  /// How the last record of a rotated file goes on in the next file.
  private enum Rest: Equatable {
    /// Not known to, or of no interest.
    case unknown
    /// It does not.
    case over
    /// It begins at `start`, and its rest is the next file up to `end`; nil: that is not known yet.
    case joined(start: Int64, end: Int64?)
  }

  private func continuation(of sighting: LogSurvey.Sighting, in next: LogSurvey.Sighting) throws -> Rest {
    let file = sighting.file
    let encoding = configuration.rules.encoding
    guard configuration.rules.grouping != nil, succeeded[file.key] != nil, !file.isDone, let held = sighting.held,
      file.offset < sighting.size, sighting.size <= frozen?[file.key] ?? .max, next.file.offset == 0, !next.file.isDone,
      let nextHeld = next.held, frozen == nil || frozen?[next.file.key] != nil,
      try held.lastLineEnd(max(file.offset, sighting.size - Int64(encoding.unit))..<sighting.size, encoding) != nil
    else { return .unknown }
    let start = try held.lastRecordEnd(file.offset..<sighting.size, splitter) ?? file.offset
    if start == sighting.size { return .unknown }
    let nextSize = min(next.size, frozen?[next.file.key] ?? .max)
    let isEnded = isQuiet(next.file) || frozen != nil
    let buffers = (MemoryBuffer(capacity: Self.seen), MemoryBuffer(capacity: Self.seen))
    let head = try nextHeld.read(0..<min(nextSize, Int64(Self.seen)), into: buffers.0)
    if encoding.behindFirstLineFeed(head) == nil {
      return isEnded || head.count == Self.seen ? .over : .joined(start: start, end: nil)
    }
    let from = sighting.size - min(sighting.size - start, Int64(Self.seen))
    let tail = try held.read(from..<sighting.size, into: buffers.1)
    guard try splitter.goesOn(tail, with: head) else { return .over }
    // Something may still be added to this file by a writer that has not noticed.
    if !isComplete(sighting) { return .joined(start: start, end: nil) }
    if let end = try nextHeld.firstRecordEnd(0..<nextSize, splitter) { return .joined(start: start, end: end) }
    return .joined(start: start, end: isEnded ? try nextHeld.lastLineEnd(0..<nextSize, encoding) : nil)
  }

  /// Bytes at the end of a file and at the beginning of the next one that are looked at.
  private static let seen = 64 << 10

  /// Reads a file whose last record begins at `start` and ends in the next file; false if that record is left for another batch.
  private mutating func add(
    _ sighting: LogSurvey.Sighting, from start: Int64, joined next: FollowedFile, to nextEnd: Int64?
  ) throws -> Bool {
    let file = sighting.file
    if draft.isFull || start - file.offset > draft.bytesLeft {
      if draft.isFull { draft.keep(file) } else { try add(sighting, to: start, isComplete: false) }
      return false
    }
    if start > file.offset { draft.read(file, to: start) }
    let tail = try file.moved(to: start, sighting)
    guard let nextEnd, !draft.isFull, draft.isEmpty || sighting.size - start + nextEnd <= draft.bytesLeft else {
      draft.keep(tail)
      return false
    }
    draft.read(tail, to: sighting.size, joined: next, to: nextEnd)
    if sighting.order != nil { draft.keep(try file.moved(to: sighting.size, sighting).done) }
    return true
  }
}
