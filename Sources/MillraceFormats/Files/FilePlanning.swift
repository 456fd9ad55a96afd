import MillraceColumnar
import MillraceCore

/// A file that exists, with what it begins with.
struct FileCandidate {
  let file: ListedFile
  let head: FileHead

  private var status: FileStatus { file.status }

  private var identity: FileIdentity {
    FileIdentity(
      device: status.device, inode: status.inode, size: status.size, headChecksum: head.checksum,
      headLength: head.length)
  }

  /// What is to be read of the file, given what was read of the one on its inode before; nil if nothing is.
  func waiting(_ entry: FileSourceOffset.Entry?, ratio: Double?) -> WaitingFile? {
    let total = estimatedSize(ratio)
    guard let entry, isContinuation(of: entry.identity) else {
      let part = FilePart(
        path: file.path, identity: identity, from: 0, restart: GzipRestartPoint(), isCompressed: head.isCompressed)
      return WaitingFile(part: part, estimate: total, isBegun: false)
    }
    if entry.isFinished && entry.identity.size == status.size { return nil }
    let part = FilePart(
      path: file.path, identity: identity, from: entry.plain, restart: entry.restart, isCompressed: head.isCompressed)
    return WaitingFile(part: part, estimate: max(total - entry.plain, 1), isBegun: !entry.isFinished)
  }

  /// Whether this is the file of `known`, the same or grown: an inode may have got another file.
  private func isContinuation(of known: FileIdentity) -> Bool {
    status.size >= known.size && head.begins(as: known)
  }

  private func estimatedSize(_ ratio: Double?) -> Int64 {
    if !head.isCompressed { return status.size }
    // A last member much smaller than the file says that there are others.
    let declaredSize = head.declaredSize
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

/// The files of the next batch, taken from those that wait, in their order.
struct FileBatch {
  private(set) var splits: [SourceSplit] = []
  private var keys: Set<FileIdentity.Key> = []
  private let maxFiles: Int
  private let maxBytes: Int64
  private let parallelism: Int
  private var total: Int64 = 0

  init(_ settings: FileSourceSettings, _ limit: ReadLimit) {
    maxFiles = max(1, min(settings.maxFiles ?? .max, limit.files ?? .max))
    maxBytes = max(1, limit.byteBound(own: settings.maxBytes) ?? .max)
    parallelism = max(1, limit.parallelism)
  }

  /// Takes the file if there is room for it. False once the batch is complete.
  mutating func add(_ file: WaitingFile) -> Bool {
    if isTooLarge(file) {
      // Too large for any batch: cut, and alone, so that what follows it waits for its end. Files that are only a little larger
      // than the limit stay whole: what is left of each would make a batch of its own.
      if splits.isEmpty { add(file, byteLimit: maxBytes) }
      return false
    }
    // The limit says about how much: a file belongs to the batch if more than half of it is within.
    if total + file.estimate / 2 > maxBytes && splits.count >= parallelism { return false }
    add(file, byteLimit: nil)
    total += file.estimate
    return splits.count < maxFiles
  }

  private mutating func add(_ file: WaitingFile, byteLimit: Int64?) {
    splits.append(file.part.split(byteLimit: byteLimit, sizeHint: byteLimit ?? file.estimate))
    keys.insert(file.part.identity.key)
  }

  private func isTooLarge(_ file: WaitingFile) -> Bool { file.estimate - maxBytes > maxBytes / 2 }

  /// Whether the next batch goes on with a file of this one.
  var isCut: Bool { splits.contains { $0.byteLimit != nil } }

  func contains(_ key: FileIdentity.Key) -> Bool { keys.contains(key) }

  /// A file as the next batch has it; nil if it will be cut.
  func nextSplit(_ file: WaitingFile) -> SourceSplit? {
    isTooLarge(file) ? nil : file.part.split(byteLimit: nil, sizeHint: file.estimate)
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

  /// The file of the plan, wherever it is found now, or an error that says what became of it. `head` gives a file's head.
  func locate(_ pattern: String, _ files: any FileSystem, head: (ListedFile) throws -> FileHead?) throws -> ListedFile {
    func isSame(_ file: ListedFile) throws -> Bool {
      // By content; a file put back from a copy has another inode.
      guard file.status.size >= identity.size, !file.status.isDirectory else { return false }
      return try head(file)?.begins(as: identity) ?? false
    }
    let status = try files.status(path)
    if let file = status.map({ ListedFile(path: path, status: $0) }), try isSame(file) { return file }
    for other in try files.listFiles(pattern, order: .modification)
    where other.path != path && other.key == identity.key {
      if try isSame(other) { return other }
    }
    guard let status else { throw Self.missing(path) }
    if status.inode == identity.inode && status.size < identity.size {
      throw MillraceError(
        "SOURCE_FILE_TRUNCATED", "'\(path)' had \(identity.size) bytes when it was planned and now has \(status.size)",
        hint: Self.hint, fault: .external)
    }
    throw MillraceError(
      "SOURCE_FILE_REPLACED", "'\(path)' is another file than the one that was planned", hint: Self.hint,
      fault: .external)
  }

  private static let hint =
    "put the file back as it was; the checkpoint has planned to read it, and reading another would change results"

  /// A file that is no longer there.
  static func missing(_ path: String) -> MillraceError {
    MillraceError(
      "SOURCE_FILE_MISSING", "'\(path)' was planned to be read and is gone", hint: hint, fault: .external)
  }
}
