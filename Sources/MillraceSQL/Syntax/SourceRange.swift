/// Where a piece of syntax stands in the SQL text, as UTF-8 offsets.
///
/// All ranges are equal: two trees are equal when they say the same, wherever they were written.
public struct SourceRange: Hashable, Sendable {
  /// Offset of the first byte.
  public var start: UInt32
  /// Offset after the last byte.
  public var end: UInt32

  /// Makes a range from byte offsets.
  public init(_ start: Int, _ end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.end = UInt32(truncatingIfNeeded: end)
  }

  /// The range of syntax that was built by a program rather than parsed.
  public static let none = SourceRange(0, 0)

  /// The range from the start of this one to the end of another.
  public func through(_ other: SourceRange) -> SourceRange { SourceRange(Int(start), Int(other.end)) }

  /// Ranges never tell two trees apart.
  public static func == (left: Self, right: Self) -> Bool { true }

  /// Adds nothing, in keeping with `==`.
  public func hash(into hasher: inout Hasher) {}
}

/// A line and a column for people, both counted from 1.
public struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
  /// Line, from 1.
  public var line: Int
  /// Column in characters, from 1.
  public var column: Int

  /// Makes a location.
  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// Finds the line and column of a UTF-8 offset in a text.
  public init(offset: Int, in text: String) {
    var line = 1
    var lineStart = 0
    let end = Swift.min(offset, text.utf8.count)
    for (index, byte) in text.utf8.prefix(end).enumerated() where byte == 0x0A {
      line += 1
      lineStart = index + 1
    }
    // Continuation bytes do not begin a character of their own.
    let column = text.utf8.prefix(end).dropFirst(lineStart).count { $0 & 0xC0 != 0x80 }
    self.init(line: line, column: column + 1)
  }

  /// `line:column`.
  public var description: String { "\(line):\(column)" }
}
