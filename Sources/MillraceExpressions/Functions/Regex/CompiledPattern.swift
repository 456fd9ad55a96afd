import CPCRE2
import MillraceColumnar
import Synchronization

/// Names the error type in signatures of the translator.
typealias MillracePatternError = MillraceError

extension MillraceError {
  /// A pattern that does not compile.
  static func refused(_ pattern: String, _ reason: String, hint: String? = nil) -> MillraceError {
    MillraceError("INVALID_PARAMETER_VALUE.PATTERN", "regular expression '\(pattern)': \(reason)", hint: hint)
  }
}

/// A regular expression of Java's dialect, ready to match. Shared by all threads; each borrows a matcher per batch.
final class CompiledPattern: @unchecked Sendable {
  let source: String
  /// Capturing groups, the whole match not counted.
  let groupCount: Int
  let groupNames: [String: Int]
  /// Set if one pass without backtracking finds the same matches.
  let scan: ScanProgram?
  /// The same for those who only ask whether there is a match.
  let test: ScanProgram?
  /// For ASCII texts: bytes, no UTF.
  fileprivate let asciiCode: OpaquePointer
  /// For other texts; broken UTF-8 never matches but does no harm.
  fileprivate let unicodeCode: OpaquePointer
  fileprivate let isJIT: Bool
  private let idle = Mutex<[PatternMatcher]>([])

  /// Steps after which a match is given up.
  static let matchLimit: UInt32 = 10_000_000

  /// Compiles, or throws `INVALID_PARAMETER_VALUE.PATTERN`.
  init(_ source: String, allowsUnderscores: Bool = false) throws {
    let java = try JavaPattern(source, allowsUnderscores: allowsUnderscores)
    self.source = source
    groupCount = java.groupCount
    groupNames = java.groupNames
    let classes = java.usesUnicodeClasses ? PCRE2_UCP : 0
    let utf = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | classes
    unicodeCode = try Self.compile(java.unicode, options: utf, source)
    asciiCode = try Self.compile(java.ascii, options: classes, source)
    let first = pcre2_jit_compile_8(asciiCode, PCRE2_JIT_COMPLETE)
    isJIT = pcre2_jit_compile_8(unicodeCode, PCRE2_JIT_COMPLETE) == 0 && first == 0
    scan = ScanProgram(source)
    test = scan?.noting([0])
  }

  deinit {
    pcre2_code_free_8(asciiCode)
    pcre2_code_free_8(unicodeCode)
  }

  private static func compile(_ pattern: String, options: UInt32, _ source: String) throws -> OpaquePointer {
    let context = pcre2_compile_context_create_8(nil)
    defer { pcre2_compile_context_free_8(context) }
    pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_ANYCRLF))
    var code: Int32 = 0
    var offset = 0
    // PCRE2 does not begin a match between the two characters of CR LF unless the pattern names one of them. Java does; naming one no times means
    // nothing else.
    let bytes = Array("\\n{0}\(pattern)".utf8)
    guard let compiled = pcre2_compile_8(bytes, bytes.count, options | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context)
    else {
      throw MillraceError.refused(source, message(code))
    }
    return compiled
  }

  static func message(_ code: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 256)
    let length = pcre2_get_error_message_8(code, &text, text.count)
    return String(decoding: text.prefix(max(0, Int(length))), as: UTF8.self)
  }

  /// A matcher for one thread; give it back with `giveBack`.
  func borrow() -> PatternMatcher {
    idle.withLock { $0.popLast() } ?? PatternMatcher(self)
  }

  /// Takes a matcher back for the next batch.
  func giveBack(_ matcher: PatternMatcher) {
    idle.withLock { if $0.count < 64 { $0.append(matcher) } }
  }
}

/// What one thread needs to match one pattern: the memory of the match.
final class PatternMatcher: @unchecked Sendable {
  /// Unowned, because an idle matcher lies within its pattern.
  unowned(unsafe) let pattern: CompiledPattern
  /// Start and end of the whole match and each group; -1 where a group took no part.
  let offsets: UnsafeMutablePointer<Int>
  private let data: OpaquePointer?
  private let context: OpaquePointer?
  private let scan: ScanProgram?
  private let asciiCode: OpaquePointer
  private let unicodeCode: OpaquePointer
  private let isJIT: Bool
  let groupCount: Int

  fileprivate init(_ pattern: CompiledPattern) {
    self.pattern = pattern
    scan = pattern.scan
    asciiCode = pattern.asciiCode
    unicodeCode = pattern.unicodeCode
    isJIT = pattern.isJIT
    groupCount = pattern.groupCount
    // One pair more, since a scan program writes into a spare place behind the groups.
    data = pcre2_match_data_create_8(UInt32(pattern.groupCount + 2), nil)
    context = pcre2_match_context_create_8(nil)
    pcre2_set_match_limit_8(context, CompiledPattern.matchLimit)
    offsets = pcre2_get_ovector_pointer_8(data)
  }

