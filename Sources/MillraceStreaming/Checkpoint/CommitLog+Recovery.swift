import CKernels
import MillraceColumnar
import MillraceCore

/// What the log says after a restart.
struct RecoveredLog {
  /// The last batch that is done.
  var commit: CommitRecord?
  /// A batch that was fixed but not done.
  var pendingPlan: PlanRecord?
  /// The snapshots that state is restored from.
  var bases: [StateBase] = []
  /// State changes that came after, in order.
  var deltas: [DeltaLocation] = []
}

/// Where the changes that one batch made to one operator lie.
struct DeltaLocation {
  var version: Int64
  var record: StateDeltaRecord
  var segment: Int
  /// Bytes of the segment; nil when the changes have a file.
  var range: Range<Int>?
}

extension CommitLog {
  /// Opens the log of a query, making it if there is none, and cuts off a torn end.
  static func open(_ files: any FileSystem, directory: String, queryID: String, segmentSize: Int) throws -> (
    log: CommitLog, RecoveredLog
  ) {
    let seed = LogFrame.seed(queryID: queryID)
    try files.createDirectory(directory)
    var scan = LogScan(files: files, directory: directory, seed: seed, isReadOnly: false)
    try CheckpointDamage.told { try scan.run() }
    guard let last = scan.segments.last else {
      let file = try create(files, directory, 1, segmentSize)
      let log = CommitLog(
        files: files, directory: directory, seed: seed, segmentSize: segmentSize, file: file, offset: 0,
        nextSequence: 1, segments: [1])
      try log.append(.head, LogHead(commit: nil, plan: nil, bases: []).json)
      return (log, RecoveredLog())
    }
    let file = try files.open(path(directory, last), .update)
    if !scan.isTailZero {
      CrashPoint.pass(CrashPoints.tailBeforeCut)
      try file.truncate(to: Int64(scan.end))
      try file.sync()
      CrashPoint.pass(CrashPoints.tailAfterCut)
    }
    try file.preallocate(Int64(max(segmentSize, scan.end)))
    try file.sync()
    let log = CommitLog(
      files: files, directory: directory, seed: seed, segmentSize: segmentSize, file: file, offset: Int64(scan.end),
      nextSequence: scan.nextSequence,
      segments: scan.segments)
    return (log, scan.result)
  }

  /// What the log says, without a change to it: for readers beside the query that writes it.
  static func look(_ files: any FileSystem, directory: String, queryID: String) throws -> RecoveredLog {
    guard try files.status(directory) != nil else { return RecoveredLog() }
    var scan = LogScan(files: files, directory: directory, seed: LogFrame.seed(queryID: queryID), isReadOnly: true)
    try CheckpointDamage.told { try scan.run() }
    return scan.result
  }

  /// The bytes of a range of a segment.
  static func read(_ files: any FileSystem, _ path: String, _ range: Range<Int>) throws -> MemoryBuffer {
    try CheckpointDamage.told { try LogScan.read(files: files, path, range) }
  }
}

/// The content of a head frame.
struct LogHead {
  var commit: CommitRecord?
  var plan: PlanRecord?
  var bases: [StateBase]

  var json: JSON {
    .dictionary(["commit": commit?.json ?? .null, "plan": plan?.json ?? .null, "bases": .array(bases.map(\.json))])
  }

  init(commit: CommitRecord?, plan: PlanRecord?, bases: [StateBase]) {
    self.commit = commit
    self.plan = plan
    self.bases = bases
  }

  init(_ json: JSON) throws {
    commit = try json["commit"].flatMap { $0 == .null ? nil : try CommitRecord($0) }
    plan = try json["plan"].flatMap { $0 == .null ? nil : try PlanRecord($0) }
    bases = try json.need("bases", \.array).map { try StateBase($0) }
  }
}

/// Reads all segments in order. The first broken frame ends the log if nothing whole comes after it; else it is damage.
struct LogScan {
  let files: any FileSystem
  let directory: String
  let seed: UInt32
  /// Whether nothing on the disk is changed, not even what a start would remove.
  let isReadOnly: Bool
  var segments: [Int] = []
  /// A segment with its records.
  struct Seen {
    var number: Int
    var byteCount: Int
    var kinds: [LogFrame.Kind] = []
    /// Where something other than zeros follows the last record.
    var brokenAt: Int?
  }

  /// What was met, segment by segment.
  private(set) var seen: [Seen] = []
  var result = RecoveredLog()
  /// Where the last segment's frames end.
  var end = 0
  var isTailZero = true
  var nextSequence: UInt64 = 1

