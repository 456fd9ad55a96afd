/// Remembers whether queries have ended, and lets threads wait for it.
package final class TerminationWatch: Sendable {
  private struct State {
    var hasEnded = false
    var failure: (any Error)?
  }

  private let state = Monitor(State())

  /// No query has ended yet.
  package init() {}

  /// A query has ended, perhaps with a failure; the first failure is kept.
  package func note(_ failure: (any Error)?) {
    state.change { state in
      state.hasEnded = true
      state.failure = state.failure ?? failure
    }
  }

  /// Forgets what has ended.
  package func reset() { state.change { $0 = State() } }

  /// Waits until a query has ended (true), at most for a time (false); throws if one has failed.
  package func wait(microseconds: Int64?) throws -> Bool {
    try state.wait(microseconds: microseconds) { state in
      if let failure = state.failure { throw failure }
      return state.hasEnded ? true : nil
    } ?? false
  }
}
