public import MillraceStreaming
import Synchronization

/// The queries of a session. Spark's `spark.streams`.
public final class StreamingQueryManager: Sendable {
  private let queries = Mutex<[StreamingQuery]>([])
  private let ends = TerminationWatch()
  let listeners = ListenerBus()

  /// Adds a query; those that have ended are forgotten.
  func add(_ query: StreamingQuery) {
    queries.withLock { queries in
      queries.removeAll(where: \.handle.isOver)
      queries.append(query)
    }
  }

  /// A query has ended, perhaps with a failure.
  func ended(_ failure: (any Error)?) { ends.note(failure) }

  /// Queries that run.
  public var active: [StreamingQuery] { queries.withLock { $0 }.filter(\.isActive) }

  /// The running query with an id.
  public func get(_ id: String) -> StreamingQuery? { active.first { $0.id == id } }

  /// Waits until a query of the session has ended, since the session began or `resetTerminated` was called. Throws what it failed
  /// with, if it did.
  public func awaitAnyTermination() async throws { _ = try await awaitAnyTermination(nil) }

  /// Waits at most so many milliseconds; false when no query has ended.
  @discardableResult
  public func awaitAnyTermination(_ timeoutMs: Int64?) async throws -> Bool {
    let ends = self.ends
    return try await Blocking.run { try ends.wait(microseconds: timeoutMs.map { $0 * 1000 }) }
  }

  /// Forgets the queries that have ended, so that `awaitAnyTermination` waits for the next.
  public func resetTerminated() { ends.reset() }

  /// From now on `listener` hears of all queries of the session, those that run already included.
  public func addListener(_ listener: any StreamingQueryListener) { listeners.add(listener) }

  /// `listener` hears of nothing more.
  public func removeListener(_ listener: any StreamingQueryListener & AnyObject) { listeners.remove(listener) }
}

/// Hands events on to listeners that come and go.
final class ListenerBus: StreamingQueryListener {
  private let listeners = Mutex<[any StreamingQueryListener]>([])

  func add(_ listener: any StreamingQueryListener) { listeners.withLock { $0.append(listener) } }

  func remove(_ listener: any StreamingQueryListener & AnyObject) {
    listeners.withLock { $0.removeAll { ($0 as? any StreamingQueryListener & AnyObject) === listener } }
  }

  private func forEach(_ body: (any StreamingQueryListener) -> Void) {
    for listener in listeners.withLock({ $0 }) { body(listener) }
  }

  func onQueryStarted(_ event: StreamingQueryStarted) { forEach { $0.onQueryStarted(event) } }
  func onQueryProgress(_ progress: StreamingQueryProgress) { forEach { $0.onQueryProgress(progress) } }
  func onQueryIdle(_ event: StreamingQueryIdle) { forEach { $0.onQueryIdle(event) } }
  func onQueryTerminated(_ event: StreamingQueryTerminated) { forEach { $0.onQueryTerminated(event) } }
}
