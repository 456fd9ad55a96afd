import MillraceColumnar
import MillraceCore
import MillraceState
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceStreaming

/// Snapshots that are written beside the batches that follow.
@Suite struct SnapshotTests {
  /// A store that must stand still for its snapshots.
  class PlainStore: ChangelogStateStore, @unchecked Sendable {
    let store: MemoryStateStore
    init(_ store: MemoryStateStore) { self.store = store }
    var rowCount: Int { store.rowCount }
    var memoryBytes: Int { store.memoryBytes }
    func get(keys: [ColumnVector], count: Int) throws -> StateLookup { try store.get(keys: keys, count: count) }
    func put(keys: [ColumnVector], values: [ColumnVector], count: Int) throws {
      try store.put(keys: keys, values: values, count: count)
    }
    func remove(keys: [ColumnVector], count: Int) throws { try store.remove(keys: keys, count: count) }
    func scan(_ body: ([ColumnVector], [ColumnVector], Int) throws -> Void) throws { try store.scan(body) }
    func commit(version: Int64) throws { try store.commit(version: version) }
    func rollback() throws { try store.rollback() }
    func changes() throws -> MemoryBuffer { try store.changes() }
    func apply(_ changes: UnsafeRawBufferPointer) throws { try store.apply(changes) }
    func snapshot(_ write: (UnsafeRawBufferPointer) throws -> Void) throws { try store.snapshot(write) }
  }

  /// A store whose snapshots wait until the test lets them go.
  final class GatedStore: PlainStore, FreezableStateStore, @unchecked Sendable {
    let gate = Monitor(false)
    let frozenAt = Mutex<[Int64]>([])
    /// What its snapshots throw.
    var failure: MillraceError?

    final class Held: FrozenState {
      let state: any FrozenState
      let gate: Monitor<Bool>
      let failure: MillraceError?
      init(_ state: any FrozenState, _ gate: Monitor<Bool>, _ failure: MillraceError?) {
        self.state = state
        self.gate = gate
        self.failure = failure
      }
      func write(_ write: (UnsafeRawBufferPointer) throws -> Void) throws {
        _ = gate.wait(microseconds: 20_000_000) { $0 ? true : nil }
        if let failure { throw failure }
        try state.write(write)
      }
    }

    func freeze() throws -> any FrozenState {
      frozenAt.withLock { $0.append(store.version) }
      return Held(try store.freeze(), gate, failure)
    }
  }

  static func run(asyncCommit: Bool) -> FakeRun {
    var run = FakeRun(files: SimulatedFileSystem(), asyncCommit: asyncCommit)
    run.tuning.awaitsSnapshots = false
    return run
  }

  static func snapshots(_ run: FakeRun) -> [String] {
    run.files.paths.filter { $0.hasSuffix(".snapshot") || $0.hasSuffix(".tmp") }
  }

  /// Versions of the files of changes.
  static func deltas(_ run: FakeRun) -> [Int64] {
    run.files.paths.filter { $0.hasSuffix(".delta") }.compactMap {
      Int64($0.split(separator: "/").last?.dropLast(6) ?? "")
    }
  }

  /// Batches are committed while a snapshot is held up; what it will replace stays until it is there, and then goes.
  @Test(arguments: [false, true]) func batchesGoOnBesideASnapshot(asyncCommit: Bool) throws {
    let run = Self.run(asyncCommit: asyncCommit)
    let executor = FakeExecutor(FakeSource(total: 60, perBatch: 5))
    let gated = GatedStore(executor.store)
    executor.shownStore = gated
    let handle = try run.start(executor, run.sinks())
    JournaledSourceTests.wait { executor.computed.read { $0.count } == 12 }
    JournaledSourceTests.wait { run.rows("/data-a/rows").count == 60 && handle.lastProgress?.batchID == 11 }
    // The first snapshot is begun once, at an early version, and no other beside it.
    let begun = gated.frozenAt.withLock { $0 }
    #expect(begun.count == 1 && (begun.first ?? 99) < 8)
    #expect(!Self.snapshots(run).contains { $0.hasSuffix(".snapshot") })
    gated.gate.change { $0 = true }
    try handle.awaitTermination()
    CrashTests.check(run, "after a slow snapshot")
    #expect(Self.snapshots(run) == begun.map { "/data/checkpoint/state/0/\($0).snapshot" })
    #expect(Self.deltas(run).allSatisfy { $0 > begun.first ?? 0 } && !Self.deltas(run).isEmpty)
    try Self.expectsRestart(run, total: 60)
  }

