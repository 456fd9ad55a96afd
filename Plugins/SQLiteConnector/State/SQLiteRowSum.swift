/// A fingerprint of one row of state and of all of them. It is kept on disk, so it must never change.
///
/// The fingerprint of a state is the sum of its rows' fingerprints: it follows each change without a look at the other rows.
enum SQLiteRowSum {
  /// Of a key and its value.
  static func of(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> UInt64 {
    fold(value, fold(key, 0x9E37_79B9_7F4A_7C15))
  }

  /// Of bytes that follow those that gave `seed`.
  static func fold(_ bytes: UnsafeRawBufferPointer, _ seed: UInt64) -> UInt64 {
    var sum = mixed(seed ^ UInt64(bytes.count))
    var at = 0
    while at &+ 8 <= bytes.count {
      sum = mixed(sum ^ UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)))
      at &+= 8
    }
    var last: UInt64 = 0
    while at < bytes.count {
      last = last << 8 | UInt64(bytes[at])
      at &+= 1
    }
    return mixed(sum ^ last)
  }

  private static func mixed(_ word: UInt64) -> UInt64 {
    var word = word &* 0xBF58_476D_1CE4_E5B9
    word ^= word >> 32
    word = word &* 0x94D0_49BB_1331_11EB
    return word ^ word >> 29
  }
}
