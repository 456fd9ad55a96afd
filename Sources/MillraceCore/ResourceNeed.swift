/// Something of the world that a source or sink cannot run without: a file, a port, a table.
///
/// Making one touches nothing. `claim` is compared between all ends of all pipelines before any of them starts; `check` is what
/// `millrace check` asks.
public struct ResourceNeed: Sendable {
  /// What is needed, in one line without a verdict, for instance `table 'traffic' in 'out/t.db' takes the rows`.
  public var summary: String
  /// What only one end may hold at a time, for instance `tcp port 9999`; nil where others may share it. Compared as a whole, so it
  /// names the resource and nothing else.
  public var claim: String?
  private let probe: @Sendable () throws -> Void

  /// Makes a need. `probe` looks at the world and throws what stands in the way; it must leave the world as it was, hold nothing when
  /// it returns, and be quick: no waiting beyond the connector's own time limit for one attempt.
  public init(_ summary: String, claim: String? = nil, probe: @escaping @Sendable () throws -> Void) {
    self.summary = summary
    self.claim = claim
    self.probe = probe
  }

  /// Looks at the world; throws what stands in the way.
  public func check() throws { try probe() }
}

/// A connector that can tell what its ends need of the world. Optional: without it `millrace check` says that nothing was looked at.
public protocol CheckableConnector: Connector {
  /// What a source of this request needs.
  func needs(ofSource request: SourceRequest) throws -> [ResourceNeed]
  /// What a sink of this request needs.
  func needs(ofSink request: SinkRequest) throws -> [ResourceNeed]
}

extension CheckableConnector {
  /// Nothing.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] { [] }
  /// Nothing.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] { [] }
}

extension ResourceNeed {
  /// Files that a path or pattern names can be read, one at least unless they `mayBeMissing`.
  public static func readableFiles(_ path: String, in files: any FileSystem, mayBeMissing: Bool = false) -> ResourceNeed
  {
    ResourceNeed("'\(path)' can be read") {
      var found = try files.status(path) == nil ? try files.glob(path) : [path]
      if found.count == 1, let only = found.first, try files.status(only)?.isDirectory == true {
        found = try files.list(only).map { "\(only)/\($0)" }
      }
      if found.isEmpty && !mayBeMissing {
        throw MillraceError(
          "PATH_NOT_FOUND", "no file matches '\(path)'",
          hint: "a path is taken from the folder in which the command runs; check its spelling")
      }
      for file in found where try files.status(file)?.isDirectory == false { try files.open(file, .read).close() }
    }
  }

  /// The folder that `path` lies in, or the nearest above it that exists, takes new files; `path` itself is no folder.
  public static func writableFile(_ path: String, in files: any FileSystem) -> ResourceNeed {
    ResourceNeed("'\(path)' can be written", claim: "file '\(normalized(path))'") {
      if let status = try files.status(path) {
        if status.isDirectory {
          throw MillraceError("PATH_IS_A_FOLDER", "'\(path)' is a folder", hint: "name a file in it")
        }
        return try files.open(path, .update).close()
      }
      try probeFolder(parent(of: path), files)
    }
  }

  /// A folder, or the nearest above it that exists, takes new files.
  public static func writableFolder(_ path: String, in files: any FileSystem) -> ResourceNeed {
    ResourceNeed("folder '\(path)' can be written", claim: "folder '\(normalized(path))'") {
      try probeFolder(path, files)
    }
  }

  /// The folder that a path lies in; `.` where it names none.
  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func probeFolder(_ path: String, _ files: any FileSystem) throws {
    var folder = path
    while try files.status(folder) == nil, folder != "/", folder != "." { folder = parent(of: folder) }
    guard try files.status(folder)?.isDirectory == true else {
      throw MillraceError(
        "PATH_NOT_A_FOLDER", "'\(folder)' is no folder", hint: "remove the file, or choose another path")
    }
    let trial = "\(folder)/.millrace-check"
    try files.open(trial, .create).close()
    try files.remove(trial)
  }

  /// A path without `.`, `..` and doubled slashes, as far as that can be told from its text.
  public static func normalized(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
    }
    return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
  }
}