  /// A start on what is there goes on with the next number of each key.
  private static func expectsRestart(_ run: FakeRun, total: Int64) throws {
    var more = run
    more.total = total + 20
    #expect(more.run() == nil)
    CrashTests.check(more, "after a restart")
  }

  /// The process dies while a snapshot is being written, with many commits after its version: the start finds the snapshot before
  /// and all changes.
  @Test(arguments: [SimulatedFileSystem.Loss.nothing, .unsynced], [false, true])
  func aSnapshotThatIsCutOffCountsForNothing(loss: SimulatedFileSystem.Loss, asyncCommit: Bool) throws {
    let run = Self.run(asyncCommit: asyncCommit)
    let executor = FakeExecutor(FakeSource(total: 60, perBatch: 5))
    let gated = GatedStore(executor.store)
    executor.shownStore = gated
    let handle = try run.start(executor, run.sinks())
    JournaledSourceTests.wait { run.rows("/data-a/rows").count == 60 }
    run.files.crash(at: 1)
    gated.gate.change { $0 = true }
    #expect(throws: MillraceError.self) { try handle.awaitTermination() }
    run.files.reboot(loss)
    #expect(run.run() == nil)
    CrashTests.check(run, "after a cut snapshot, \(loss)")
    try Self.expectsRestart(run, total: 60)
  }

  /// The disk fails at each of its changes, whichever thread makes it at that moment.
  @Test(arguments: CrashTests.losses, [false, true])
  func everyCrashRecovers(loss: SimulatedFileSystem.Loss, asyncCommit: Bool) throws {
    let first = Self.run(asyncCommit: asyncCommit)
    #expect(first.run() == nil)
    for change in stride(from: 1, through: first.files.changes, by: 7) {
      let run = Self.run(asyncCommit: asyncCommit)
      run.files.crash(at: change)
      _ = run.run()
      run.files.reboot(loss)
      if let error = run.run() { Issue.record("crash at \(change), \(loss): \(error)") }
      CrashTests.check(run, "crash at \(change), \(loss)")
    }
  }

  /// A snapshot that cannot be written ends the query with its error; what was committed stays good.
  @Test(arguments: [false, true]) func aFailedSnapshotEndsTheQuery(asyncCommit: Bool) throws {
    let run = Self.run(asyncCommit: asyncCommit)
    let executor = FakeExecutor(FakeSource(total: 60, perBatch: 5))
    let gated = GatedStore(executor.store)
    gated.failure = MillraceError("DISK_FULL", "told to fail", fault: .external)
    gated.gate.change { $0 = true }
    executor.shownStore = gated
    let handle = try run.start(executor, run.sinks())
    let error = #expect(throws: MillraceError.self) { try handle.awaitTermination() }
    #expect(error?.code == "DISK_FULL")
    #expect(run.run() == nil)
    CrashTests.check(run, "after a failed snapshot")
  }

  /// A store that cannot be held fast gets its snapshots within commits, with the same result.
  @Test(arguments: [false, true]) func storesThatStandStill(asyncCommit: Bool) throws {
    let run = Self.run(asyncCommit: asyncCommit)
    let executor = FakeExecutor(FakeSource(total: 60, perBatch: 5))
    executor.shownStore = PlainStore(executor.store)
    try run.start(executor, run.sinks()).awaitTermination()
    CrashTests.check(run, "stores that stand still")
    #expect(Self.snapshots(run).count == 1)
    try Self.expectsRestart(run, total: 60)
  }

