import CKernels
import MillraceCore
import Synchronization

/// The file of a snapshot of one operator's state, to be written on any thread.
struct SnapshotFile: Sendable {
  let files: any FileSystem
  /// The folder of the operators' states.
  let directory: String
  let index: Int
  let version: Int64

  /// Writes what `content` gives, piece by piece, so that the file is there whole or not at all.
  func write(_ content: (_ piece: (UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws -> StateBase {
    CrashPoint.pass(CrashPoints.snapshotBeforeWrite)
    let folder = StateFiles.folder(directory, index)
    try files.createDirectory(folder)
    let path = StateFiles.snapshotPath(directory, index, version)
    let file = try files.open("\(path).tmp", .createUncached)
    defer { try? file.close() }
    var out = BlockWriter(file)
    var byteCount = 0
    var checksum: UInt32 = 0
    try content { piece in
      var length = UInt32(piece.count)
      try withUnsafeBytes(of: &length) { header in
        try out.append(header)
        checksum = ck_crc32c(checksum, header.baseAddress, header.count)
      }
      try out.append(piece)
      checksum = ck_crc32c(checksum, piece.baseAddress, piece.count)
      byteCount += 4 + piece.count
    }
    try out.finish()
    CrashPoint.pass(CrashPoints.snapshotAfterWrite)
    try file.sync()
    CrashPoint.pass(CrashPoints.snapshotAfterSync)
    try files.rename("\(path).tmp", to: path)
    CrashPoint.pass(CrashPoints.snapshotAfterRename)
    // The folder's own name must be durable, too, which matters only for its first file.
    try files.syncDirectory(folder)
    try files.syncDirectory(directory)
    CrashPoint.pass(CrashPoints.snapshotAfterDirectorySync)
    return StateBase(operatorIndex: index, version: version, byteCount: byteCount, checksum: checksum)
  }
}

/// Writes snapshots on a thread of its own, from contents that the stores gave before.
final class BackgroundSnapshots {
  private let task: BackgroundTask
  private let work = Work()

  /// What both threads see.
  private final class Work: Sendable {
    let bases = Mutex<[StateBase]>([])
    let isCancelled = Atomic(false)

    struct Cancelled: Error {}

    func write(_ file: SnapshotFile, _ content: any FrozenState) throws {
      let base = try file.write { write in
        try content.write { piece in
          if isCancelled.load(ordering: .relaxed) { throw Cancelled() }
          try write(piece)
        }
      }
      bases.withLock { $0.append(base) }
    }
  }

  /// Begins.
  init(_ snapshots: [(file: SnapshotFile, content: any FrozenState)]) throws {
    task = try BackgroundTask("snapshots of state") { [work] in
      for (file, content) in snapshots { try work.write(file, content) }
    }
  }

  /// Whether all are written, or one failed.
  var hasEnded: Bool { task.hasEnded }

  /// What was written, when all is; throws what went wrong.
  func wait() throws -> [StateBase] {
    try task.wait()
    return work.bases.withLock { $0 }
  }

  /// Ends early, leaving a file that counts for nothing.
  func cancel() {
    work.isCancelled.store(true, ordering: .relaxed)
    try? task.wait()
  }
}
