/// Finds where records end in bytes that begin with a record, by the rules of a source. Used by one thread at a time.
public final class RecordSplitter {
  /// The rules.
  public let rules: RecordRules
  private let classifier: LineClassifier?
  /// For lines that are not written in UTF-8; its length is room.
  private var decoded: [UInt8] = []

  /// Makes a splitter.
  public init(_ rules: RecordRules) {
    self.rules = rules
    classifier = rules.grouping.map { LineClassifier($0) }
  }

  /// Position behind the last record that surely ends within the bytes, whatever comes behind them; nil if none does. The bytes need only
  /// begin with a line.
  ///
  /// Where lines are put together, limits on lines and bytes are not looked at: `lastCut(in:)` does that.
  public func lastEnd(in bytes: UnsafeRawBufferPointer) throws -> Int? {
    var end = rules.encoding.behindLastLineFeed(bytes)
    if end == 0 { return nil }
    guard let classifier else { return end }
    let grouping = classifier.grouping
    var this = try classify(bytes, end: end)
    if grouping.closes(this.last) { return end }
    while this.start > 0 {
      end = this.start
      let previous = try classify(bytes, end: end)
      if grouping.begins(previous.last, this.first) { return end }
      this = previous
    }
    return nil
  }

  /// Position behind the last record within the bytes, which begin with a record: those that end because they would be too large otherwise
  /// count, too. Nil if none does.
  public func lastCut(in bytes: UnsafeRawBufferPointer) throws -> Int? {
    var last: Int?
    try forEachEnd(in: bytes) {
      last = $0
      return true
    }
    return last
  }

  /// Position behind the first record, nil if it does not surely end within the bytes.
  public func firstEnd(in bytes: UnsafeRawBufferPointer) throws -> Int? {
    guard classifier != nil else { return rules.encoding.behindFirstLineFeed(bytes) }
    var first: Int?
    try forEachEnd(in: bytes) {
      first = $0
      return false
    }
    return first
  }

  /// Whether the record that `bytes` end with goes on with the first line of `more`, which has one; both are whole lines.
  public func goesOn(_ bytes: UnsafeRawBufferPointer, with more: UnsafeRawBufferPointer) throws -> Bool {
    guard let classifier, let line = nextLine(more, from: 0) else { return false }
    let last = try classify(bytes, end: rules.encoding.behindLastLineFeed(bytes))
    return try !classifier.grouping.begins(last.last, classify(UnsafeRawBufferPointer(rebasing: more[line.text])))
  }

  // MARK: Lines

  /// Calls `body` behind each record, the first of which begins with the bytes; it gives false to stop.
  private func forEachEnd(in bytes: UnsafeRawBufferPointer, _ body: (Int) -> Bool) throws {
    guard let grouping = classifier?.grouping else { return }
    var count = RecordCount(grouping)
    var position = 0
    var previous: UInt8 = 0
    while let line = nextLine(bytes, from: position) {
      let this = try classify(UnsafeRawBufferPointer(rebasing: bytes[line.text]))
      let isFirst = position == 0
      let begins = isFirst || grouping.begins(previous, this)
      if count.add(line.text.count, gap: line.text.lowerBound - count.end, begins: begins), !isFirst, !body(position) {
        return
      }
      count.end = line.text.upperBound
      previous = this
      position = line.end
    }
    if position > 0, grouping.closes(previous) { _ = body(position) }
  }

  /// Where what ends before `end`, behind its line feed, begins, and the classes of the first and the last line in it: it is several lines where
  /// carriage returns end some.
  private func classify(_ bytes: UnsafeRawBufferPointer, end: Int) throws -> (first: UInt8, last: UInt8, start: Int) {
    let unit = rules.encoding.unit
    guard end >= unit else { return (0, 0, 0) }
    let start = rules.encoding.behindLastLineFeed(UnsafeRawBufferPointer(rebasing: bytes[..<(end - unit)]))
    let line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    guard let first = nextLine(line, from: 0) else { return (0, 0, start) }
    let kind = try classify(UnsafeRawBufferPointer(rebasing: line[first.text]))
    return (kind, first.end < line.count ? try lastKind(line) : kind, start)
  }

  /// The class of the last of several lines between carriage returns.
  private func lastKind(_ lines: UnsafeRawBufferPointer) throws -> UInt8 {
    var position = 0
    var last = 0..<0
    while let next = nextLine(lines, from: position) {
      last = next.text
      position = next.end
    }
    return try classify(UnsafeRawBufferPointer(rebasing: lines[last]))
  }

  /// The next whole line: LF, CR LF and CR end one, as everywhere. A carriage return at the very end is none: its line feed may follow.
  private func nextLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> (text: Range<Int>, end: Int)? {
    let unit = rules.encoding.unit
    let feed = rules.encoding.behindFirstLineFeed(bytes, from: start)
    let searched = UnsafeRawBufferPointer(rebasing: bytes[..<(feed ?? max(start, bytes.count - unit))])
    guard let carriage = rules.encoding.behindFirst(0x0D, searched, from: start) else {
      return feed.map { (start..<$0 - unit, $0) }
    }
    return (start..<carriage - unit, carriage + unit == feed ? carriage + unit : carriage)
  }

  /// The class of a line as it is written.
  private func classify(_ line: UnsafeRawBufferPointer) throws -> UInt8 {
    guard let classifier else { return 0 }
    if rules.encoding == .utf8 { return try classifier.classify(line) }
    // As much as a pattern sees, and a little more, which it does not.
    let visible = UnsafeRawBufferPointer(rebasing: line.prefix(LineGrouping.visibleBytes * 2 + 2))
    let room = rules.encoding.decodedCapacity(visible.count)
    if decoded.count < room { decoded = Array(repeating: 0, count: max(room, decoded.count * 2)) }
    let count = decoded.withUnsafeMutableBufferPointer { target in
      target.baseAddress.map { rules.encoding.decode(visible, into: $0) } ?? 0
    }
    return try decoded.withUnsafeBytes { try classifier.classify(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
  }
}

/// Counts what a record has, so that those which would have too much end before.
struct RecordCount {
  private let maxLines: Int
  private let maxBytes: Int
  private var lines = 0
  private var bytes = 0
  /// Where the line that was added last ends, kept by the caller.
  var end = 0

  init(_ grouping: LineGrouping) {
    maxLines = grouping.maxLines
    maxBytes = grouping.maxBytes
  }

  /// Adds a line of so many bytes, behind so many since the line before; whether a record begins with it.
  @inline(__always)
  mutating func add(_ count: Int, gap: Int, begins: Bool) -> Bool {
    if begins || lines >= maxLines || bytes + gap + count > maxBytes {
      lines = 1
      bytes = count
      return true
    }
    lines += 1
    bytes += gap + count
    return false
  }
}
