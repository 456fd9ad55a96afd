import CKernels

/// A file that an archive source has read, by what it holds: the same under another name, compressed or not.
public struct ArchivedFile: Hashable, Sendable {
  /// `ArchivedFile.checksum` of the first `headLength` plain bytes.
  public var headChecksum: UInt32
  /// Plain bytes in the checksum.
  public var headLength: Int
  /// Plain bytes that were read.
  public var plainByteCount: Int64
  /// Whether those are all that the file had.
  public var isFinished: Bool

  /// Makes the description of a file.
  public init(headChecksum: UInt32, headLength: Int, plainByteCount: Int64, isFinished: Bool) {
    self.headChecksum = headChecksum
    self.headLength = headLength
    self.plainByteCount = plainByteCount
    self.isFinished = isFinished
  }

  /// CRC32C, the sum that archives tell files apart by.
  public static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    ck_crc32c(0, bytes.baseAddress, bytes.count)
  }
}

/// A source of files that can say which of them it has read, to one that starts after it.
public protocol ArchiveSource: Source {
  /// The files of which something was read up to `offset`.
  func archivedFiles(_ offset: Offset?) throws -> [ArchivedFile]
}

/// A source of live files that leaves out what an archive has already given: a log whose rotated files are in the archive.
///
/// With `startAfter` the engine calls `leaveOut` when the archive has come to its end, and then `start(after: nil)`. What the source
/// makes of it must be in its offsets and plans from then on: `leaveOut` is called once in the life of a checkpoint, or again after a
/// crash before the source's first batch was planned.
public protocol ArchiveFollower: Source {
  /// Files of the archive; of each only what it read is to be left out.
  func leaveOut(_ files: [ArchivedFile])
}
