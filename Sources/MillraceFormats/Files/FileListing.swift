import MillraceColumnar
public import MillraceCore

/// A file that a source found.
struct ListedFile {
  var path: String
  var status: FileStatus
}

/// In which order a source reads its files.
public enum FileOrder: Sendable {
  /// As logs rotate, oldest first: the highest rotation number first and the file without one last, then dates in names, then
  /// modification time, then name.
  case rotation
  /// By modification time, then name, as Spark's file source.
  case modification
}

extension FileSystem {
  /// Regular files that a path, folder or shell pattern names, in order. Names in a folder that begin with `.` or `_` do not count.
  func listFiles(_ pattern: String, order: FileOrder) throws -> [ListedFile] {
    var found: [ListedFile] = []
    for path in try glob(pattern) {
      guard let status = try status(path) else { continue }
      if !status.isDirectory {
        found.append(ListedFile(path: path, status: status))
        continue
      }
      for name in try list(path) where !name.hasPrefix(".") && !name.hasPrefix("_") {
        let inner = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
        guard let status = try self.status(inner), !status.isDirectory else { continue }
        found.append(ListedFile(path: inner, status: status))
      }
    }
    return found.map { (FileRank($0, order), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
  }

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

  /// What stands behind the last slash.
  public static func name(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }
}

/// A file's place among others.
struct FileRank: Comparable {
  /// Higher is older; -1 without a number.
  private let rotation: Int
  private let stamp: UInt64
  /// The lower, the older; of files that are numbered for ever, as the sink `rotating-file` does it.
  private let sequence: UInt64
  private let modified: Int64
  private let path: String

  init(_ file: ListedFile, _ order: FileOrder) {
    let name = FilePath.name(file.path)
    rotation = order == .rotation ? Self.rotation(name) : -1
    stamp = order == .rotation ? Self.stamp(name) : 0
    sequence = order == .rotation ? Self.sequence(name) : 0
    modified = file.status.modified
    path = file.path
  }

  static func < (left: Self, right: Self) -> Bool {
    if left.rotation != right.rotation { return left.rotation > right.rotation }
    if left.stamp != right.stamp { return left.stamp < right.stamp }
    if left.sequence != right.sequence { return left.sequence < right.sequence }
    if left.modified != right.modified { return left.modified < right.modified }
    return left.path < right.path
  }

  /// The last part between dots that is a number of six digits or more, which is no rotation: `app.000012.log.gz`.
  private static func sequence(_ name: String) -> UInt64 {
    let parts = name.split(separator: ".").dropFirst()
    let number = parts.last { part in
      (6...18).contains(part.count) && part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }
    return number.flatMap { UInt64($0) } ?? 0
  }

  /// The last part between dots that is a number of up to five digits: `access.log.12.gz`, `events.3.json.gz`.
  private static func rotation(_ name: String) -> Int {
    let parts = name.split(separator: ".").dropFirst()
    let number = parts.last { part in part.count <= 5 && part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }
    return number.flatMap { Int($0) } ?? -1
  }

  /// The digits of a date such as `20260131` or `2026-01-31` in a name, 0 if there is none.
  private static func stamp(_ name: String) -> UInt64 {
    var digits = 0
    var value: UInt64 = 0
    for byte in name.utf8 {
      if byte >= 0x30 && byte <= 0x39 {
        if digits < 14 { value = value * 10 + UInt64(byte - 0x30) }
        digits += 1
      } else if (byte == 0x2D || byte == 0x5F || byte == 0x54) && digits >= 4 {
        continue
      } else {
        if digits >= 8 { break }
        digits = 0
        value = 0
      }
    }
    guard digits >= 8 else { return 0 }
    for _ in min(digits, 14)..<14 { value *= 10 }
    return value
  }
}
