import MillraceCore
import MillraceTesting
import Testing

@testable import MillraceStreaming

@Suite struct CheckpointInspectorTests {
  /// A checkpoint with snapshots, changes in the log and in files, and several segments.
  static func scene() -> FakeRun {
    let run = FakeRun(files: SimulatedFileSystem(), total: 60)
    #expect(run.run() == nil)
    return run
  }

  static func inspector(_ run: FakeRun) -> CheckpointInspector {
    CheckpointInspector("/data/checkpoint", environment: Environment(files: run.files, clock: SystemClock()))
  }

  @Test func tellsWhatIsThere() throws {
    let run = Self.scene()
    let before = run.files.paths.map { ($0, run.files.bytes($0) ?? []) }
    let report = try Self.inspector(run).verify()
    #expect(report.damages.isEmpty && report.notes.isEmpty, "\(report.json.text)")
    #expect(report.commit?.batchID == 11 && report.commit?.offsets == [.int(60)] && report.pending == nil)
    #expect(report.operators.map(\.name) == ["source numbers", "aggregation 0"] && report.sinks == ["s0", "s1"])
    #expect(report.states.count == 1 && report.states[0].version == 12)
    #expect(report.states[0].snapshot != nil && report.segments.count >= 1)
    let json = report.json
    #expect(json["commit"]?["batch"] == .int(11) && json["state"]?.array?.first?["version"] == .int(12))
    #expect(json["log"]?["segments"]?.array?.last?["records"]?["seal"] == .int(1))
    // Nothing was changed, and the query goes on.
    for (path, bytes) in before where !path.hasSuffix("LOCK") { #expect(run.files.bytes(path) == bytes, "\(path)") }
    #expect(run.run() == nil)
  }

  @Test func tellsOfAPendingBatch() throws {
    let run = FakeRun(files: SimulatedFileSystem(), total: 20)
    let executor = FakeExecutor(FakeSource(total: 20, perBatch: 5))
    executor.failAt = 2
    #expect(throws: MillraceError.self) { try run.start(executor, run.sinks()).awaitTermination() }
    let report = try Self.inspector(run).show()
    #expect(report.commit?.batchID == 1 && report.pending?.batchID == 2 && report.pending?.inputs == [["numbers"]])
  }

  /// Each byte of each file turned round once: it is found, in its file and at or before it, or it is of no account.
  @Test func everyDamageIsNamed() throws {
    let run = Self.scene()
    let whole = try Self.inspector(run).verify()
    for path in run.files.paths where path.hasPrefix("/data/checkpoint/") && !path.hasSuffix("LOCK") {
      let bytes = try #require(run.files.bytes(path))
      let isLog = path.hasSuffix(".mlog")
      let isInBlocks = isLog || path.hasSuffix(".snapshot") || path.hasSuffix(".delta")
      let used = isInBlocks ? (bytes.lastIndex { $0 != 0 } ?? 0) + 1 : bytes.count
      for place in stride(from: 0, to: used, by: 37) {
        var broken = bytes
        broken[place] ^= 0x55
        run.files.setBytes(path, broken)
        let report = try Self.inspector(run).verify()
        let isTold = report.damages.contains { $0.path == path || $0.what.contains(path) } || report.queryID == nil
        // A broken last record cannot be told from one that a crash tore; a broken pad byte is no part of a record.
        let isTail = isLog && report.damages.isEmpty && (!report.notes.isEmpty || report.json == whole.json)
        #expect(isTold || isTail, "\(path) at \(place): \(report.json.text)")
        for damage in report.damages where damage.path == path {
          #expect(damage.offset <= place, "\(path) at \(place)")
        }
      }
      run.files.setBytes(path, bytes)
    }
    #expect(try Self.inspector(run).verify().damages.isEmpty)
  }

  @Test func aMissingFileIsNamed() throws {
    let run = Self.scene()
    let path = try #require(run.files.paths.first { $0.hasSuffix(".snapshot") })
    try run.files.remove(path)
    let report = try Self.inspector(run).verify()
    #expect(report.damages.map(\.path) == [path] && report.damages[0].what == "the file is missing")
  }

  @Test func whatIsNoCheckpointIsRefused() throws {
    let files = SimulatedFileSystem()
    try files.createDirectory("/data")
    let inspector = CheckpointInspector("/data", environment: Environment(files: files, clock: SystemClock()))
    let error = #expect(throws: MillraceError.self) { try inspector.show() }
    #expect(error?.code == "CHECKPOINT_NOT_FOUND")
  }

  /// What a socket's journal holds, and a record in it that is broken.
  @Test func journalsAreRead() throws {
    let run = Self.scene()
    let journal = IngestJournal(files: run.files, directory: "/data/checkpoint/journal/lines", segmentSize: 128)
    try journal.open(committed: 0)
    for line in 0..<9 { try Array("line \(line) of the journal\n".utf8).withUnsafeBytes { try journal.append($0) } }
    let report = try Self.inspector(run).verify()
    #expect(report.journals.map(\.source) == ["lines"] && report.journals[0].range == 0..<journal.end)
    #expect(report.journals[0].segments > 2 && report.damages.isEmpty)
    let first = IngestJournal.path("/data/checkpoint/journal/lines", 0)
    var bytes = try #require(run.files.bytes(first))
    bytes[IngestJournal.headerSize + 3] ^= 1
    run.files.setBytes(first, bytes)
    let broken = try Self.inspector(run).verify()
    #expect(broken.damages.first?.path == first && broken.damages.first?.offset == 0)
  }
}
