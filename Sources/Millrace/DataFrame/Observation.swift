package import MillraceColumnar
import MillraceCore
import MillracePlan
import Synchronization

/// The metrics of a bounded query that are computed while it runs: `DataFrame.observe`. Spark's `Observation`.
///
/// ```swift
/// let seen = Observation("seen")
/// let rows = try await orders.observe(seen, count(lit(1)).alias("rows"), max(col("price")).alias("highest")).collect()
/// let highest = try await seen.get.get("highest")
/// ```
public final class Observation: Sendable {
  /// What the metrics are called together.
  public let name: String
  private let state = Mutex(State())

  private struct State {
    var isUsed = false
    var metrics: Row?
    var waiting: [CheckedContinuation<Row, Never>] = []
  }

  /// An observation; without a name it gets one that is like no other.
  public init(_ name: String? = nil) {
    self.name = name ?? "observation-\(UInt64.random(in: .min ... .max))"
  }

  /// The metrics of the first run; waits until it is over.
  public var get: Row {
    get async {
      await withCheckedContinuation { continuation in
        let known = state.withLock { state -> Row? in
          if state.metrics == nil { state.waiting.append(continuation) }
          return state.metrics
        }
        if let known { continuation.resume(returning: known) }
      }
    }
  }

  /// Throws where a DataFrame has the observation already.
  fileprivate func use() throws {
    let isFirst = state.withLock { state in
      defer { state.isUsed = true }
      return !state.isUsed
    }
    if isFirst { return }
    throw MillraceError(
      "REUSE_OBSERVATION", "the observation '\(name)' belongs to another DataFrame", hint: "make one for each")
  }
}

extension Observation: ObservationReceiver {
  package func receive(_ values: [Value], _ schema: Schema) {
    let row = Row(values, names: schema.names)
    let waiting = state.withLock { state -> [CheckedContinuation<Row, Never>] in
      if state.metrics != nil { return [] }
      state.metrics = row
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume(returning: row) }
  }
}

extension DataFrame {
  /// Computes metrics of the rows that pass here while the query runs: literals, aggregates and expressions of them. In a stream they are
  /// those of each batch, under the name in `observedMetrics` of the progress. Throws `INVALID_OBSERVED_METRICS` and
  /// `DUPLICATED_METRICS_NAME` when the DataFrame is used.
  public func observe(_ name: String, _ metric: Column, _ more: Column...) -> DataFrame {
    then { try $0.observe($1, name: name, try ([metric] + more).map { try $0.checked() }) }
  }

  /// The same for a bounded query, whose metrics the observation gives after the first run. An observation serves one DataFrame.
  public func observe(_ observation: Observation, _ metric: Column, _ more: Column...) -> DataFrame {
    then { analyzer, before in
      if before.isStreaming {
        throw MillraceError(
          "OBSERVATION_OF_STREAM", "an observation gets the metrics of one run, and a stream has no end",
          hint: "give observe a name and read observedMetrics of the query's progress")
      }
      try observation.use()
      return try analyzer.observe(
        before, name: observation.name, try ([metric] + more).map { try $0.checked() }, receiver: observation)
    }
  }
}
