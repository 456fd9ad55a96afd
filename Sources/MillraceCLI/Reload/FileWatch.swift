import MillraceCore

/// Notices that a pipeline file, or one that it was read from, has changed: edited, replaced, added to the files of a pattern or removed.
///
/// It looks again and again rather than wait for the system to call, which works on every file system and misses no name. A change
/// counts once it stood for one look, so that a file is not read while an editor writes it.
struct FileWatch {
  private struct Seen: Equatable {
    var path: String
    var status: FileStatus?
  }

  private let files: any FileSystem
  private var patterns: [String]
  private var known: [Seen]
  private var candidate: [Seen]?

  init(_ patterns: [String], _ files: any FileSystem) {
    self.files = files
    self.patterns = patterns
    known = Self.look(patterns, files)
  }

  /// From now on watches these; as they are now counts as known.
  mutating func watch(_ patterns: [String]) {
    self.patterns = patterns
    known = Self.look(patterns, files)
    candidate = nil
  }

  /// Looks once; true when there is a change that has settled.
  mutating func hasChanged() -> Bool {
    let now = Self.look(patterns, files)
    if now == known {
      candidate = nil
      return false
    }
    guard now == candidate else {
      candidate = now
      return false
    }
    known = now
    candidate = nil
    return true
  }

  private static func look(_ patterns: [String], _ files: any FileSystem) -> [Seen] {
    patterns.flatMap { pattern -> [Seen] in
      let isPattern = pattern.contains { "*?[".contains($0) }
      let paths = isPattern ? (try? files.glob(pattern)) ?? [] : [pattern]
      return paths.map { Seen(path: $0, status: (try? files.status($0)) ?? nil) }
    }
  }
}
