/// Where the time of a query went: by operator, step and thread.
public struct QueryProfile: Sendable {
  /// The query's name.
  public var name: String
  /// From the planning of the query to the end of its last batch.
  public var wallNanoseconds: Int64
  /// Micro-batches that came to their end.
  public var batches: Int64
  /// The threads that `ThreadProfile` numbers.
  public var threads: [Thread]
  /// One tree of operators for each sink, or for the result; subqueries that ran before have one, too.
  public var outputs: [Output]
  /// What was done outside of operators.
  public var phases: [PhaseProfile]

  /// A thread.
  public struct Thread: Sendable, Hashable {
    /// Its number.
    public var number: Int
    /// What it is there for.
    public var role: Role

    /// What a thread is there for.
    public enum Role: String, Sendable {
      /// Drives the query, and works like the others.
      case control
      /// Works on batches.
      case worker
      /// Reads ahead for a worker.
      case reader
    }
  }

  /// A tree of operators.
  public struct Output: Sendable {
    /// The sink's name, `query`, or `subquery` with its number.
    public var name: String
    /// The last operator; those that it gets its rows from are below.
    public var root: OperatorProfile
  }

  /// Time of all threads that was spent on something.
  public var busyNanoseconds: Int64 {
    outputs.reduce(0) { $0 + $1.root.treeNanoseconds }
      + phases.filter { !$0.phase.isWaiting }.reduce(0) { $0 + $1.total.nanoseconds }
  }
}

/// What one thread did.
public struct ThreadProfile: Sendable, Hashable {
  /// Its number in `QueryProfile.threads`.
  public var thread: Int
  /// What it did.
  public var counters: ProfileCounters
}

/// An operator of a plan.
public struct OperatorProfile: Sendable {
  /// Its name, as in `millrace explain`.
  public var name: String
  /// Its expressions, keys or columns.
  public var detail: String
  /// Rows of all inputs.
  public var rowsIn: Int64
  /// Rows that came out.
  public var rowsOut: Int64
  /// Record batches that came out.
  public var batches: Int64
  /// What it did, in the order of the work; parts that were never run are left out.
  public var steps: [StepProfile]
  /// Where its rows come from.
  public var inputs: [OperatorProfile]
  /// The output in whose tree the same scan stands, which was read once for both.
  public var sharedWith: String?

  /// All steps and threads together.
  public var total: ProfileCounters { steps.reduce(into: ProfileCounters()) { $0 += $1.total } }

  /// All steps by thread.
  public var threads: [ThreadProfile] {
    let byThread = Dictionary(grouping: steps.flatMap(\.threads), by: \.thread)
    return byThread.keys.sorted().map { number in
      let counters = byThread[number, default: []].reduce(into: ProfileCounters()) { $0 += $1.counters }
      return ThreadProfile(thread: number, counters: counters)
    }
  }

  /// Time of this operator and all below.
  public var treeNanoseconds: Int64 { inputs.reduce(total.nanoseconds) { $0 + $1.treeNanoseconds } }
}

/// A step of an operator.
public struct StepProfile: Sendable {
  /// Which one.
  public var step: ProfileStep
  /// By thread.
  public var threads: [ThreadProfile]

  /// All threads together.
  public var total: ProfileCounters { threads.reduce(into: ProfileCounters()) { $0 += $1.counters } }
}

/// A phase of a query.
public struct PhaseProfile: Sendable {
  /// Which one.
  public var phase: ProfilePhase
  /// By thread.
  public var threads: [ThreadProfile]

  /// All threads together.
  public var total: ProfileCounters { threads.reduce(into: ProfileCounters()) { $0 += $1.counters } }
}
