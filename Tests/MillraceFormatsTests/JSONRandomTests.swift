import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// A JSON value and its own text.
private struct PlainValue {
  indirect enum Content {
    case null
    case boolean(Bool)
    case number
    case string([UInt8])
    case array([PlainValue])
    case object([(key: [UInt8], value: PlainValue)])
  }

  var content: Content
  var raw: ArraySlice<UInt8>

  /// The value as one of a type, and whether it does not fit. Of equal keys the last counts, or the first.
  func value(_ type: DataType, isLast: Bool) -> (value: Value, isBad: Bool) {
    let text = String(decoding: raw, as: UTF8.self)
    switch (type, content) {
    case (_, .null): return (.null, false)
    case (.string, .string(let bytes)): return (.string(String(decoding: bytes, as: UTF8.self)), false)
    case (.string, _): return (.string(text), false)
    case (.boolean, .boolean(let value)): return (.boolean(value), false)
    case (.integer, .number): return Self.fitting(Int32(text).map { .integer(Int64($0)) })
    case (.long, .number): return Self.fitting(Int64(text).map { .integer($0) })
    case (.double, .number): return Self.fitting(CutText.comparable(.double(Double(text) ?? .nan)))
    case (.double, .string(let bytes)):
      switch String(decoding: bytes, as: UTF8.self) {
      case "NaN": return ("NaN", false)
      case "Infinity", "+Infinity", "INF", "+INF": return (.double(.infinity), false)
      case "-Infinity", "-INF": return (.double(-.infinity), false)
      default: return (.null, true)
      }
    case (.array(let element, _), .array(let elements)):
      let values = elements.map { $0.value(element, isLast: isLast) }
      return (.array(values.map(\.value)), values.contains { $0.isBad })
    case (.map(_, let type, _), .object(let members)):
      let values = members.map { (String(decoding: $0.key, as: UTF8.self), $0.value.value(type, isLast: isLast)) }
      return (.map(values.map { .init(.string($0.0), $0.1.value) }), values.contains { $0.1.isBad })
    case (.structure(let fields), .object(let members)):
      let values = fields.map { Self.member($0, of: members, isLast: isLast) }
      return (.structure(values.map(\.value)), values.contains { $0.isBad })
    default: return (.null, true)
    }
  }

  private static func fitting(_ value: Value?) -> (value: Value, isBad: Bool) { (value ?? .null, value == nil) }

  static func member(
    _ field: StructField, of members: [(key: [UInt8], value: PlainValue)], isLast: Bool
  ) -> (value: Value, isBad: Bool) {
    let named = members.filter { $0.key == Array(field.name.utf8) }
    let member = isLast ? named.last : named.first
    return member?.value.value(field.type, isLast: isLast) ?? (.null, false)
  }
}

/// JSON by the letter, read by going down.
private struct PlainJSON {
  private struct Malformed: Error {}
  private let text: [UInt8]
  private var at = 0

  private init(_ text: [UInt8]) { self.text = text }

  /// The members of the object that a line begins with; nil if it begins with none.
  static func object(_ line: [UInt8]) -> [(key: [UInt8], value: PlainValue)]? {
    var reader = PlainJSON(line)
    reader.blanks()
    guard reader.peek == UInt8(ascii: "{"), case .object(let members)? = try? reader.value().content else { return nil }
    return members
  }

  static func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

  private var peek: UInt8? { at < text.count ? text[at] : nil }
  private mutating func blanks() { while let byte = peek, Self.isBlank(byte) { at += 1 } }

  private mutating func take(_ byte: Character) throws {
    guard let expected = byte.asciiValue, peek == expected else { throw Malformed() }
    at += 1
  }

  private mutating func value() throws -> PlainValue {
    blanks()
    let start = at
    let content: PlainValue.Content
    switch peek {
    case UInt8(ascii: "{"):
      content = .object(
        try list("{", "}") { reader in
          reader.blanks()
          let key = try reader.string()
          reader.blanks()
          try reader.take(":")
          return (key, try reader.value())
        })
    case UInt8(ascii: "["): content = .array(try list("[", "]") { try $0.value() })
    case UInt8(ascii: "\""): content = .string(try string())
    default: content = try word()
    }
    if case .string = content { return PlainValue(content: content, raw: text[start + 1..<at - 1]) }
    return PlainValue(content: content, raw: text[start..<at])
  }

  private mutating func list<Element>(
    _ open: Character, _ close: Character, _ element: (inout PlainJSON) throws -> Element
  ) throws -> [Element] {
    try take(open)
    blanks()
    if peek == close.asciiValue {
      at += 1
      return []
    }
    var elements: [Element] = []
    while true {
      elements.append(try element(&self))
      blanks()
      if peek == close.asciiValue { break }
      try take(",")
    }
    at += 1
    return elements
  }

