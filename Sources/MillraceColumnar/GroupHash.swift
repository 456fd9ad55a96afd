import CKernels

/// Hashes of 16-byte keys.
enum GroupHash {
  /// The hash that chooses a key's slot. Never written, and no part of any file.
  static func of(_ key: StringView, isPacked: Bool) -> UInt32 {
    var hash: UInt32 = 0
    withUnsafePointer(to: key) { _ = fill(&hash, $0, count: 1, isPacked: isPacked) }
    return hash
  }

  /// The same of each of `count` keys. A view that does not hold its bytes itself has the hash of its bytes; gives whether there may be one.
  @inline(__always)
  @discardableResult
  static func fill(
    _ hashes: UnsafeMutablePointer<UInt32>, _ keys: UnsafePointer<StringView>, count: Int, isPacked: Bool
  ) -> Bool {
    let words = UnsafeRawPointer(keys).assumingMemoryBound(to: ck_view_words.self)
    let hasLong = ck_hash_keys(words, count, hashes)
    if isPacked || !hasLong { return false }
    for row in 0..<count where isLong(keys[row]) { hashes[row] = ofBytes(keys[row].address, keys[row].count) }
    return true
  }

  /// The hash that chooses a key's partition, and with it that of a checkpoint in which its state lies: another one would be another form of
  /// checkpoint.
  @inline(__always)
  static func ofPartition(_ key: StringView, isPacked: Bool) -> UInt32 {
    if !isPacked && isLong(key) { return ofBytes(key.address, key.count) }
    return ofPartition(short: key)
  }

  /// The same where the other hash is known.
  @inline(__always)
  static func ofPartition(_ key: StringView, known hash: UInt32) -> UInt32 {
    isLong(key) ? hash : ofPartition(short: key)
  }

  @inline(__always)
  private static func ofPartition(short key: StringView) -> UInt32 {
    UInt32(truncatingIfNeeded: fold(key.word0 ^ 0x9E37_79B9_7F4A_7C15, key.word1 ^ 0xD6E8_FEB8_6659_FD93) >> 32)
  }

  @inline(__always)
  private static func isLong(_ key: StringView) -> Bool { !key.isInline && key.word0 != GroupKeyLayout.nullWord }

  @inline(__always)
  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
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