  /// Pieces of any size come one behind the other, in whole blocks.
  @Test(arguments: [[], [1], [4096], [700_001, 0, 700_001, 5, 1 << 20], [1 << 20], [3 << 20, 17]])
  func blocksHoldThePieces(sizes: [Int]) throws {
    let files = SimulatedFileSystem()
    try files.createDirectory("/data")
    let file = try files.open("/data/blocks", .createUncached)
    var out = BlockWriter(file)
    var expected: [UInt8] = []
    for (index, size) in sizes.enumerated() {
      let piece = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ index) }
      try piece.withUnsafeBytes { try out.append($0) }
      expected += piece
    }
    try out.finish()
    let bytes = files.bytes("/data/blocks") ?? []
    #expect(bytes.count % FileMode.uncachedBlock == 0 && bytes.count - expected.count < FileMode.uncachedBlock)
    #expect(bytes.prefix(expected.count).elementsEqual(expected))
    #expect(bytes.dropFirst(expected.count).allSatisfy { $0 == 0 })
  }

  /// Large changes lie in their file in pieces, each of which is checked.
  @Test func piecesOfChangesAreReadAndChecked() throws {
    let files = SimulatedFileSystem()
    let executor = FakeExecutor(FakeSource(total: 0, perBatch: 1))
    let text = String(repeating: "text ", count: 300)
    let keys = [ColumnVector.of((0..<2500).map { .integer($0) }, type: .long)]
    let values = keys + [ColumnVector.of((0..<2500).map { .string("\(text)\($0)") }, type: .string)]
    try executor.store.put(keys: keys, values: values, count: 2500)
    try files.createDirectory("/s")
    let state = StateFiles(files: files, directory: "/s", executor: executor, tuning: CheckpointTuning())
    let saved = try #require(try state.save(version: 7).records.first)
    let pieces = try #require(saved.pieces)
    #expect(saved.isFile && pieces.count > 2 && pieces.allSatisfy { $0.lowerBound % FileMode.uncachedBlock == 0 })
    let record = try StateDeltaRecord(saved.json)
    #expect(record == saved)
    func restored() throws -> MemoryStateStore {
      let store = MemoryStateStore(keyTypes: [.long], valueTypes: [.long, .string])
      try ChangelogFiles(files: files, checkpointState: "/s", log: "").apply(
        DeltaLocation(version: 7, record: record, segment: 1), to: store)
      return store
    }
    let isSame = try StateRows.contents(restored()) == StateRows.contents(executor.store)
    #expect(isSame)
    let whole = try #require(files.bytes("/s/7.delta"))
    for piece in pieces {
      var damaged = whole
      damaged[piece.lowerBound + piece.count / 2] ^= 4
      files.setBytes("/s/7.delta", damaged)
      let error = #expect(throws: MillraceError.self) { try restored() }
      #expect(error?.code == "STATE_CORRUPT" && error?.message.contains("/s/7.delta") == true)
    }
    files.setBytes("/s/7.delta", Array(whole.prefix(pieces[pieces.count - 1].lowerBound + 1)))
    #expect(throws: MillraceError.self) { try restored() }
    // A record whose pieces have another length than all.
    let wrong = try JSON(parsing: saved.json.text.replacing("\(pieces[0].count)", with: "\(pieces[0].count - 1)"))
    #expect(throws: MillraceError.self) { try StateDeltaRecord(wrong) }
    for text in [
      "[0,5,1,true,null,-1]", "[0,-5,1,true,null,7]", "[0,5,1,true,null,9223372036854775807]", "[0,5,1,true,null,[1]]",
      "[0,5,1,true,null,[0,9223372036854775807,1,5]]", #"[0,5,1,true,null,"x"]"#,
    ] {
      #expect(throws: MillraceError.self, "\(text)") { try StateDeltaRecord(JSON(parsing: text)) }
    }
  }

  /// Changes that only add rows are what a snapshot would be, so none is written; it is once the same rows have changed often enough.
  @Test func aGrowingStateNeedsNoSnapshot() throws {
    let files = SimulatedFileSystem()
    try files.createDirectory("/s")
    let executor = FakeExecutor(FakeSource(total: 0, perBatch: 1))
    let tuning = CheckpointTuning(snapshotMinimum: 1000, snapshotRatio: 2, fileLimit: 1000)
    let state = StateFiles(files: files, directory: "/s", executor: executor, tuning: tuning)
    var version: Int64 = 0
    func snapshots(afterPutting keys: Range<Int64>) throws -> [StateBase] {
      version += 1
      let column = ColumnVector.of(keys.map { .integer($0) }, type: .long)
      let texts = ColumnVector.of(keys.map { .string("a value \($0 &* version)") }, type: .string)
      try executor.store.put(keys: [column], values: [column, texts], count: keys.count)
      let saved = try state.save(version: version)
      state.committed(saved.records, version: version, segment: 0)
      try executor.store.commit(version: version)
      try state.beginSnapshots(version: version)
      return try state.finishedSnapshots(waiting: true)
    }
    for batch in 0..<40 as Range<Int64> {
      #expect(try snapshots(afterPutting: batch * 200..<(batch + 1) * 200).isEmpty, "batch \(batch)")
    }
    // All rows change once: no more than the state. Then they change again, and a third time.
    var fresh: [StateBase] = []
    var rounds = 0
    while fresh.isEmpty && rounds < 5 {
      fresh = try snapshots(afterPutting: 0..<8000)
      rounds += 1
    }
    #expect(rounds == 2 && fresh.map(\.version) == [version])
  }

  /// Blocks that are written behind several threads all come to the file.
  @Test func writesBehindComeToTheFile() throws {
    let files = SimulatedFileSystem()
    try files.createDirectory("/s")
    let file = ChangesFile(files, "/s", version: 1)
    let places = Mutex<[(Range<Int>, [UInt8])]>([])
    let threads = try (0..<3).map { thread in
      try BackgroundTask("writer \(thread)") {
        for piece in 0..<40 {
          let bytes = (0..<(1 + piece * 701)).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ piece &+ thread) }
          let place = try bytes.withUnsafeBytes { try piece % 8 == 0 ? file.add($0) : file.addBehind($0) }
          places.withLock { $0.append((place, bytes)) }
        }
      }
    }
    for thread in threads { try thread.wait() }
    try file.sync()
    let written = try #require(files.bytes("/s/1.delta"))
    for (place, bytes) in places.withLock({ $0 }) { #expect(written[place].elementsEqual(bytes)) }
    #expect(places.withLock { $0.count } == 120)
  }

  /// A write behind that fails is told at the latest when the file is made durable.
  @Test func aFailedWriteBehindIsTold() throws {
    let files = SimulatedFileSystem()
    try files.createDirectory("/s")
    let bytes = [UInt8](repeating: 1, count: 9000)
    for piecesBefore in [0, 1, 30] {
      let file = ChangesFile(files, "/s", version: Int64(piecesBefore + 1))
      _ = try bytes.withUnsafeBytes { try file.add($0) }
      files.crash(at: piecesBefore)
      #expect(throws: (any Error).self) {
        for _ in 0...piecesBefore { _ = try bytes.withUnsafeBytes { try file.addBehind($0) } }
        try file.sync()
      }
      files.reboot(.nothing)
    }
  }

  /// Checkpoints of the time when each operator had files of its own for its changes are read on.
  @Test func olderFilesOfChangesAreRead() throws {
    let files = SimulatedFileSystem()
    let executor = FakeExecutor(FakeSource(total: 0, perBatch: 1))
    let keys = [ColumnVector.of([.integer(5), .integer(7)], type: .long)]
    let values = keys + [ColumnVector.of([.string("five"), .string("seven")], type: .string)]
    try executor.store.put(keys: keys, values: values, count: 2)
    try files.createDirectory("/s/2")
    let tuning = CheckpointTuning(inlineLimit: 10)
    let new = StateFiles(files: files, directory: "/s", executor: executor, tuning: tuning)
    let shared = try #require(try new.save(version: 7).records.first)
    #expect(shared.isFile && shared.pieces == [0..<shared.byteCount])
    var old = shared
    old.operatorIndex = 2
    old.pieces = nil
    for (record, path) in [(shared, "/s/7.delta"), (old, "/s/2/7.delta")] {
      #expect(try StateDeltaRecord(record.json) == record)
      if files.bytes(path) == nil { try files.open(path, .create).close() }
      // Older files end with the last change, later ones with a whole block.
      let bytes = files.bytes("/s/7.delta") ?? []
      files.setBytes(path, record == old ? Array(bytes.prefix(shared.byteCount)) : bytes)
      let restored = MemoryStateStore(keyTypes: [.long], valueTypes: [.long, .string])
      try ChangelogFiles(files: files, checkpointState: "/s", log: "").apply(
        DeltaLocation(version: 7, record: record, segment: 1), to: restored)
      #expect(try StateRows.contents(restored) == StateRows.contents(executor.store))
    }
  }
}
