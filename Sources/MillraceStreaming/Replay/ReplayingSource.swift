public import MillraceCore
public import MillraceExecution
import MillraceFormats
import Synchronization

/// A source that also reads the dead letters which were handed over to be read again, in batches of their own, before anything else.
///
/// Its place is the source's own until the first of them was read; from then on it is both. So what was read again is in the same
/// commit as all else that the batch did, and a checkpoint that never had dead letters is as it was.
public enum Redelivery {
  /// The bindings with every streaming source of bytes wrapped whose bad records go to the dead letters. Where files are merged by event
  /// time, the dead letters are no part of the merge: they come in the order in which they were kept.
  public static func arrange(_ bindings: [Int: ScanBinding], checkpoint: String?, environment: Environment)
    -> [Int: ScanBinding]
  {
    guard let checkpoint else { return bindings }
    return bindings.mapValues { binding in
      guard binding.isStreaming, binding.badRecords.policy == .deadLetter,
        case .bytes(let source, let decoding) = binding.input
      else { return binding }
      let folder = ReplayFolder(checkpoint: checkpoint, source: binding.name, files: environment.files)
      var wrapped = binding
      if let waking = source as? any ByteSource & WakingSource {
        wrapped.input = .bytes(WakingReplayingSource(waking, folder, environment), decoding)
      } else {
        wrapped.input = .bytes(ReplayingSource(source, folder, environment), decoding)
      }
      return wrapped
    }
  }
}

/// A source with dead letters in front.
class ReplayingSource: FileNamingSource, PacedSource, ReadAheadSource, ReportsSourceMetrics, @unchecked Sendable {
  /// Nanoseconds between looks for dead letters.
  private static let lookInterval: Int64 = 500_000_000

  private let source: any ByteSource
  private let folder: ReplayFolder
  private let environment: Environment
  private let state = Mutex(State())

  private struct State {
    var lastLook: Int64?
    /// Dead letters that wait, as of the last look.
    var waiting: [Int64] = []
    var isFrozen = false
    /// Records up to this number were removed.
    var removed: Int64 = 0
  }

  /// Where the source and its dead letters stand.
  struct Place {
    /// Number of the records that were read last; 0 for none.
    var replayed: Int64 = 0
    var own: Offset?

    init() {}

    init(_ offset: Offset?) {
      if let number = offset?.json["replayed"]?.int, let source = offset?.json["source"]?.array {
        replayed = number
        own = source.first.map { Offset($0) }
      } else {
        own = offset
      }
    }

    var offset: Offset? {
      if replayed == 0 { return own }
      return Offset(.dictionary(["replayed": .int(replayed), "source": .array(own.map { [$0.json] } ?? [])]))
    }
  }

  init(_ source: any ByteSource, _ folder: ReplayFolder, _ environment: Environment) {
    self.source = source
    self.folder = folder
    self.environment = environment
  }

  var description: String { source.description }

  func leaveOutFiles(where isUnwanted: @escaping @Sendable (_ path: String) throws -> Bool) {
    (source as? any FileNamingSource)?.leaveOutFiles(where: isUnwanted)
  }

  var nextSplits: [SourceSplit] { (source as? any ReadAheadSource)?.nextSplits ?? [] }

  var nextDue: Int64? { (source as? any PacedSource)?.nextDue }

  func start(after offset: Offset?) throws { try source.start(after: Place(offset).own) }

  func freeze() throws {
    try source.freeze()
    let found = try folder.waiting(after: 0)
    state.withLock { state in
      state.isFrozen = true
      state.waiting = found
    }
  }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let place = Place(offset)
    if let next = try nextReplay(after: place.replayed) {
      var after = place
      after.replayed = next
      let split = SourceSplit(
        name: folder.recordsPath(next), payload: .dictionary(["deadLetters": .int(next)]), offset: 1)
      return SourcePlan(splits: [split], end: after.offset)
    }
    guard var plan = try source.plan(after: place.own, limit: limit) else { return nil }
    if let end = plan.end {
      var after = place
      after.own = end
      plan.end = after.offset
    }
    return plan
  }

  private func nextReplay(after number: Int64) throws -> Int64? {
    let now = environment.clock.monotonicNanoseconds()
    let isDue = state.withLock { state in
      guard !state.isFrozen, state.lastLook.map({ now - $0 >= Self.lookInterval }) ?? true else { return false }
      state.lastLook = now
      return true
    }
    if isDue {
      let found = try folder.waiting(after: number)
      state.withLock { $0.waiting = found }
    }
    return state.withLock { $0.waiting.first { $0 > number } }
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    var place = Place(offset)
    if let number = plan.splits.first.flatMap({ Self.replay($0) }) {
      place.replayed = number
    } else {
      let own = SourcePlan(splits: plan.splits, end: plan.end.flatMap { Place($0).own })
      place.own = try source.offset(after: place.own, plan: own, results: results)
    }
    return place.offset ?? Offset(.null)
  }

  func commit(_ offset: Offset) throws {
    let place = Place(offset)
    if place.replayed > state.withLock({ $0.removed }) {
      try folder.remove(through: place.replayed)
      state.withLock { $0.removed = place.replayed }
    }
    if let own = place.own { try source.commit(own) }
  }

  func backlog(after offset: Offset?) -> Int64? { source.backlog(after: Place(offset).own) }

  func metrics() -> [(name: String, value: String)] { (source as? any ReportsSourceMetrics)?.metrics() ?? [] }

  func close() { source.close() }

  func open(_ split: SourceSplit) throws -> any ByteReader {
    guard let number = Self.replay(split) else { return try source.open(split) }
    return ReplayReader(try environment.files.open(folder.recordsPath(number), .read), at: split.offset)
  }

  private static func replay(_ split: SourceSplit) -> Int64? { split.payload["deadLetters"]?.int }
}

/// The same of a source that calls.
private final class WakingReplayingSource: ReplayingSource, WakingSource, @unchecked Sendable {
  private let waking: any ByteSource & WakingSource

  init(_ source: any ByteSource & WakingSource, _ folder: ReplayFolder, _ environment: Environment) {
    waking = source
    super.init(source, folder, environment)
  }

  func onData(_ wake: @escaping @Sendable () -> Void) { waking.onData(wake) }
  var isWatching: Bool { waking.isWatching }
}

/// Reads records that wait.
private final class ReplayReader: ByteReader {
  private let file: any File
  private var position: Int64

  init(_ file: any File, at position: Int64) {
    self.file = file
    self.position = position
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try file.read(into: buffer, at: position)
    position += Int64(count)
    return count
  }

  func close() { try? file.close() }
}
