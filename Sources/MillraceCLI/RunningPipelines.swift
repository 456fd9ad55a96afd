import MillraceCore
import MillraceExecution
import MillraceStreaming
import Synchronization

/// The queries that one `run` has started.
final class RunningPipelines: Sendable {
  private struct State {
    var queries: [(name: String, handle: StreamingQueryHandle)] = []
    var isStopping = false
  }

  private let state = Mutex(State())

  /// Adds a query; one that was started while the signal came is stopped at once.
  func add(_ name: String, _ handle: StreamingQueryHandle) {
    let isStopping = state.withLock { state in
      state.queries.append((name, handle))
      return state.isStopping
    }
    if isStopping { handle.requestStop() }
  }

  /// Asks all queries to end after the batch they are at.
  func stop() {
    let queries = state.withLock { state in
      state.isStopping = true
      return state.queries
    }
    for query in queries { query.handle.requestStop() }
  }

  /// Where the time of the queries went, up to the last batch of each.
  var profiles: [QueryProfile] {
    state.withLock { $0.queries }.compactMap { query in
      var profile = query.handle.profile
      profile?.name = query.name
      return profile
    }
  }

  /// Waits for the end of all queries and tells how each ended; the worst exit status, nil if all ended well.
  /// A query that fails does not stop the others.
  func awaitAll(_ display: ProgressDisplay) -> ExitStatus? {
    var worst: ExitStatus?
    var waiting = state.withLock { $0.queries }
    while !waiting.isEmpty {
      // With one query left there is nothing else to look at meanwhile.
      let patience: Int64? = waiting.count == 1 ? nil : 50_000
      var next: [(name: String, handle: StreamingQueryHandle)] = []
      for query in waiting {
        do {
          if try query.handle.awaitTermination(timeout: patience) {
            display.note(display.finish(query.name))
          } else {
            next.append(query)
          }
        } catch {
          display.note("\(query.name): \(error)")
          let status = ExitStatus(running: error)
          if worst == nil || status == .data { worst = status }
        }
      }
      waiting = next
    }
    return worst
  }
}

/// Hands the progress of one pipeline to the display.
struct ProgressListener: StreamingQueryListener {
  let pipeline: String
  let display: ProgressDisplay
  let isJSON: Bool

  func onQueryProgress(_ progress: StreamingQueryProgress) {
    if isJSON {
      display.count(report(progress), line: progress.json.text)
    } else {
      display.batchDone(report(progress))
    }
  }

  func onQueryTerminated(_ event: StreamingQueryTerminated) {
    guard let pause = event.restartDelay, let failure = event.exception else { return }
    display.note("\(pipeline): \(failure)\n\(pipeline): starts again in \(Quantity.duration(microseconds: pause))")
  }

  private func report(_ progress: StreamingQueryProgress) -> BatchReport {
    let backlogs = progress.sources.compactMap(\.backlog)
    return BatchReport(
      pipeline: pipeline, batchID: progress.batchID, inputRows: progress.inputRows, inputBytes: progress.bytesRead,
      outputRows: progress.sinks.reduce(0) { $0 + $1.outputRows },
      lateRows: progress.stateOperators.reduce(0) { $0 + $1.rowsDroppedByWatermark }, badRecords: progress.badRecords,
      microseconds: progress.batchDuration * 1000, backlog: backlogs.isEmpty ? nil : backlogs.reduce(0, +),
      rejectedRows: progress.rejectedRows)
  }
}
