import MillraceCore
import MillraceFormats

/// One connection that a source receives from, with the beginning of the record that it is in.
final class SourceConnection {
  let socket: any NetworkSocket
  let tag: Int
  /// The peer, for people and the column of that name.
  let peer: String
  var framer: RecordFramer
  var session = AcknowledgeSession()
  /// Microseconds on the monotonic clock.
  var lastReceived: Int64
  /// When the record began that has not ended.
  var recordBegan: Int64?
  /// Bytes that may be taken now; negative when more were taken than the rate allows.
  private var allowance: Int64
  private var allowedAt: Int64
  /// When a connection that is paused may go on.
  private(set) var pausedUntil: Int64?
  /// Answers that the system has not taken.
  private var answers: [UInt8] = []

  /// Bytes of answers that may wait for a sender that does not read them.
  static let answerLimit = 64 << 10

  init(_ socket: any NetworkSocket, tag: Int, peer: String, settings: SocketSourceSettings, now: Int64) {
    self.socket = socket
    self.tag = tag
    self.peer = peer
    framer = RecordFramer(
      settings.place.framing, limit: settings.maxRecordBytes, policy: settings.longRecords)
    lastReceived = now
    allowance = settings.maxBytesPerSecond ?? 0
    allowedAt = now
  }

  /// What is waited for.
  var interest: NetworkInterest {
    var interest: NetworkInterest = pausedUntil == nil ? .reading : []
    if !answers.isEmpty { interest.insert(.writing) }
    return interest
  }

  /// Bytes came; whether the connection must pause now, since it gives more than `rate` bytes in a second.
  func received(_ count: Int, now: Int64, rate: Int64?) -> Bool {
    lastReceived = now
    if framer.isInRecord {
      if recordBegan == nil { recordBegan = now }
    } else {
      recordBegan = nil
    }
    guard let rate else { return false }
    allowance -= Int64(count)
    guard allowance <= 0 else { return false }
    pausedUntil = now + Int64(Double(1 - allowance) * 1e6 / Double(rate)) + 1
    return true
  }

  /// How many bytes may be taken now, `most` and one at least, with `rate` bytes in a second.
  func room(_ most: Int, now: Int64, rate: Int64?) -> Int {
    guard let rate else { return most }
    let passed = Double(now - allowedAt) * Double(rate) / 1e6
    allowance = min(rate, allowance + Int64(min(passed, 1e15)))
    allowedAt = now
    return Int(max(1, min(Int64(most), allowance)))
  }

  /// The pause is over.
  func resume() { pausedUntil = nil }

  /// Gives the system an answer, and what of earlier ones waits; false when the connection is broken or the sender reads nothing.
  func answer(_ text: String = "") -> Bool {
    answers += Array(text.utf8)
    while !answers.isEmpty {
      switch answers.withUnsafeBytes({ socket.send($0) }) {
      case .bytes(let count): answers.removeFirst(count)
      case .wouldBlock: return answers.count <= Self.answerLimit
      case .end, .failed: return false
      }
    }
    return true
  }
}
