import MillraceCore
import Synchronization

/// What one batch of one pipeline came to, as `run` shows it.
struct BatchReport: Sendable {
  var pipeline: String
  var batchID: Int64
  var inputRows: Int64
  /// Uncompressed bytes read; 0 where rows were read.
  var inputBytes: Int64
  var outputRows: Int64
  var lateRows: Int64
  var badRecords: Int64
  /// Wall time of the batch.
  var microseconds: Int64
  /// Bytes (or rows, where rows are read) that wait, as far as that is known.
  var backlog: Int64?
  /// Rows that sinks' targets refused.
  var rejectedRows: Int64 = 0
}

/// Sums up the batches of a run and words them: pure, so that tests need no terminal and no clock.
struct ProgressText {
  /// What a pipeline did so far.
  struct Total: Sendable {
    var batches = 0
    var inputRows: Int64 = 0
    var inputBytes: Int64 = 0
    var outputRows: Int64 = 0
    var lateRows: Int64 = 0
    var badRecords: Int64 = 0
    var rejectedRows: Int64 = 0
    var microseconds: Int64 = 0
    var lastBatchID: Int64 = -1
    var backlog: Int64?
  }

  private(set) var totals: [String: Total] = [:]

  mutating func add(_ report: BatchReport) {
    totals[report.pipeline, default: Total()].add(report)
  }

  /// One line for one batch.
  static func line(_ report: BatchReport) -> String {
    var text = "\(report.pipeline) batch \(report.batchID): \(report.inputRows) rows in"
    if report.inputBytes > 0 { text += " (\(Quantity.bytes(report.inputBytes)))" }
    text += ", \(report.outputRows) out, \(Quantity.duration(microseconds: report.microseconds))"
    if report.microseconds > 0, report.inputRows > 0 {
      text += ", \(Quantity.count(Double(report.inputRows) * 1e6 / Double(report.microseconds))) rows/s"
    }
    if report.lateRows > 0 { text += ", \(report.lateRows) late" }
    if report.badRecords > 0 { text += ", \(report.badRecords) unreadable" }
    if report.rejectedRows > 0 { text += ", \(report.rejectedRows) refused" }
    return text
  }

  /// One line for all that runs, no longer than `width`. `elapsed` is in microseconds.
  func liveLine(elapsed: Int64, width: Int) -> String {
    let parts = totals.keys.sorted().map { name in
      part(name, totals[name, default: Total()], elapsed)
    }
    return String(parts.joined(separator: " | ").prefix(max(width - 1, 20)))
  }

  private func part(_ name: String, _ total: Total, _ elapsed: Int64) -> String {
    var text = "\(name): batch \(total.lastBatchID), \(Quantity.count(Double(total.inputRows))) rows"
    if total.inputBytes > 0 { text += ", \(Quantity.bytes(total.inputBytes))" }
    guard elapsed > 0 else { return text }
    text += ", \(Quantity.count(Double(total.inputRows) * 1e6 / Double(elapsed))) rows/s"
    if let backlog = total.backlog, backlog > 0 {
      let done = total.inputBytes > 0 ? total.inputBytes : total.inputRows
      if done > 0 {
        let rest = Double(elapsed) * Double(backlog) / Double(done)
        if rest < 3e12 { text += ", \(Quantity.duration(microseconds: Int64(rest))) left" }
      }
    }
    return text
  }

  /// What a pipeline that ended did. `elapsed` is in microseconds.
  func summary(_ name: String, elapsed: Int64) -> String {
    guard let total = totals[name], total.batches > 0 else {
      return "\(name): nothing new, everything was processed already"
    }
    var text = "\(name): \(total.inputRows) rows in"
    if total.inputBytes > 0 { text += " (\(Quantity.bytes(total.inputBytes)))" }
    text += ", \(total.outputRows) out, \(total.batches) \(total.batches == 1 ? "batch" : "batches")"
    text += ", \(Quantity.duration(microseconds: elapsed))"
    if elapsed > 0, total.inputRows > 0 {
      text += ", \(Quantity.count(Double(total.inputRows) * 1e6 / Double(elapsed))) rows/s"
    }
    if total.lateRows > 0 { text += ", \(total.lateRows) rows late and left out" }
    if total.badRecords > 0 { text += ", \(total.badRecords) record\(total.badRecords == 1 ? "" : "s") unreadable" }
    if total.rejectedRows > 0 { text += ", \(total.rejectedRows) row\(total.rejectedRows == 1 ? "" : "s") refused" }
    return text
  }
}

extension ProgressText.Total {
  fileprivate mutating func add(_ report: BatchReport) {
    batches += 1
    inputRows += report.inputRows
    inputBytes += report.inputBytes
    outputRows += report.outputRows
    lateRows += report.lateRows
    badRecords += report.badRecords
    rejectedRows += report.rejectedRows
    microseconds += report.microseconds
    lastBatchID = report.batchID
    backlog = report.backlog
  }
}

/// Shows the progress of a run on standard error: a line that stays in its place on a terminal, a line per batch otherwise.
final class ProgressDisplay: Sendable {
  private struct State {
    var text = ProgressText()
    var isLineOpen = false
    var lastShown: Int64 = .min
  }

  private let state = Mutex(State())
  private let isInteractive: Bool
  private let startedAt: Int64
  private let now: @Sendable () -> Int64

  /// `now` gives microseconds that never jump. `isInteractive`: whether one line is renewed.
  init(isInteractive: Bool, now: @escaping @Sendable () -> Int64) {
    self.isInteractive = isInteractive
    self.now = now
    startedAt = now()
  }

  /// A batch was committed.
  func batchDone(_ report: BatchReport) {
    state.withLock { state in
      state.text.add(report)
      guard isInteractive else {
        Terminal.error(ProgressText.line(report))
        return
      }
      let time = now()
      if state.lastShown != .min, time - state.lastShown < 100_000 { return }
      state.lastShown = time
      state.isLineOpen = true
      Terminal.write("\r\u{1B}[K" + state.text.liveLine(elapsed: time - startedAt, width: Terminal.width))
    }
  }

  /// A batch was committed, and `line` is all that is shown of it.
  func count(_ report: BatchReport, line: String) {
    state.withLock { state in
      state.text.add(report)
      Terminal.error(line)
    }
  }

  /// A pipeline ended: takes the live line away and gives the summary.
  func finish(_ pipeline: String) -> String {
    state.withLock { state in
      closeLine(&state)
      return state.text.summary(pipeline, elapsed: now() - startedAt)
    }
  }

  /// Prints a message without tearing the live line.
  func note(_ text: String) {
    state.withLock { state in
      closeLine(&state)
      Terminal.error(text)
    }
  }

  private func closeLine(_ state: inout State) {
    if state.isLineOpen { Terminal.write("\r\u{1B}[K") }
    state.isLineOpen = false
  }
}
