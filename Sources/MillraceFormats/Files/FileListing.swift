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
    try forEachFile(pattern) {
      found.append($0)
      return true
    }
    return found.map { (FileRank($0, order), $0) }.sorted { $0.0 < $1.0 }.map(\.1)
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
      if !status.isDirectory {
        if !body(ListedFile(path: path, status: status)) { return }
        continue
      }
      for name in try list(path) where !name.hasPrefix(".") && !name.hasPrefix("_") {
        let inner = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
        guard let status = try self.status(inner), !status.isDirectory else { continue }
        if !body(ListedFile(path: inner, status: status)) { return }
      }
    }
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
    let numbers = order == .rotation ? Self.numbers(name) : (rotation: -1, sequence: 0)
    rotation = numbers.rotation
    sequence = numbers.sequence
    stamp = order == .rotation ? Self.stamp(name) : 0
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

  /// Of the parts between dots behind the first: the last that is a number of up to five digits, a rotation (`access.log.12.gz`,
  /// `events.3.json.gz`), -1 without one; and the last of six digits or more, which is none (`app.000012.log.gz`), 0 without one.
  private static func numbers(_ name: String) -> (rotation: Int, sequence: UInt64) {
    var result = (rotation: -1, sequence: 0 as UInt64)
    var isFirst = true
    for part in name.utf8.split(separator: UInt8(ascii: ".")) {
      defer { isFirst = false }
      if isFirst || part.count > 18 || !part.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { continue }
      let number = part.reduce(0 as UInt64) { $0 * 10 + UInt64($1 - 0x30) }
      if part.count <= 5 { result.rotation = Int(number) } else { result.sequence = number }
    }
    return result
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
