import CKernels
import Glibc

/// How characters are written as bytes. Everything behind the framing of records works on UTF-8.
public enum CharacterEncoding: String, Sendable, CaseIterable {
  /// UTF-8, of which ASCII is a part.
  case utf8 = "utf-8"
  /// ISO 8859-1: a byte for each of the first 256 characters.
  case latin1 = "iso-8859-1"
  /// UTF-16, the low byte first.
  case utf16LittleEndian = "utf-16le"
  /// UTF-16, the high byte first.
  case utf16BigEndian = "utf-16be"

  /// The encoding of a name, those of Java and of daily speech among them; nil for another one.
  public init?(name: String) {
    switch name.lowercased() {
    case "utf-8", "utf8", "us-ascii", "ascii": self = .utf8
    case "iso-8859-1", "latin1", "latin-1": self = .latin1
    case "utf-16le", "utf16le": self = .utf16LittleEndian
    case "utf-16be", "utf16be": self = .utf16BigEndian
    default: return nil
    }
  }

  /// Bytes of the shortest character.
  public var unit: Int { isWide ? 2 : 1 }

  private var isWide: Bool { self == .utf16LittleEndian || self == .utf16BigEndian }

  /// Where the byte that differs from 0 lies in an ASCII character.
  private var lowByte: Int { self == .utf16BigEndian ? 1 : 0 }

  /// Bytes of the mark at the beginning of a file that says how it is written; 0 without one.
  public func markLength(_ bytes: UnsafeRawBufferPointer) -> Int {
    let mark: [UInt8] =
      switch self {
      case .utf8: [0xEF, 0xBB, 0xBF]
      case .latin1: []
      case .utf16LittleEndian: [0xFF, 0xFE]
      case .utf16BigEndian: [0xFE, 0xFF]
      }
    return bytes.starts(with: mark) ? mark.count : 0
  }

  // MARK: Line feeds

  /// Position behind the last line feed, 0 without one. The bytes begin with a character.
  public func behindLastLineFeed(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    if !isWide { return ck_behind_last(base, bytes.count, 0x0A) }
    var count = bytes.count & ~1
    while count > 0 {
      let found = ck_behind_last(base, count, 0x0A)
      if found == 0 { return 0 }
      let start = (found - 1) & ~1
      if bytes[start + lowByte] == 0x0A, bytes[start + 1 - lowByte] == 0, start + 2 <= count { return start + 2 }
      count = start
    }
    return 0
  }

  /// Position behind the first line feed at `start` or later, nil without one. The bytes begin with a character, and so does `start`.
  public func behindFirstLineFeed(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
    behindFirst(0x0A, bytes, from: start)
  }

  /// Position behind the first `character`, which is an ASCII one.
  func behindFirst(_ character: UInt8, _ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    var position = start
    while position < bytes.count,
      let found = memchr(base + position, Int32(character), bytes.count - position).map({ UnsafeRawPointer($0) - base })
    {
      if !isWide { return found + 1 }
      let first = found & ~1
      if found - first == lowByte, first + 2 <= bytes.count, bytes[first + 1 - lowByte] == 0 { return first + 2 }
      position = first + 2
    }
    return nil
  }

  // MARK: To UTF-8

  /// Room that `count` bytes need at most as UTF-8.
  public func decodedCapacity(_ count: Int) -> Int {
    switch self {
    case .utf8: count
    case .latin1: count * 2
    case .utf16LittleEndian, .utf16BigEndian: count / 2 * 3 + 3
    }
  }

  /// Writes the bytes as UTF-8 and gives their number; what is no character becomes U+FFFD.
  public func decode(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutablePointer<UInt8>) -> Int {
    switch self {
    case .utf8:
      if let base = bytes.baseAddress { memcpy(target, base, bytes.count) }
      return bytes.count
    case .latin1:
      var written = 0
      for byte in bytes { Self.put(UInt32(byte), target, &written) }
      return written
    case .utf16LittleEndian, .utf16BigEndian: return decodeWide(bytes, into: target)
    }
  }

  private func decodeWide(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutablePointer<UInt8>) -> Int {
    let low = lowByte
    var written = 0
    var index = 0
    while index + 1 < bytes.count {
      var scalar = UInt32(bytes[index + low]) | UInt32(bytes[index + 1 - low]) << 8
      index += 2
      if scalar & 0xF800 == 0xD800 {
        var next: UInt32 = 0
        if index + 1 < bytes.count { next = UInt32(bytes[index + low]) | UInt32(bytes[index + 1 - low]) << 8 }
        if scalar < 0xDC00, next & 0xFC00 == 0xDC00 {
          scalar = 0x10000 + (scalar & 0x3FF) << 10 + (next & 0x3FF)
          index += 2
        } else {
          scalar = 0xFFFD
        }
      }
      Self.put(scalar, target, &written)
    }
    // Half a character at the end.
    if index < bytes.count { Self.put(0xFFFD, target, &written) }
    return written
  }

  @inline(__always)
  private static func put(_ scalar: UInt32, _ target: UnsafeMutablePointer<UInt8>, _ written: inout Int) {
    if scalar < 0x80 {
      target[written] = UInt8(truncatingIfNeeded: scalar)
      written += 1
      return
    }
    let bytes = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4
    var rest = scalar
    for place in stride(from: bytes - 1, to: 0, by: -1) {
      target[written + place] = 0x80 | UInt8(truncatingIfNeeded: rest & 0x3F)
      rest >>= 6
    }
    target[written] = UInt8(truncatingIfNeeded: (0xF00 >> UInt32(bytes)) & 0xFF) | UInt8(truncatingIfNeeded: rest)
    written += bytes
  }

  /// Bytes that characters had before they were written as this UTF-8.
  public func encodedLength(_ decoded: UnsafeRawBufferPointer) -> Int {
    switch self {
    case .utf8: return decoded.count
    case .latin1: return decoded.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    case .utf16LittleEndian, .utf16BigEndian:
      return decoded.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : $1 >= 0xF0 ? 4 : 2) }
    }
  }

  /// The largest number of the first bytes, no more than `limit`, that ends with a character.
  public func prefixLength(_ bytes: UnsafeRawBufferPointer, _ limit: Int) -> Int {
    var count = min(limit, bytes.count) / unit * unit
    if count >= bytes.count { return count }
    switch self {
    case .latin1: break
    case .utf8:
      let lowest = max(0, count - 3)
      while count > lowest, bytes[count] & 0xC0 == 0x80 { count -= 1 }
    case .utf16LittleEndian, .utf16BigEndian:
      if count + 1 < bytes.count, count >= 2, bytes[count + 1 - lowByte] & 0xFC == 0xDC { count -= 2 }
    }
    return count
  }
}
