import MillraceCore
import MillraceFormats
import Synchronization

/// Looks at the files of the logs and tells which of them are those that were read before, and which are new.
final class LogSurvey: Sendable {
  /// A file of a log as it is now.
  struct Sighting {
    var file: FollowedFile
    /// Bytes of the file (compressed ones if it is gzip).
    var size: Int64
    /// Nil for gzip.
    var held: HeldFile?
    /// Place in the rotation; nil for a file without a name.
    var order: RotationName.Order?
  }

  /// A file beside or in a log.
  struct Sibling {
    var path: String
    var name: RotationName
    var status: FileStatus
    var key: FollowedFile.Key { FollowedFile.Key(status) }
  }

  let configuration: RotatingFileSourceConfiguration
  let files: any FileSystem
  let clock: any Clock
  let held = Mutex<[FollowedFile.Key: HeldFile]>([:])
  /// How many of those that are held have a descriptor.
  let descriptors = DescriptorCount()

  init(_ configuration: RotatingFileSourceConfiguration, _ environment: Environment) {
    self.configuration = configuration
    files = environment.files
    clock = environment.clock
  }

  // MARK: Looking around

  /// Paths that the pipeline names, in the order of rotation.
  func named() throws -> [String] {
    let paths = configuration.isPattern ? try files.glob(configuration.path) : [configuration.path]
    return try paths.filter { path in
      if configuration.excludes(path) { return false }
      return try files.status(path).map { !$0.isDirectory } ?? false
    }
  }

  /// The files of each log, oldest first.
  func logs(_ named: [String], known: [FollowedFile]) throws -> [(base: String, siblings: [Sibling])] {
    // A path without wildcards names the live file even if the name looks rotated.
    let isPattern = configuration.isPattern
    let isNamed = Set(named)
    let bases = Set(named.map { isPattern ? RotationName($0).base : $0 } + known.map(\.base))
    var folders: [String: [String: [(path: String, name: RotationName)]]] = [:]
    return try bases.sorted().map { base in
      let prefix = base.lastIndex(of: "/").map { String(base[...$0]) } ?? ""
      if folders[prefix] == nil {
        let names = try files.list(prefix.isEmpty ? "." : prefix == "/" ? "/" : String(prefix.dropLast()))
        folders[prefix] = LogSurvey.byLog(names, prefix, only: bases.count == 1 ? base : nil)
      }
      var siblings: [Sibling] = []
      for (path, rotation) in folders[prefix]?[base] ?? [] {
        guard !configuration.excludes(path), let status = try files.status(path), !status.isDirectory else { continue }
        siblings.append(Sibling(path: path, name: rotation, status: status))
      }
      // A pattern that leaves the live file out means the rotated ones only.
      if isPattern && !isNamed.contains(base) && siblings.contains(where: { $0.path == base }) {
        siblings.removeAll { !isNamed.contains($0.path) }
      }
      return (base, siblings.sorted { ($0.name.order, $0.path) < ($1.name.order, $1.path) })
    }
  }

  /// The names in a folder by the logs that they belong to: each is the live file of its own log, and may be a rotated one of another.
  private static func byLog(
    _ names: [String], _ prefix: String, only base: String?
  ) -> [String: [(path: String, name: RotationName)]] {
    var logs: [String: [(path: String, name: RotationName)]] = [:]
    for name in names {
      let path = prefix + name
      if let base, !path.hasPrefix(base) { continue }
      logs[path, default: []].append((path, RotationName(base: path, order: .live)))
      guard let last = path.utf8.last, last == UInt8(ascii: "z") || (0x30...0x39).contains(last) else { continue }
      let rotation = RotationName(path)
      if rotation.order != .live { logs[rotation.base, default: []].append((path, rotation)) }
    }
    return logs
  }

  // MARK: Looking

  /// The files to begin with when nothing was read yet: of each log oldest first, and among them as done those that it has beside the
  /// ones that the pipeline names.
  func initial() throws -> [Sighting] {
    let named = try named()
    if named.isEmpty {
      if !configuration.waitsForFile {
        throw MillraceError(
          "SOURCE_FILE_MISSING", "there is no file '\(configuration.path)'",
          hint: "check the option 'path', or set 'waitForFile' to true", fault: .external)
      }
      if configuration.isPattern { return [] }
    }
    return try logs(named.isEmpty ? [configuration.path] : named, known: []).flatMap { log in
      let found = try begin(log.base, log.siblings, wanted: Set(named), since: nil)
      return found.isEmpty ? [Sighting(file: FollowedFile.nothing(of: log.base), size: 0)] : found
    }
  }

  /// All files of the logs that the pipeline names, of each log oldest first, whether or not a path names the rotated ones.
  func allFiles() throws -> [[Sighting]] {
    try logs(named(), known: []).map { try recognise([], among: $0.siblings, base: $0.base) }
  }

  /// The files that are there or open, given those that were known: each log's in order, oldest first.
  func look(known: [FollowedFile]) throws -> [Sighting] {
    let named = try named()
    let knownOf = Dictionary(grouping: known, by: \.base)
    return try logs(named, known: known).flatMap { log in
      if let mine = knownOf[log.base] { return try recognise(mine, among: log.siblings, base: log.base) }
      return try begin(log.base, log.siblings, wanted: Set(named), since: known.map(\.modified).max())
    }
  }

