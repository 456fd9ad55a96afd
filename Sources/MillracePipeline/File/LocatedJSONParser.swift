import MillraceCore

/// Parses JSON with comments and trailing commas into values that know their line, column and path.
///
/// The first break of the syntax ends parsing, because what follows it would be guesswork; keys that occur twice are
/// reported and parsing goes on with the first.
struct LocatedJSONParser {
  /// Deepest nesting that is read.
  static let depthLimit = 128
  /// Longest text that is read, in bytes.
  static let sizeLimit = 16 << 20

  private let bytes: [UInt8]
  private let file: String
  private let diagnostics: DiagnosticCollector
  private var at = 0
  private var line = 1
  private var lineStart = 0
  private var depth = 0

  /// A syntax error that was reported already.
  private struct Stop: Error {}

  /// Parses a whole file; nil if its syntax is broken, which `diagnostics` then tells.
  static func parse(_ bytes: [UInt8], file: String = "", into diagnostics: DiagnosticCollector) -> LocatedJSON? {
    var parser = LocatedJSONParser(bytes: bytes, file: file, diagnostics: diagnostics)
    return try? parser.document()
  }

  private init(bytes: [UInt8], file: String, diagnostics: DiagnosticCollector) {
    self.bytes = bytes
    self.file = file
    self.diagnostics = diagnostics
  }

