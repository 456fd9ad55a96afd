/// Hexadecimal digits as ASCII bytes.
public enum HexDigit {
  /// 0…15 for a digit of either case, nil for any other byte.
  @inlinable @inline(__always)
  public static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }

  /// The digit for 0…15, letters small.
  @inlinable @inline(__always)
  public static func lowercase(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 &+ value : 0x57 &+ value }
}