  private mutating func word() throws -> PlainValue.Content {
    let start = at
    while let byte = peek, !Self.isBlank(byte), !",]}".utf8.contains(byte) { at += 1 }
    switch String(decoding: text[start..<at], as: UTF8.self) {
    case "null": return .null
    case "true": return .boolean(true)
    case "false": return .boolean(false)
    case "NaN", "Infinity", "+Infinity", "-Infinity": return .number
    case let word: if word.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/) != nil { return .number }
    }
    throw Malformed()
  }

  private mutating func string() throws -> [UInt8] {
    try take("\"")
    var units: [UInt8] = []
    while true {
      guard let byte = peek, byte >= 0x20 else { throw Malformed() }
      at += 1
      if byte == UInt8(ascii: "\"") { return units }
      if byte != UInt8(ascii: "\\") {
        units.append(byte)
        continue
      }
      guard let escape = peek else { throw Malformed() }
      at += 1
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(escape)
      case UInt8(ascii: "b"): units.append(8)
      case UInt8(ascii: "f"): units.append(12)
      case UInt8(ascii: "n"): units.append(10)
      case UInt8(ascii: "r"): units.append(13)
      case UInt8(ascii: "t"): units.append(9)
      case UInt8(ascii: "u"): units += Array(String(try character()).utf8)
      default: throw Malformed()
      }
    }
  }

  private mutating func unit() throws -> UInt32 {
    guard at + 4 <= text.count else { throw Malformed() }
    let digits = String(decoding: text[at..<at + 4], as: UTF8.self)
    guard digits.utf8.allSatisfy({ "0123456789abcdefABCDEF".utf8.contains($0) }), let unit = UInt32(digits, radix: 16)
    else {
      throw Malformed()
    }
    at += 4
    return unit
  }

  /// The character behind `\u`; half a pair is a question mark, as Java writes it.
  private mutating func character() throws -> Character {
    let first = try unit()
    if let scalar = Unicode.Scalar(first) { return Character(scalar) }
    let before = at
    if first < 0xDC00, at + 6 <= text.count, text[at] == UInt8(ascii: "\\"), text[at + 1] == UInt8(ascii: "u") {
      at += 2
      if let second = try? unit(), (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      {
        return Character(scalar)
      }
    }
    at = before
    return "?"
  }
}

/// JSON with all that its grammar allows, and some that it does not.
private struct JSONWriter {
  static let keys = [
    "a", "b", "c", "é", "a key of sixteen", "a key of 17 bytes", "a key of more than thirty-two bytes", "q\"t",
    String(repeating: "ключ", count: 12),
  ]
  static let words = [
    "a", "b", "ab", "12", "", "é", "a longer text than a view holds", "\\u0061", "\\n", "\\\"", "\\\\", "\\/",
    "\\ud83d\\ude00", "\\ud83d",
    "\\udc00", "}", "]", ",", "{", String(repeating: "y", count: 31), String(repeating: "z", count: 62),
  ]
  static let numbers = [
    "0", "-0", "1", "7", "-1", "12", "1.5", "1e3", "-2E-2", "127", "2147483647", "2147483648", "-2147483648",
    "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "0.1", "123456789012345678901234567890", "NaN", "-Infinity",
  ]
  var random: Seeded
  var keys: [String]

  mutating func blanks() -> String { random.once(in: 6) ? random.pick([" ", "  ", "\t"]) : "" }

  mutating func string() -> String { "\"" + (0..<random.below(4)).map { _ in random.pick(Self.words) }.joined() + "\"" }

  /// A key as it is, or with escapes.
  mutating func key() -> String {
    let key = random.pick(keys)
    let isEscaped = random.once(in: 8)
    let units = key.unicodeScalars.map { scalar -> String in
      if scalar == "\"" { return "\\\"" }
      let digits = String(scalar.value, radix: 16)
      return isEscaped ? "\\u" + String(repeating: "0", count: 4 - digits.count) + digits : String(scalar)
    }
    return "\"" + units.joined() + "\""
  }

  mutating func value(_ depth: Int) -> String {
    switch random.below(depth > 2 ? 6 : 9) {
    case 0...2: return string()
    case 3, 4: return random.pick(Self.numbers)
    case 5: return random.pick(["null", "true", "false"])
    case 6: return object(depth + 1)
    default:
      var elements: [String] = []
      for _ in 0..<random.below(random.once(in: 8) ? 40 : 4) { elements.append(blanks() + value(depth + 1) + blanks()) }
      return "[" + blanks() + elements.joined(separator: ",") + "]"
    }
  }

