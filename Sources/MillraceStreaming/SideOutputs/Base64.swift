/// RFC 4648 base64 with padding.
package enum Base64 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The text of bytes.
  package static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let first = Int(bytes[index]), second = left > 1 ? Int(bytes[index + 1]) : 0
      let third = left > 2 ? Int(bytes[index + 2]) : 0
      text.append(digits[first >> 2])
      text.append(digits[(first & 3) << 4 | second >> 4])
      text.append(left > 1 ? digits[(second & 15) << 2 | third >> 6] : 0x3D)
      text.append(left > 2 ? digits[third & 63] : 0x3D)
      index += 3
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of a text; nil if it is none of base64.
  package static func bytes(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits = 0, value = 0
    let significant = text.utf8.reversed().drop { $0 == 0x3D }.reversed()
    for character in significant {
      guard let digit = digits.firstIndex(of: character) else { return nil }
      value = value << 6 | digit
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: value >> bits))
        value &= (1 << bits) - 1
      }
    }
    return bytes
  }
}