  private mutating func document() throws -> LocatedJSON {
    if bytes.count > Self.sizeLimit {
      throw stop(
        "the file has \(bytes.count) bytes", hint: "at most \(Self.sizeLimit) bytes are read",
        code: "PIPELINE_TOO_LARGE")
    }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      at = 3
      lineStart = 3
    }
    try skipSpace()
    guard at < bytes.count else {
      throw stop("the file is empty", hint: "a pipeline file is an object: { \"version\": 1, \"pipelines\": { … } }")
    }
    let value = try value(path: "")
    try skipSpace()
    if at < bytes.count { throw stop("\(found()) after the end of the file's object") }
    return value
  }

  // MARK: Places and complaints

  private func place(_ path: String) -> Place {
    Place(file: file, line: line, column: at - lineStart + 1, offset: at, path: path)
  }

  private func stop(_ message: String, hint: String? = nil, code: String = "PIPELINE_SYNTAX", path: String = "") -> Stop
  {
    diagnostics.report(code, message, hint: hint, at: place(path))
    return Stop()
  }

  /// What stands at the current place, for messages.
  private func found() -> String {
    guard at < bytes.count else { return "the file ends" }
    let byte = bytes[at]
    if byte < 0x20 || byte == 0x7F { return "a control character" }
    let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
    return "'" + String(decoding: bytes[at..<min(at + length, bytes.count)], as: UTF8.self) + "'"
  }

  private func peek(_ byte: Character) -> Bool { at < bytes.count && bytes[at] == byte.asciiValue }

  // MARK: Space

  private mutating func skipSpace() throws {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x09, 0x0D: at += 1
      case 0x0A: newline()
      case UInt8(ascii: "/"): try skipComment()
      default: return
      }
    }
  }

  private mutating func newline() {
    at += 1
    line += 1
    lineStart = at
  }

  private mutating func skipComment() throws {
    let next = at + 1 < bytes.count ? bytes[at + 1] : 0
    if next == UInt8(ascii: "/") {
      while at < bytes.count, bytes[at] != 0x0A { at += 1 }
      return
    }
    guard next == UInt8(ascii: "*") else {
      throw stop("found '/'", hint: "comments are // to the end of the line, or /* … */")
    }
    let start = (at, line, lineStart)
    at += 2
    while at + 1 < bytes.count {
      if bytes[at] == UInt8(ascii: "*"), bytes[at + 1] == UInt8(ascii: "/") {
        at += 2
        return
      }
      if bytes[at] == 0x0A { newline() } else { at += 1 }
    }
    (at, line, lineStart) = start
    throw stop("the comment is not closed", hint: "close it with */")
  }

  // MARK: Values

  private mutating func value(path: String) throws -> LocatedJSON {
    let place = place(path)
    guard at < bytes.count else { throw stop("the file ends where a value is wanted", path: path) }
    switch bytes[at] {
    case UInt8(ascii: "{"): return LocatedJSON(value: .object(try object(path: path)), place: place)
    case UInt8(ascii: "["): return LocatedJSON(value: .array(try array(path: path)), place: place)
    case UInt8(ascii: "\""): return LocatedJSON(value: .string(try string(path: path)), place: place)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      return LocatedJSON(value: .number(try number(path: path)), place: place)
    case UInt8(ascii: "'"):
      throw stop("found ' where a value is wanted", hint: "strings take double quotes", path: path)
    default: return LocatedJSON(value: try word(path: path), place: place)
    }
  }

  private mutating func word(path: String) throws -> LocatedJSON.Value {
    let letters = bytes[at...].prefix { (0x61...0x7A).contains($0 | 0x20) || $0 == 0x5F || (0x30...0x39).contains($0) }
    switch String(decoding: letters, as: UTF8.self) {
    case "true":
      at += 4
      return .bool(true)
    case "false":
      at += 5
      return .bool(false)
    case "null":
      at += 4
      return .null
    case "": throw stop("found \(found()) where a value is wanted", path: path)
    case let word:
      throw stop("found \(word) where a value is wanted", hint: "strings take double quotes: \"\(word)\"", path: path)
    }
  }

  private mutating func number(path: String) throws -> String {
    let start = at
    let text = bytes[at...].prefix { "+-.eE0123456789".utf8.contains($0) }
    let spelling = String(decoding: text, as: UTF8.self)
    let digits = spelling.utf8.drop { $0 == UInt8(ascii: "-") }
    let hasLeadingZero =
      digits.first == UInt8(ascii: "0") && digits.dropFirst().first.map { (0x30...0x39).contains($0) } == true
    guard Double(spelling) != nil, !hasLeadingZero, spelling.utf8.last != UInt8(ascii: ".") else {
      at = start
      throw stop("'\(spelling)' is not a number", path: path)
    }
    at += text.count
    return spelling
  }

  private mutating func enter(path: String) throws {
    depth += 1
    if depth > Self.depthLimit { throw stop("more than \(Self.depthLimit) levels of nesting", path: path) }
    at += 1
  }

  private mutating func array(path: String) throws -> [LocatedJSON] {
    let opening = place(path)
    try enter(path: path)
    defer { depth -= 1 }
    var elements: [LocatedJSON] = []
    while true {
      try skipSpace()
      if peek("]") { break }
      elements.append(try value(path: "\(path)[\(elements.count)]"))
      try skipSpace()
      if peek(",") { at += 1 } else if !peek("]") { throw separatorMissing("]", after: "element", opening, path) }
    }
    at += 1
    return elements
  }

  private mutating func object(path: String) throws -> [LocatedJSON.Member] {
    let opening = place(path)
    try enter(path: path)
    defer { depth -= 1 }
    var members: [LocatedJSON.Member] = []
    var seen: [String: Place] = [:]
    while true {
      try skipSpace()
      if peek("}") { break }
      let member = try member(path: path, opening)
      if let first = seen[member.key] {
        diagnostics.report(
          "PIPELINE_DUPLICATE_KEY", "the key '\(member.key)' occurs twice",
          hint: "it stands in line \(first.line) already", at: member.place)
      } else {
        seen[member.key] = member.place
        members.append(member)
      }
      try skipSpace()
      if peek(",") { at += 1 } else if !peek("}") { throw separatorMissing("}", after: "value", opening, path) }
    }
    at += 1
    return members
  }

  private mutating func member(path: String, _ opening: Place) throws -> LocatedJSON.Member {
    guard at < bytes.count else { throw separatorMissing("}", after: "value", opening, path) }
    guard peek("\"") else {
      throw stop("found \(found()) where a key is wanted", hint: "keys take double quotes", path: path)
    }
    var keyPlace = place(path)
    let key = try string(path: path)
    keyPlace.path = Place.path(path, key: key)
    try skipSpace()
    guard peek(":") else {
      throw stop("found \(found()) where a colon is wanted after the key \"\(key)\"", path: keyPlace.path)
    }
    at += 1
    try skipSpace()
    return LocatedJSON.Member(key: key, place: keyPlace, value: try value(path: keyPlace.path))
  }

  private func separatorMissing(_ closing: String, after what: String, _ opening: Place, _ path: String) -> Stop {
    if at >= bytes.count {
      let name = closing == "}" ? "object" : "array"
      return stop(
        "the file ends inside an \(name)", hint: "the \(name) opened in line \(opening.line) wants a '\(closing)'",
        path: path)
    }
    return stop("found \(found()) after the \(what)", hint: "a comma is wanted, or '\(closing)'", path: path)
  }

  // MARK: Strings

  private mutating func string(path: String) throws -> String {
    let start = (at, line, lineStart)
    at += 1
    var out: [UInt8] = []
    while at < bytes.count, bytes[at] != 0x0A {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        at += 1
        guard let text = String(validating: out, as: UTF8.self) else {
          (at, line, lineStart) = start
          throw stop("the string is not UTF-8", path: path)
        }
        return text
      }
      if byte == UInt8(ascii: "\\") {
        try escape(into: &out, path: path)
      } else if byte < 0x20, byte != 0x09 {
        throw stop(
          "a control character stands in a string",
          hint: "write it as \\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))", path: path)
      } else {
        out.append(byte)
        at += 1
      }
    }
    (at, line, lineStart) = start
    throw stop(
      "the string is not closed on its line", hint: "close it with \"; a line break inside is written \\n", path: path)
  }

  private mutating func escape(into out: inout [UInt8], path: String) throws {
    let escape = at + 1 < bytes.count ? bytes[at + 1] : 0
    switch escape {
    case UInt8(ascii: "n"): out.append(0x0A)
    case UInt8(ascii: "r"): out.append(0x0D)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0C)
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
    case UInt8(ascii: "u"):
      let scalar = try unicodeEscape(path: path)
      out += Array(String(Character(scalar)).utf8)
      return
    default:
      throw stop(
        "the escape \\\(String(decoding: [escape], as: UTF8.self)) does not exist",
        hint: "a backslash itself is written \\\\", path: path)
    }
    at += 2
  }

  /// Reads `\uXXXX`, or two of them that make one character.
  private mutating func unicodeEscape(path: String) throws -> Unicode.Scalar {
    guard let high = hex(at: at + 2) else { throw stop("\\u wants four hexadecimal digits", path: path) }
    if let scalar = Unicode.Scalar(high) {
      at += 6
      return scalar
    }
    let isPair = at + 7 < bytes.count && bytes[at + 6] == UInt8(ascii: "\\") && bytes[at + 7] == UInt8(ascii: "u")
    guard isPair, high < 0xDC00, let low = hex(at: at + 8), (0xDC00..<0xE000).contains(low),
      let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
    else { throw stop("half of a surrogate pair", hint: "write both halves, or the character itself", path: path) }
    at += 12
    return scalar
  }

  private func hex(at index: Int) -> UInt32? {
    guard index + 4 <= bytes.count,
      bytes[index..<index + 4].allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
    else { return nil }
    return UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
  }
}
