import MillraceColumnar
import MillraceCore

/// A file that exists, with what it begins with.
struct FileCandidate {
  let path: String
  let status: FileStatus
  let head: FileHead
  /// Plain bytes by the file's own account.
  private let declaredSize: Int64

  var key: FileIdentity.Key { FileIdentity.Key(device: status.device, inode: status.inode) }

  init(path: String, status: FileStatus, head: FileHead, files: any FileSystem) {
    self.path = path
    self.status = status
    self.head = head
    declaredSize = head.isCompressed ? Self.lastMemberSize(path, status.size, files) : status.size
  }

  /// The size field at the end of a gzip file: right for one member below 4 GiB, 0 if it cannot be read.
  private static func lastMemberSize(_ path: String, _ size: Int64, _ files: any FileSystem) -> Int64 {
    var field: UInt32 = 0
    guard size >= 18, let file = try? files.open(path, .read) else { return 0 }
    defer { try? file.close() }
    let count = withUnsafeMutableBytes(of: &field) { (try? file.read(into: $0, at: size - 4)) ?? 0 }
    return count == 4 ? Int64(UInt32(littleEndian: field)) : 0
  }

  private var identity: FileIdentity {
    FileIdentity(
      device: status.device, inode: status.inode, size: status.size, headChecksum: head.checksum(head.bytes.count),
      headLength: head.bytes.count)
  }

  /// What is to be read of the file, given what was read of the one on its inode before; nil if nothing is.
  func waiting(_ entry: FileSourceOffset.Entry?, ratio: Double?) -> WaitingFile? {
    let total = estimatedSize(ratio)
    guard let entry, isContinuation(of: entry.identity) else {
      let part = FilePart(
        path: path, identity: identity, from: 0, restart: GzipRestartPoint(), isCompressed: head.isCompressed)
      return WaitingFile(part: part, estimate: total, isBegun: false)
    }
    if entry.isFinished && entry.identity.size == status.size { return nil }
    let part = FilePart(
      path: path, identity: identity, from: entry.plain, restart: entry.restart, isCompressed: head.isCompressed)
    return WaitingFile(part: part, estimate: max(total - entry.plain, 1), isBegun: !entry.isFinished)
  }

  /// Whether this is the file of `known`, the same or grown: an inode may have got another file.
  private func isContinuation(of known: FileIdentity) -> Bool {
    status.size >= known.size && head.bytes.count >= known.headLength
      && head.checksum(known.headLength) == known.headChecksum
  }

  private func estimatedSize(_ ratio: Double?) -> Int64 {
    if !head.isCompressed { return status.size }
    // A last member much smaller than the file says that there are others.
    if declaredSize >= status.size && declaredSize / 1100 <= status.size { return declaredSize }
    return Int64(Double(status.size) * (ratio ?? 6))
  }
}

/// A file of which something is to be read.
struct WaitingFile {
  var part: FilePart
  /// Plain bytes, about.
  var estimate: Int64
  /// Whether it was cut in an earlier batch.
  var isBegun: Bool
}

extension [WaitingFile] {
  /// The files of the next batch.
  func splits(_ settings: FileSourceSettings, _ limit: ReadLimit) -> [SourceSplit] {
    let maxFiles = Swift.min(settings.maxFiles ?? .max, limit.files ?? .max)
    let maxBytes = Swift.max(1, limit.byteBound(own: settings.maxBytes) ?? .max)
    var splits: [SourceSplit] = []
    var total: Int64 = 0
    for file in self {
      if splits.count >= Swift.max(1, maxFiles) { break }
      if file.estimate - maxBytes > maxBytes / 2 {
        // Too large for any batch: cut, and alone, so that what follows it waits for its end. Files that are only a little larger
        // than the limit stay whole: what is left of each would make a batch of its own.
        if splits.isEmpty { splits.append(file.part.split(byteLimit: maxBytes, sizeHint: maxBytes)) }
        break
      }
      // The limit says about how much: a file belongs to the batch if more than half of it is within.
      if total + file.estimate / 2 > maxBytes && splits.count >= Swift.max(1, limit.parallelism) { break }
      splits.append(file.part.split(byteLimit: nil, sizeHint: file.estimate))
      total += file.estimate
    }
    return splits
  }
}

/// A part of a file as a plan names it.
struct FilePart {
  var path: String
  var identity: FileIdentity
  /// Plain offset of the first byte.
  var from: Int64
  var restart: GzipRestartPoint
  var isCompressed: Bool

  init(path: String, identity: FileIdentity, from: Int64, restart: GzipRestartPoint, isCompressed: Bool) {
    self.path = path
    self.identity = identity
    self.from = from
    self.restart = restart
    self.isCompressed = isCompressed
  }

  init(_ payload: JSON) throws {
    guard let path = payload["path"]?.string, let identity = payload["file"].flatMap({ FileIdentity($0) }),
      let from = payload["from"]?.int, let restart = payload["restart"]?.array?.compactMap(\.int), restart.count == 2
    else {
      throw MillraceError("OFFSET_NOT_UNDERSTOOD", "a plan in the checkpoint names no file: \(payload.text)")
    }
    self.init(
      path: path, identity: identity, from: from, restart: GzipRestartPoint(compressed: restart[0], plain: restart[1]),
      isCompressed: payload["gzip"]?.bool ?? false)
  }

  func split(byteLimit: Int64?, sizeHint: Int64) -> SourceSplit {
    let payload = JSON.dictionary([
      "path": .string(path), "file": identity.json, "from": .int(from),
      "restart": .array([.int(restart.compressed), .int(restart.plain)]), "gzip": .bool(isCompressed),
    ])
    // The last part too goes on with the open reader: another would inflate the file from its start.
    let isPart = byteLimit != nil || from > 0
    let key = isPart ? "\(identity.device):\(identity.inode):\(identity.headChecksum)" : nil
    return SourceSplit(
      name: path, payload: payload, byteLimit: byteLimit, continuationKey: key, sizeHint: sizeHint,
      offset: from)
  }

  /// The path under which the file of the plan is found now, or an error that says what became of it.
  func locate(_ pattern: String, _ files: any FileSystem) throws -> String {
    let status = try files.status(path)
    if let status, try isSame(path, status, files) { return path }
    for other in try files.listFiles(pattern, order: .modification)
    where other.path != path && other.status.inode == identity.inode && other.status.device == identity.device {
      if try isSame(other.path, other.status, files) { return other.path }
    }
    let hint =
      "put the file back as it was; the checkpoint has planned to read it, and reading another would change results"
    guard let status else {
      throw MillraceError(
        "SOURCE_FILE_MISSING", "'\(path)' was planned to be read and is gone", hint: hint, fault: .external)
    }
    if status.inode == identity.inode && status.size < identity.size {
      throw MillraceError(
        "SOURCE_FILE_TRUNCATED", "'\(path)' had \(identity.size) bytes when it was planned and now has \(status.size)",
        hint: hint, fault: .external)
    }
    throw MillraceError(
      "SOURCE_FILE_REPLACED", "'\(path)' is another file than the one that was planned", hint: hint, fault: .external)
  }

  /// By content; a file put back from a copy has another inode.
  private func isSame(_ path: String, _ status: FileStatus, _ files: any FileSystem) throws -> Bool {
    guard status.size >= identity.size, !status.isDirectory else { return false }
    let head = try FileHead(path: path, files: files)
    return head.bytes.count >= identity.headLength && head.checksum(identity.headLength) == identity.headChecksum
  }
}
