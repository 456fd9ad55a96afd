import MillraceColumnar
import MillraceCore
import MillraceTesting
import MillraceExecution
import MillraceState
import Synchronization
import Testing

@testable import MillraceStreaming

/// A peer that sends given pieces and then waits or ends.
final class FakePeer: LiveSource {
  private let pieces: Mutex<[[UInt8]]>
  private let isClosed = Mutex(false)
  private let ends: Bool
  let failsWith: MillraceError?

  init(_ pieces: [String], ends: Bool = true, failsWith: MillraceError? = nil) {
    self.pieces = Mutex(pieces.map { Array($0.utf8) })
    self.ends = ends
    self.failsWith = failsWith
  }

  var description: String { "fake peer" }
  func connect() throws { if let failsWith { throw failsWith } }
  func receive(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      let piece: [UInt8]? = pieces.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      if let piece {
        buffer.copyBytes(from: piece)
        return piece.count
      }
      if ends || isClosed.withLock({ $0 }) { return 0 }
      SystemClock().sleep(microseconds: 500)
    }
  }
  func close() { isClosed.withLock { $0 = true } }
}

/// How received records become durable.
enum Durability: CaseIterable {
  /// Each time by the thread that receives.
  case each
  /// By a thread that writes all that waits with one sync.
  case grouped
  /// After they are given out.
  case behind

  var options: JournaledSource.Options {
    var options = JournaledSource.Options()
    options.syncsBehind = self == .behind
    options.writesBehindFrom = self == .grouped ? 0 : .max
    return options
  }
}