  init(files: any FileSystem, directory: String, seed: UInt32, isReadOnly: Bool) {
    self.files = files
    self.directory = directory
    self.seed = seed
    self.isReadOnly = isReadOnly
  }

  mutating func run() throws {
    let names = try files.list(directory).filter { $0.hasSuffix(".mlog") }
    try run(names.compactMap { Int($0.dropLast(5)) }.sorted())
  }

  private mutating func run(_ numbers: [Int]) throws {
    segments = numbers
    seen = []
    var expected: UInt64?
    for segment in segments {
      let path = CommitLog.path(directory, segment)
      let bytes = try Self.read(files: files, path, nil)
      let view = bytes.bytes
      end = 0
      seen.append(Seen(number: segment, byteCount: view.count))
      while let frame = try LogFrame(view, at: end, seed: seed, path: path) {
        seen[seen.count - 1].kinds.append(frame.kind)
        if let expected, frame.sequence != expected {
          guard end == 0, frame.sequence > expected else {
            throw CheckpointDamage(path, end, "record \(expected) is missing, \(frame.sequence) follows")
          }
          // Segments that were not needed may come back in part after a power cut. A head needs none of them, and
          // whether all changes of state are there is checked when they are applied.
          result.deltas = []
        }
        if end == 0 && frame.kind != .head { throw CheckpointDamage(path, 0, "the segment has no head") }
        try take(frame, segment, path)
        expected = frame.sequence + 1
        end = frame.end
      }
      try checkTail(view, path, isLast: segment == segments.last, expected)
    }
    nextSequence = expected ?? 1
    guard let last = segments.last, end == 0 else { return }
    // The last segment was being made when the process died; its predecessors hold everything.
    if !isReadOnly {
      try files.remove(CommitLog.path(directory, last))
      try files.syncDirectory(directory)
    }
    result = RecoveredLog()
    try run(segments.dropLast())
  }

  private mutating func checkTail(_ bytes: UnsafeRawBufferPointer, _ path: String, isLast: Bool, _ expected: UInt64?)
    throws
  {
    isTailZero = true
    var at = end
    while at < bytes.count {
      if bytes[at] != 0 {
        isTailZero = false
        seen[seen.count - 1].brokenAt = end
        if let frame = LogFrame.probe(bytes, at, seed: seed), frame.sequence >= expected ?? 0 {
          throw CheckpointDamage(path, end, "record \(frame.sequence) follows a broken one")
        }
      }
      at += 1
    }
    // A segment without a head was being made when the process died, and then it holds nothing else.
    let holdsMore = end == 0 && LogFrame.hasMagic(bytes, from: 8)
    if end == 0 && (holdsMore || !(isLast && (segments.count > 1 || segments.first == 1))) {
      throw CheckpointDamage(path, 0, "the segment has no head")
    }
  }

  private mutating func take(_ frame: LogFrame, _ segment: Int, _ path: String) throws {
    switch frame.kind {
    case .head:
      let head = try LogHead(frame.json)
      result.commit = head.commit
      result.pendingPlan = head.plan
      result.bases = head.bases
      let versions = Dictionary(head.bases.map { ($0.operatorIndex, $0.version) }, uniquingKeysWith: { max($0, $1) })
      result.deltas.removeAll { $0.version <= versions[$0.record.operatorIndex] ?? 0 }
    case .plan:
      result.pendingPlan = try PlanRecord(frame.json)
    case .commit:
      let commit = try CommitRecord(frame.json.need("commit") { $0 })
      var sections = frame.sections.makeIterator()
      for record in commit.deltas where record.token == nil {
        let range = record.isFile ? nil : sections.next()
        if !record.isFile && range?.count != record.byteCount {
          throw CheckpointDamage(path, end, "state changes of batch \(commit.batchID) are missing")
        }
        result.deltas.append(
          DeltaLocation(version: commit.stateVersion, record: record, segment: segment, range: range))
      }
      result.commit = commit
      result.pendingPlan = try frame.json["plan"].flatMap { $0 == .null ? nil : try PlanRecord($0) }
    case .seal: break
    }
  }

  static func read(files: any FileSystem, _ path: String, _ range: Range<Int>?) throws -> MemoryBuffer {
    let file = try files.open(path, .read)
    defer { try? file.close() }
    let whole = try range ?? 0..<Int(file.status().size)
    let buffer = MemoryBuffer(capacity: whole.count)
    let got = try file.read(
      into: UnsafeMutableRawBufferPointer(start: buffer.base, count: whole.count), at: Int64(whole.lowerBound))
    if got != whole.count { throw CheckpointDamage(path, whole.lowerBound + got, "the file ends too early") }
    return buffer
  }
}
