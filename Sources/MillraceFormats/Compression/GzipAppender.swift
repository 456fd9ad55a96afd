import CZlib
import MillraceColumnar
public import MillraceCore

/// Appends to a gzip file so that the file is whole gzip after each append, and small appends cost little.
///
/// A member is written without a last deflate block; its end, an empty last block and the trailer with checksum and length, ten bytes in
/// all, is put behind it each time and written over by the next append. So a member grows over any number of appends, up to
/// `memberSize`. Where an append ended (`place`) is enough to make the file that it was then out of a longer one: the end is computed
/// from it, not kept anywhere. Used by one thread at a time.
public final class GzipAppender {
  /// Where a file ends, and what its last member holds.
  public struct Place: Hashable, Sendable {
    /// Length of the whole file.
    public var length: Int64 = 0
    /// Plain bytes in the member that the next append goes on with; 0 where it begins another.
    public var memberLength: Int64 = 0
    /// Checksum (CRC-32) of those bytes.
    public var checksum: UInt32 = 0

    /// An empty file, or one that ends with whole members at `length`.
    public init(length: Int64 = 0) { self.length = length }

    /// Length without the end of a member that goes on: what stays as it is whatever is appended.
    public var settledLength: Int64 { memberLength > 0 ? length - GzipAppender.endLength : length }

    /// For a token: nothing but the length where no member goes on.
    public var json: [JSON.Member] {
      let length = JSON.Member("length", .int(length))
      if memberLength == 0 { return [length] }
      return [length, .init("member", .int(memberLength)), .init("checksum", .int(Int64(checksum)))]
    }

    /// What `json` of a token says; nil if it says nothing sensible.
    public init?(_ token: JSON) {
      guard let length = token["length"]?.int, length >= 0 else { return nil }
      self.init(length: length)
      guard let member = token["member"]?.int else { return }
      guard let checksum = token["checksum"]?.int, let word = UInt32(exactly: checksum), member > 0,
        length >= GzipAppender.endLength
      else { return nil }
      memberLength = member
      self.checksum = word
    }
  }

  /// An empty last block, checksum and length.
  static let endLength: Int64 = 10
  /// Magic, deflate, no flags, no time, system unknown.
  private static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
  /// How far back deflate can refer.
  private static let windowSize = 32 << 10

  private let memberSize: Int64
  private let small: SmallDeflate
  private let out = ByteBuffer()
  /// The last plain bytes of the member that goes on, as far as they are known.
  private var window = [UInt8]()
  /// Where the file ends.
  public private(set) var place: Place

  /// Goes on at a place. Members end when they hold `memberSize` plain bytes; `deflate` serves any number of appenders of one thread.
  public init(at place: Place, memberSize: Int64, deflate: SmallDeflate) {
    self.place = place
    self.memberSize = memberSize
    small = deflate
  }

  /// Writes a block behind what is there, plain or as deflate blocks, with the member's end behind it.
  public func append(_ block: EncodedBlock, to file: any File) throws {
    if block.plainByteCount == 0 { return }
    out.removeAll()
    let isBegun = place.memberLength > 0
    if !isBegun {
      Self.header.withUnsafeBytes { out.append($0) }
      window = []
    }
    var checksum = block.checksum
    if block.isCompressed {
      out.append(block.bytes)
      window = []
    } else {
      checksum = small.deflate(block.bytes, after: window, into: out)
      keep(block.bytes)
    }
    let start = place.settledLength
    var next = place
    next.checksum =
      isBegun ? GzipChecksum.joined(place.checksum, checksum, count: block.plainByteCount) : checksum
    next.memberLength += Int64(block.plainByteCount)
    Self.appendEnd(of: next, to: out)
    next.length = start + Int64(out.count)
    try file.write(out.bytes, at: start)
    if next.memberLength >= memberSize {
      next = Place(length: next.length)
      window = []
    }
    place = next
  }

  private func keep(_ plain: UnsafeRawBufferPointer) {
    if plain.count >= Self.windowSize { window = [] }
    window.append(contentsOf: plain.suffix(Self.windowSize))
    if window.count > Self.windowSize { window.removeFirst(window.count - Self.windowSize) }
  }

  /// Makes a file that is at least `settledLength` bytes long the one that ended at `place`. It may be done again after a crash.
  public static func cut(_ file: any File, to place: Place) throws {
    if place.memberLength > 0 {
      let end = ByteBuffer(capacity: Int(endLength))
      appendEnd(of: place, to: end)
      try file.write(end.bytes, at: place.settledLength)
    }
    if try file.status().size > place.length { try file.truncate(to: place.length) }
  }

  private static func appendEnd(of place: Place, to out: ByteBuffer) {
    out.append(3)
    out.append(0)
    out.append(raw: place.checksum.littleEndian)
    out.append(raw: UInt32(truncatingIfNeeded: place.memberLength).littleEndian)
  }
}

/// Deflates little at a time, with what stands before it in the member to refer to. Used by one thread at a time.
public final class SmallDeflate {
  private let stream: UnsafeMutablePointer<z_stream>
  private let checksum = InflateLibrary.preferred.makeEngine()

  /// A level in zlib's scale, 0…9.
  public init(level: Int) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let result = deflateInit2_(
      stream, Int32(max(0, min(level, 9))), Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    precondition(result == Z_OK, "zlib could not be set up: \(result)")
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Appends deflate blocks of `plain` that end at a byte and are not the last ones; gives the checksum of `plain`.
  func deflate(_ plain: UnsafeRawBufferPointer, after window: [UInt8], into out: ByteBuffer) -> UInt32 {
    deflateReset(stream)
    if !window.isEmpty { deflateSetDictionary(stream, window, UInt32(clamping: window.count)) }
    stream.deflate(plain, end: Z_SYNC_FLUSH, into: out)
    return checksum.crc(0, plain)
  }
}
