import MillraceCore
import MillraceFormats

/// A file of a sink that was found, or that is done.
struct FoundFile {
  var number: Int64
  var folder: String
  var path: String
  var size: Int64
  /// Whether it still is to be compressed.
  var isPlain: Bool
}

/// What is done with a sink's files once their batch is logged: renamed, compressed, linked to, removed.
///
/// Every step can be done again, and what is left to do shows in what files there are, so a crash loses none. Only files with the
/// sink's names and numbers are touched.
final class RotatedFiles {
  private let configuration: RotatingFileSinkConfiguration
  private let environment: Environment
  private let chain: LogrotateChain
  /// Files that are done and not removed, by number; kept up only where files are removed by number.
  private var done: [FoundFile] = []
  /// Files that are to be compressed.
  private var plain: [FoundFile] = []
  /// Folders in which a crash may have left old files of a chain plain.
  private var unchecked: Set<String> = []
  /// Files with a name that they have until they are committed.
  private var unnamed: [(number: Int64, folder: String)] = []
  /// The newest file of each folder that the link there does not lead to yet.
  private var unlinked: [String: String] = [:]
  /// Folders that are known to be there and to be no links.
  private var folders: Set<String> = []
  private var isPruneDue = true
  private var nextPrune: Int64 = 0

  init(_ configuration: RotatingFileSinkConfiguration, _ environment: Environment) {
    self.configuration = configuration
    self.environment = environment
    chain = LogrotateChain(configuration, environment.files)
  }

  private var name: RotatingFileName { configuration.name }
  private var files: any FileSystem { environment.files }
  private var isNumbered: Bool { name.scheme != .logrotate }

  // MARK: Recovery

  /// All files with names of the sink, in the order of their numbers.
  func survey() throws -> [FoundFile] {
    var found: [FoundFile] = []
    unchecked = []
    try survey("", configuration.partitioning?.folders.map(\.name) ?? [], &found)
    return found.sorted { $0.number < $1.number }
  }

  private func survey(_ folder: String, _ columns: [String], _ found: inout [FoundFile]) throws {
    if columns.isEmpty && !isNumbered { unchecked.insert(folder) }
    for file in try files.list(name.path(of: folder)) {
      let path = "\(name.path(of: folder))/\(file)"
      if let column = columns.first {
        guard file.hasPrefix(PartitionPath.prefix(column)), try files.linkTarget(path) == nil,
          try files.status(path)?.isDirectory == true
        else { continue }
        try survey(folder.isEmpty ? file : "\(folder)/\(file)", Array(columns.dropFirst()), &found)
      } else if let parsed = name.parse(file), let status = try files.status(path), !status.isDirectory {
        found.append(
          FoundFile(
            number: parsed.number, folder: folder, path: path, size: status.size,
            isPlain: isCompressedLater && !parsed.isCompressed))
      }
    }
  }

  private var isCompressedLater: Bool { configuration.compression == .onRotation }

  /// Removes files of batches that were not committed.
  func remove(_ unwanted: [FoundFile]) throws {
    for file in unwanted {
      try files.remove(file.path)
      CrashPoint.pass("rotating.removed")
    }
    for folder in Set(unwanted.map(\.folder)) { try files.syncDirectory(name.path(of: folder)) }
  }

  /// Begins with the committed files that there are; those with the numbers `open` take more rows.
  func restart(_ committed: [FoundFile], open: Set<Int64> = []) {
    // A crash can leave a file plain and compressed; the plain one goes.
    let compressed = Set(committed.filter { !$0.isPlain }.map(\.number))
    let whole = committed.filter { !$0.isPlain || !compressed.contains($0.number) }
    done = isNumbered && !configuration.retention.isNone ? whole.filter { !open.contains($0.number) } : []
    plain = isNumbered ? committed.filter { $0.isPlain && !open.contains($0.number) } : []
    unnamed = isNumbered ? [] : committed.map { ($0.number, $0.folder) }
    unlinked = [:]
    if configuration.hasLink {
      for file in whole { unlinked[file.folder] = file.path }
    }
    folders = []
    isPruneDue = true
  }

  /// Refuses files with logrotate names that no note claims: rotating would rename them, and in the end remove them.
  func refuseOthers() throws { try chain.refuseAny(in: "") }

  // MARK: A batch

