import MillraceColumnar
public import MillraceCore
public import MillraceFormats
import Synchronization

/// Reads the files of a source merged by the event times of their records (`orderBy: "event-time"`), at the pace of a clock.
///
/// A record's place in the merge is its event time, or the latest one before it in its own file where that is later: so each file stays
/// in its order, and a record is as late in the merge as it was in its file. Records without a time follow the one before. Of equal
/// times the file that the plan names first comes first. What a batch has is a matter of the plan and the files alone.
public final class ReplaySource: FileNamingSource, ArchiveSource, PacedSource {
  private struct State {
    /// By file, the place of the first record at an offset, and the first time behind it.
    var times: [String: FirstTime] = [:]
    /// What the last merge came to.
    var lastTime: Int64?
    var nextDue: Int64?
    var bytesRead: Int64 = 0
    var rowsRead: Int64 = 0
  }

  /// What is known of the records from an offset on.
  struct FirstTime {
    var offset: Int64
    /// The place of the first one in the merge, `Int64.min` where it has no time.
    var place: Int64
    /// The first event time; nil: not known.
    var instant: Int64?
  }

  /// Position of the event times in the decoding's schema.
  let timeColumn: Int
  private let source: any MergeableSource
  private let decoding: any Decoding
  private let maxBytes: Int64?
  private let clock: ReplayClock?
  private let state = Mutex(State())

  /// Merges the files of `source`. `maxBytes` says about how many plain bytes a batch has; nil leaves it to the engine.
  public init(
    _ source: any MergeableSource, decoding: any Decoding, timeColumn: Int, maxBytes: Int64?, clock: ReplayClock?
  ) {
    self.source = source
    self.decoding = decoding
    self.timeColumn = timeColumn
    self.maxBytes = maxBytes
    self.clock = clock
  }

  /// That of the source.
  public var description: String { source.description }

  /// Such files are no part of the merge.
  public func leaveOutFiles(where isUnwanted: @escaping @Sendable (_ path: String) throws -> Bool) {
    (source as? any FileNamingSource)?.leaveOutFiles(where: isUnwanted)
  }

  /// When the next record is due, where the clock holds it back.
  public var nextDue: Int64? { state.withLock { $0.nextDue } }

  /// Sets the clock to the first record, or to where the last run was.
  public func start(after offset: Offset?) throws {
    let place = try ReplayPlace(offset)
    try source.start(after: place.files)
    guard let clock else { return }
    if let time = [place.time, place.clock].compactMap({ $0 }).max() {
      clock.resume(at: time)
    } else {
      begin(try waiting(place), clock)
    }
  }

  private func begin(_ files: [Waiting], _ clock: ReplayClock) {
    if let first = files.lazy.compactMap(\.instant).min() { clock.begin(at: first) }
  }

  /// From now on only what exists at this moment.
  public func freeze() throws { try source.freeze() }

