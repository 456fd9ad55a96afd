import MillraceColumnar
public import MillraceCore

/// A file that a source found.
struct ListedFile {
  var path: String
  var status: FileStatus

  var key: FileIdentity.Key { FileIdentity.Key(device: status.device, inode: status.inode) }
}

/// In which order a source reads its files.
public enum FileOrder: Sendable {
  /// As logs rotate, oldest first: by the dates of folders, then the highest rotation number first and the file without one last, then dates in names, then numbers that
  /// only count up (`part.0007.gz`), then modification time, then name.
  case rotation
  /// By modification time, then name, as Spark's file source.
  case modification
}

extension FileSystem {
  /// Regular files that a path, folder or shell pattern names, in order; of a folder also those in its folders that name a partition,
  /// `date=2026-01-31`. Names in a folder that begin with `.` or `_` do not count.
  func listFiles(_ pattern: String, order: FileOrder) throws -> [ListedFile] {
    var found: [ListedFile] = []
    try forEachFile(pattern) {
      found.append($0)
      return true
    }
    return FileRank.sorted(found, order)
  }

  /// Whether `listFiles` would give any.
  func hasFile(_ pattern: String) throws -> Bool {
    var isFound = false
    try forEachFile(pattern) { _ in
      isFound = true
      return false
    }
    return isFound
  }

  /// Until `body` gives false.
  private func forEachFile(_ pattern: String, _ body: (ListedFile) -> Bool) throws {
    for path in try glob(pattern) {
      guard let status = try status(path) else { continue }
      let goesOn =
        try status.isDirectory ? forEachFile(inFolder: path, body) : body(ListedFile(path: path, status: status))
      if !goesOn { return }
    }
  }

  /// A file of each folder in which `listFiles` finds any, by its path below `folder`.
  func firstFiles(inFolder folder: String) throws -> [String] {
    var found: [String] = []
    var isFound = false
    // Of most files it need not be asked what they are.
    for name in try visibleNames(folder) where !isFound || isPartition(name) {
      let path = FilePath.joined(folder, name)
      guard let status = try status(path) else { continue }
      if status.isDirectory {
        if isPartition(name) { found += try firstFiles(inFolder: path).map { "\(name)/\($0)" } }
      } else if !isFound {
        isFound = true
        found.append(name)
      }
    }
    return found
  }

  /// Gives whether `body` always gave true.
  private func forEachFile(inFolder folder: String, _ body: (ListedFile) -> Bool) throws -> Bool {
    for name in try visibleNames(folder) {
      let path = FilePath.joined(folder, name)
      guard let status = try status(path) else { continue }
      let goesOn: Bool
      if status.isDirectory {
        goesOn = try !isPartition(name) || forEachFile(inFolder: path, body)
      } else {
        goesOn = body(ListedFile(path: path, status: status))
      }
      if !goesOn { return false }
    }
    return true
  }

  private func visibleNames(_ folder: String) throws -> [String] {
    try list(folder).filter { !$0.hasPrefix(".") && !$0.hasPrefix("_") }
  }

  /// Whether a folder of this name is read with the one that it is in.
  private func isPartition(_ name: String) -> Bool { name.contains("=") }

  /// Makes the folder of `path` and those above it, so that they last: each new name is synced in the folder above.
  public func createParentDurably(of path: String) throws {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
    let parent = String(path[..<slash])
    if try status(parent) != nil { return }
    try createParentDurably(of: parent)
    try createDirectory(parent)
    try syncDirectory(FilePath.parent(parent))
  }
}

/// Parts of paths.
public enum FilePath {
  /// The folder of a path, `.` if it names none.
  public static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The path of a name in a folder.
  static func joined(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }

  /// What stands behind the last slash.
  public static func name(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}
