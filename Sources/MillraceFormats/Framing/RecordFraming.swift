/// How records lie in a stream of bytes.
public enum RecordFraming: Hashable, Sendable {
  /// Lines; LF, CR LF and CR end one.
  case newline
  /// Each record ends with these bytes.
  case delimiter([UInt8])
  /// A number of 1, 2 or 4 bytes says how many follow.
  case length(width: Int, isBigEndian: Bool)
  /// A decimal number and a blank in front of each record (RFC 6587), where a record that does not begin with a digit ends with a line
  /// feed instead, as senders of syslog mix them.
  case octetCounted
  /// What comes in one datagram is one record.
  case datagram

  /// Whether a record may hold line ends, so that it must be escaped where records are kept as lines.
  public var mayHoldLineEnds: Bool { self != .newline }
}

/// What becomes of a record that is longer than the limit.
public enum LongRecordPolicy: String, Sendable, CaseIterable {
  /// It is left out.
  case skip
  /// Its beginning is kept.
  case truncate
  /// The connection is closed.
  case close
}

/// Bytes that are not framed as they should be.
public struct FramingFault: Error, Hashable, Sendable {
  /// What is wrong, to be put behind "from PEER:".
  public var reason: String

  /// Makes a fault.
  public init(_ reason: String) { self.reason = reason }
}