  /// The next files, with the rule that says how far they are read.
  public func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let place = try ReplayPlace(offset)
    let files = try waiting(place)
    if let clock, offset == nil { begin(files, clock) }
    clock?.note(self, isAhead: !files.isEmpty)
    var until = clock?.bound()
    guard let first = files.first else {
      state.withLock { $0.nextDue = nil }
      return nil
    }
    let isHeldBack = until.map { first.time > $0 } ?? false
    state.withLock { $0.nextDue = isHeldBack ? first.time : nil }
    if isHeldBack { return nil }
    let bytes = limit.byteBound(own: maxBytes)
    var chosen: [SourceSplit] = []
    var size: Int64 = 0
    for file in files {
      // Files whose turn does not come in this batch stay out of the plan; nothing at or after their first record is read.
      if let bytes, chosen.count >= 16, size / 4 > bytes, file.time > first.time {
        until = min(until ?? .max, file.time - 1)
        break
      }
      chosen.append(file.split)
      size += file.split.sizeHint ?? 0
    }
    let rule = ReplayRule(
      after: place.time, until: until, rows: bytes.map { max(1, Int64(Double($0) / recordSize)) }, clock: clock?.now())
    return SourcePlan(splits: rule.wrapped(chosen))
  }

  /// Plain bytes of a record, about.
  private var recordSize: Double {
    state.withLock { $0.rowsRead > 0 ? max(1, Double($0.bytesRead) / Double($0.rowsRead)) : 200 }
  }

  /// Where the files stand, and how far the merge has come.
  public func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    var place = try ReplayPlace(offset)
    let read = try zip(plan.splits, results).filter { $1.bytesConsumed > 0 || $1.reachedEnd }.map {
      (try ReplayRule.unwrapped($0), $1)
    }
    place.files = try source.offset(
      after: place.files, plan: SourcePlan(splits: read.map(\.0)), results: read.map(\.1))
    let last = state.withLock { state in
      state.bytesRead += results.reduce(0) { $0 + $1.bytesConsumed }
      state.rowsRead += results.reduce(0) { $0 + $1.rowCount }
      return state.lastTime
    }
    place.time = [place.time, last].compactMap { $0 }.max()
    place.clock = ReplayRule(plan.splits).clock ?? place.clock
    if let time = place.time { clock?.reached(time) }
    return place.offset
  }

  /// The source may forget them.
  public func commit(_ offset: Offset) throws {
    if let files = try ReplayPlace(offset).files { try source.commit(files) }
  }

  /// What waits in the files.
  public func backlog(after offset: Offset?) -> Int64? {
    (try? ReplayPlace(offset)).flatMap { source.backlog(after: $0.files) }
  }

  /// Opens a file.
  public func open(_ split: SourceSplit) throws -> any ByteReader { try source.open(ReplayRule.unwrapped(split)) }

  /// What was read, for a source that starts after this one.
  public func archivedFiles(_ offset: Offset?) throws -> [ArchivedFile] {
    try (source as? any ArchiveSource)?.archivedFiles(ReplayPlace(offset).files) ?? []
  }

  /// Ends the source.
  public func close() { source.close() }

  // MARK: Times

  private struct Waiting {
    var split: SourceSplit
    /// Not behind its first record's place.
    var time: Int64
    var instant: Int64?
  }

  /// The files of which something is to be read, in the order in which their turn comes.
  private func waiting(_ place: ReplayPlace) throws -> [Waiting] {
    let files = try source.files(after: place.files).map { split in
      let first = try first(split) { try self.source.open($0) }
      return Waiting(split: split, time: max(place.time ?? .min, first.place), instant: first.instant)
    }
    return files.indices.sorted { (files[$0].time, $0) < (files[$1].time, $1) }.map { files[$0] }
  }

  /// The place of the first record of a plan's split, or one before it.
  func firstPlace(_ split: SourceSplit, after: Int64?) throws -> Int64 {
    try max(after ?? .min, first(split) { try self.open($0) }.place)
  }

  private func first(_ split: SourceSplit, open: (SourceSplit) throws -> any ByteReader) throws -> FirstTime {
    let key = split.continuationKey ?? split.name
    if let known = state.withLock({ $0.times[key] }), known.offset == split.offset { return known }
    // The rest of a file has no record before the last one of the merge, and inflating it up to there costs as much as reading it.
    if split.offset > 0 { return FirstTime(offset: split.offset, place: .min, instant: nil) }
    let reader = try open(split)
    defer { reader.close() }
    let decoder = try decoding.makeDecoder(columns: [timeColumn], filters: [])
    var whole = split
    whole.byteLimit = nil
    // Whether a record that is too large is an error, the merge decides.
    let windows = WindowReader(reader, split: whole, leftover: [], pool: WindowPool(), leavesOutTooLarge: true)
    var first = FirstTime(offset: split.offset, place: .min, instant: nil)
    while let window = try windows.next() {
      let origin = RecordOrigin(name: split.name, offset: window.offset)
      let batch = try decoder.decode(window.bytes, owner: window.owner, origin: origin)
      if batch.rowCount == 0 { continue }
      let instants = EventTimeColumn(batch.columns[0])
      if instants[0] != .max { first.place = instants[0] }
      first.instant = (0..<batch.rowCount).lazy.map { instants[$0] }.first { $0 != .max }
      break
    }
    state.withLock { $0.times[key] = first }
    return first
  }

  /// A batch was merged up to `last`; `next` has what is known of the files that were left in the middle.
  func merged(to last: Int64?, next: [String: FirstTime]) {
    state.withLock { state in
      state.lastTime = last.flatMap { $0 == .min ? nil : $0 }
      state.times.merge(next) { $1 }
    }
  }
}

/// Where a replay stands.
private struct ReplayPlace {
  /// Where the source of the files stands.
  var files: Offset?
  /// The time of the last record in the merge.
  var time: Int64?
  /// The query's clock in the last batch.
  var clock: Int64?

  init(_ offset: Offset?) throws {
    guard let offset else { return }
    guard offset.json["merge"]?.int == 1 else {
      throw MillraceError(
        "OFFSET_NOT_UNDERSTOOD", "the checkpoint was written without 'orderBy' event-time, or by another version",
        hint: "keep the order that the checkpoint was written with, or start with a new checkpoint")
    }
    files = offset.json["files"].flatMap { $0 == .null ? nil : Offset($0) }
    time = offset.json["time"]?.int
    clock = offset.json["clock"]?.int
  }

  var offset: Offset {
    var members: [JSON.Member] = [.init("merge", .int(1)), .init("files", files?.json ?? .null)]
    if let time { members.append(.init("time", .int(time))) }
    if let clock { members.append(.init("clock", .int(clock))) }
    return Offset(.object(members))
  }
}
