import Glibc
import MillraceTesting
import Testing

/// The streaming cases of the corpus in other ways: with a crash at a step, and with their rows in other batches.
///
/// The quick setting takes one step of some cases. All steps of all cases of a family, or of all families, with every kind of loss:
///
///     MILLRACE_CRASH_CASES=stream_agg scripts/test --filter ConformanceCrashTests
///     MILLRACE_CRASH_CASES=all scripts/test --filter ConformanceCrashTests
struct ConformanceCrashTests {
  private static let folder =
    String(#filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" }) + "/Conformance"
  private static let long = getenv("MILLRACE_CRASH_CASES").map { String(cString: $0) }
  private static let families = [
    "stream_agg", "stream_backlog", "stream_chained", "stream_complete_sort", "stream_dedup", "stream_late",
    "stream_limit_append", "stream_multi_watermark", "stream_recovery", "stream_runtime_errors", "stream_session",
    "stream_stateless", "stream_static_join", "stream_stream_join", "stream_union", "stream_window_sliding",
    "stream_window_tumbling", "stream_wordcount",
  ]

  /// Cases that run as they are given: those that fail anyway, or are refused before anything runs, say nothing about crashes.
  private static func sound(_ family: String) throws -> [(test: ConformanceCase, steps: Int)] {
    try ConformanceCase.read("\(folder)/\(family).json").compactMap { test in
      let outcome = ConformanceRunner().run(test, StreamCaseVariation())
      return outcome.result.failure == nil && outcome.steps > 0 ? (test, outcome.steps) : nil
    }
  }

  /// A crash at any step, whatever is lost, leaves each batch with the rows that it has without one.
  @Test(arguments: families) func crashesLeaveEachBatchAsItIs(family: String) throws {
    let isLong = Self.long == "all" || Self.long == family
    var random = SeededGenerator(seed: family.utf8.reduce(7 as UInt64) { $0 &* 31 &+ UInt64($1) })
    let sound = try Self.sound(family)
    #expect(sound.count > 0)
    let losses: [SimulatedFileSystem.Loss] = [.nothing, .unsynced, .some(seed: 7)]
    var runs = 0
    for (test, steps) in isLong ? sound : sound.shuffled(using: &random).prefix(3).map({ $0 }) {
      for step in isLong ? Array(1...steps) : [Int.random(in: 1...steps, using: &random)] {
        for loss in isLong ? losses : [losses.randomElement(using: &random) ?? .nothing] {
          var variation = StreamCaseVariation()
          variation.crashAt = step
          variation.loss = loss
          let outcome = ConformanceRunner().run(test, variation)
          runs += 1
          if let failure = outcome.result.failure {
            Issue.record("\(test.name), crash at step \(step) of \(steps), \(loss): \(failure)")
          }
        }
      }
    }
    #expect(runs > 0)
    if isLong { print("\(family): \(runs) runs with a crash, \(sound.count) cases") }
  }

  /// All rows in one batch, or each in one of its own: the same in the end.
  ///
  /// Left out are cases of which that cannot be said: those in update mode, whose rows are those of a batch; that fail; that have a sink that
  /// fails or settings of a batch; that lose rows as late in one of the ways, as what is late is a matter of the batches.
  @Test func cutsDoNotShowInTheEnd() throws {
    let runner = ConformanceRunner()
    var compared = 0
    var late = 0
    var other = 0
    for (test, _) in try Self.families.flatMap(Self.sound) {
      guard test.isIndependentOfCuts else {
        other += 1
        continue
      }
      let outcomes = StreamCaseVariation.Cut.allCases.map { cut in
        var variation = StreamCaseVariation()
        variation.cut = cut
        return runner.run(test, variation)
      }
      if outcomes.contains(where: { $0.lateRowCount > 0 }) {
        late += 1
        continue
      }
      compared += 1
      for (cut, outcome) in zip(StreamCaseVariation.Cut.allCases, outcomes).dropFirst() {
        #expect(outcome.failure == nil, "\(test.name), \(cut)")
        #expect(outcome.finalRows == outcomes[0].finalRows, "\(test.name), \(cut)")
      }
    }
    print("\(compared) cases compared, \(late) left out for late rows, \(other) for another reason")
    #expect(compared > 50)
  }
}
