import MillraceCore
import MillraceTesting
import MillraceExecution
import Testing

@testable import MillraceStreaming

@Suite struct CheckpointTests {
  static func code(_ error: (any Error)?) -> String? { (error as? MillraceError)?.code }

  /// A checkpoint in the middle of a query, with a plan that is not done.
  static func stopped() -> FakeRun {
    let run = FakeRun(files: SimulatedFileSystem(), total: 40)
    run.files.crash(at: 75)
    _ = run.run()
    run.files.reboot(.nothing)
    return run
  }

  /// Damage gives a named error or the right rows, never wrong ones.
  @Test(arguments: [1, 2, 3])
  func flippedBits(seed: UInt64) {
    let stopped = Self.stopped()
    var random = SeededGenerator(seed: seed)
    var refused = 0
    for path in stopped.files.paths where path.hasPrefix("/data/checkpoint") && !path.hasSuffix("LOCK") {
      let bytes = stopped.files.bytes(path) ?? []
      let used = max((bytes.lastIndex { $0 != 0 } ?? 0) + 1, 8)
      for _ in 0..<40 {
        var run = stopped
        run.files = stopped.files.copy()
        var damaged = bytes
        let at = Int.random(in: 0..<min(used, bytes.count), using: &random)
        damaged[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        if Bool.random(using: &random) { damaged = Array(bytes[..<at]) }
        run.files.setBytes(path, damaged)
        let error = run.run()
        if error == nil {
          CrashTests.check(run, "\(path) damaged at \(at)")
        } else {
          refused += 1
          #expect(Self.code(error) != nil, "\(path) damaged at \(at)")
        }
      }
    }
    #expect(refused > 20)
  }

  /// A log cut anywhere goes on with what is whole.
  @Test func tornLog() throws {
    let stopped = Self.stopped()
    let path = try #require(stopped.files.paths.last { $0.hasSuffix(".mlog") })
    let bytes = stopped.files.bytes(path) ?? []
    let used = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
    for length in stride(from: 0, to: used, by: 5) {
      for filler: UInt8 in [0, 0xA5] {
        var run = stopped
        run.files = stopped.files.copy()
        run.files.setBytes(path, Array(bytes[..<length]) + [UInt8](repeating: filler, count: 500))
        let error = run.run()
        if error == nil {
          CrashTests.check(run, "cut at \(length)")
        } else {
          // The sink is further than what is left of the log, or state was only there.
          #expect(
            ["SINK_AHEAD_OF_CHECKPOINT", "CHECKPOINT_CORRUPT", "IO_NOT_FOUND", "SINK_TRUNCATED"].contains(
              Self.code(error)))
        }
      }
    }
  }

  @Test func secondProcessIsRefused() throws {
    var run = FakeRun(files: SimulatedFileSystem())
    run.trigger = .asSoonAsPossible
    let handle = try run.start(FakeExecutor(FakeSource(total: 5, perBatch: 5)), run.sinks())
    #expect(throws: MillraceError.self) { try run.start(FakeExecutor(FakeSource(total: 5, perBatch: 5)), run.sinks()) }
    #expect(Self.code(run.run()) == "CHECKPOINT_IN_USE")
    handle.stop()
    #expect(run.files.paths.contains("/data/checkpoint/meta.json"))
  }

  @Test func missingMetaAndNewerFormatsAreRefused() throws {
    let stopped = Self.stopped()
    let meta = "/data/checkpoint/meta.json"
    var run = stopped
    run.files = stopped.files.copy()
    try run.files.remove(meta)
    #expect(Self.code(run.run()) == "CHECKPOINT_META_MISSING")
    run.files = stopped.files.copy()
    let text = String(decoding: run.files.bytes(meta) ?? [], as: UTF8.self)
    run.files.setBytes(meta, Array(("{\"format\":3" + text.dropFirst(11)).utf8))
    #expect(Self.code(run.run()) == "CHECKPOINT_TOO_NEW")
  }

  @Test func changedQueriesAreRefusedBeforeAnythingRuns() throws {
    let stopped = Self.stopped()
    let cases: [(name: String, content: String, code: String)] = [
      ("source numbers", "other", "CHECKPOINT_SOURCES_CHANGED"),
      ("aggregation 0", "keys n STRING", "STATE_SCHEMA_INCOMPATIBLE"),
    ]
    for (name, content, code) in cases {
      let executor = FakeExecutor(FakeSource(total: 40, perBatch: 5))
      executor.fingerprints = executor.fingerprints.map {
        $0.name == name ? OperatorFingerprint(name: name, content: content) : $0
      }
      let error = #expect(throws: MillraceError.self) { try stopped.start(executor, stopped.sinks()) }
      #expect(error?.code == code)
      #expect(error?.message.contains(content) == true && error?.message.contains("checkpoint:") == true)
      #expect(executor.inputs.isEmpty)
    }
    let error = #expect(throws: MillraceError.self) {
      try stopped.start(FakeExecutor(FakeSource(total: 40, perBatch: 5)), Array(stopped.sinks().prefix(1)))
    }
    #expect(error?.code == "CHECKPOINT_SINKS_CHANGED")
  }

  @Test func sinksThatDoNotFitAreRefused() throws {
    let stopped = Self.stopped()
    let run = FakeRun(files: stopped.files.copy(), total: 40)
    run.files.setBytes("/data-t/rows", [])
    #expect(Self.code(run.run()) == "SINK_BEHIND_CHECKPOINT")
    let ahead = FakeRun(files: stopped.files.copy(), total: 40)
    ahead.files.setBytes("/data-t/rows", Array("99 1 1\n".utf8))
    #expect(Self.code(ahead.run()) == "SINK_AHEAD_OF_CHECKPOINT")
  }

  @Test func checkpointStaysSmall() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 4000, perBatch: 4)
    #expect(run.run() == nil)
    let files = run.files.paths.filter { $0.hasPrefix("/data/checkpoint") }
    #expect(files.count < 12)
    #expect(files.reduce(0) { $0 + (run.files.bytes($1)?.count ?? 0) } < 40_000)
    CrashTests.check(run, "long run")
  }

  @Test func recordsSurviveTheirJSON() throws {
    let split = SourceSplit(
      name: "a\"b", payload: .array([.int(1), .null]), byteLimit: 77, isFinal: false, continuationKey: "k")
    let plan = PlanRecord(
      batchID: 3, plans: [nil, SourcePlan(splits: [split], end: Offset(.string("x"))), SourcePlan(splits: [])],
      watermark: -5,
      lateWatermark: 4, timestamp: 1 << 60, seed: .max)
    let copy = try PlanRecord(JSON(parsing: plan.json.text))
    #expect(copy.json == plan.json && copy.seed == .max && copy.plans[1]?.splits[0].continuationKey == "k")
    let commit = CommitRecord(
      batchID: 9, offsets: [nil, Offset(.null), Offset(.int(5))], tokens: [.null, .string("t")],
      deltas: [StateDeltaRecord(operatorIndex: 1, byteCount: 5, checksum: .max, isFile: true, pieces: [7..<12])],
      watermark: 1,
      watermarks: [nil, 7], nextWatermark: 2, inputRows: 3, outputRows: [1, 2])
    let other = try CommitRecord(JSON(parsing: commit.json.text))
    #expect(other.json == commit.json && other.offsets[1] == Offset(.null) && other.offsets[0] == nil)
  }
}
