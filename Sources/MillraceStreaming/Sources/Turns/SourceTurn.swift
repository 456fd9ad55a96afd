import MillraceCore
import Synchronization

/// A source's turn among those of a query: it is read once all that it starts after have come to their end, and those are never
/// read again.
///
/// That a source has had its turn is in its offset: it has one. Before, a restart begins with the archive again, which has nothing
/// left or more than before. A plan that was logged is read without a question.
final class SourceTurn: Sendable {
  private struct State {
    /// Where the source stands.
    var offset: Offset?
    var isStarted = false
    var hasTurn = false
    var isFrozen = false
    var predecessors: [SourceTurn] = []
    var followers: [SourceTurn] = []
  }

  let source: any Source
  private let state = Mutex(State())
  /// Held while the source is started late, which a worker may cause.
  private let starting = Mutex(())

  init(_ source: any Source) { self.source = source }

  /// This source is read after `other`.
  func start(after other: SourceTurn) {
    state.withLock { $0.predecessors.append(other) }
    other.state.withLock { $0.followers.append(self) }
  }

  private var hasTurn: Bool { state.withLock { $0.hasTurn } }

  /// Whether a source that starts after this one is being read.
  private var isOver: Bool { state.withLock { $0.followers }.contains { $0.hasTurn } }

  // MARK: Life of the source

  /// A source that needs to know what the archive read is started when its turn comes; others at once, so that a socket receives
  /// while the archive is read.
  func start(after offset: Offset?) throws {
    let isFirst = state.withLock { state in
      state.offset = offset
      state.hasTurn = offset != nil || state.predecessors.isEmpty
      return state.hasTurn
    }
    if isFirst || !(source is any ArchiveFollower) {
      try source.start(after: offset)
      state.withLock { $0.isStarted = true }
    }
  }

  func freeze() throws {
    let isStarted = state.withLock { state in
      state.isFrozen = true
      return state.isStarted
    }
    if isStarted { try source.freeze() }
  }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    state.withLock { $0.offset = offset }
    if isOver { return nil }
    guard try takeTurn(limit) else { return nil }
    return try source.plan(after: offset, limit: limit)
  }

  private func takeTurn(_ limit: ReadLimit) throws -> Bool {
    if hasTurn { return true }
    for predecessor in state.withLock({ $0.predecessors }) where try !predecessor.isAtEnd(limit) { return false }
    try begin()
    return true
  }

  /// Whether nothing is left to read, now that everything before was planned and read.
  private func isAtEnd(_ limit: ReadLimit) throws -> Bool {
    if isOver { return true }
    guard try takeTurn(limit) else { return false }
    if try source.plan(after: state.withLock { $0.offset }, limit: limit) != nil { return false }
    return (source as? any PacedSource)?.nextDue == nil
  }

  /// The turn has come, or a plan says that it had.
  func begin() throws {
    if state.withLock({ $0.hasTurn && $0.isStarted }) { return }
    try starting.withLock { _ in
      let (isStarted, isFrozen, predecessors) = state.withLock { ($0.isStarted, $0.isFrozen, $0.predecessors) }
      if !isStarted {
        let archived = try predecessors.flatMap { predecessor in
          let offset = predecessor.state.withLock { $0.offset }
          return try (predecessor.source as? any ArchiveSource)?.archivedFiles(offset) ?? []
        }
        (source as? any ArchiveFollower)?.leaveOut(archived)
        try source.start(after: nil)
        if isFrozen { try source.freeze() }
      }
      state.withLock { state in
        state.isStarted = true
        state.hasTurn = true
      }
    }
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    try begin()
    let next = try source.offset(after: offset, plan: plan, results: results)
    state.withLock { $0.offset = next }
    return next
  }

  func commit(_ offset: Offset) throws {
    if state.withLock({ $0.isStarted }) { try source.commit(offset) }
  }

  func backlog(after offset: Offset?) -> Int64? {
    if isOver { return 0 }
    return state.withLock { $0.isStarted } ? source.backlog(after: offset) : nil
  }
}
