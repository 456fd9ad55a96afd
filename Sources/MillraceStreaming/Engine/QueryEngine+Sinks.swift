import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats

/// What the engine does with sinks, and with dead letters and late rows, which go to sinks of their own.
extension QueryEngine {
  func recoverSink(_ index: Int, _ binding: SinkBinding) throws {
    let sink = binding.kind.sink
    let repeatsExactly = !configuration.trigger.isContinuous && !configuration.asyncCommit
    try sink.open(
      SinkContext(queryID: reporter.identity.id, sinkName: binding.name, repeatsExactly: repeatsExactly))
    let token = lastCommit.map { $0.tokens[index] }
    let committed = lastCommit?.batchID ?? -1
    // Of a sink that was left out of batches; one of another kind in its place begins anew as it would have then.
    let emitted = sink.guarantee == .transactional ? lastCommit?.emitted(index) : lastCommit?.batchID
    let held =
      try emitted == lastCommit?.batchID
      ? sink.recover(batchID: emitted, token: token)
      : (sink as? any ReplacingSink)?.recover(batchID: emitted, token: token, through: committed)
        ?? sink.recover(batchID: emitted, token: token)
    if sink.guarantee == .transactional {
      if (held ?? -1) < emitted ?? -1 {
        throw MillraceError(
          "SINK_BEHIND_CHECKPOINT",
          "the sink '\(binding.name)' ends with batch \(held ?? -1), the checkpoint has given it batch \(emitted ?? -1)",
          hint:
            "put back the sink's data that belongs to the checkpoint, or start with a new checkpoint and an empty sink",
          fault: .external)
      }
      // An epoch that was not committed is nowhere but in its sinks; a batch has at least its plan in the log.
      let allowed = pendingPlan != nil || configuration.trigger.isContinuous ? committed + 1 : committed
      let isBetween = held != emitted && (held ?? -1) < committed
      if (held ?? -1) > allowed || isBetween {
        throw MillraceError(
          "SINK_AHEAD_OF_CHECKPOINT",
          "the sink '\(binding.name)' holds batch \(held ?? -1), the checkpoint ends with batch \(committed)",
          hint:
            "put back the checkpoint that belongs to the sink's data; after a crash of the continuous trigger, run once with it",
          fault: .external)
      }
    }
    heldBatches[index] = held
    let isFurther = sink.guarantee == .transactional && (held ?? -1) > emitted ?? -1
    emissions[index] = (isFurther ? held : emitted, token ?? .null)
    if let emitted { try sink.publish(batchID: emitted) }
  }

  // MARK: A batch

  /// Tells the sinks that a batch or epoch begins, unless they know.
  func beginSinks(_ batchID: Int64, except withheld: Set<Int> = [], isMeasured: Bool = true) throws {
    if begunBatch == batchID { return }
    begunBatch = batchID
    for index in sinks.indices where !isHeld(index, batchID) && !withheld.contains(index) {
      try beginSink(index, batchID, isMeasured: isMeasured)
    }
  }

  func beginSink(_ index: Int, _ batchID: Int64, isMeasured: Bool = true) throws {
    try charging(profiler.sinkSlots(index).write, isMeasured) {
      try sinks[index].kind.sink.begin(batchID: batchID)
      try byteOutputs[index]?.begin(batchID: batchID)
    }
  }

  /// The sinks that are left out of a batch: its rows wait.
  func leftOut(_ batchID: Int64) -> Set<Int> { postponedBatch == batchID ? deferral.sinks : [] }

  /// The sinks have the rows of the batch committed last, unless they were left out. On the query's thread, behind the commit.
  func noteEmission() {
    guard let time = sinksCommittedAt else { return }
    sinksCommittedAt = nil
    deferral.endEmission(time)
  }

  func flush(_ batchID: Int64) throws {
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    for index in sinks.indices where !isHeld(index, batchID) {
      try finish(index)
      guard let flusher = flushers[index] else { continue }
      try profiler.control.charging(profiler.sinkSlots(index).write) { try flusher.flush() }
    }
    CrashPoint.pass(CrashPoints.pieceAfterFlush)
  }

  func isHeld(_ sink: Int, _ batchID: Int64) -> Bool { (heldBatches[sink] ?? -1) >= batchID }

