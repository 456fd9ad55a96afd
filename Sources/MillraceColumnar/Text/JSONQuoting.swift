/// Strings of JSON text.
public enum JSONQuoting {
  /// Appends bytes as a JSON string: in quotes, with what must not stand in a string escaped.
  public static func append(_ bytes: UnsafeRawBufferPointer, to out: ByteBuffer) {
    out.append(UInt8(0x22))
    var start = 0
    for (index, byte) in bytes.enumerated() where byte < 0x20 || byte == 0x22 || byte == 0x5C {
      if index > start { out.append(UnsafeRawBufferPointer(rebasing: bytes[start..<index])) }
      start = index + 1
      out.append(UInt8(0x5C))
      switch byte {
      case 0x08: out.append(UInt8(0x62))
      case 0x0C: out.append(UInt8(0x66))
      case 0x0A: out.append(UInt8(0x6E))
      case 0x0D: out.append(UInt8(0x72))
      case 0x09: out.append(UInt8(0x74))
      case 0x22, 0x5C: out.append(byte)
      default:
        let digits: StaticString = "0123456789ABCDEF"
        out.append("u00")
        out.append(digits.utf8Start[Int(byte >> 4)])
        out.append(digits.utf8Start[Int(byte & 15)])
      }
    }
    if start < bytes.count { out.append(UnsafeRawBufferPointer(rebasing: bytes[start...])) }
    out.append(UInt8(0x22))
  }
}
