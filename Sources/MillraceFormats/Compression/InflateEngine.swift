/// A library's raw inflate: deflate data without header and trailer.
protocol InflateEngine: AnyObject {
  /// Prepares for the next deflate stream.
  func reset()
  /// Inflates until the input is used up, the output is full or the stream ended. Throws `DamagedDeflate` for broken data.
  func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> InflateStep
  /// CRC-32 of gzip, continuing from `crc`.
  func crc(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32
}

/// What one call of an engine came to.
struct InflateStep {
  var consumed: Int
  var produced: Int
  var isFinished: Bool
  /// Bytes behind the end of the stream that the engine had taken already, first byte lowest.
  var lookahead: UInt64 = 0
  var lookaheadCount = 0
}

/// Deflate data that cannot be decoded. Whatever was produced before it counts.
struct DamagedDeflate: Error {
  var produced: Int
}

/// The inflate libraries that this build has.
public enum InflateLibrary: String, Sendable, CaseIterable {
  /// zlib, which is always there.
  case zlib
  #if ISAL
    /// ISA-L, the faster one where it is there.
    case isal
  #endif

  /// The fastest one.
  public static var preferred: InflateLibrary {
    #if ISAL
      .isal
    #else
      .zlib
    #endif
  }

  func makeEngine() -> any InflateEngine {
    switch self {
    case .zlib: ZlibInflate()
    #if ISAL
      case .isal: ISALInflate()
    #endif
    }
  }
}
