import Millrace
package import MillraceCore
import MillraceColumnar
import MillraceExecution
import MillracePlan
import MillraceStreaming
import Synchronization

/// How a test went.
package struct TestOutcome: Sendable {
  /// What was not as expected; empty where all was.
  package var failures: [Failure] = []
  /// Crash points that the case passed and was killed at.
  package var crashes: [String] = []
  /// Crash points that it did not come to.
  package var unreached: [String] = []

  /// One thing that was not as expected.
  package struct Failure: Sendable {
    /// `file:line:column`.
    package var location: String
    /// One line.
    package var message: String
    /// Rows that are missing (`- `), not expected (`+ `) or as expected (`  `).
    package var diff: [String] = []
  }
}

/// Runs the cases of a pipeline file.
package struct TestRunner {
  /// Microseconds that a case may take.
  private static let patience: Int64 = 60_000_000
  private static let diffLimit = 40

  private let catalog: PipelineCatalog
  private let file: PipelineFile
  private let environment: Environment

  /// `environment` holds the folder for cases that must survive a crash; their time is the tests' own.
  package init(_ catalog: PipelineCatalog, _ file: PipelineFile, environment: Environment) {
    self.catalog = catalog
    self.file = file
    self.environment = environment
  }

  /// Runs a case, then once more for each of its crash points. `folder` is empty and its own. `crash` runs the case with a folder in
  /// another process that is killed at a point, and says whether it came to that.
  package func run(
    _ test: PipelineTest, folder: String, crash: (_ point: String, _ folder: String) throws -> Bool
  ) -> TestOutcome {
    let needsCheckpoint = test.watermark != nil
    var outcome = attempt(test, folder: needsCheckpoint ? "\(folder)/run" : nil, countsRows: true)
    for (index, point) in test.crashPoints.enumerated() where outcome.failures.isEmpty {
      do {
        let own = "\(folder)/crash-\(index)"
        try environment.files.createDirectory(own)
        if try crash(point.text, own) {
          outcome.crashes.append(point.text)
        } else {
          outcome.unreached.append(point.text)
        }
        let resumed = attempt(test, folder: own, countsRows: false)
        outcome.failures = resumed.failures.map { failure in
          var failure = failure
          failure.message = "after a crash at \(point.text): \(failure.message)"
          return failure
        }
      } catch {
        outcome.failures.append(TestOutcome.Failure(location: point.place.location, message: "\(error)"))
      }
    }
    return outcome
  }

  /// Runs a case to its end without a look at what came out: what is killed at a crash point.
  package func runOnly(_ test: PipelineTest, folder: String) throws { _ = try finished(test, folder: folder) }

  // MARK: One run

  private func attempt(_ test: PipelineTest, folder: String?, countsRows: Bool) -> TestOutcome {
    do {
      let run = try finished(test, folder: folder)
      var failures = try test.expectations.compactMap { try compare($0, run) }
      if countsRows { failures += counts(test, run) }
      return TestOutcome(failures: failures)
    } catch let error as PipelineFileError {
      return TestOutcome(
        failures: error.diagnostics.map {
          TestOutcome.Failure(
            location: "\($0.file):\($0.place.line):\($0.place.column)",
            message: "[\($0.code)] \($0.message)\($0.hint.map { "\n    hint: \($0)" } ?? "")")
        })
    } catch var error as MillraceError {
      let location = error.location ?? test.place.location
      error.location = nil
      return TestOutcome(failures: [TestOutcome.Failure(location: location, message: "\(error)")])
    } catch {
      return TestOutcome(failures: [TestOutcome.Failure(location: test.place.location, message: "\(error)")])
    }
  }

  /// A run that came to its end.
  private struct Run {
    var bench: TestBench
    var plan: PipelinePlan
    var progress: [StreamingQueryProgress]
    var watermark: Int64?
  }

  private func finished(_ test: PipelineTest, folder: String?) throws -> Run {
    let bench = TestBench(test, folder: folder, files: environment.files)
    if let folder { try environment.files.createDirectory(folder) }
    var planner = PipelinePlanner(catalog, file, environment: bench.environment)
    planner.bench = bench
    let plan = try planner.plan(try file.pipeline(test.pipeline))
    let recorder = ProgressRecorder()
    let handle = try plan.start(listeners: [recorder])
    guard try handle.awaitTermination(timeout: Self.patience) else {
      handle.requestStop()
      throw MillraceError("TEST_TIMED_OUT", "the test does not come to an end", hint: "it was given a minute")
    }
    let report = try plan.options.checkpointLocation.map {
      try CheckpointInspector($0, environment: bench.environment).show()
    }
    return Run(bench: bench, plan: plan, progress: recorder.progress, watermark: report?.commit?.watermark)
  }

  // MARK: Comparisons

  private func compare(_ expectation: PipelineTest.Expectation, _ run: Run) throws -> TestOutcome.Failure? {
    let sink = run.plan.sinks.first { $0.name == expectation.sink }
    let schema =
      sink?.query.plan.schema ?? (expectation.sink == DeadLetter.sinkName ? DeadLetter.schema : LateRow.schema)
    let rows = run.bench.results.rows(of: expectation.sink, sink?.outputMode ?? .append)
    let named = Set(expectation.rows.flatMap { ($0.value.members ?? []).map(\.key) })
    let columns = schema.names.filter { named.isEmpty || named.contains($0) }
    let expected = try expectation.rows.map { row in
      do {
        return JSONRows.projected(try JSONRows.normalized(row.value, schema), columns)
      } catch var error as MillraceError {
        error.location = row.place.location
        throw error
      }
    }
    let actual = rows.map { JSONRows.projected($0, columns) }
    let diff = expectation.isOrdered ? RowDiff.ordered(expected, actual) : RowDiff.unordered(expected, actual)
    guard diff.missing + diff.unexpected > 0 else { return nil }
    let shown = diff.lines.prefix(Self.diffLimit)
    let rest = diff.lines.count - shown.count
    return TestOutcome.Failure(
      location: expectation.place.location,
      message:
        "sink '\(expectation.sink)' got \(Self.rows(actual.count)), \(diff.missing) of \(expected.count) expected are "
        + "missing, \(diff.unexpected) not expected",
      diff: Array(shown) + (rest > 0 ? ["  … \(rest) more"] : []))
  }

  private static func rows(_ count: Int) -> String { count == 1 ? "1 row" : "\(count) rows" }

  private func counts(_ test: PipelineTest, _ run: Run) -> [TestOutcome.Failure] {
    let late = run.progress.reduce(0) { $0 + $1.stateOperators.reduce(0) { $0 + $1.rowsDroppedByWatermark } }
    let bad = run.progress.reduce(0) { $0 + $1.badRecords }
    var failures: [TestOutcome.Failure] = []
    for (what, wanted, found) in [("late rows", test.lateRows, late), ("bad records", test.badRecords, bad)] {
      guard let wanted, wanted.value != found else { continue }
      failures.append(
        TestOutcome.Failure(location: wanted.place.location, message: "\(found) \(what), expected \(wanted.value)"))
    }
    if let wanted = test.watermark, let found = run.watermark, found != wanted.value {
      failures.append(
        TestOutcome.Failure(
          location: wanted.place.location,
          message: "the watermark is at \(Self.time(found)), expected \(Self.time(wanted.value))"))
    }
    return failures
  }

  private static func time(_ microseconds: Int64) -> String { ISOTime.text(microseconds) }
}

