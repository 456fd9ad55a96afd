/// The hash of a 16-byte key. Hashes are never written, but they choose the partition of a checkpoint in which a key's state
/// lies: another hash would be another form of checkpoint.
enum GroupHash {
  @inline(__always)
  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// Hash of both words.
  @inline(__always)
  static func of(_ key: StringView) -> UInt32 {
    UInt32(truncatingIfNeeded: fold(key.word0 ^ 0x9E37_79B9_7F4A_7C15, key.word1 ^ 0xD6E8_FEB8_6659_FD93) >> 32)
  }

  /// Hash of the bytes that a view stands for.
  @inline(__always)
  static func ofView(_ key: StringView) -> UInt32 {
    key.isInline || key.word0 == GroupKeyLayout.nullWord ? of(key) : ofBytes(key.address, key.count)
  }

  /// Hash of more than 12 bytes, 16 a step; the last step overlaps the one before.
  @inline(never)
  private static func ofBytes(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt32 {
    var state = UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
    var at = 0
    while at &+ 16 <= count {
      let low = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let high = bytes.loadUnaligned(fromByteOffset: at &+ 8, as: UInt64.self)
      state = fold(low ^ state ^ 0xA076_1D64_78BD_642F, high ^ 0xE703_7ED1_A0B4_28DB)
      at &+= 16
    }
    if at < count {
      let low = bytes.loadUnaligned(fromByteOffset: max(count &- 16, 0), as: UInt64.self)
      let high = bytes.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
      state = fold(low ^ state ^ 0x8EBC_6AF0_9C88_C6E3, high ^ 0x5899_65CC_7537_4CC3)
    }
    return UInt32(truncatingIfNeeded: fold(state ^ 0x1D8E_4E27_C47D_124F, 0x9E37_79B9_7F4A_7C15) >> 32)
  }
}
