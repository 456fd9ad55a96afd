import MillraceColumnar

/// Takes a member's header apart byte by byte, so that it may be cut anywhere.
struct GzipHeader {
  private enum Part {
    case fixed, extraLength, extra(left: Int), name, comment, checksum, done
  }

  private var part = Part.fixed
  private var count = 0
  private var flags: UInt8 = 0
  private var number = 0
  private var numberBytes = 0

  /// Takes the byte at compressed `offset`; true when it was the header's last.
  mutating func take(_ byte: UInt8, at offset: Int64) throws -> Bool {
    switch part {
    case .fixed: try takeFixed(byte, at: offset)
    case .extraLength, .checksum: takeNumber(byte)
    case .extra(let left):
      part = .extra(left: left - 1)
      if left == 1 { next(after: 0x04) }
    case .name: if byte == 0 { next(after: 0x08) }
    case .comment: if byte == 0 { next(after: 0x10) }
    case .done: break
    }
    count += 1
    if case .done = part { return true }
    return false
  }

  private mutating func takeFixed(_ byte: UInt8, at offset: Int64) throws {
    let isExpected =
      switch count {
      case 0: byte == 0x1F
      case 1: byte == 0x8B
      case 2: byte == 8
      case 3: byte & 0xE0 == 0
      default: true
      }
    if !isExpected {
      throw MillraceError(
        "GZIP_HEADER", "compressed byte \(offset) does not belong to a gzip header",
        hint: "name only files that gzip wrote; 'gzip -t' tells whether it did", fault: .external)
    }
    if count == 3 { flags = byte }
    if count == 9 { next(after: 0) }
  }

  /// Takes a byte of the two-byte length of the extra field, or of the header's checksum, which is not verified.
  private mutating func takeNumber(_ byte: UInt8) {
    number |= Int(byte) << (numberBytes * 8)
    numberBytes += 1
    if numberBytes < 2 { return }
    let value = number
    number = 0
    numberBytes = 0
    if case .checksum = part {
      part = .done
    } else if value > 0 {
      part = .extra(left: value)
    } else {
      next(after: 0x04)
    }
  }

  /// Goes to the next part that the flags name behind the one of flag `flag`.
  private mutating func next(after flag: UInt8) {
    if flag < 0x04 && flags & 0x04 != 0 {
      part = .extraLength
    } else if flag < 0x08 && flags & 0x08 != 0 {
      part = .name
    } else if flag < 0x10 && flags & 0x10 != 0 {
      part = .comment
    } else {
      part = flags & 0x02 != 0 ? .checksum : .done
    }
  }
}
