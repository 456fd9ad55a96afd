import CZlib

/// The checksum of gzip, CRC-32.
public enum GzipChecksum {
  /// Of all bytes.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_z(0, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }

  /// Of some bytes with checksum `first` and `count` more with checksum `second` behind them.
  static func joined(_ first: UInt32, _ second: UInt32, count: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_combine(UInt(first), UInt(second), count))
  }
}