  func commitSinks(_ batchID: Int64) throws -> [JSON] {
    reporter.begin(.addBatch)
    defer { reporter.end(.addBatch) }
    try beginSinks(batchID)
    defer {
      sideRows = SideRows()
      noteEmission()
    }
    let leftOut = leftOut(batchID)
    guard let stateFiles, stateFiles.isLarge else { return try tokens(batchID, sideRows, stamp, leftOut: leftOut) }
    // Both must be durable before the record, in whatever order: sinks are mostly one thread's work, and so is waiting for the disk.
    var result: [JSON] = []
    let version = batchID + 1
    savedBeside = (
      version,
      try stateFiles.save(version: version) {
        result = try tokens(batchID, sideRows, stamp, leftOut: leftOut)
      }
    )
    return result
  }

  /// Commits each sink and gives what it recovers to. Off the query's thread nothing is measured.
  func tokens(
    _ batchID: Int64, _ sideRows: SideRows, _ stamp: SideRows.Stamp, leftOut: Set<Int>, isMeasured: Bool = true
  ) throws -> [JSON] {
    CrashPoint.pass(CrashPoints.batchBeforeSinkCommit)
    let taking = sinks.indices.filter { !leftOut.contains($0) }
    for index in taking where !isHeld(index, batchID) { try finish(index, isMeasured) }
    try sides.write(try addingRejected(sideRows, stamp, batchID))
    for index in taking {
      if isHeld(index, batchID) {
        emissions[index] = (batchID, .null)
        continue
      }
      let slot = profiler.sinkSlots(index).commit
      let token = try charging(slot, isMeasured) { try sinks[index].kind.sink.commit(batchID: batchID) }
      emissions[index] = (batchID, token)
      CrashPoint.pass(CrashPoints.batchAfterSinkCommit)
    }
    try sides.commit()
    if leftOut.isEmpty { sinksCommittedAt = environment.clock.monotonicNanoseconds() }
    return emissions.map(\.token)
  }

  /// The rows beside the query's own with those that sinks' targets refused, also of sinks that hold the batch already.
  private func addingRejected(_ sideRows: SideRows, _ stamp: SideRows.Stamp, _ batchID: Int64) throws -> SideRows {
    var all = sideRows
    for (index, sink) in rejecting.enumerated() {
      guard let sink else { continue }
      let rows = try sink.rejectedRows(batchID: batchID)
      rejectedCounts[index] = Int64(rows.count)
      if sides.takesDeadLetters, sinks[index].rejectedRows == .deadLetter {
        all.add(rows, sink: sinks[index].name, stamp)
      }
    }
    return all
  }

  /// Writes what an output still holds of the batch.
  private func finish(_ index: Int, _ isMeasured: Bool = true) throws {
    guard let output = byteOutputs[index] else { return }
    try charging(profiler.sinkSlots(index).write, isMeasured) { try output.finish() }
    if isMeasured { countWritten(index) }
  }

  /// Counts the bytes that a sink took.
  func countWritten(_ index: Int) {
    guard let written = byteOutputs[index]?.takeWritten() else { return }
    profiler.count(sink: index, storedBytes: written.stored, plainBytes: written.plain)
  }

  private func charging<Result>(_ slot: Int, _ isMeasured: Bool, _ body: () throws -> Result) rethrows -> Result {
    isMeasured ? try profiler.control.charging(slot, body) : try body()
  }

  // MARK: Rows beside the query's own

  /// Puts the dead letters and late rows of a computed batch, or a piece of an epoch, with those of the batch.
  func noteSideRows(_ output: BatchOutput, _ plan: PlanRecord) {
    if stamp.batchID != plan.batchID { sideRows = SideRows() }
    stamp = SideRows.Stamp(
      pipeline: configuration.name, queryID: reporter.identity.id, batchID: plan.batchID, time: plan.timestamp)
    if sides.takesDeadLetters {
      for (index, files) in output.badRecords.enumerated() {
        sideRows.add(files, source: executor.sourceNames[index], stamp)
      }
    }
    if sides.takesLateRows { sideRows.add(output.lateRows, stamp) }
  }

  /// The progress with what shows only when the batch is committed.
  func withSides(_ progress: StreamingQueryProgress) -> StreamingQueryProgress {
    var progress = progress
    for index in progress.sinks.indices { progress.sinks[index].rejectedRows = rejectedCounts[index] }
    progress.sideSinks = sides.all.map { output in
      let sink = output.binding.kind.sink
      return StreamingQueryProgress.SinkProgress(
        name: output.binding.name, description: sink.description, guarantee: sink.guarantee,
        outputRows: output.rowCount)
    }
    return progress
  }
}
