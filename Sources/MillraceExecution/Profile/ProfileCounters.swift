/// What one thread did in one step of an operator, or in one phase of a query.
public struct ProfileCounters: Sendable, Hashable {
  /// Time on the thread in this step and in no other; what other steps did meanwhile is theirs.
  public var nanoseconds: Int64 = 0
  /// Rows that came in, where the thread counted them.
  public var rowsIn: Int64 = 0
  /// Rows that went on.
  public var rowsOut: Int64 = 0
  /// Record batches that the step was applied to or gave.
  public var batches: Int64 = 0
  /// Bytes as they lie in a file, compressed where they are.
  public var storedBytes: Int64 = 0
  /// The same bytes uncompressed.
  public var plainBytes: Int64 = 0

  /// Nothing counted yet.
  public init() {}

  /// Adds what another thread, step or batch did.
  public static func += (left: inout Self, right: Self) {
    left.nanoseconds += right.nanoseconds
    left.rowsIn += right.rowsIn
    left.rowsOut += right.rowsOut
    left.batches += right.batches
    left.storedBytes += right.storedBytes
    left.plainBytes += right.plainBytes
  }

  /// Whether nothing was counted.
  public var isZero: Bool { self == ProfileCounters() }
}

/// A part of an operator's work. Not every operator has parts: most only `run`.
public enum ProfileStep: String, Sendable {
  /// All that the operator does.
  case run
  /// Fetches bytes and inflates them.
  case read
  /// Cuts bytes into records and makes columns of them.
  case decode
  /// Chooses columns and hands batches to the operators above; frees the bytes behind them.
  case handOn
  /// Builds a join's table.
  case build
  /// Looks rows up in a join's table.
  case probe
  /// Groups rows on the thread that read them.
  case partial
  /// Puts the groups of all threads together and makes rows of them.
  case merge
  /// Reads and changes a state store.
  case state
  /// Encodes rows, and compresses them, on the thread that made them.
  case encode
  /// Hands rows or blocks to a sink.
  case write
  /// Makes a sink's rows durable.
  case commit
}

/// What a query does outside of its operators.
public enum ProfilePhase: Int, Sendable, CaseIterable {
  /// What no other phase names.
  case other
  /// Makes operators of a plan, and runs what must be known before, such as scalar subqueries.
  case planning
  /// Brings state, sinks and sources to where the checkpoint ends.
  case recovery
  /// Asks sources for new input.
  case poll
  /// Writes the commit log and makes it durable.
  case log
  /// Writes changes and snapshots of state.
  case stateFiles
  /// Lets sinks publish and sources forget.
  case publish
  /// Closes sinks, sources and the checkpoint.
  case close
  /// A thread has nothing to do while others still work on a batch.
  case waitForWorkers
  /// The query waits for input or for its trigger.
  case waitForInput

  /// Whether nothing is done: such time is no part of the whole that shares are of.
  public var isWaiting: Bool { self == .waitForWorkers || self == .waitForInput }

  /// The place among a thread's counters: phases stand before the steps of operators.
  var slot: Int { rawValue }
}
