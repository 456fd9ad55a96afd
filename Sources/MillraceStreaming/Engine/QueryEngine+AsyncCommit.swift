import MillraceColumnar
import MillraceCore
import MillraceExecution

/// Commits on a thread of their own while the next batch is computed: all of them with `asyncCommit`, and those of batches that no sink
/// gets anything of because their rows wait for a later one.
///
/// ```
/// query's thread   compute 0 │ compute 1          │ compute 2          │ …
/// its own thread             │ write and commit 0 │ write and commit 1 │ …
/// ```
///
/// What is on the disk comes in the same order as without: what a batch gives goes to the sinks only when the COMMIT before is durable,
/// which brings the batch's PLAN along. So recovery, and what it promises, are the same. Sinks, log and state files belong to the
/// thread that commits for as long as it does, all else to the query's thread.
extension QueryEngine {
  /// Whether the batch is committed while the next is computed.
  func commitsBeside(_ batchID: Int64) -> Bool {
    isAsync || (capturesState && stateFiles != nil && leftOut(batchID).count == sinks.count)
  }

  /// A batch that was computed and is not committed.
  struct ComputedBatch {
    /// Without tokens and changes of state, which are made by committing.
    var commit: CommitRecord
    var next: PlanRecord?
    /// Nil without a checkpoint.
    var state: CapturedState?
    /// For each sink, nil where it holds the batch already.
    var rows: [[BufferedSinkOutput.Item]?]
    /// Dead letters and late rows.
    var sideRows: SideRows
    var stamp: SideRows.Stamp
    /// Sinks that do not get the batch.
    var leftOut: Set<Int>
  }

  /// A commit that is under way.
  struct CommitUnderway {
    var task: BackgroundTask
    var offsets: [Offset?]
    var progress: StreamingQueryProgress?
  }

  /// Takes the changes of the batch out of the stores, which then go on with the next version.
  func captureState(_ version: Int64) throws {
    capturedState = try stateFiles?.capture(version: version)
    for store in executor.stateStores { try store.commit(version: version) }
  }

  /// Begins to commit the batch that was computed last; where no other follows at once, also ends it, and where a snapshot is due of
  /// a store that must stand still for it.
  func beginCommit(_ commit: CommitRecord, _ next: PlanRecord?) throws {
    let rows = buffers.map { isHeld($0.offset, commit.batchID) ? nil : $0.output.take() }
    let batch = ComputedBatch(
      commit: commit, next: next, state: capturedState, rows: rows, sideRows: sideRows, stamp: stamp,
      leftOut: leftOut(commit.batchID))
    capturedState = nil
    sideRows = SideRows()
    profiler.endBatch()
    let progress = try reporter.takeBatch()
    if next != nil, stateFiles?.isBlockingSnapshotDue != true {
      // The stores stand at this version until the next batch, and the snapshot counts only with a record after its own.
      try profiler.charging(.stateFiles) { try stateFiles?.beginSnapshots(version: commit.stateVersion) }
      let task = try BackgroundTask("commit of \(configuration.name ?? "query")") { [self] in try settle(batch) }
      underway = CommitUnderway(task: task, offsets: commit.offsets, progress: progress)
      return
    }
    try profiler.charging(.log) { try settle(batch) }
    try profiler.charging(.stateFiles) { try makeSnapshots(commit.stateVersion) }
    try endCommit(commit.offsets, progress)
  }

  /// Waits for the commit that is under way, if one is.
  func awaitCommit() throws {
    guard let underway else { return }
    self.underway = nil
    try profiler.charging(.waitForWorkers) { try underway.task.wait() }
    try endCommit(underway.offsets, underway.progress)
  }

  /// A batch is durable: sources may forget it, and listeners hear of it.
  private func endCommit(_ offsets: [Offset?], _ progress: StreamingQueryProgress?) throws {
    noteEmission()
    for (source, offset) in zip(executor.sources, offsets) {
      if let offset { try source.commit(offset) }
    }
    CrashPoint.pass(CrashPoints.batchAfterSourceCommit)
    for index in sinks.indices { countWritten(index) }
    if let progress { reporter.tell(withSides(progress)) }
  }

  /// Everything of a batch that is durable in the end: its rows in the sinks, the changes of state, and its record.
  private func settle(_ batch: ComputedBatch) throws {
    var commit = batch.commit
    // The query's thread begins the batch for sinks that get nothing of it.
    if isAsync { try beginSinks(commit.batchID, except: batch.leftOut, isMeasured: false) }
    for (index, items) in batch.rows.enumerated() where !batch.leftOut.contains(index) {
      if let items { try outputs[index].write(items) }
    }
    commit.tokens = try tokens(
      commit.batchID, batch.sideRows, batch.stamp, leftOut: batch.leftOut, isMeasured: false)
    var sections: [MemoryBuffer] = []
    if let stateFiles, let state = batch.state {
      let saved = try stateFiles.finish(state)
      commit.deltas = saved.records
      sections = saved.sections
    }
    try appendCommit(commit, batch.next, sections)
    CrashPoint.pass(CrashPoints.batchBeforePublish)
    for (index, binding) in sinks.enumerated() where !batch.leftOut.contains(index) {
      try binding.kind.sink.publish(batchID: commit.batchID)
    }
    try sides.publish()
    CrashPoint.pass(CrashPoints.batchAfterPublish)
  }
}
