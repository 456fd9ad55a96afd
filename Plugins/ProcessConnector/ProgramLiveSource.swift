import MillraceColumnar
import MillraceCore
import Synchronization

/// A program whose records come once, or again until it is told that they are kept. The engine's journal keeps them.
final class ProgramLiveSource: LiveRecordSource, @unchecked Sendable {
  /// The key of the program's numbers in the journal.
  private static let sender = "program"
  /// Bytes after which what was received is kept before more is asked for.
  private static let turnSize = 1 << 20
  /// Milliseconds that the program may wait for records before it answers.
  private static let patience: Int64 = 500
  /// Microseconds that an answer may take once the source is closed.
  private static let farewell: Int64 = 3_000_000

  private struct Shared {
    var conversation: Conversation?
    var isClosed = false
    /// Whether the program has said that no more will come.
    var hasEnded = false
    /// The number that is durable, and that which the program knows of.
    var durable: Int64?
    var told: Int64?
  }

  private let end: ProgramEnd
  private let shared = Mutex(Shared())
  // The rest belongs to the thread that receives.
  private var isReading = false

  init(_ end: ProgramEnd) { self.end = end }

  var description: String { "\(end.connector)[\(end.program.text)]" }
  var originColumns: [OriginColumn] { [] }
  var escapesRecords: Bool { false }
  var acknowledges: Bool { false }
  var mayRepeat: Bool { true }
  func metrics() -> [(name: String, value: String)] { [] }

  func restore(_ sequences: [String: Int64]) {
    shared.withLock { state in
      state.durable = sequences[Self.sender]
      state.told = state.durable
    }
  }

  func connect() throws {
    let after: JSON = shared.withLock { $0.durable }.map { .int($0) } ?? .null
    let conversation = try end.open([.init("after", after)])
    let isClosed = shared.withLock { state in
      state.conversation = conversation
      return state.isClosed
    }
    if isClosed { conversation.cancel() }
  }

  func receive(into inbox: LiveInbox) throws -> Bool {
    guard let conversation = shared.withLock({ $0.conversation }) else { return false }
    do {
      while !shared.withLock({ $0.isClosed }) {
        if !isReading {
          try tell(conversation)
          try conversation.begin("read", [.init("wait", .int(Self.patience))])
          isReading = true
        }
        guard let goesOn = try take(conversation, inbox) else { continue }
        if goesOn, !shared.withLock({ $0.isClosed }) { return true }
        if !goesOn, !inbox.sequences.isEmpty {
          // The program is told of its last records when they are durable.
          shared.withLock { $0.hasEnded = true }
          return false
        }
        if !isReading { try tell(conversation) }
        finish(conversation)
        return false
      }
    } catch {
      if shared.withLock({ $0.isClosed }) {
        finish(conversation)
        return false
      }
      conversation.stop()
      throw error
    }
    if !isReading { try? tell(conversation) }
    finish(conversation)
    return false
  }

  /// Takes what the program gives, up to whole records of a turn; nil when it had nothing.
  private func take(_ conversation: Conversation, _ inbox: LiveInbox) throws -> Bool? {
    while true {
      let size = 64 << 10
      let room = UnsafeMutableRawBufferPointer(start: inbox.records.reserve(size), count: size)
      let (count, end) = try conversation.records(into: room, "read")
      if let end {
        isReading = false
        if let number = end["number"]?.int { inbox.sequences[Self.sender] = number }
        if end["end"]?.bool == true { return false }
        return inbox.records.count > 0 || !inbox.sequences.isEmpty ? true : nil
      }
      inbox.records.advance(count)
      if inbox.records.count >= Self.turnSize, inbox.records.bytes.last == 0x0A { return true }
    }
  }

  /// Tells the program what is durable, unless it knows.
  private func tell(_ conversation: Conversation) throws {
    let news = shared.withLock { state -> Int64? in
      guard let durable = state.durable, durable != state.told else { return nil }
      state.told = durable
      return durable
    }
    if let news { _ = try conversation.call("commit", [.init("position", .int(news))]) }
  }

  private func finish(_ conversation: Conversation) {
    conversation.stop()
    shared.withLock { $0.conversation = nil }
  }

  func acknowledge(_ sequences: [String: Int64]) {
    guard let number = sequences[Self.sender] else { return }
    let ended = shared.withLock { state in
      state.durable = number
      return state.hasEnded ? state.conversation : nil
    }
    guard let ended else { return }
    try? tell(ended)
    finish(ended)
  }

  func close() {
    let conversation = shared.withLock { state in
      state.isClosed = true
      return state.conversation
    }
    // The answer that is waited for may come yet, and then the program can be told what is durable.
    conversation?.cancel(after: Self.farewell)
  }
}
