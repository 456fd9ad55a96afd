import MillraceColumnar

/// A JSON value, for offsets, tokens and facts on the command line. Objects keep the order of their keys.
public indirect enum JSON: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number that is whole and fits 64 bits.
  case int(Int64)
  /// Any other number.
  case double(Double)
  /// A text.
  case string(String)
  /// Values in order.
  case array([JSON])
  /// Members in the order in which they stand.
  case object([Member])

  /// One key and its value.
  public struct Member: Hashable, Sendable {
    /// The key with its escapes resolved; an object may hold the same key twice.
    public var key: String
    /// What stands behind the colon.
    public var value: JSON
    /// Makes a member.
    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }

  /// An object from pairs.
  public static func dictionary(_ pairs: KeyValuePairs<String, JSON>) -> JSON {
    .object(pairs.map { Member($0.key, $0.value) })
  }

  /// The value of a key of an object; nil when absent or when this is no object.
  public subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.last { $0.key == key }?.value
  }

  /// The text, if this is a string.
  public var string: String? { if case .string(let text) = self { text } else { nil } }
  /// The number, if this is an integer.
  public var int: Int64? { if case .int(let number) = self { number } else { nil } }
  /// The flag, if this is a boolean.
  public var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  /// The elements, if this is an array.
  public var array: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
  /// The members, if this is an object.
  public var members: [Member]? { if case .object(let members) = self { members } else { nil } }

  /// The value as JSON text on one line.
  public var text: String {
    var out: [UInt8] = []
    write(into: &out)
    return String(decoding: out, as: UTF8.self)
  }

  private func write(into out: inout [UInt8]) {
    switch self {
    case .null: out += "null".utf8
    case .bool(let flag): out += (flag ? "true" : "false").utf8
    case .int(let number): out += String(number).utf8
    case .double(let number): out += (number.isFinite ? String(number) : "\"\(number)\"").utf8
    case .string(let text): JSON.quote(text, into: &out)
    case .array(let elements):
      out.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        element.write(into: &out)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let members):
      out.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { out.append(UInt8(ascii: ",")) }
        JSON.quote(member.key, into: &out)
        out.append(UInt8(ascii: ":"))
        member.value.write(into: &out)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  /// Appends `text` as a JSON string.
  public static func quote(_ text: String, into out: inout String) {
    var bytes: [UInt8] = []
    quote(text, into: &bytes)
    out += String(decoding: bytes, as: UTF8.self)
  }

  private static func quote(_ text: String, into out: inout [UInt8]) {
    let quote = UInt8(ascii: "\""), backslash = UInt8(ascii: "\\")
    out.append(quote)
    let start = out.count
    out += text.utf8
    if out[start...].contains(where: { $0 < 0x20 || $0 == quote || $0 == backslash }) {
      out.removeSubrange(start...)
      for byte in text.utf8 {
        switch byte {
        case quote, backslash: out += [backslash, byte]
        case UInt8(ascii: "\n"): out += "\\n".utf8
        case UInt8(ascii: "\r"): out += "\\r".utf8
        case UInt8(ascii: "\t"): out += "\\t".utf8
        case 0..<0x20: out += "\\u00\(byte < 0x10 ? "0" : "1")\(String(byte & 15, radix: 16))".utf8
        default: out.append(byte)
        }
      }
    }
    out.append(quote)
  }

  /// Parses one JSON value; throws `JSON_SYNTAX` with the byte offset.
  public init(parsing text: String) throws {
    var parser = Parser(bytes: Array(text.utf8))
    self = try parser.document()
  }

  private struct Parser {
    let bytes: [UInt8]
    var at = 0
    var depth = 0

    mutating func document() throws -> JSON {
      let value = try self.value()
      skipSpace()
      if at < bytes.count { throw failure("text after the value") }
      return value
    }

    func failure(_ what: String) -> MillraceError {
      MillraceError("JSON_SYNTAX", "JSON has \(what) at byte \(at)")
    }

    mutating func skipSpace() {
      while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 {
        at += 1
      }
    }

    mutating func value() throws -> JSON {
      skipSpace()
      guard at < bytes.count else { throw failure("no value") }
      depth += 1
      defer { depth -= 1 }
      if depth > 128 { throw failure("more than 128 levels") }
      switch bytes[at] {
      case UInt8(ascii: "{"): return try object()
      case UInt8(ascii: "["): return try array()
      case UInt8(ascii: "\""): return .string(try string())
      case UInt8(ascii: "t"): return try word("true", .bool(true))
      case UInt8(ascii: "f"): return try word("false", .bool(false))
      case UInt8(ascii: "n"): return try word("null", .null)
      default: return try number()
      }
    }

    mutating func word(_ word: String, _ value: JSON) throws -> JSON {
      guard bytes[at...].starts(with: word.utf8) else { throw failure("an unknown word") }
      at += word.utf8.count
      return value
    }

    mutating func number() throws -> JSON {
      let start = at
      while at < bytes.count, "+-.eE0123456789".utf8.contains(bytes[at]) { at += 1 }
      let text = String(decoding: bytes[start..<at], as: UTF8.self)
      if Self.isNumber(bytes[start..<at]) {
        if let number = Int64(text) { return .int(number) }
        if let number = Double(text) { return .double(number) }
      }
      at = start
      throw failure("an unexpected character")
    }

    /// Whether a text is a number in JSON's sense: no plus sign, no needless zero, digits on both sides of the point.
    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
      var rest = text
      func digits() -> ArraySlice<UInt8> {
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        rest = rest.dropFirst(digits.count)
        return digits
      }
      if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
      let whole = digits()
      if whole.isEmpty || (whole.count > 1 && whole.first == UInt8(ascii: "0")) { return false }
      if rest.first == UInt8(ascii: ".") {
        rest = rest.dropFirst()
        if digits().isEmpty { return false }
      }
      if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        if digits().isEmpty { return false }
      }
      return rest.isEmpty
    }

    mutating func array() throws -> JSON {
      at += 1
      var elements: [JSON] = []
      skipSpace()
      if at < bytes.count, bytes[at] == UInt8(ascii: "]") {
        at += 1
        return .array([])
      }
      while true {
        elements.append(try value())
        if try closes(UInt8(ascii: "]")) { return .array(elements) }
      }
    }

    mutating func object() throws -> JSON {
      at += 1
      var members: [Member] = []
      skipSpace()
      if at < bytes.count, bytes[at] == UInt8(ascii: "}") {
        at += 1
        return .object([])
      }
      while true {
        skipSpace()
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw failure("no key") }
        let key = try string()
        skipSpace()
        guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw failure("no colon") }
        at += 1
        members.append(Member(key, try value()))
        if try closes(UInt8(ascii: "}")) { return .object(members) }
      }
    }

    mutating func closes(_ end: UInt8) throws -> Bool {
      skipSpace()
      guard at < bytes.count else { throw failure("an open bracket") }
      let byte = bytes[at]
      guard byte == end || byte == UInt8(ascii: ",") else { throw failure("no comma") }
      at += 1
      return byte == end
    }

    mutating func string() throws -> String {
      at += 1
      var out: [UInt8] = []
      while at < bytes.count {
        let byte = bytes[at]
        at += 1
        if byte == UInt8(ascii: "\"") { return String(decoding: out, as: UTF8.self) }
        if byte < 0x20 {
          at -= 1
          throw failure("a control character in a string")
        }
        if byte != UInt8(ascii: "\\") {
          out.append(byte)
          continue
        }
        guard at < bytes.count else { break }
        let escape = bytes[at]
        at += 1
        switch escape {
        case UInt8(ascii: "n"): out.append(0x0A)
        case UInt8(ascii: "r"): out.append(0x0D)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0C)
        case UInt8(ascii: "u"): out.append(contentsOf: String(try unicode()).utf8)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(escape)
        default: throw failure("an unknown escape")
        }
      }
      throw failure("an open string")
    }

    mutating func unicode() throws -> Unicode.Scalar {
      let high = try hex()
      if (0xD800..<0xDC00).contains(high), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"),
        bytes[at + 1] == UInt8(ascii: "u")
      {
        let next = at
        at += 2
        let low = try hex()
        if (0xDC00..<0xE000).contains(low) {
          return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)) ?? "\u{FFFD}"
        }
        // No pair: the second escape is a character of its own.
        at = next
      }
      return Unicode.Scalar(high) ?? "\u{FFFD}"
    }

    mutating func hex() throws -> UInt32 {
      let digits = bytes[at...].prefix(4).compactMap { HexDigit.value($0) }
      guard digits.count == 4 else { throw failure("a broken \\u escape") }
      at += 4
      return digits.reduce(0) { $0 << 4 | UInt32($1) }
    }
  }
}