  mutating func object(_ depth: Int) -> String {
    var members: [String] = []
    for _ in 0..<random.below(6) {
      members.append(blanks() + key() + blanks() + ":" + blanks() + value(depth) + blanks())
    }
    return "{" + blanks() + members.joined(separator: ",") + "}"
  }

  /// Lines of objects, of which some are no longer well.
  mutating func text() -> [UInt8] {
    let strange = Array("{}[]\":,\\ tn0-+eE.u'/".utf8) + [0, 1, 0x1F, 0x0D, 0x7F, 0xC3, 0xFF]
    var text: [UInt8] = []
    for _ in 0..<random.below(60) {
      var line = Array((blanks() + object(0) + blanks()).utf8)
      if random.once(in: 3) {
        for _ in 0...random.below(2) where !line.isEmpty {
          let at = random.below(line.count)
          switch random.below(3) {
          case 0: line[at] = random.pick(strange)
          case 1: line.insert(random.pick(strange), at: at)
          default: line.remove(at: at)
          }
        }
      }
      text += line + Array(random.pick(["\n", "\n", "\n", "\n\n", "\r\n", "\r", "  \n"]).utf8)
    }
    return text
  }
}

extension JSONDecodingTests {
  private static func schema(_ random: inout Seeded, keys: [String] = JSONWriter.keys) -> Schema {
    let flat: [DataType] = [.string, .string, .integer, .long, .double, .boolean]
    let nested: [DataType] = [
      .array(.integer), .array(.string), .map(.string, .string), .map(.string, .integer),
      .structure([StructField("a", .string), StructField("b", .integer)]),
      .array(.structure([StructField("a", .array(.string))])),
    ]
    let keys = Array(keys.shuffled(using: &random).prefix(random.below(5) + 1))
    return Schema(keys.map { StructField($0, random.once(in: 3) ? random.pick(nested) : random.pick(flat)) })
  }

  private static func text(_ random: inout Seeded, keys: [String] = JSONWriter.keys) -> CutText {
    var writer = JSONWriter(random: random, keys: keys)
    let bytes = writer.text()
    random = writer.random
    return CutText(bytes, misleading: "\"}],\\:{1 a\n", &random)
  }

  /// Read to the end, each line is JSON by the letter or malformed; read no further than is needed, a well one gives the same but where a
  /// key is there twice.
  @Test func randomTextsAreReadAsAPlainReadingReadsThem() {
    RandomTexts.each(150) { random in
      let schema = Self.schema(&random)
      let text = Self.text(&random)
      let columns = random.positions(below: schema.count)
      let lines = text.lines.filter { !$0.allSatisfy(PlainJSON.isBlank) }
      let objects = lines.map { PlainJSON.object($0) }
      func wanted(_ index: Int, isLast: Bool) -> (row: [Value], isBad: Bool) {
        guard let members = objects[index] else { return (columns.map { _ in .null }, true) }
        let values = columns.map { PlainValue.member(schema.fields[$0], of: members, isLast: isLast) }
        return (values.map(\.value), values.contains { $0.isBad })
      }
      let complete = lines.indices.map { wanted($0, isLast: true) }
      let what = "columns \(columns) of \(schema.ddl)"
      let decoder = try Self.decoding(schema, .deadLetter).makeDecoder(columns: columns, filters: [])
      try RandomTexts.expect(text.rows(decoder, &random), complete.filter { !$0.isBad }.map(\.row), what)
      let bad = lines.indices.filter { complete[$0].isBad }.map { String(decoding: lines[$0], as: UTF8.self) }
      try RandomTexts.expect(RandomConditions.kept(decoder).map(\.text), bad, "\(what), dead letters")

      let lazy = try text.rows(Self.decoding(schema).makeDecoder(columns: columns, filters: []), &random)
      if lazy.count != lines.count { throw RandomTexts.Mismatch(what: "\(lazy.count) rows of \(lines.count) lines") }
      for index in lines.indices where objects[index] != nil {
        let line = String(decoding: lines[index], as: UTF8.self)
        try RandomTexts.expect(lazy[index], wanted(index, isLast: false).row, "\(what), \(line)")
      }
    }
  }

  @Test func conditionsOnRandomTextsLeaveOutOnlyRowsThatFail() {
    RandomTexts.each(150) { random in
      let schema = Self.schema(&random, keys: ["a", "b", "c", "a key of sixteen"])
      var fields = schema.fields.filter { [.string, .integer, .long, .boolean].contains($0.type) }
      if fields.isEmpty { fields = [StructField("a", .string)] }
      if random.once(in: 4) { fields.append(StructField("_corrupt_record", .string)) }
      let flat = Schema(fields)
      let text = Self.text(&random, keys: ["a", "a", "b", "c"])
      try RandomConditions.hold(text, { try Self.decoding(flat, $0) }, &random)
    }
  }
}
