/// A fast hash of bytes for tables in memory. Never stored: it may change between versions.
public enum ByteHash {
  /// Folds the 128-bit product of two words.
  @inlinable
  public static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// Hash of the bytes of a view.
  @inlinable
  public static func hash(_ view: StringView, seed: UInt64 = 0) -> UInt64 {
    if view.isInline { return mix(view.word0 ^ 0xA076_1D64_78BD_642F, view.word1 ^ seed ^ 0xE703_7ED1_A0B4_28DB) }
    let pointer = view.address, count = view.count
    var state = seed ^ UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
    var offset = 0
    while offset + 16 <= count {
      let a = pointer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let b = pointer.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
      state = mix(a ^ 0xA076_1D64_78BD_642F ^ state, b ^ 0xE703_7ED1_A0B4_28DB)
      offset += 16
    }
    // At least 13 bytes: two words cover the last 16, or all of 13 to 15.
    let a = pointer.loadUnaligned(fromByteOffset: max(count - 16, 0), as: UInt64.self)
    let b = pointer.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    return mix(a ^ state ^ 0x8EBC_6AF0_9C88_C6E3, b ^ 0x5895_65DC_1E47_A2E3)
  }
}
