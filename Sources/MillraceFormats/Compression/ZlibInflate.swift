import CZlib

/// Inflate by zlib.
final class ZlibInflate: InflateEngine {
  private let stream: UnsafeMutablePointer<z_stream>

  init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let result = inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib could not be set up: \(result)")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func reset() { inflateReset2(stream, -15) }

  func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) throws -> InflateStep {
    let available = UInt32(clamping: input.count), room = UInt32(clamping: output.count)
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = available
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = room
    let result = CZlib.inflate(stream, Z_NO_FLUSH)
    let produced = Int(room - stream.pointee.avail_out)
    switch result {
    case Z_OK, Z_BUF_ERROR, Z_STREAM_END:
      return InflateStep(
        consumed: Int(available - stream.pointee.avail_in), produced: produced, isFinished: result == Z_STREAM_END)
    default: throw DamagedDeflate(produced: produced)
    }
  }

  func crc(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_z(UInt(crc), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
  }
}