  /// Makes a folder of a partition, and makes sure that it is one below the sink's.
  func makeFolder(_ folder: String) throws {
    if folder.isEmpty || folders.contains(folder) { return }
    var path = name.directory
    for part in folder.split(separator: "/") {
      let parent = path
      path += "/\(part)"
      if let target = try files.linkTarget(path) {
        throw MillraceError(
          "SINK_PATH_IS_LINK",
          "'\(path)' is a link to '\(target)', and rows would be written outside of the sink's folder",
          hint: "remove the link, or move what it leads to here", fault: .external)
      }
      if try files.status(path) == nil {
        try files.createDirectory(path)
        try files.syncDirectory(parent)
      }
    }
    if folders.count > 10_000 { folders = [] }
    folders.insert(folder)
  }

  /// A file was begun.
  func began(_ file: RotatingFile) {
    if configuration.hasLink { unlinked[file.folder] = name.path(file.number, in: file.folder, date: file.date) }
    if !isNumbered { unnamed.append((file.number, file.folder)) }
    isPruneDue = true
  }

  /// A file is done.
  func add(_ file: RotatingFile, path: String) {
    isPruneDue = true
    guard isNumbered else { return }
    let found = FoundFile(
      number: file.number, folder: file.folder, path: path, size: file.length, isPlain: isCompressedLater)
    if !configuration.retention.isNone { done.append(found) }
    if found.isPlain { plain.append(found) }
  }

  /// Everything up to now is logged.
  func settle(_ open: [RotatingFile], now: Int64) throws {
    var folders = Set(open.map(\.folder))
    if configuration.partitioning == nil { folders.insert("") }
    for (number, folder) in unnamed.sorted(by: { $0.number < $1.number }) {
      try chain.push(number, in: folder)
      folders.insert(folder)
    }
    unnamed = []
    for folder in unchecked.sorted() { try chain.compressOld(in: folder) }
    unchecked = []
    for file in plain { try compress(file) }
    plain = []
    if configuration.hasLink {
      for (folder, path) in unlinked { try link(path, in: folder) }
      unlinked = [:]
    }
    if isPruneDue || (configuration.retention.age != nil && now >= nextPrune) { try prune(open, folders, now: now) }
  }

  // MARK: Compression

  private func compress(_ file: FoundFile) throws {
    let size = try GzipRotation.compress(file.path, level: configuration.level, files)
    if let index = done.firstIndex(where: { $0.number == file.number }) {
      done[index].path = "\(file.path).gz"
      done[index].size = size
      done[index].isPlain = false
    }
    if unlinked[file.folder] == file.path { unlinked[file.folder] = "\(file.path).gz" }
  }

  // MARK: Link

  /// Refuses what is at the link's place and no link.
  func checkLink(in folder: String) throws {
    let path = name.livePath(in: folder)
    if try files.linkTarget(path) == nil, try files.status(path) != nil {
      throw MillraceError(
        "SINK_NOT_EMPTY", "'\(path)' is to be a link to the newest file, and something else is there",
        hint: "move it away, or set currentLink to false", fault: .external)
    }
  }

  private func link(_ target: String, in folder: String) throws {
    let path = name.livePath(in: folder), draft = name.linkDraft(in: folder)
    let file = FilePath.name(target)
    if try files.linkTarget(path) == file { return }
    try checkLink(in: folder)
    CrashPoint.pass("rotating.link")
    try files.remove(draft)
    try files.createLink(draft, to: file)
    CrashPoint.pass("rotating.link-made")
    try files.rename(draft, to: path)
    CrashPoint.pass("rotating.linked")
  }

  // MARK: Retention

  private func prune(_ open: [RotatingFile], _ folders: Set<String>, now: Int64) throws {
    isPruneDue = false
    nextPrune = now + 60_000_000
    let retention = configuration.retention
    if retention.isNone { return }
    CrashPoint.pass("rotating.prune")
    if !isNumbered { return try chain.prune(folders: folders, retention, now: now) }
    // The newest file stays, so that there is something for the link to lead to.
    let newest = (open.map(\.number) + done.map(\.number)).max()
    done.sort { $0.number < $1.number }
    var count = done.count + open.count
    var bytes = open.reduce(0) { $0 + $1.length } + done.reduce(0) { $0 + $1.size }
    var removed: [FoundFile] = []
    for file in done where file.number != newest {
      var isUnwanted = count > retention.files ?? .max || bytes > retention.bytes ?? .max
      if !isUnwanted, let age = retention.age {
        isUnwanted = try files.status(file.path).map { now - $0.modified >= age } ?? true
      }
      if !isUnwanted { break }
      removed.append(file)
      count -= 1
      bytes -= file.size
    }
    try remove(removed)
    let gone = Set(removed.map(\.number))
    done.removeAll { gone.contains($0.number) }
  }
}
