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

/// The first plain bytes of a file.
struct FileHead {
  let bytes: [UInt8]
  let isCompressed: Bool

  /// Reads the head; a file whose start is damaged has the bytes before the damage.
  init(path: String, files: any FileSystem) throws {
    let reader = try GzipReader(files.open(path, .read), inputCapacity: 4096)
    defer { reader.close() }
    var buffer = [UInt8](repeating: 0, count: FileIdentity.headLimit)
    var filled = 0
    while filled < buffer.count {
      let count = buffer.withUnsafeMutableBytes { target in
        (try? reader.read(into: UnsafeMutableRawBufferPointer(rebasing: target[filled...]))) ?? 0
      }
      if count == 0 { break }
      filled += count
    }
    bytes = Array(buffer[..<filled])
    isCompressed = reader.isCompressed
  }

  func checksum(_ count: Int) -> UInt32 {
    bytes.withUnsafeBytes { ck_crc32c(0, $0.baseAddress, count) }
  }
}
