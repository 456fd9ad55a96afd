import MillraceCore
import MillraceExecution

/// Rows that come out later than with their batch.
///
/// A batch that is behind commits what it has read and its state, and leaves out the sinks in which later rows would replace its own; the log says up to which
/// batch each sink was given rows. What is due comes out with a later batch; or, when the query stops or starts again, under the number
/// of the last one, at whose version the state stands then.
extension QueryEngine {
  /// Finds the sinks whose rows may wait, once all were opened.
  func chooseDeferringSinks() {
    guard deferral.isAllowed, configuration.trigger.followsAtOnce else { return }
    let rows = executor.replaceableRows
    deferral.sinks = Set(
      sinks.indices.filter { index in
        guard rows.indices.contains(index), let rows = rows[index], rejecting[index] == nil,
          let sink = sinks[index].kind.sink as? any ReplacingSink, sink.guarantee == .transactional,
          let replacement = try? sink.replacement()
        else { return false }
        return rows.fits(replacement)
      })
  }

  /// Where the executor writes.
  var targets: [any SinkOutput] { isAsync ? buffers.map(\.output) : outputs }

  /// Gives the sinks the rows that the batch withheld and all that wait, unless they are to wait on.
  func emit(_ plan: PlanRecord, _ given: ExecutedBatch, moreWaits: Bool) throws -> ExecutedBatch {
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    var executed = given
    if moreWaits && executed.mayWait {
      try executor.postpone(executed.withheld)
      deferral.postpone()
      postponedBatch = plan.batchID
      reporter.postponed(executed.withheld)
      return executed
    }
    postponedBatch = nil
    deferral.beginEmission(environment.clock.monotonicNanoseconds())
    if !isAsync {
      for index in executed.withheld.sorted() { try beginSink(index, plan.batchID) }
    }
    let all = targets
    let rows = try executor.emit(
      plan.input, .due, outputs: all.indices.map { executed.withheld.contains($0) ? all[$0] : nil })
    CrashPoint.pass(CrashPoints.batchAfterEmit)
    for index in executed.withheld where index < executed.output.outputRows.count {
      executed.output.outputRows[index] = rows[index]
    }
    reporter.emitted(rows)
    return executed
  }

  /// Before the query stops: what waits comes out under the number of the last batch. False if nothing does.
  func emitPostponed() throws -> Bool {
    guard deferral.isPostponed, let commit = lastCommit else { return false }
    try emitLate(.due, to: deferral.sinks.filter { isBehind($0, commit) }, of: commit)
    return true
  }

  private func isBehind(_ sink: Int, _ commit: CommitRecord) -> Bool {
    (emissions[sink].batchID ?? -1) < commit.batchID
  }

  /// At a start: the sinks that an earlier run left out of its last batches get the rows of all groups.
  func emitLeftOver() throws {
    guard let commit = lastCommit else { return }
    let behind = sinks.indices.filter {
      sinks[$0].kind.sink.guarantee == .transactional && isBehind($0, commit)
    }
    try emitLate(.everything, to: Set(behind), of: commit)
  }

  private func emitLate(_ scope: EmissionScope, to chosen: Set<Int>, of commit: CommitRecord) throws {
    if chosen.isEmpty { return }
    let indices = chosen.sorted()
    let input = BatchInput(
      batchID: commit.batchID, plans: executor.sources.map { _ in nil }, lateWatermark: commit.watermark,
      watermark: commit.watermark, timestamp: environment.clock.now() / 1000 * 1000, seed: 0)
    deferral.beginEmission(environment.clock.monotonicNanoseconds())
    for index in indices { try beginSink(index, commit.batchID) }
    let rows = try executor.emit(
      input, scope, outputs: outputs.indices.map { chosen.contains($0) ? outputs[$0] : nil })
    CrashPoint.pass(CrashPoints.lateBeforeSinkCommit)
    for index in indices {
      let sink = sinks[index].kind.sink
      let token = try profiler.control.charging(profiler.sinkSlots(index).commit) {
        try sink.commit(batchID: commit.batchID)
      }
      emissions[index] = (commit.batchID, token)
      heldBatches[index] = commit.batchID
      CrashPoint.pass(CrashPoints.lateAfterSinkCommit)
    }
    for index in indices { try sinks[index].kind.sink.publish(batchID: commit.batchID) }
    lastCommit?.note(emissions)
    deferral.endEmission(environment.clock.monotonicNanoseconds())
    reporter.tellLate(commit, rows)
  }
}

extension PlanRecord {
  /// What the batch is computed from.
  var input: BatchInput {
    var input = BatchInput(
      batchID: batchID, plans: plans, lateWatermark: lateWatermark, watermark: watermark, timestamp: timestamp,
      seed: seed)
    input.isEndOfInput = isClosing
    return input
  }
}
