import MillraceColumnar
import MillraceCore
import MillraceFormats
import Synchronization
import MillraceTesting
import Testing

@testable import MillraceStreaming

/// Senders that number their records, as the journal sees them: what it has given out is durable, whatever is lost.
final class NumberingPeer: LiveRecordSource {
  private struct State {
    var durable: Int64 = 0
    var sent: Int64 = 0
    var isClosed = false
  }

  private let state = Mutex(State())
  let count: Int64

  /// Sends `count` records, beginning with the first that is not durable.
  init(count: Int64) { self.count = count }

  var description: String { "numbering peer" }
  let originColumns = [OriginColumn("_peer", .peer)]
  let escapesRecords = false
  let acknowledges = true
  func restore(_ sequences: [String: Int64]) {
    state.withLock {
      $0.durable = sequences["a"] ?? 0
      $0.sent = $0.durable
    }
  }
  func connect() throws {}
  func receive(into inbox: LiveInbox) throws -> Bool {
    SystemClock().sleep(microseconds: 50)
    return state.withLock { state in
      if state.isClosed { return false }
      guard state.sent < count else { return true }
      state.sent += 1
      inbox.records.append("record \(state.sent)\n")
      inbox.note(peer: "peer \(state.sent % 3)", received: state.sent)
      inbox.sequences["a"] = state.sent
      return true
    }
  }
  func acknowledge(_ sequences: [String: Int64]) {
    state.withLock { $0.durable = max($0.durable, sequences["a"] ?? 0) }
  }
  func metrics() -> [(name: String, value: String)] { [("durable", String(durable))] }
  func close() { state.withLock { $0.isClosed = true } }
  var durable: Int64 { state.withLock { $0.durable } }
}