/// Keeps the progress of a query.
private final class ProgressRecorder: StreamingQueryListener {
  private let kept = Mutex<[StreamingQueryProgress]>([])

  var progress: [StreamingQueryProgress] { kept.withLock { $0 } }

  func onQueryProgress(_ progress: StreamingQueryProgress) { kept.withLock { $0.append(progress) } }
}

/// How two lists of rows differ.
struct RowDiff {
  var missing = 0
  var unexpected = 0
  /// `- ` missing, `+ ` not expected, `  ` in both.
  var lines: [String] = []

  /// Rows in any order.
  static func unordered(_ expected: [String], _ actual: [String]) -> RowDiff {
    var left: [String: Int] = [:]
    for row in actual { left[row, default: 0] += 1 }
    var diff = RowDiff()
    for row in expected {
      if let count = left[row], count > 0 {
        left[row] = count - 1
      } else {
        diff.missing += 1
        diff.lines.append("- \(row)")
      }
    }
    for row in actual.reversed() where left[row, default: 0] > 0 {
      left[row, default: 0] -= 1
      diff.unexpected += 1
      diff.lines.insert("+ \(row)", at: diff.missing)
    }
    return diff
  }

  /// Rows in their order.
  static func ordered(_ expected: [String], _ actual: [String]) -> RowDiff {
    let difference = actual.difference(from: expected)
    var removed: Set<Int> = []
    var inserted: Set<Int> = []
    for change in difference {
      switch change {
      case .remove(let offset, _, _): removed.insert(offset)
      case .insert(let offset, _, _): inserted.insert(offset)
      }
    }
    var diff = RowDiff(missing: removed.count, unexpected: inserted.count)
    var (from, to) = (0, 0)
    while from < expected.count || to < actual.count {
      if from < expected.count, removed.contains(from) {
        diff.lines.append("- \(expected[from])")
        from += 1
      } else if to < actual.count, inserted.contains(to) {
        diff.lines.append("+ \(actual[to])")
        to += 1
      } else {
        diff.lines.append("  \(expected[from])")
        from += 1
        to += 1
      }
    }
    return diff
  }
}
