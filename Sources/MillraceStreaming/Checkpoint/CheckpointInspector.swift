import CKernels
import MillraceColumnar
import MillraceExecution
package import MillraceCore

/// Reads a checkpoint without changing it.
///
/// What is damaged is gathered, each with file and offset, as far as one damage does not hide what follows. A query may go on writing
/// meanwhile while only facts are wanted; `verify` takes the query's lock, so that nothing changes under it.
package struct CheckpointInspector {
  private let location: String
  private let files: any FileSystem

  /// An inspector of the checkpoint at `location`.
  package init(_ location: String, environment: Environment) {
    self.location = location
    files = environment.files
  }

  /// What it holds. Throws `CHECKPOINT_NOT_FOUND` where there is none.
  package func show() throws -> CheckpointReport { try read(checksums: false) }

  /// The same, with every record and checksum checked. Throws `CHECKPOINT_IN_USE` while a query uses it.
  package func verify() throws -> CheckpointReport {
    try checkThere()
    let lock = try files.status("\(location)/LOCK") == nil ? nil : try Checkpoint.takeLock(files, location)
    defer { try? lock?.close() }
    return try read(checksums: true)
  }

  private func checkThere() throws {
    let holdsOne = try ["meta.json", "log"].contains { try files.status("\(location)/\($0)") != nil }
    if holdsOne { return }
    throw MillraceError(
      "CHECKPOINT_NOT_FOUND", "'\(location)' is no checkpoint: it has neither meta.json nor log",
      hint: "name the folder that stands behind 'checkpointLocation'")
  }

  private func read(checksums: Bool) throws -> CheckpointReport {
    try checkThere()
    var report = CheckpointReport(location: location)
    gather("\(location)/meta.json", &report) { report in
      let meta = try CheckpointMeta(files, "\(location)/meta.json")
      report.queryID = meta.queryID
      report.created = meta.created
      report.operators = meta.fingerprints.map { ($0.name, $0.content) }
      report.sinks = meta.sinks
      report.stateStore = meta.stateStore
    }
    guard let queryID = report.queryID else { return report }
    let log = readLog(queryID, &report)
    readState(log, checksums: checksums, &report)
    try readJournals(committed: log.commit, checksums: checksums, &report)
    return report
  }

  /// Runs `body`; a damage goes into the report, as does every other error, which is about `path`.
  private func gather(
    _ path: String, _ report: inout CheckpointReport, _ body: (inout CheckpointReport) throws -> Void
  ) {
    do {
      try body(&report)
    } catch let error as CheckpointDamage {
      report.damages.append(.init(path: error.path, offset: error.offset, what: error.what))
    } catch {
      report.damages.append(.init(path: path, offset: 0, what: (error as? MillraceError)?.message ?? "\(error)"))
    }
  }

  // MARK: Log

  private func readLog(_ queryID: String, _ report: inout CheckpointReport) -> RecoveredLog {
    var scan = LogScan(
      files: files, directory: "\(location)/log", seed: LogFrame.seed(queryID: queryID), isReadOnly: true)
    gather("\(location)/log", &report) { _ in try scan.run() }
    report.segments = scan.seen.map { segment in
      CheckpointReport.Segment(
        path: CommitLog.path("\(location)/log", segment.number), byteCount: segment.byteCount,
        records: LogFrame.Kind.allCases.map { kind in ("\(kind)", segment.kinds.filter { $0 == kind }.count) })
    }
    report.lastSequence = max(scan.nextSequence, 1) - 1
    if report.damages.isEmpty { noteBrokenEnds(scan, &report) }
    report.commit = scan.result.commit.map { commit in
      CheckpointReport.Commit(
        batchID: commit.batchID, offsets: commit.offsets.map { $0?.json ?? .null }, tokens: commit.tokens,
        sides: commit.sides.map { ($0.name, $0.batch, $0.token) },
        watermark: commit.nextWatermark, inputRows: commit.inputRows, outputRows: commit.outputRows)
    }
    if let commit = scan.result.commit {
      for (index, name) in report.sinks.enumerated() where commit.emitted(index) != commit.batchID {
        report.notes.append(
          "sink '\(name)' was last given batch \(commit.emitted(index).map { "\($0)" } ?? "none"); the next start gives it what is due"
        )
      }
    }
    report.pending = scan.result.pendingPlan.map { plan in
      CheckpointReport.Pending(batchID: plan.batchID, inputs: plan.plans.map { $0?.splits.map(\.name) ?? [] })
    }
    return scan.result
  }

  /// A torn end is what a crash leaves, in the last segment. In one before it matters only where something is missing afterwards.
  private func noteBrokenEnds(_ scan: LogScan, _ report: inout CheckpointReport) {
    let isLacking = stores(scan.result).contains { !hasAllChanges($0, scan.result) }
    for segment in scan.seen {
      guard let place = segment.brokenAt else { continue }
      let path = CommitLog.path("\(location)/log", segment.number)
      if segment.number == scan.segments.last {
        report.notes.append("'\(path)' ends in a torn record at byte \(place); the next start cuts it off")
      } else if isLacking {
        report.damages.append(.init(path: path, offset: place, what: "a record is broken"))
      } else {
        report.notes.append("'\(path)' ends in a broken record at byte \(place), which nothing needs")
      }
    }
  }

  // MARK: State

  /// Numbers of the stores that the log knows of.
  private func stores(_ log: RecoveredLog) -> [Int] {
    let records = log.deltas.map(\.record.operatorIndex) + (log.commit?.deltas ?? []).map(\.operatorIndex)
    return Set(log.bases.map(\.operatorIndex) + records).sorted()
  }

  /// Whether the changes lead from a store's snapshot to the last commit, as far as it is the engine that keeps them.
  private func hasAllChanges(_ store: Int, _ log: RecoveredLog) -> Bool {
    if log.commit?.deltas.first(where: { $0.operatorIndex == store })?.token != nil { return true }
    let version = log.commit?.stateVersion ?? 0
    let first = (log.bases.first { $0.operatorIndex == store }?.version ?? 0) + 1
    let versions = log.deltas.filter { $0.record.operatorIndex == store }.map(\.version)
    return first <= version + 1 && versions == Array(first..<version + 1)
  }

  private func readState(_ log: RecoveredLog, checksums: Bool, _ report: inout CheckpointReport) {
    let version = log.commit?.stateVersion ?? 0
    for index in stores(log) {
      var state = CheckpointReport.State(index: index, version: version)
      state.token = log.commit?.deltas.first { $0.operatorIndex == index }?.token
      let base = log.bases.first { $0.operatorIndex == index }
      state.snapshot = base.map { ($0.version, $0.byteCount) }
      let deltas = log.deltas.filter { $0.record.operatorIndex == index }
      state.changeCount = deltas.count
      state.changeBytes = deltas.reduce(0) { $0 + $1.record.byteCount }
      report.states.append(state)
      if let base { gather(path(base), &report) { _ in try check(base, checksums: checksums) } }
      for delta in deltas { gather(path(delta), &report) { _ in try check(delta, checksums: checksums) } }
      if hasAllChanges(index, log) { continue }
      let first = (base?.version ?? 0) + 1
      report.damages.append(
        .init(
          path: StateFiles.folder("\(location)/state", index), offset: 0,
          what: "changes between version \(first) and \(version) are missing"))
    }
  }

  private func path(_ base: StateBase) -> String {
    StateFiles.snapshotPath("\(location)/state", base.operatorIndex, base.version)
  }

  private func path(_ delta: DeltaLocation) -> String {
    delta.range == nil
      ? StateFiles.deltaPath("\(location)/state", delta.version, delta.record)
      : CommitLog.path("\(location)/log", delta.segment)
  }

  private func check(_ base: StateBase, checksums: Bool) throws {
    // It ends with a whole block.
    try checkFile(
      path(base), [0..<base.byteCount], byteCount: base.byteCount, checksum: checksums ? base.checksum : nil)
  }

  private func check(_ delta: DeltaLocation, checksums: Bool) throws {
    let record = delta.record
    guard let range = delta.range else {
      return try checkFile(
        path(delta), record.pieces, byteCount: record.byteCount, checksum: checksums ? record.checksum : nil)
    }
    guard checksums else { return }
    let path = path(delta)
    let bytes = try LogScan.read(files: files, path, range)
    if ck_crc32c(0, bytes.base, bytes.capacity) != record.checksum {
      throw CheckpointDamage(path, range.lowerBound, "changes of state have another checksum")
    }
  }

  /// A file, or the pieces of it that a record is about.
  private func checkFile(_ path: String, _ pieces: [Range<Int>]?, byteCount: Int, checksum: UInt32?) throws {
    guard let size = try files.status(path).map({ Int($0.size) }) else {
      throw CheckpointDamage(path, 0, "the file is missing")
    }
    let end = pieces.map { $0.map(\.upperBound).max() ?? 0 } ?? byteCount
    if size < end || (pieces == nil && size != end) {
      throw CheckpointDamage(path, min(size, end), "the file has \(size) bytes, \(end) were written")
    }
    guard let checksum else { return }
    var found: UInt32 = 0
    for piece in pieces ?? [0..<size] {
      let bytes = try StateFiles.read(files, path, piece)
      found = ck_crc32c(found, bytes.base, bytes.capacity)
    }
    if found != checksum {
      throw CheckpointDamage(
        path, pieces?.first?.lowerBound ?? 0, "the file's checksum is not the one that was written")
    }
  }

  // MARK: Journals

  private func readJournals(committed commit: CommitRecord?, checksums: Bool, _ report: inout CheckpointReport) throws {
    let folder = "\(location)/journal"
    guard try files.status(folder) != nil else { return }
    for source in try files.list(folder) {
      let segments = try IngestJournal.segments(files, "\(folder)/\(source)")
      guard let first = segments.first, let last = segments.last else { continue }
      var journal = CheckpointReport.Journal(
        source: source, segments: segments.count, byteCount: 0, range: first..<first)
      var end = first
      for segment in segments {
        let path = IngestJournal.path("\(folder)/\(source)", segment)
        journal.byteCount += Int(try files.status(path)?.size ?? 0)
        if segment > end {
          report.damages.append(.init(path: path, offset: 0, what: "bytes from offset \(end) on are missing before it"))
        }
        gather(path, &report) { report in
          let bytes = try StateFiles.readAll(files, path)
          let stop = IngestJournal.walk(bytes.bytes, from: segment)
          end = stop.offset
          if stop.isClean { return }
          guard segment == last else { throw CheckpointDamage(path, stop.place, "a record is broken") }
          report.notes.append("'\(path)' ends in a torn record at byte \(stop.place); the next start cuts it off")
        }
      }
      journal.range = first..<end
      report.journals.append(journal)
    }
  }
}
