import MillraceExpressions

/// How lines are put together to records of several lines, such as stack traces.
///
/// Whether a line begins a record depends on it and on the line before it, never on more, so that an end can be found from anywhere in a
/// file. A record that would have more than `maxLines` lines or `maxBytes` bytes ends before, and the rest is a record of its own. The first
/// line of what is read begins a record whatever it looks like: where reading ends is in the plan of a batch, so that a record which was
/// given because nothing came for a time is the same when the batch is read again.
public final class LineGrouping: Sendable {
  /// What tells where records begin.
  enum Rule: Sendable {
    /// A line with a match begins a record.
    case start(LinePattern)
    /// A line with a match belongs to the record before it.
    case continuation(LinePattern)
    /// After a line with a match its record goes on.
    case continued(LinePattern)
    /// A line with a match ends its record.
    case end(LinePattern)
    case preset(LinePreset)
  }

  let rule: Rule
  /// Most lines of a record.
  public let maxLines: Int
  /// Most bytes of a record of several lines, with the line ends between them.
  public let maxBytes: Int

  /// Bytes of a line that a pattern sees.
  static let visibleBytes = 4096

  init(_ rule: Rule, maxLines: Int, maxBytes: Int) {
    self.rule = rule
    self.maxLines = maxLines
    self.maxBytes = maxBytes
  }

  /// Whether a line of the class `this` begins a record when it comes after one of the class `previous`.
  @inline(__always)
  func begins(_ previous: UInt8, _ this: UInt8) -> Bool {
    switch rule {
    case .start: this == 1
    case .continuation: this == 0
    case .continued: previous == 0
    case .end: previous == 1
    case .preset(let preset): preset.begins(previous, this)
    }
  }

  /// Whether a record ends behind a line of a class whatever follows.
  func closes(_ this: UInt8) -> Bool {
    switch rule {
    case .start, .continuation: false
    case .continued: this == 0
    case .end: this == 1
    case .preset(let preset): preset.closes(this)
    }
  }

  /// The words of lines that are put together where they lie; nil where the record is the lines as they are.
  var joint: LinePreset? {
    if case .preset(let preset) = rule, preset.joinsText { return preset }
    return nil
  }

  var pattern: LinePattern? {
    switch rule {
    case .start(let pattern), .continuation(let pattern), .continued(let pattern), .end(let pattern): pattern
    case .preset: nil
    }
  }
}

/// Tells the classes of lines. Used by one thread at a time.
final class LineClassifier {
  let grouping: LineGrouping
  private let matcher: LineMatcher?

  init(_ grouping: LineGrouping) {
    self.grouping = grouping
    matcher = grouping.pattern?.makeMatcher()
  }

  /// The class of a line in UTF-8 without its end.
  func classify(_ line: UnsafeRawBufferPointer) throws -> UInt8 {
    if let matcher {
      let visible = UnsafeRawBufferPointer(rebasing: line.prefix(LineGrouping.visibleBytes))
      return try matcher.isFound(in: visible) ? 1 : 0
    }
    guard case .preset(let preset) = grouping.rule else { return 0 }
    return preset.classify(line)
  }
}
