import Glibc

/// Patterns of names, as a shell has them: `*`, `?` and `[…]`.
enum Glob {
  static func matches(_ pattern: String, _ name: String) -> Bool { fnmatch(pattern, name, 0) == 0 }
}
