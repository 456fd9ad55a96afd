package import MillraceColumnar

/// A regular expression of Java's dialect for records: finds where the named groups of many texts lie.
package final class LinePattern: Sendable {
  /// Names and numbers of the named groups, in the order of their numbers.
  package let groups: [(name: String, number: Int)]
  private let pattern: CompiledPattern

  /// Compiles, or throws `INVALID_PARAMETER_VALUE.PATTERN`. Unlike Java's, names of groups may have underscores.
  package init(_ source: String) throws {
    pattern = try CompiledPattern(source, allowsUnderscores: true)
    groups = pattern.groupNames.map { ($0.key, $0.value) }.sorted { $0.1 < $1.1 }
  }

  /// Finds the first match in each text. `body` gets the row, and for a group number its place in the text, nil for a group that took
  /// no part; it is not called for rows without a match. 64 bytes behind each text can be read.
  package func match(
    _ views: UnsafePointer<StringView>, count: Int,
    _ body: (_ row: Int, _ group: (Int) -> Range<Int>?) -> Void
  ) throws {
    if let scan = pattern.scan {
      scanned(scan, views, count, body)
      return
    }
    let matcher = pattern.borrow()
    defer { pattern.giveBack(matcher) }
    let offsets = matcher.offsets
    for row in 0..<count {
      let view = views[row]
      let bytes = UnsafeRawBufferPointer(
        start: view.isInline ? UnsafeRawPointer(views + row) + 4 : view.address, count: view.count)
      guard try matcher.find(bytes) else { continue }
      body(row) { group in
        offsets[group * 2] < 0 ? nil : offsets[group * 2]..<offsets[group * 2 + 1]
      }
    }
  }

  /// All rows of a pattern without choices at once.
  private func scanned(
    _ scan: ScanProgram, _ views: UnsafePointer<StringView>, _ count: Int,
    _ body: (_ row: Int, _ group: (Int) -> Range<Int>?) -> Void
  ) {
    let width = pattern.groupCount + 1
    let memory = MemoryBuffer(capacity: max(count, 1) * width * 8)
    let places = memory.base.assumingMemoryBound(to: Int64.self)
    scan.match(views, count, isPadded: true, (0..<width).map { places + $0 * count })
    for row in 0..<count where places[row] >= 0 {
      body(row) { group in
        let place = places[group * count + row]
        return Int(place >> 32)..<Int(place & 0xFFFF_FFFF)
      }
    }
  }

  /// Something that tells of single texts whether they have a match.
  package func makeMatcher() -> LineMatcher { LineMatcher(pattern) }
}

/// Tells of texts whether a pattern has a match in them. Used by one thread at a time.
package final class LineMatcher {
  private let pattern: CompiledPattern
  private let matcher: PatternMatcher

  fileprivate init(_ pattern: CompiledPattern) {
    self.pattern = pattern
    matcher = pattern.borrow()
  }

  deinit { pattern.giveBack(matcher) }

  /// Whether there is a match. Throws `REGEX_BUDGET` where that takes too long.
  package func isFound(in text: UnsafeRawBufferPointer) throws -> Bool {
    // An empty text has no address, and patterns may match it.
    guard text.baseAddress != nil else {
      var none: UInt8 = 0
      return try withUnsafeBytes(of: &none) { try matcher.find(UnsafeRawBufferPointer(rebasing: $0[..<0])) }
    }
    return try matcher.find(text)
  }
}
