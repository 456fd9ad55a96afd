public import MillraceCore

/// Holds a sink to its contract: however often and wherever it is left, what stands in the target at the end is what was written,
/// each record once (at least once where the sink's guarantee says so).
///
/// The kit does what the engine does: it keeps the token of each committed batch, gives it back after a crash, does not write again
/// what a transactional sink holds, and writes everything else again. It leaves the sink between any two of its calls, and in the
/// middle of a call at each change of a file; and once more in the life that recovers. A test of the process being killed comes on top
/// of it: what the kit leaves, the system has written.
public struct SinkAcceptance {
  /// Where one run of the sink writes to.
  public struct Target {
    /// Options of the sink.
    public var options: [String: String]
    /// What others see in the target: records in order, as text.
    public var records: () throws -> [String]

    /// Describes a target.
    public init(options: [String: String], records: @escaping () throws -> [String]) {
      self.options = options
      self.records = records
    }
  }

  /// Columns of the rows that the kit writes: `batch BIGINT, record STRING`. A record is `b<batch>.<number>`, the same in both kinds of
  /// sink: a byte sink gets it as a line.
  public static let schema = Schema([StructField("batch", .long), StructField("record", .string)])

  let connector: any Connector
  private let folder: String?
  private let stride: Int
  let fresh: () throws -> Target

  /// A kit. `fresh` makes an empty target each time that it is called; `folder` is where all of them lie, if they are files. With a `stride` of 3
  /// only every third of the places at which the sink is left is tried: for sinks whose start is dear.
  public init(
    _ connector: any Connector, folder: String? = nil, stride: Int = 1, fresh: @escaping () throws -> Target
  ) {
    self.connector = connector
    self.folder = folder
    self.stride = max(1, stride)
    self.fresh = fresh
  }

  /// Runs all checks; a failed one does not keep the others from running.
  public func run() -> AcceptanceReport {
    var report = AcceptanceReport("\(connector.spec.name) sink")
    SpecAcceptance.check(connector, into: &report)
    report.check("the factory changes nothing") {
      _ = try SinkLife.make(connector, try fresh().options, DyingFileSystem(after: 0))
      return "no change of a file"
    }
    let openBefore = folder.map { OpenFiles.count(under: $0) }
    var steps = 0
    var isExact = true
    report.check("what is written is there") {
      let target = try fresh()
      var log = SinkLog()
      let life = try SinkLife(connector, target.options)
      steps = try life.run(&log)
      isExact = life.sink.guarantee.isExactlyOnce
      try life.sink.close()
      let found = try target.records()
      try AcceptanceFault.unless(found, is: SinkLife.records, "records")
      return "\(found.count) records in \(SinkLife.batches) batches, one of them empty"
    }
    if steps == 0 { return report }
    report.check("left between any two calls") { try crashes(isExact) { try fail(steps, second: [nil]) } }
    report.check("left there twice") { try crashes(isExact) { try fail(steps, second: [1, 2, 4]) } }
    report.check("closed between any two calls") {
      try crashes(isExact) { try fail(steps, second: [nil], closes: true) }
    }
    checkFileCrashes(isExact, &report)
    report.check("recover and publish twice are once") {
      let target = try fresh()
      var log = SinkLog()
      for _ in 0...SinkLife.batches {
        let life = try SinkLife(connector, target.options)
        _ = try life.run(&log, isTwice: true, batches: 1)
        try life.sink.close()
      }
      let found = try target.records()
      return try SinkLife.verdict([found], isExact)
    }
    if let folder, let openBefore {
      report.check("close lets go") {
        try AcceptanceFault.unless(OpenFiles.count(under: folder), is: openBefore, "open files")
        return "open files counted by the system"
      }
    } else {
      report.skip("close lets go", "no files")
    }
    return report
  }

  private func crashes(_ isExact: Bool, _ body: () throws -> [[String]]) throws -> String {
    try SinkLife.verdict(try body(), isExact)
  }

  /// The records after a crash before each step, and before a step of the life after it.
  private func fail(_ steps: Int, second: [Int?], closes: Bool = false) throws -> [[String]] {
    var found: [[String]] = []
    // An engine closes what it opened.
    for first in Swift.stride(from: closes ? 1 : 0, to: steps, by: stride) {
      for second in second {
        let target = try fresh()
        var log = SinkLog()
        try SinkLife.leave(connector, target.options, &log, after: first, closes: closes)
        if let second { try SinkLife.leave(connector, target.options, &log, after: second) }
        try SinkLife.finish(connector, target.options, &log)
        found.append(try target.records())
      }
    }
    return found
  }

  private func checkFileCrashes(_ isExact: Bool, _ report: inout AcceptanceReport) {
    for (name, second) in [
      ("killed at any change of a file", [Int?.none]), ("killed there twice", [0, 1, 2, 3, 5, 8]),
    ] {
      var changes = 0
      var outcome: [[String]] = []
      var fault: (any Error)?
      do {
        outer: while true {
          for second in second {
            let target = try fresh()
            var log = SinkLog()
            if try SinkLife.survives(connector, target.options, &log, changes: changes) { break outer }
            if let second { _ = try SinkLife.survives(connector, target.options, &log, changes: second) }
            try SinkLife.finish(connector, target.options, &log)
            outcome.append(try target.records())
          }
          changes += 1
        }
      } catch { fault = error }
      if outcome.isEmpty && fault == nil {
        report.skip(name, "it does not write through the engine's files")
      } else {
        report.check(name) {
          if let fault { throw AcceptanceFault("at change \(changes): \(fault)") }
          return try SinkLife.verdict(outcome, isExact)
        }
      }
    }
  }
}
