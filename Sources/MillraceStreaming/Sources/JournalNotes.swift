import MillraceColumnar
import MillraceCore

/// What a frame of the journal says of its records beside their bytes.
struct JournalNotes {
  /// Where the records came from, in order; empty where nobody wants to know.
  var runs: [LiveInbox.Run] = []
  /// The number of the last record of each sender that numbers them.
  var sequences: [String: Int64] = [:]

  init(runs: [LiveInbox.Run] = [], sequences: [String: Int64] = [:]) {
    self.runs = runs
    self.sequences = sequences
  }

  var isEmpty: Bool { runs.isEmpty && sequences.isEmpty }

  /// Appends: count of runs, each with byte count, time, peer; count of senders, each with number, name. Little-endian.
  func append(to out: ByteBuffer) {
    out.append(raw: UInt32(runs.count))
    for run in runs {
      out.append(raw: UInt32(run.byteCount))
      out.append(raw: run.received)
      Self.append(run.peer, to: out)
    }
    out.append(raw: UInt32(sequences.count))
    for (sender, number) in sequences {
      out.append(raw: number)
      Self.append(sender, to: out)
    }
  }

  private static func append(_ text: String, to out: ByteBuffer) {
    let bytes = Array(text.utf8.prefix(Int(UInt16.max)))
    out.append(raw: UInt16(bytes.count))
    bytes.withUnsafeBytes { out.append($0) }
  }

  /// Reads what `append` wrote; nil for anything else.
  init?(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    func take<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) -> Number? {
      let size = MemoryLayout<Number>.size
      guard bytes.count - at >= size else { return nil }
      defer { at += size }
      return bytes.loadUnaligned(fromByteOffset: at, as: Number.self)
    }
    func text() -> String? {
      guard let length = take(UInt16.self), bytes.count - at >= Int(length) else { return nil }
      defer { at += Int(length) }
      return String(decoding: bytes[at..<at + Int(length)], as: UTF8.self)
    }
    guard let runCount = take(UInt32.self) else { return nil }
    for _ in 0..<runCount {
      guard let count = take(UInt32.self), let received = take(Int64.self), let peer = text() else { return nil }
      runs.append(LiveInbox.Run(byteCount: Int(count), received: received, peer: peer))
    }
    guard let senderCount = take(UInt32.self) else { return nil }
    for _ in 0..<senderCount {
      guard let number = take(Int64.self), let sender = text() else { return nil }
      sequences[sender] = number
    }
  }
}