  /// The files of a log that was not known. Of those that the pipeline does not name, the ones that were not changed after `since` are
  /// none of its business.
  private func begin(_ base: String, _ siblings: [Sibling], wanted: Set<String>, since: Int64?) throws -> [Sighting] {
    let modified = Dictionary(siblings.map { ($0.path, $0.status.modified) }, uniquingKeysWith: max)
    return try recognise([], among: siblings, base: base).map { sighting in
      if wanted.contains(sighting.file.path) { return sighting }
      if let since, let modified = modified[sighting.file.path], modified > since { return sighting }
      return try passedOver(sighting)
    }
  }

  /// A file as if all of it had been read.
  func passedOver(_ sighting: Sighting) throws -> Sighting {
    var sighting = sighting
    sighting.file.isDrained = true
    sighting.file.isDone = true
    if let held = sighting.held {
      sighting.file.offset = sighting.size
      sighting.file.anchor = try held.anchor(at: sighting.size)
    }
    return sighting
  }

  // MARK: Reading

  /// Opens a file that was planned to be read, wherever it is now.
  func reader(_ file: FollowedFile, to end: Int64?) throws -> any ByteReader {
    bound()
    let endsEarly = !configuration.failsOnDataLoss
    if let open = held.withLock({ $0[file.key] }), let end, open.isThere, try open.continues(file) {
      return HeldFileReader(open, file.offset..<end, path: file.path, endsEarly: endsEarly)
    }
    for log in try logs(named(), known: [file]) where log.base == file.base {
      guard let sighting = try locate(file, among: log.siblings) else { break }
      if let open = sighting.held, let end {
        return HeldFileReader(open, file.offset..<end, path: sighting.file.path, endsEarly: endsEarly)
      }
      let reader = try GzipReader(files.open(sighting.file.path, .read), offset: file.offset)
      return end.map { LimitedReader(reader, count: $0 - file.offset) } ?? reader
    }
    throw LogSurvey.missing(file)
  }

  static func missing(_ file: FollowedFile) -> MillraceError {
    MillraceError(
      "SOURCE_FILE_MISSING",
      "'\(file.path)' is gone or was replaced after byte \(file.offset), and no copy of it is beside it",
      hint: "put it back, or set failOnDataLoss to false to go on without the rest of it", fault: .external)
  }

  /// Bytes that wait, as far as the files can be found at their last paths.
  func backlog(_ known: [FollowedFile]) -> Int64 {
    known.reduce(0) { sum, file in
      let size = held.withLock { $0[file.key] }.flatMap { try? $0.status().size } ?? file.offset
      return sum + max(size - file.offset, 0)
    }
  }

  /// What of some files was not read yet. `sizes` has those that were seen last, for files that are not open.
  func lag(_ known: [FollowedFile], _ sizes: [FollowedFile.Key: Int64]) -> Lag {
    var lag = Lag()
    for file in known {
      // How much is left of a compressed file is not known before it is read.
      let isWaiting = file.isCompressed && !file.isDrained
      let size = held.withLock { $0[file.key] }?.knownSize ?? sizes[file.key] ?? file.offset
      let bytes = file.isCompressed ? (isWaiting ? size : 0) : size - file.offset
      if bytes <= 0 { continue }
      lag.files += 1
      lag.bytes += bytes
      lag.oldest = min(lag.oldest ?? .max, file.modified)
    }
    return lag
  }

  /// How far reading is behind.
  struct Lag {
    var files: Int64 = 0
    /// Compressed ones of gzip files.
    var bytes: Int64 = 0
    /// The earliest time of a last change among those files, microseconds.
    var oldest: Int64?
  }

  /// Lets go of the descriptors that were not used for longest when there are more than there may be. A file is opened again under its
  /// name when it is needed, so that one that has none keeps its descriptor.
  func bound() {
    let limit = configuration.maxOpenFiles
    if descriptors.count <= limit { return }
    let open = held.withLock { Array($0.values) }.filter(\.isOpen).sorted { $0.lastUse < $1.lastUse }
    for file in open.prefix(open.count - limit * 3 / 4) { file.park() }
  }

  /// Closes all files but those with the given keys.
  func release(allBut keys: Set<FollowedFile.Key>) {
    let closing = held.withLock { held in
      let closing = held.filter { !keys.contains($0.key) }
      for key in closing.keys { held[key] = nil }
      return closing.values
    }
    for file in closing { file.close() }
  }
}

/// The first bytes of what another reader gives.
private final class LimitedReader: StoredByteReader {
  private let reader: GzipReader
  private var left: Int64
  var storedByteCount: Int64 { reader.storedByteCount }

  init(_ reader: GzipReader, count: Int64) {
    self.reader = reader
    left = count
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let wanted = Int(min(Int64(buffer.count), left))
    if wanted == 0 { return 0 }
    let count = try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]))
    left -= Int64(count)
    return count
  }

  func close() { reader.close() }
}
