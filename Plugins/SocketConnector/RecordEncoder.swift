import Glibc
import MillraceColumnar
import MillraceFormats

/// Writes the lines of encoded blocks as a framing wants them.
struct RecordEncoder {
  let framing: RecordFraming

  /// Calls `body` with each line, without its end.
  static func lines(_ block: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    var rest = block
    while let base = rest.baseAddress, !rest.isEmpty {
      let length = memchr(base, 0x0A, rest.count).map { UnsafeRawPointer($0) - base } ?? rest.count
      try body(UnsafeRawBufferPointer(rebasing: rest[..<length]))
      rest = UnsafeRawBufferPointer(rebasing: rest[min(length + 1, rest.count)...])
    }
  }

  /// Appends one record. Throws a `FramingFault` for one that is too long for the number in front of it.
  func append(_ record: UnsafeRawBufferPointer, to out: ByteBuffer) throws {
    switch framing {
    case .newline:
      out.append(record)
      out.append(0x0A)
    case .datagram: out.append(record)
    case .delimiter(let mark):
      out.append(record)
      mark.withUnsafeBytes { out.append($0) }
    case .octetCounted:
      out.append("\(record.count) ")
      out.append(record)
    case .length(let width, let isBigEndian):
      guard record.count >> (8 * width) == 0 else {
        throw FramingFault("a record of \(record.count) bytes is too long for a length of \(width) bytes")
      }
      for index in 0..<width {
        out.append(UInt8(truncatingIfNeeded: record.count >> (8 * (isBigEndian ? width - 1 - index : index))))
      }
      out.append(record)
    }
  }
}
