import CKernels
import MillraceCore

/// What a file is known by whatever its name: where it lies, its size, and the first 1 KiB of what it holds (inflated, if it is gzip).
/// A rename such as `.1.gz` to `.2.gz` keeps it.
public struct FileIdentity: Sendable, Hashable {
  /// Device number.
  public var device: UInt64
  /// Inode number.
  public var inode: UInt64
  /// Bytes of the file, compressed if it is.
  public var size: Int64
  /// CRC32C of the first `headLength` plain bytes.
  public var headChecksum: UInt32
  /// Plain bytes in the checksum, at most 1024.
  public var headLength: Int

  static let headLimit = 1024

  /// The same file, perhaps grown: its key in tables.
  var key: Key { Key(device: device, inode: inode) }

  struct Key: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  /// As a JSON array, in the order of the fields.
  var json: JSON {
    .array([
      .int(Int64(bitPattern: device)), .int(Int64(bitPattern: inode)), .int(size), .int(Int64(headChecksum)),
      .int(Int64(headLength)),
    ])
  }

  init(device: UInt64, inode: UInt64, size: Int64, headChecksum: UInt32, headLength: Int) {
    self.device = device
    self.inode = inode
    self.size = size
    self.headChecksum = headChecksum
    self.headLength = headLength
  }

  init?(_ json: JSON) {
    guard let numbers = json.array?.map(\.int), numbers.count >= 5, let device = numbers[0], let inode = numbers[1],
      let size = numbers[2], let checksum = numbers[3], let length = numbers[4]
    else { return nil }
    self.init(
      device: UInt64(bitPattern: device), inode: UInt64(bitPattern: inode), size: size,
      headChecksum: UInt32(truncatingIfNeeded: checksum), headLength: Int(length))
  }
}

/// What the first plain bytes of a file say, and how many it has by its own account. The bytes themselves are not kept: there may be very many
/// files.
struct FileHead {
  /// Plain bytes that were looked at, at most `FileIdentity.headLimit`.
  let length: Int
  let isCompressed: Bool
  /// Plain bytes; 0 where a gzip file does not say.
  let declaredSize: Int64
  /// Of all bytes.
  let checksum: UInt32
  /// Of fewer bytes, as many as the file had before.
  private let earlier: (length: Int, checksum: UInt32)?

  /// Reads the head of what was the file when it had `size` bytes; a file whose start is damaged has the bytes before the damage. `known` is
  /// how many of them can be told apart besides.
  init(_ file: any File, size: Int64, known: Int?) throws {
    // Not closed: the file is the caller's. zlib, whose tables for so few bytes are made in a quarter of the time.
    let reader = try GzipReader(file, fileEnd: size, inputCapacity: 4096, library: .zlib)
    var filled = 0
    (checksum, earlier) = withUnsafeTemporaryAllocation(byteCount: FileIdentity.headLimit, alignment: 8) { buffer in
      while filled < buffer.count {
        let count = (try? reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))) ?? 0
        if count == 0 { break }
        filled += count
      }
      let start = buffer.baseAddress
      let part = known.map { min($0, filled) }
      return (ck_crc32c(0, start, filled), part.map { ($0, ck_crc32c(0, start, $0)) })
    }
    length = filled
    isCompressed = reader.isCompressed
    declaredSize = isCompressed ? Self.lastMemberSize(file, size) : size
  }

  /// The size field at the end of a gzip file: right for one member below 4 GiB, 0 if it cannot be read.
  private static func lastMemberSize(_ file: any File, _ size: Int64) -> Int64 {
    var field: UInt32 = 0
    guard size >= 18 else { return 0 }
    let count = withUnsafeMutableBytes(of: &field) { (try? file.read(into: $0, at: size - 4)) ?? 0 }
    return count == 4 ? Int64(UInt32(littleEndian: field)) : 0
  }

  /// Of the first bytes; nil where they were not summed up.
  func checksum(of count: Int) -> UInt32? {
    if count == length { return checksum }
    return count == earlier?.length ? earlier?.checksum : nil
  }

  /// Whether the file begins with what `identity` was made of. It must have been read with that one's length in mind.
  func begins(as identity: FileIdentity) -> Bool { checksum(of: identity.headLength) == identity.headChecksum }
}
