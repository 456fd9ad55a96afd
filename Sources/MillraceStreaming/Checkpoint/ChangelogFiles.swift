import CKernels
import MillraceColumnar
import MillraceCore

/// Reads what a checkpoint keeps of changelog stores: snapshots, and changes in the log or in files. Everything is checked against
/// the checksums that the log has.
struct ChangelogFiles {
  let files: any FileSystem
  /// The folder of the operators' states.
  let checkpointState: String
  /// The folder of the log.
  let log: String

  /// Applies the changes of one batch.
  func apply(_ delta: DeltaLocation, to store: any ChangelogStateStore) throws {
    let bytes: MemoryBuffer
    let path: String
    if let range = delta.range {
      path = CommitLog.path(log, delta.segment)
      bytes = try CommitLog.read(files, path, range)
    } else {
      path = StateFiles.deltaPath(checkpointState, delta.version, delta.record)
      bytes = try StateFiles.read(files, path, delta.record.fileRange)
    }
    guard bytes.capacity == delta.record.byteCount,
      ck_crc32c(0, bytes.base, bytes.capacity) == delta.record.checksum
    else { throw StateFiles.damaged(path, delta.record.byteCount, bytes.capacity) }
    try store.apply(UnsafeRawBufferPointer(start: bytes.base, count: bytes.capacity))
  }

  /// Applies a snapshot.
  func load(_ base: StateBase, into store: any ChangelogStateStore) throws {
    let path = StateFiles.snapshotPath(checkpointState, base.operatorIndex, base.version)
    let file = try files.open(path, .read)
    defer { try? file.close() }
    var offset: Int64 = 0
    var checksum: UInt32 = 0
    while offset < Int64(base.byteCount) {
      var length: UInt32 = 0
      let got = try withUnsafeMutableBytes(of: &length) { try file.read(into: $0, at: offset) }
      let size = Int(length)
      guard got == 4, size <= base.byteCount - Int(offset) - 4 else {
        throw StateFiles.damaged(path, base.byteCount, Int(offset))
      }
      let piece = MemoryBuffer(capacity: size)
      let read = try file.read(into: UnsafeMutableRawBufferPointer(start: piece.base, count: size), at: offset + 4)
      guard read == size else { throw StateFiles.damaged(path, base.byteCount, Int(offset)) }
      checksum = withUnsafeBytes(of: &length) { ck_crc32c(checksum, $0.baseAddress, 4) }
      checksum = ck_crc32c(checksum, piece.base, size)
      try store.apply(UnsafeRawBufferPointer(start: piece.base, count: size))
      offset += 4 + Int64(size)
    }
    if checksum != base.checksum { throw StateFiles.damaged(path, base.byteCount, Int(offset)) }
  }
}
