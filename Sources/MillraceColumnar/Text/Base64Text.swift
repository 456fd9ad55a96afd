/// Base64 as JSON carries binary values.
public enum Base64Text {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The bytes of a text, nil if some character is none of Base64.
  public static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    var out: [UInt8] = []
    var bits: UInt32 = 0
    var width = 0
    for byte in text {
      if byte == 0x3D { break }
      guard let value = alphabet.firstIndex(of: byte) else { return nil }
      bits = bits << 6 | UInt32(value)
      width += 6
      if width >= 8 {
        width -= 8
        out.append(UInt8(truncatingIfNeeded: bits >> UInt32(width)))
      }
    }
    return out
  }

  /// Appends the text of bytes, padded.
  public static func append(_ bytes: UnsafeRawBufferPointer, to out: ByteBuffer) {
    var at = 0
    while at < bytes.count {
      let part = (0..<3).map { at + $0 < bytes.count ? UInt32(bytes[at + $0]) : 0 }
      let bits = part[0] << 16 | part[1] << 8 | part[2]
      let used = min(bytes.count - at, 3)
      for index in 0..<4 {
        out.append(index <= used ? alphabet[Int(bits >> UInt32(18 - 6 * index)) & 63] : UInt8(0x3D))
      }
      at += 3
    }
  }
}
