import CKernels
import MillraceColumnar
import MillraceCore

/// The append-only log of a query: PLAN, COMMIT, head and SEAL frames in numbered, preallocated segments.
///
/// Each append is one write and one sync, so at most one frame is ever not durable; that a COMMIT brings the next PLAN along
/// is therefore one frame. A segment begins with a head frame, which makes the segments before it unnecessary except for
/// the state changes in them. After any error the log refuses everything: what is on disk is known only to the next recovery.
final class CommitLog {
  let directory: String
  let files: any FileSystem
  private let seed: UInt32
  private let segmentSize: Int
  private var file: any File
  private var offset: Int64
  private var nextSequence: UInt64
  /// The segment that is written to.
  private(set) var segment: Int
  /// Numbers of all segments.
  private(set) var segments: [Int]
  private var hasFailed = false
  private let buffer = ByteBuffer(capacity: 8192)

  init(
    files: any FileSystem, directory: String, seed: UInt32, segmentSize: Int, file: any File, offset: Int64,
    nextSequence: UInt64,
    segments: [Int]
  ) {
    self.files = files
    self.directory = directory
    self.seed = seed
    self.segmentSize = segmentSize
    self.file = file
    self.offset = offset
    self.nextSequence = nextSequence
    self.segments = segments
    segment = segments.last ?? 1
  }

  static func path(_ directory: String, _ segment: Int) -> String {
    let digits = String(segment)
    return "\(directory)/\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).mlog"
  }

  /// Whether a frame of about `size` bytes would make the segment longer than it should be.
  func isFull(for size: Int) -> Bool {
    offset > Int64(LogFrame.headerSize * 4) && offset + Int64(size) > Int64(segmentSize)
  }

  /// Appends a frame and makes it durable.
  func append(_ kind: LogFrame.Kind, _ json: JSON, sections: [MemoryBuffer] = []) throws {
    guard !hasFailed else {
      throw MillraceError("CHECKPOINT_IO", "the log '\(file.path)' failed before", fault: .external)
    }
    buffer.removeAll()
    LogFrame.write(kind, sequence: nextSequence, json: json, sections: sections, seed: seed, into: buffer)
    hasFailed = true
    pass(
      kind, CrashPoints.planBeforeWrite, CrashPoints.commitBeforeWrite, CrashPoints.headBeforeWrite,
      CrashPoints.sealBeforeWrite)
    try file.write(buffer.bytes, at: offset)
    pass(
      kind, CrashPoints.planAfterWrite, CrashPoints.commitAfterWrite, CrashPoints.headAfterWrite,
      CrashPoints.sealAfterWrite)
    try file.sync()
    pass(
      kind, CrashPoints.planAfterSync, CrashPoints.commitAfterSync, CrashPoints.headAfterSync, CrashPoints.sealAfterSync
    )
    hasFailed = false
    offset += Int64(buffer.count)
    nextSequence += 1
  }

  private func pass(
    _ kind: LogFrame.Kind, _ plan: StaticString, _ commit: StaticString, _ head: StaticString, _ seal: StaticString
  ) {
    switch kind {
    case .plan: CrashPoint.pass(plan)
    case .commit: CrashPoint.pass(commit)
    case .head: CrashPoint.pass(head)
    case .seal: CrashPoint.pass(seal)
    }
  }

  /// Starts a new segment with `head`. The segments before stay until `removeSegments`.
  func rotate(head: JSON) throws {
    let next = segment + 1
    hasFailed = true
    let fresh = try Self.create(files, directory, next, segmentSize)
    try? file.close()
    file = fresh
    offset = 0
    segment = next
    segments.append(next)
    hasFailed = false
    try append(.head, head)
  }

  /// Makes a segment. Nothing in it is durable before its head, without which it counts for nothing.
  static func create(_ files: any FileSystem, _ directory: String, _ segment: Int, _ size: Int) throws -> any File {
    let file = try files.open(path(directory, segment), .create)
    try file.preallocate(Int64(size))
    CrashPoint.pass(CrashPoints.segmentAfterCreate)
    try files.syncDirectory(directory)
    CrashPoint.pass(CrashPoints.segmentAfterDirectorySync)
    return file
  }

  /// Removes the segments below `first`, oldest first.
  func removeSegments(below first: Int) throws {
    while let oldest = segments.first, oldest < first, oldest < segment {
      CrashPoint.pass(CrashPoints.segmentBeforeRemove)
      try files.remove(Self.path(directory, oldest))
      segments.removeFirst()
    }
  }

  func close() { try? file.close() }
}
