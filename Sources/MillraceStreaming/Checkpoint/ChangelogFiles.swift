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
    let record = delta.record
    let path: String
    var byteCount = 0
    var checksum: UInt32 = 0
    func take(_ bytes: MemoryBuffer, isLast: Bool) throws {
      byteCount += bytes.capacity
      checksum = ck_crc32c(checksum, bytes.base, bytes.capacity)
      if isLast && (byteCount != record.byteCount || checksum != record.checksum) {
        throw StateFiles.damaged(path, record.byteCount, byteCount)
      }
      do {
        try store.apply(bytes.bytes)
      } catch let error as MillraceError where error.code == "STATE_CORRUPT" && !isLast {
        // The store sees a damaged piece before the checksum of all is known.
        throw StateFiles.damaged(path, record.byteCount, byteCount)
      }
    }
    if let range = delta.range {
      path = CommitLog.path(log, delta.segment)
      try take(CommitLog.read(files, path, range), isLast: true)
      return
    }
    path = StateFiles.deltaPath(checkpointState, delta.version, record)
    guard let pieces = record.pieces else { return try take(StateFiles.readAll(files, path), isLast: true) }
    for (index, piece) in pieces.enumerated() {
      try take(StateFiles.read(files, path, piece), isLast: index == pieces.count - 1)
    }
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
