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
  private struct Sibling {
    var path: String
    var name: RotationName
    var status: FileStatus
    var key: FollowedFile.Key { FollowedFile.Key(status) }
  }

  private let configuration: RotatingFileSourceConfiguration
  private let files: any FileSystem
  private let held = Mutex<[FollowedFile.Key: HeldFile]>([:])

  init(_ configuration: RotatingFileSourceConfiguration, _ files: any FileSystem) {
    self.configuration = configuration
    self.files = files
  }

  // MARK: Looking around

  /// Paths that the pipeline names, in the order of rotation.
  private func named() throws -> [String] {
    let paths = configuration.isPattern ? try files.glob(configuration.path) : [configuration.path]
    return try paths.filter { path in
      if configuration.excludes(path) { return false }
      return try files.status(path).map { !$0.isDirectory } ?? false
    }
  }

  /// The files of each log, oldest first.
  private func logs(_ named: [String], known: [FollowedFile]) throws -> [(base: String, siblings: [Sibling])] {
    // A path without wildcards names the live file even if the name looks rotated.
    let isPattern = configuration.isPattern
    let bases = Set(named.map { isPattern ? RotationName($0).base : $0 } + known.map(\.base))
    return try bases.sorted().map { base in
      let slash = base.lastIndex(of: "/")
      let folder = slash.map { $0 == base.startIndex ? "/" : String(base[..<$0]) } ?? "."
      let prefix = slash.map { String(base[...$0]) } ?? ""
      var siblings: [Sibling] = []
      for name in try files.list(folder) {
        let path = prefix + name
        guard path.hasPrefix(base), let rotation = LogSurvey.rotation(of: path, in: base),
          !configuration.excludes(path),
          let status = try files.status(path),
          !status.isDirectory
        else { continue }
        siblings.append(Sibling(path: path, name: rotation, status: status))
      }
      // A pattern that leaves the live file out means the rotated ones only.
      if isPattern && !named.contains(base) && siblings.contains(where: { $0.path == base }) {
        siblings.removeAll { !named.contains($0.path) }
      }
      return (base, siblings.sorted { ($0.name.order, $0.path) < ($1.name.order, $1.path) })
    }
  }

  private static func rotation(of path: String, in base: String) -> RotationName? {
    if path == base { return RotationName(base: base, order: .live) }
    let name = RotationName(path)
    return name.base == base && name.order != .live ? name : nil
  }

  // MARK: Recognising

  /// The files to begin with when nothing was read yet.
  func initial() throws -> [Sighting] {
    let named = try named()
    if named.isEmpty && !configuration.waitsForFile {
      throw MillraceError(
        "SOURCE_FILE_MISSING", "there is no file '\(configuration.path)'",
        hint: "check the option 'path', or set 'waitForFile' to true", fault: .external)
    }
    let wanted = Set(named)
    return try logs(named, known: []).flatMap { log in
      let found = try fresh(log.siblings.filter { wanted.contains($0.path) }, base: log.base)
      return LogSurvey.withHorizons(found, among: log.siblings, since: 0)
    }
  }

  /// All files of the logs that the pipeline names, of each log oldest first, whether or not a path names the rotated ones.
  func allFiles() throws -> [[Sighting]] {
    try logs(named(), known: []).map { log in
      LogSurvey.withHorizons(try fresh(log.siblings, base: log.base), among: log.siblings, since: 0)
    }
  }

  /// The files that are to be read, given those that were: each log's in order, oldest first.
  func look(known: [FollowedFile]) throws -> [Sighting] {
    try logs(named(), known: known).flatMap { log in
      let mine = known.filter { $0.base == log.base }
      if mine.isEmpty {
        let wanted = Set(try named())
        let found = try fresh(log.siblings.filter { wanted.contains($0.path) }, base: log.base)
        return LogSurvey.withHorizons(found, among: log.siblings, since: 0)
      }
      let found = try look(mine, among: log.siblings, base: log.base)
      return LogSurvey.withHorizons(found, among: log.siblings, since: mine.map(\.horizon).max() ?? 0)
    }
  }

  /// What is neither among the files to read nor newer than one that is, is done, and so is what stands before a file once that one
  /// alone is known.
  private static func withHorizons(_ found: [Sighting], among siblings: [Sibling], since horizon: Int64) -> [Sighting] {
    let keys = Set(found.map(\.file.key))
    var horizon = siblings.filter { !keys.contains($0.key) }.map(\.status.modified).reduce(horizon, max)
    return found.map { sighting in
      var sighting = sighting
      sighting.file.horizon = max(sighting.file.horizon, horizon)
      horizon = max(horizon, sighting.file.modified)
      return sighting
    }
  }

  private func look(_ known: [FollowedFile], among siblings: [Sibling], base: String) throws -> [Sighting] {
    var found: [Sighting] = []
    var claimed: Set<String> = []
    var newest: RotationName.Order?
    var replaced: Set<String> = []
    for file in known {
      let others = siblings.filter { sibling in
        !claimed.contains(sibling.path) && !known.contains { $0.key == sibling.key && $0.key != file.key }
      }
      switch try locate(file, among: others) {
      case .here(let sibling, let sighting):
        found.append(sighting)
        claimed.insert(sibling.path)
        newest = newest.map { max($0, sibling.name.order) } ?? sibling.name.order
      case .unlinked(let sighting): found.append(sighting)
      case .replaced(let sibling):
        if !file.isDrained && configuration.failsOnDataLoss { throw LogSurvey.missing(file) }
        replaced.insert(sibling.path)
      case .absent:
        if !file.isDrained && configuration.failsOnDataLoss { throw LogSurvey.missing(file) }
      }
    }
    let horizon = known.map(\.horizon).max() ?? 0
    let added = try siblings.filter { sibling in
      if claimed.contains(sibling.path) { return false }
      // A live file is never done.
      if sibling.name.order == .live { return true }
      if let newest, sibling.name.order > newest { return true }
      guard sibling.status.modified > horizon else { return false }
      // No known file has a name any more, so what was changed since can only be newer; or the newest was empty when it was last
      // looked at, and has been filled, copied and emptied meanwhile.
      if newest == nil || replaced.contains(sibling.path) { return true }
      return try known.last?.head.length == 0 && !isCopied(found, in: sibling)
    }
    let all = LogSurvey.sorted(found + (try fresh(added, base: base)))
    guard all.isEmpty, !siblings.isEmpty, var last = known.last else { return all }
    // Nothing is left of what was known, but what is there is still done.
    last.isDrained = true
    return [Sighting(file: last, size: 0)]
  }

  /// Whether a file begins as one of those that were found does.
  private func isCopied(_ found: [Sighting], in sibling: Sibling) throws -> Bool {
    try found.contains { sighting in
      var file = FollowedFile(base: sighting.file.base, path: sibling.path, key: sibling.key)
      file.head = sighting.file.head
      return try file.head.length > 0 && sight(file, at: sibling) != nil
    }
  }

  /// Oldest first. A file without a name stays behind the one before it.
  private static func sorted(_ sightings: [Sighting]) -> [Sighting] {
    var last = RotationName.Order.dated([])
    let placed = sightings.enumerated().map { index, sighting in
      last = sighting.order ?? last
      return (order: last, index: index, sighting: sighting)
    }
    return placed.sorted { $0.order == $1.order ? $0.index < $1.index : $0.order < $1.order }.map(\.sighting)
  }

  /// New files from their beginning. Of a file and its compressed copy, the file.
  private func fresh(_ siblings: [Sibling], base: String) throws -> [Sighting] {
    var sightings: [Sighting] = []
    for (index, sibling) in siblings.enumerated() {
      let isCopy = siblings.indices.contains { other in
        other != index && siblings[other].name.order == sibling.name.order
          && sibling.path == siblings[other].path + ".gz"
      }
      if isCopy { continue }
      let file = FollowedFile(base: base, path: sibling.path, key: sibling.key)
      if let sighting = try sight(file, at: sibling) { sightings.append(sighting) }
    }
    // The live file is about to be emptied; the copy becomes its rest then.
    if let live = sightings.last, let copy = sightings.dropLast().last, try LogSurvey.isCopy(copy, of: live) {
      sightings.remove(at: sightings.count - 2)
    }
    return sightings
  }

  /// Whether a rotated file is a copy of the live one. Short files may begin alike, but a copy is made after the last change.
  private static func isCopy(_ rotated: Sighting, of live: Sighting) throws -> Bool {
    guard live.order == .live, let copy = rotated.held, let original = live.held, rotated.size > 0,
      rotated.file.modified >= live.file.modified || rotated.size > FollowedFile.headLength
    else { return false }
    var whole = rotated.file
    whole.offset = rotated.size
    guard let anchor = try copy.mark(max(0, rotated.size - FollowedFile.anchorLength)..<rotated.size) else {
      return false
    }
    whole.anchor = anchor
    return try original.continues(whole)
  }

  private enum Location {
    case here(Sibling, Sighting)
    /// It has no name any more, but is open.
    case unlinked(Sighting)
    /// Its inode holds other content.
    case replaced(Sibling)
    case absent
  }

  private func locate(_ file: FollowedFile, among siblings: [Sibling]) throws -> Location {
    var replaced: Sibling?
    var unlinked: Sighting?
    if let sibling = siblings.first(where: { $0.key == file.key }) {
      if let sighting = try sight(file, at: sibling) { return .here(sibling, sighting) }
      replaced = sibling
    } else if let open = held.withLock({ $0[file.key] }), try open.continues(file) {
      unlinked = Sighting(file: file, size: try open.status().size, held: open)
    }
    if file.head.length > 0 {
      // A copy was last changed no earlier than the file was; many logs begin alike, so that matters.
      for sibling in siblings where sibling.key != file.key && sibling.status.modified >= file.modified {
        var copy = file
        copy.key = sibling.key
        // An open file that lost its name to a copy is read on itself; the copy only tells its place in the rotation.
        if let sighting = try sight(copy, at: sibling) {
          var found = unlinked ?? sighting
          found.order = sighting.order
          return .here(sibling, found)
        }
      }
    }
    if let unlinked { return .unlinked(unlinked) }
    return replaced.map { .replaced($0) } ?? .absent
  }

  /// The file at a place if it goes on from `file`; nil if it is another one.
  private func sight(_ file: FollowedFile, at sibling: Sibling) throws -> Sighting? {
    guard let open = try open(sibling) else { return nil }
    var file = file
    file.path = sibling.path
    file.modified = max(sibling.status.modified, file.modified)
    if try open.isCompressed() {
      guard try compressedHead(open, at: sibling.path, file.head.length) == file.head else { return nil }
      if file.head.length == 0 {
        file.head = try compressedHead(open, at: sibling.path, FollowedFile.headLength) ?? file.head
      }
      // It may have grown between the last look and its compression.
      if !file.isCompressed { file.isDrained = false }
      file.isCompressed = true
      file.anchor = FollowedFile.Mark()
      return Sighting(file: file, size: sibling.status.size, held: nil, order: sibling.name.order)
    }
    if try !open.continues(file) { return nil }
    file.isCompressed = false
    let status = try open.status()
    file.modified = status.modified
    file.isDrained = file.offset >= status.size
    if file.head.length < FollowedFile.headLength, status.size > file.head.length {
      file.head = try open.mark(0..<min(status.size, FollowedFile.headLength)) ?? file.head
    }
    held.withLock { $0[open.key] = open }
    return Sighting(file: file, size: status.size, held: open, order: sibling.name.order)
  }

  /// The sibling's file, from those that are open if it is among them; nil if it went away or became another.
  private func open(_ sibling: Sibling) throws -> HeldFile? {
    if let open = held.withLock({ $0[sibling.key] }) { return open }
    do {
      let opened = try HeldFile(sibling.path, files)
      return opened.key == sibling.key ? opened : nil
    } catch let error as MillraceError where error.code == "IO_NOT_FOUND" { return nil }
  }

  private func compressedHead(_ file: HeldFile, at path: String, _ length: Int64) throws -> FollowedFile.Mark? {
    let head = try compressedBytes(at: path, Int(length))
    return FollowedFile.Mark(length: Int64(head.count), sum: head.withUnsafeBytes { Checksum.of($0) })
  }

  /// The first plain bytes of a gzip file, as many as it has.
  func compressedBytes(at path: String, _ length: Int) throws -> [UInt8] {
    let reader = try GzipReader(files.open(path, .read))
    defer { reader.close() }
    var bytes = [UInt8](repeating: 0, count: length)
    var count = 0
    while count < length {
      let got = try bytes.withUnsafeMutableBytes { target in
        try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: target[count...]))
      }
      if got == 0 { break }
      count += got
    }
    return Array(bytes[..<count])
  }

  // MARK: Reading

  /// Opens a file that was planned to be read, wherever it is now.
  func reader(_ file: FollowedFile, to end: Int64?) throws -> any ByteReader {
    if let open = held.withLock({ $0[file.key] }), let end, try open.continues(file) {
      return HeldFileReader(open, file.offset..<end, path: file.path)
    }
    for log in try logs(named(), known: [file]) where log.base == file.base {
      guard case .here(_, let sighting) = try locate(file, among: log.siblings) else { break }
      if let open = sighting.held, let end { return HeldFileReader(open, file.offset..<end, path: sighting.file.path) }
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