  deinit {
    pcre2_match_data_free_8(data)
    pcre2_match_context_free_8(context)
  }

  /// Finds the first match that starts at `start` or later.
  func find(_ bytes: UnsafeRawBufferPointer, from start: Int = 0) throws -> Bool {
    if let scan { return scan.find(bytes, from: start, offsets) }
    return try find(bytes, from: start, isASCII: bytes.isASCII)
  }

  /// The same where the caller knows whether the text is ASCII.
  func find(_ bytes: UnsafeRawBufferPointer, from start: Int, isASCII: Bool) throws -> Bool {
    if let scan { return scan.find(bytes, from: start, offsets) }
    guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return false }
    let code = isASCII ? asciiCode : unicodeCode
    var result =
      isASCII && isJIT
      ? pcre2_jit_match_8(code, base, bytes.count, start, 0, data, context)
      : pcre2_match_8(code, base, bytes.count, start, 0, data, context)
    if result == PCRE2_ERROR_JIT_STACKLIMIT {
      result = pcre2_match_8(code, base, bytes.count, start, PCRE2_NO_JIT, data, context)
    }
    if result > 0 {
      // Groups behind the last one that took part are not written.
      for group in Int(result)..<max(Int(result), groupCount + 1) {
        offsets[group * 2] = -1
        offsets[group * 2 + 1] = -1
      }
      return true
    }
    if result == PCRE2_ERROR_NOMATCH { return false }
    throw failure(result, bytes.count)
  }

  private func failure(_ code: Int32, _ length: Int) -> MillraceError {
    switch code {
    case PCRE2_ERROR_MATCHLIMIT, PCRE2_ERROR_DEPTHLIMIT, PCRE2_ERROR_HEAPLIMIT:
      MillraceError(
        "REGEX_BUDGET",
        "matching a text of \(length) bytes with '\(pattern.source)' took more than \(CompiledPattern.matchLimit) steps",
        hint: "nested repetitions such as (a+)+ try every split; write classes that exclude what follows")
    default:
      MillraceError(
        "INTERNAL_ERROR", "PCRE2 gave \(code) for '\(pattern.source)': \(CompiledPattern.message(code))", fault: .bug)
    }
  }

  /// Calls `body` after every match from the left; it gives false to stop.
  @inline(__always)
  func findAll(_ bytes: UnsafeRawBufferPointer, _ body: () throws -> Bool) throws {
    let offsets = offsets
    var start = 0
    func goOn() throws -> Bool {
      let first = offsets[0], end = offsets[1]
      if try !body() { return false }
      start = end
      if end == first { start += end < bytes.count ? utf8Length(bytes[end]) : 1 }
      return start <= bytes.count
    }
    if let scan {
      while scan.find(bytes, from: start, offsets), try goOn() {}
      return
    }
    let isASCII = bytes.isASCII
    while try find(bytes, from: start, isASCII: isASCII), try goOn() {}
  }
}

/// Bytes of the character that starts with `lead`; 1 for a byte that starts none.
@inline(__always)
func utf8Length(_ lead: UInt8) -> Int {
  lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
}

/// Patterns that come as values of a column, compiled once each.
enum PatternCache {
  private static let known = Mutex<[String: CompiledPattern]>([:])

  /// The compiled form of a pattern; forgets all when many different ones came.
  static func pattern(_ source: String) throws -> CompiledPattern {
    if let found = known.withLock({ $0[source] }) { return found }
    let compiled = try CompiledPattern(source)
    known.withLock {
      if $0.count >= 256 { $0.removeAll() }
      $0[source] = compiled
    }
    return compiled
  }
}

/// Gives the matcher of each row: always the same for a constant pattern, else one per different pattern in a row.
struct PatternCursor: ~Copyable {
  private let constant: CompiledPattern?
  private var current: PatternMatcher?
  private var pattern: CompiledPattern?
  private var text = StringView()

  init(_ constant: CompiledPattern?) {
    self.constant = constant
    if let constant {
      pattern = constant
      current = constant.borrow()
    }
  }

  deinit {
    if let current { pattern?.giveBack(current) }
  }

  /// The matcher for a pattern text; the text is not read when the pattern is constant.
  mutating func matcher(_ view: @autoclosure () -> StringView) throws -> PatternMatcher {
    if constant != nil, let current { return current }
    let wanted = view()
    if let current, wanted == text { return current }
    let next = try PatternCache.pattern(wanted.string)
    if let current { pattern?.giveBack(current) }
    let matcher = next.borrow()
    pattern = next
    current = matcher
    text = wanted
    return matcher
  }
}
