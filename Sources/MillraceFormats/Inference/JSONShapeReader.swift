import MillraceCore

/// Reads the shape of one JSON text, without making its values.
struct JSONShapeReader {
  /// Objects and arrays within each other.
  private static let deepest = 128

  private let text: Slice<UnsafeRawBufferPointer>
  private var at: Int

  /// The shape of a text; nil if it is no JSON, or has more than one value.
  static func shape(of bytes: UnsafeRawBufferPointer) -> JSONShape? {
    var reader = JSONShapeReader(bytes)
    guard let shape = reader.value(depth: 0) else { return nil }
    reader.skipSpace()
    return reader.at == reader.text.endIndex ? shape : nil
  }

  private init(_ bytes: UnsafeRawBufferPointer) {
    text = bytes[...]
    at = text.startIndex
  }

  private var next: UInt8? { at < text.endIndex ? text[at] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    at += 1
    return true
  }

  private mutating func value(depth: Int) -> JSONShape? {
    skipSpace()
    guard depth < Self.deepest, let first = next else { return nil }
    switch first {
    case UInt8(ascii: "{"): return object(depth)
    case UInt8(ascii: "["): return array(depth)
    case UInt8(ascii: "\""): return string() == nil ? nil : .string
    case UInt8(ascii: "t"): return word("true") ? .boolean : nil
    case UInt8(ascii: "f"): return word("false") ? .boolean : nil
    case UInt8(ascii: "n"): return word("null") ? .null : nil
    default: return number()
    }
  }

  private mutating func word(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard text.endIndex - at >= count else { return false }
    for index in 0..<count where text[at + index] != word.utf8Start[index] { return false }
    at += count
    return true
  }

  private mutating func object(_ depth: Int) -> JSONShape? {
    at += 1
    var members: [String: JSONShape] = [:]
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipSpace()
      guard let key = string() else { return nil }
      skipSpace()
      guard take(UInt8(ascii: ":")), let shape = value(depth: depth + 1) else { return nil }
      members[key] = members[key]?.merged(with: shape) ?? shape
      skipSpace()
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "}")) ? .object(members) : nil
  }

  private mutating func array(_ depth: Int) -> JSONShape? {
    at += 1
    var element = JSONShape.null
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array(element) }
    repeat {
      guard let shape = value(depth: depth + 1) else { return nil }
      element = element.merged(with: shape)
      skipSpace()
    } while take(UInt8(ascii: ","))
    return take(UInt8(ascii: "]")) ? .array(element) : nil
  }

  /// A string's text; nil where it does not end, or an escape is not known.
  private mutating func string() -> String? {
    guard take(UInt8(ascii: "\"")) else { return nil }
    let start = at
    var hasEscape = false
    while let byte = next {
      if byte == UInt8(ascii: "\"") {
        let raw = UnsafeRawBufferPointer(rebasing: text.base[start..<at])
        at += 1
        if !hasEscape { return String(decoding: raw, as: UTF8.self) }
        return (try? JSON(parsing: "\"\(String(decoding: raw, as: UTF8.self))\""))?.string
      }
      if byte < 0x20 { return nil }
      if byte == UInt8(ascii: "\\") {
        hasEscape = true
        at += 1
      }
      at += 1
    }
    return nil
  }

  private mutating func number() -> JSONShape? {
    let start = at
    _ = take(UInt8(ascii: "-"))
    let digits = takeDigits()
    guard digits > 0 else { return nil }
    var isWhole = true
    if take(UInt8(ascii: ".")) {
      isWhole = false
      guard takeDigits() > 0 else { return nil }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isWhole = false
      at += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
      guard takeDigits() > 0 else { return nil }
    }
    guard isWhole else { return .double }
    let raw = String(decoding: UnsafeRawBufferPointer(rebasing: text.base[start..<at]), as: UTF8.self)
    if Int64(raw) != nil { return .long }
    return digits <= 38 ? .decimal(digits: digits) : .double
  }

  private mutating func takeDigits() -> Int {
    let start = at
    while let byte = next, byte &- 0x30 <= 9 { at += 1 }
    return at - start
  }
}