@Suite struct JournaledSourceTests {
  static func read(_ source: JournaledSource, _ plan: SourcePlan, size: Int = 7) throws -> String {
    let reader = try source.open(plan.splits[0])
    defer { reader.close() }
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: size)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
      if count == 0 { return String(decoding: all, as: UTF8.self) }
      all += buffer[..<count]
    }
  }

  /// Takes batch after batch of a started source and commits each, until `isDone`, or until nothing comes any more. `take` gets the text of a
  /// batch with its ends; false gives the source up.
  static func drain(
    _ source: JournaledSource, _ offset: inout Offset?, until isDone: () -> Bool,
    take: (_ text: String, _ from: Offset?, _ to: Offset) throws -> Bool
  ) throws {
    var idle = 0
    while !isDone() && idle < 20_000 {
      guard let plan = try source.plan(after: offset, limit: ReadLimit()) else {
        idle += 1
        SystemClock().sleep(microseconds: 200)
        continue
      }
      idle = 0
      let text = try read(source, plan)
      let next = try source.offset(after: offset, plan: plan, results: [SplitResult()])
      guard try take(text, offset, next) else { return }
      // The commit log has the batch from here on.
      offset = next
      try source.commit(next)
    }
  }

  static func wait(_ what: () -> Bool) {
    for _ in 0..<20_000 {
      if what() { return }
      SystemClock().sleep(microseconds: 1000)
    }
    Issue.record("waited in vain")
  }

  static func source(
    _ peer: FakePeer, _ files: SimulatedFileSystem, hasCheckpoint: Bool = true, _ durability: Durability = .each
  ) -> JournaledSource {
    var options = durability.options
    options.segmentBytes = 256
    options.maxRecordBytes = 100
    return JournaledSource(
      peer, name: "lines", checkpointLocation: hasCheckpoint ? "/c" : nil,
      environment: Environment(files: files, clock: SystemClock()), options: options)
  }

  @Test(arguments: [true, false], Durability.allCases)
  func givesWholeRecordsInOrder(hasCheckpoint: Bool, durability: Durability) throws {
    let long = String(repeating: "x", count: 300)
    let pieces = ["a\nb", "b\ncc", "", "c\n", "\n", long, "y\nd\n", long + "\ne\npart"].filter { !$0.isEmpty }
    let files = SimulatedFileSystem()
    let source = Self.source(FakePeer(pieces), files, hasCheckpoint: hasCheckpoint, durability)
    try source.start(after: nil)
    let expected = "a\nbb\nccc\n\nd\n" + long + "\ne\n"
    Self.wait { source.backlog(after: nil) == Int64(expected.utf8.count) }
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
    for size in [1, 7, 1000] { #expect(try Self.read(source, plan, size: size) == expected) }
    // From the middle on, and from where a limit stopped.
    let middle = Offset(.int(5))
    let rest = try #require(try source.plan(after: middle, limit: ReadLimit()))
    #expect(try Self.read(source, rest) == String(expected.dropFirst(5)))
    let cut = try source.offset(after: nil, plan: plan, results: [SplitResult(bytesConsumed: 5, reachedEnd: false)])
    #expect(cut == middle)
    let end = try source.offset(after: nil, plan: plan, results: [SplitResult(bytesConsumed: 0, reachedEnd: true)])
    try source.commit(end)
    try source.commit(end)
    #expect(try source.plan(after: end, limit: ReadLimit()) == nil)
    Self.wait { source.droppedRecords == 2 }
    source.close()
    #expect(files.paths.count <= 1)
  }

  /// Whether to try again is the source's to decide: what it throws ends the query, also one that would end without input.
  @Test(arguments: [true, false])
  func failedConnectionEndsTheQuery(isRetryable: Bool) throws {
    let refused = MillraceError("SOCKET_CONNECT", "refused", isRetryable: isRetryable)
    let source = Self.source(FakePeer([], failsWith: refused), SimulatedFileSystem())
    try source.start(after: nil)
    try source.freeze()
    #expect {
      try source.plan(after: nil, limit: ReadLimit())
    } throws: {
      ($0 as? MillraceError)?.code == refused.code
    }
    source.close()
  }

  @Test func memoryIsBounded() throws {
    var options = JournaledSource.Options()
    options.maxMemoryBytes = 100
    let source = JournaledSource(
      FakePeer(Array(repeating: "0123456789012345678\n", count: 50), ends: false), name: "lines",
      checkpointLocation: nil,
      environment: .live, options: options)
    try source.start(after: nil)
    var offset: Offset?
    var total = 0
    while total < 1000 {
      guard let plan = try source.plan(after: offset, limit: ReadLimit()) else { continue }
      let text = try Self.read(source, plan)
      #expect(text.utf8.count <= 120)
      total += text.utf8.count
      let next = try source.offset(after: offset, plan: plan, results: [SplitResult()])
      try source.commit(next)
      offset = next
    }
    source.close()
  }

  /// Crash at every change of the disk: what had been made durable comes exactly once, in order, and whole.
  /// Synced behind that is what had been written, unless the power was cut; then the rest is as if it had never come.
  @Test(arguments: CrashTests.losses, Durability.allCases)
  func journalSurvivesCrashes(loss: SimulatedFileSystem.Loss, durability: Durability) throws {
    let lines = (0..<30).map { "line \($0) \(String(repeating: "z", count: $0))\n" }
    let total = lines.joined().utf8.count
    for change in stride(from: 1, to: 90, by: 2) {
      let files = try SimulatedFileSystem.withDurableJournal()
      files.crash(at: change)
      var offset: Offset?
      var seen = ""
      var sent = 0
      for run in 0..<2 {
        let source = Self.source(FakePeer(Array(lines[sent...])), files, durability)
        do {
          try source.start(after: offset)
          try Self.drain(source, &offset, until: { seen.utf8.count >= total }) { text, _, _ in
            seen += text
            return true
          }
        } catch { #expect(run == 0, "\(error)") }
        source.close()
        if run == 0 {
          files.reboot(loss)
          // What the crash left in the journal comes first; the peer goes on after it.
          let journal = IngestJournal(files: files, directory: "/c/journal/lines", segmentSize: 256)
          try journal.open(committed: offset?.json.int ?? 0)
          var length: Int64 = 0
          sent =
            lines.firstIndex { line in
              length += Int64(line.utf8.count)
              return length > journal.end
            } ?? lines.count
        }
      }
      #expect(seen == lines.joined(), "crash at \(change), \(loss)")
    }
  }
}
