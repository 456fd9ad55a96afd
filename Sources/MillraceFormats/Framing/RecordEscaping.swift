import Glibc
public import MillraceColumnar

/// Writes records that may hold line ends as lines, so that everything behind works on lines: a line feed becomes `ESC n`, a carriage
/// return `ESC r`, and an escape character `ESC ESC`.
public enum RecordEscaping {
  /// The escape character.
  public static let mark: UInt8 = 0x1B

  /// Appends a record and a line feed.
  public static func append(_ record: UnsafeRawBufferPointer, to out: ByteBuffer) {
    var rest = record
    while let at = firstSpecial(rest) {
      out.append(UnsafeRawBufferPointer(rebasing: rest[..<at]))
      out.append(mark)
      switch rest[at] {
      case 0x0A: out.append(UInt8(ascii: "n"))
      case 0x0D: out.append(UInt8(ascii: "r"))
      default: out.append(mark)
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[(at + 1)...])
    }
    out.append(rest)
    out.append(0x0A)
  }

  private static func firstSpecial(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    var end = bytes.count
    if let found = memchr(base, 0x0A, end) { end = UnsafeRawPointer(found) - base }
    if let found = memchr(base, 0x0D, end) { end = UnsafeRawPointer(found) - base }
    if let found = memchr(base, Int32(mark), end) { end = UnsafeRawPointer(found) - base }
    return end < bytes.count ? end : nil
  }

  /// Turns a record back where it lies; gives its length.
  static func unescape(_ line: UnsafeMutableRawBufferPointer) -> Int {
    guard let base = line.baseAddress, let first = memchr(base, Int32(mark), line.count) else { return line.count }
    var from = UnsafeMutableRawPointer(first) - base
    var to = from
    while from < line.count {
      var byte = line[from]
      if byte == mark, from + 1 < line.count {
        from += 1
        switch line[from] {
        case UInt8(ascii: "n"): byte = 0x0A
        case UInt8(ascii: "r"): byte = 0x0D
        default: byte = line[from]
        }
      }
      line[to] = byte
      to += 1
      from += 1
    }
    return to
  }
}
