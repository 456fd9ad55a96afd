import CZlib
public import MillraceColumnar

#if ISAL
  import CISAL
#endif

/// Makes gzip members, or the deflate blocks of one. Used by one thread at a time; keep it from block to block, since its tables are
/// large.
public final class GzipCompressor {
  private let method: Method
  private let form: Form
  private let checksum: any InflateEngine

  /// What is made of each piece of plain bytes.
  public enum Form: Sendable {
    /// A whole gzip member.
    case member
    /// Deflate blocks that end at a byte, are not the last of their member, and refer to nothing before them.
    case blocks
  }

  private enum Method {
    case zlib(UnsafeMutablePointer<z_stream>)
    #if ISAL
      case isal(ISALDeflate)
    #endif
  }

  /// A compressor of a level in zlib's scale, 0…9. With ISA-L levels 1 to 5 are its own, which are four to six times as fast as
  /// zlib's and about as dense; higher ones are zlib's.
  public init(level: Int, form: Form = .member, library: InflateLibrary = .preferred) {
    self.form = form
    checksum = library.makeEngine()
    #if ISAL
      if library == .isal && (1...5).contains(level) {
        method = .isal(ISALDeflate(level: UInt32(min(level, 3)), form))
        return
      }
    #endif
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let result = deflateInit2_(
      stream, Int32(max(0, min(level, 9))), Z_DEFLATED, form == .member ? 31 : -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
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
    precondition(form == .member, "the compressor makes blocks")
    compress(plain, into: out)
  }

  /// Appends `plain` to `out` as deflate blocks and gives gzip's checksum of it.
  public func compressBlocks(_ plain: UnsafeRawBufferPointer, into out: ByteBuffer) -> UInt32 {
    precondition(form == .blocks, "the compressor makes members")
    compress(plain, into: out)
    return checksum.crc(0, plain)
  }

  private func compress(_ plain: UnsafeRawBufferPointer, into out: ByteBuffer) {
    switch method {
    case .zlib(let stream):
      deflateReset(stream)
      stream.deflate(plain, end: form == .member ? Z_FINISH : Z_FULL_FLUSH, into: out)
    #if ISAL
      case .isal(let deflate): deflate.compress(plain, into: out)
    #endif
    }
  }
}

extension UnsafeMutablePointer<z_stream> {
  /// Deflates `plain` up to its end, which is marked as `end` says, a flush or the end of the stream.
  func deflate(_ plain: UnsafeRawBufferPointer, end: Int32, into out: ByteBuffer) {
    var rest = plain
    while true {
      let piece = UInt32(clamping: rest.count)
      pointee.next_in = UnsafeMutablePointer<Bytef>(mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
      pointee.avail_in = piece
      let room = Swift.max(rest.count / 4, 4096)
      let target = out.reserve(room)
      pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
      pointee.avail_out = UInt32(clamping: room)
      let result = CZlib.deflate(self, Int(piece) == rest.count ? end : Z_NO_FLUSH)
      out.advance(Int(UInt32(clamping: room) - pointee.avail_out))
      rest = UnsafeRawBufferPointer(rebasing: rest[Int(piece - pointee.avail_in)...])
      if result == Z_STREAM_END { return }
      // A flush is done when room is left.
      if end != Z_FINISH && rest.isEmpty && pointee.avail_out > 0 { return }
    }
  }
}

#if ISAL
  /// ISA-L's deflate with its tables.
  final class ISALDeflate {
    private let stream: UnsafeMutablePointer<isal_zstream>
    private let tables: MemoryBuffer
    private let level: UInt32
    private let form: GzipCompressor.Form

    init(level: UInt32, _ form: GzipCompressor.Form) {
      self.level = level
      self.form = form
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
      stream.pointee.gzip_flag = UInt16(form == .member ? IGZIP_GZIP : IGZIP_DEFLATE)
      var rest = plain
      while true {
        let piece = UInt32(clamping: rest.count)
        let isLast = Int(piece) == rest.count
        stream.pointee.next_in = UnsafeMutablePointer(mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = piece
        stream.pointee.end_of_stream = isLast && form == .member ? 1 : 0
        stream.pointee.flush = UInt16(isLast && form == .blocks ? FULL_FLUSH : NO_FLUSH)
        let room = max(rest.count / 4, 4096)
        stream.pointee.next_out = out.reserve(room).assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: room)
        let result = isal_deflate(stream)
        precondition(result == COMP_OK, "ISA-L refused its settings: \(result)")
        out.advance(Int(UInt32(clamping: room) - stream.pointee.avail_out))
        rest = UnsafeRawBufferPointer(rebasing: rest[Int(piece - stream.pointee.avail_in)...])
        if stream.pointee.internal_state.state == ZSTATE_END { return }
        if form == .blocks && rest.isEmpty && stream.pointee.avail_out > 0 { return }
      }
    }
  }
#endif
