import CZlib
public import MillraceColumnar

#if ISAL
  import CISAL
#endif

/// Makes gzip members. Used by one thread at a time; keep it from block to block, since its tables are large.
public final class GzipCompressor {
  private let method: Method

  private enum Method {
    case zlib(UnsafeMutablePointer<z_stream>)
    #if ISAL
      case isal(ISALDeflate)
    #endif
  }

  /// A compressor of a level in zlib's scale, 0…9. With ISA-L levels 1 to 5 are its own, which are four to six times as fast as
  /// zlib's and about as dense; higher ones are zlib's.
  public init(level: Int, library: InflateLibrary = .preferred) {
    #if ISAL
      if library == .isal && (1...5).contains(level) {
        method = .isal(ISALDeflate(level: UInt32(min(level, 3))))
        return
      }
    #endif
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let result = deflateInit2_(
      stream, Int32(max(0, min(level, 9))), Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib could not be set up: \(result)")
    method = .zlib(stream)
  }

  deinit {
    if case .zlib(let stream) = method {
      deflateEnd(stream)
      stream.deallocate()
    }
  }

  /// Appends `plain` to `out` as one whole member.
  public func compressMember(_ plain: UnsafeRawBufferPointer, into out: ByteBuffer) {
    switch method {
    case .zlib(let stream): compress(plain, into: out, stream)
    #if ISAL
      case .isal(let deflate): deflate.compress(plain, into: out)
    #endif
    }
  }

  private func compress(_ plain: UnsafeRawBufferPointer, into out: ByteBuffer, _ stream: UnsafeMutablePointer<z_stream>)
  {
    deflateReset(stream)
    var rest = plain
    while true {
      let piece = UInt32(clamping: rest.count)
      stream.pointee.next_in = UnsafeMutablePointer(mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
      stream.pointee.avail_in = piece
      let room = max(rest.count / 4, 4096)
      let target = out.reserve(room)
      stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(clamping: room)
      let result = deflate(stream, Int(piece) == rest.count ? Z_FINISH : Z_NO_FLUSH)
      out.advance(Int(UInt32(clamping: room) - stream.pointee.avail_out))
      rest = UnsafeRawBufferPointer(rebasing: rest[Int(piece - stream.pointee.avail_in)...])
      if result == Z_STREAM_END { return }
    }
  }
}

#if ISAL
  /// ISA-L's deflate with its tables.
  final class ISALDeflate {
    private let stream: UnsafeMutablePointer<isal_zstream>
    private let tables: MemoryBuffer
    private let level: UInt32

    init(level: UInt32) {
      self.level = level
      // The "extra large" sizes of the library's header: longer blocks, so better codes.
      let sizes = [0, 4 << 10, 4 << 10, 20 << 10].map { $0 + 2 * (64 << 10) + 4 * (128 << 10) }
      tables = MemoryBuffer(capacity: sizes[Int(level)])
      stream = .allocate(capacity: 1)
    }

    deinit { stream.deallocate() }

    func compress(_ plain: UnsafeRawBufferPointer, into out: ByteBuffer) {
      isal_deflate_init(stream)
      stream.pointee.level = level
      stream.pointee.level_buf = tables.base.assumingMemoryBound(to: UInt8.self)
      stream.pointee.level_buf_size = UInt32(tables.capacity)
      stream.pointee.gzip_flag = UInt16(IGZIP_GZIP)
      var rest = plain
      while true {
        let piece = UInt32(clamping: rest.count)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = piece
        stream.pointee.end_of_stream = Int(piece) == rest.count ? 1 : 0
        let room = max(rest.count / 4, 4096)
        stream.pointee.next_out = out.reserve(room).assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: room)
        let result = isal_deflate(stream)
        precondition(result == COMP_OK, "ISA-L refused its settings: \(result)")
        out.advance(Int(UInt32(clamping: room) - stream.pointee.avail_out))
        rest = UnsafeRawBufferPointer(rebasing: rest[Int(piece - stream.pointee.avail_in)...])
        if stream.pointee.internal_state.state == ZSTATE_END { return }
      }
    }
  }
#endif