@Suite struct JournalNotesTests {
  @Test func comeBack() throws {
    let notes = JournalNotes(
      runs: [.init(byteCount: 5, received: -7, peer: "[::1]:9"), .init(byteCount: 0, received: .max, peer: "")],
      sequences: ["a": 1, "ß": .max])
    let out = ByteBuffer()
    notes.append(to: out)
    let read = try #require(JournalNotes(out.bytes))
    #expect(read.runs == notes.runs)
    #expect(read.sequences == notes.sequences)
    for size in 0..<out.count { #expect(JournalNotes(UnsafeRawBufferPointer(rebasing: out.bytes[..<size])) == nil) }
  }

  @Test func originsAreFoundByOffset() {
    var index = OriginIndex()
    index.add([.init(byteCount: 10, received: 1, peer: "a"), .init(byteCount: 5, received: 2, peer: "b")], at: 100)
    index.add([.init(byteCount: 1, received: 3, peer: "c")], at: 115)
    func peers(_ range: Range<Int64>) -> String { index.runs(in: range).map(\.peer).joined() }
    #expect(peers(100..<116) == "abc")
    #expect(peers(109..<110) == "a")
    #expect(peers(109..<111) == "ab")
    #expect(peers(110..<115) == "b")
    #expect(peers(115..<116) == "c")
    #expect(peers(116..<200) == "")
    #expect(peers(100..<100) == "")
    index.forget(before: 112)
    #expect(peers(110..<116) == "bc")
  }

  static func source(_ peer: NumberingPeer, _ files: SimulatedFileSystem, _ durability: Durability) -> JournaledSource {
    var options = durability.options
    options.segmentBytes = 256
    return JournaledSource(
      peer, name: "in", checkpointLocation: "/c", environment: Environment(files: files, clock: SystemClock()),
      options: options)
  }

  /// Crash at every change of the disk: a record that was acknowledged is there, and what the sender sends again is not there twice.
  @Test(arguments: CrashTests.losses, Durability.allCases)
  func acknowledgedRecordsSurviveCrashes(loss: SimulatedFileSystem.Loss, durability: Durability) throws {
    let count: Int64 = 40
    let expected = (1...count).map { "record \($0)\n" }.joined()
    for change in stride(from: 1, to: 120, by: 3) {
      let files = try SimulatedFileSystem.withDurableJournal()
      files.crash(at: change)
      var offset: Offset?
      var seen = ""
      for run in 0..<2 {
        let peer = NumberingPeer(count: count)
        let source = Self.source(peer, files, durability)
        do {
          try source.start(after: offset)
          try JournaledSourceTests.drain(source, &offset, until: { seen.utf8.count >= expected.utf8.count }) {
            text, from, to in
            let runs = source.origins(in: (from?.json.int ?? 0)..<(to.json.int ?? 0))
            #expect(runs.map(\.peer) == text.split(separator: "\n").map { "peer \((Int64($0.dropFirst(7)) ?? 0) % 3)" })
            // A power cut that takes what is synced behind would take the batch back, too, once the commit log has it.
            if durability == .behind, loss.takesUnsynced {
              JournaledSourceTests.wait { files.isDead || peer.durable >= Self.last(text) }
              if peer.durable < Self.last(text) { return false }
            }
            seen += text
            return true
          }
        } catch { #expect(run == 0, "\(error)") }
        source.close()
        if run == 0 {
          let acknowledged = peer.durable
          files.reboot(loss)
          let journal = IngestJournal(files: files, directory: "/c/journal/in", segmentSize: 256)
          try journal.open(committed: offset?.json.int ?? 0)
          #expect((journal.sequences["a"] ?? 0) >= acknowledged, "crash at \(change), \(loss)")
        }
      }
      #expect(seen == expected, "crash at \(change), \(loss)")
    }
  }

  /// The number of the last record in a text of them.
  static func last(_ text: String) -> Int64 {
    text.split(separator: "\n").last.flatMap { Int64($0.dropFirst(7)) } ?? 0
  }

  @Test func acknowledgementNeedsACheckpoint() throws {
    let source = JournaledSource(
      NumberingPeer(count: 1), name: "in", checkpointLocation: nil, environment: .live)
    #expect {
      try source.start(after: nil)
    } throws: {
      ($0 as? MillraceError)?.code == "ACKNOWLEDGE_NEEDS_CHECKPOINT"
    }
  }

  /// Rows know their sender where that is asked for, also when the decoder leaves some out; otherwise the decoder is used as it is.
  @Test func decodingAddsOrigins() throws {
    let peer = NumberingPeer(count: 6)
    let source = try Self.source(peer, SimulatedFileSystem.withJournal(), .each)
    try source.start(after: nil)
    JournaledSourceTests.wait { peer.durable == 6 }
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
    let text = try JournaledSourceTests.read(source, plan)
    let decoding = OriginDecoding(TextDecoding(), origins: peer.originColumns, of: source)
    #expect(decoding.schema.fields.map(\.name) == ["value", "_peer"])
    let window = MemoryBuffer(capacity: text.utf8.count + 64)
    Array(text.utf8).withUnsafeBytes {
      UnsafeMutableRawBufferPointer(start: window.base, count: window.capacity).copyMemory(from: $0)
    }
    let bytes = UnsafeRawBufferPointer(start: window.base, count: text.utf8.count)
    let origin = RecordOrigin(name: "in", offset: 0)
    let batch = try decoding.makeDecoder(columns: [1, 0], filters: []).decode(bytes, owner: window, origin: origin)
    #expect(batch.rowCount == 6)
    for row in 0..<6 {
      #expect(batch.columns[0].value(row) == .string("peer \((row + 1) % 3)"))
      #expect(batch.columns[1].value(row) == .string("record \(row + 1)"))
    }
    #expect(!(try decoding.makeDecoder(columns: [0], filters: []) is OriginDecoder))
    #expect(throws: MillraceError.self) {
      _ = try OriginDecoding.schema(Schema([StructField("_PEER", .string)]), peer.originColumns)
    }
    source.close()
  }
}

extension SimulatedFileSystem.Loss {
  var takesUnsynced: Bool {
    if case .nothing = self { return false }
    return true
  }
}

extension SimulatedFileSystem {
  /// Files with the folders of a checkpoint.
  static func withJournal() throws -> SimulatedFileSystem {
    let files = SimulatedFileSystem()
    try files.createDirectory("/c/journal")
    return files
  }

  /// The same, with folders that no crash takes away.
  static func withDurableJournal() throws -> SimulatedFileSystem {
    let files = try withJournal()
    try files.syncDirectory("")
    try files.syncDirectory("/c")
    return files
  }
}
