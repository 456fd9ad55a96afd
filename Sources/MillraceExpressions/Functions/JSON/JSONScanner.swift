import CKernels
import Glibc
import MillraceColumnar

/// Walks over JSON text byte by byte. Every step gives false (or nil) when the text breaks the grammar; nothing is
/// believed about the end of the text or its nesting. What it takes beyond the standard is its grammar's matter.
struct JSONScanner {
  /// Deepest nesting that is read.
  static let depthLimit = 128

  let base: UnsafePointer<UInt8>
  let count: Int
  var position = 0
  private let grammar: JSONGrammar

  init(_ bytes: UnsafeRawBufferPointer, _ grammar: JSONGrammar = .lookup) {
    self.grammar = grammar
    base =
      bytes.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) } ?? UnsafePointer(bitPattern: 8).unsafelyUnwrapped
    count = bytes.count
  }

  /// What the next value is.
  enum Kind {
    case object, array, string, number, boolean, null, end, other
  }

  @inline(__always)
  mutating func skipSpace() {
    while position < count {
      switch base[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      case 0x2F where grammar.contains(.comments) && skipComment(): break
      default: return
      }
    }
  }

  /// Skips `// …` or `/* … */` if one is next.
  private mutating func skipComment() -> Bool {
    guard position + 1 < count else { return false }
    var end = position + 2
    switch base[position + 1] {
    case 0x2F:
      while end < count, base[end] != 0x0A, base[end] != 0x0D { end += 1 }
    case 0x2A:
      while end + 1 < count, base[end] != 0x2A || base[end + 1] != 0x2F { end += 1 }
      if end + 1 >= count { return false }
      end += 2
    default: return false
    }
    position = end
    return true
  }

  /// The kind of the next value, spaces skipped.
  mutating func peek() -> Kind {
    skipSpace()
    guard position < count else { return .end }
    switch base[position] {
    case 0x7B: return .object
    case 0x5B: return .array
    case 0x22: return .string
    case 0x27: return grammar.contains(.singleQuotes) ? .string : .other
    case 0x74, 0x66: return .boolean
    case 0x6E: return .null
    case 0x2D, 0x30...0x39, 0x4E, 0x49, 0x2B: return .number
    default: return .other
    }
  }

  /// Takes a byte if it is next.
  @inline(__always)
  mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < count, base[position] == byte else { return false }
    position += 1
    return true
  }

  private mutating func takeWord(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard position + length <= count, memcmp(base + position, word.utf8Start, length) == 0 else { return false }
    position += length
    return true
  }

  /// Bytes between two positions.
  func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
  }

  // MARK: Values

  /// Skips one value and checks its grammar.
  mutating func skipValue(depth: Int = 0) -> Bool {
    // Nearly all values are of the strict grammar, which each of the others includes.
    if let end = ck_json_value_end(base + position, base + count) {
      position = end - base
      return true
    }
    return skipAnyValue(depth: depth)
  }

  /// The same for a value of any grammar, step by step.
  mutating func skipAnyValue(depth: Int = 0) -> Bool {
    switch peek() {
    case .object:
      if depth >= Self.depthLimit { return false }
      return forEachField { scanner, _ in scanner.skipAnyValue(depth: depth + 1) }
    case .array:
      if depth >= Self.depthLimit { return false }
      return forEachElement { $0.skipAnyValue(depth: depth + 1) }
    case .string: return string() != nil
    case .number: return number() != nil
    case .boolean: return takeWord("true") || takeWord("false")
    case .null: return takeWord("null")
    case .end, .other: return false
    }
  }

  /// Reads an object; `body` gets the raw name and must consume the value. False if broken or if `body` says so.
  mutating func forEachField(_ body: (inout JSONScanner, JSONText) -> Bool) -> Bool {
    guard take(0x7B) else { return false }
    if take(0x7D) { return true }
    while true {
      guard let name = peek() == .string ? string() : bareName(), take(0x3A) else { return false }
      guard body(&self, name) else { return false }
      if take(0x7D) { return true }
      guard take(0x2C) else { return false }
    }
  }

  /// A name without quotes, where the grammar has them.
  private mutating func bareName() -> JSONText? {
    guard grammar.contains(.unquotedNames) else { return nil }
    let start = position
    func isPart(_ byte: UInt8) -> Bool {
      isASCIIAlphanumeric(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$") || byte > 127
    }
    guard position < count, isPart(base[position]), base[position] < 0x30 || base[position] > 0x39 else { return nil }
    while position < count, isPart(base[position]) { position += 1 }
    return JSONText(bytes: slice(start..<position), hasEscapes: false)
  }

  /// Reads an array; `body` must consume each element.
  mutating func forEachElement(_ body: (inout JSONScanner) -> Bool) -> Bool {
    guard take(0x5B) else { return false }
    if take(0x5D) { return true }
    while true {
      guard body(&self) else { return false }
      if take(0x5D) { return true }
      guard take(0x2C) else { return false }
    }
  }

  /// Where the values of the members called `names` begin in the object that is next, nil for those that are not there, and goes past it. Of
  /// members with the same name the last counts. False, with nothing taken, if the object is not of the strict grammar, or is rare.
  mutating func findMembers(_ names: ObjectNames, _ values: UnsafeMutablePointer<UnsafePointer<UInt8>?>) -> Bool {
    var hasRepeated = false
    guard let end = ck_json_members(base + position, base + count, names.names, names.count, values, &hasRepeated)
    else {
      return false
    }
    position = end - base
    return true
  }

  /// What a search for one member came to.
  enum Member {
    case found(at: Int), absent
    /// The object has to be read step by step; nothing was taken.
    case unknown
  }

  /// Where the value of the only member called `name` begins in the object that is next; goes past the object.
  mutating func findMember(_ name: [UInt8]) -> Member {
    var value: UnsafePointer<UInt8>?
    var isRepeated = false
    let end = name.withUnsafeBufferPointer { bytes in
      var wanted = ck_json_name(bytes: bytes.baseAddress, length: bytes.count)
      return ck_json_members(base + position, base + count, &wanted, 1, &value, &isRepeated)
    }
    guard let end, !isRepeated else { return .unknown }
    position = end - base
    return value.map { .found(at: $0 - base) } ?? .absent
  }

  /// The string at the position, without its quotes.
  mutating func string() -> JSONText? {
    guard position < count else { return nil }
    let quote = base[position]
    position += 1
    let start = position
    var hasEscapes = false
    while position < count {
      if quote == 0x22 { position = ck_json_string_stop(base + position, base + count) - base }
      guard position < count else { return nil }
      let byte = base[position]
      if byte == quote {
        let text = JSONText(bytes: slice(start..<position), hasEscapes: hasEscapes)
        position += 1
        return text
      }
      if byte < 0x20, !grammar.contains(.controlCharacters) { return nil }
      position += 1
      guard byte == 0x5C else { continue }
      hasEscapes = true
      guard position < count else { return nil }
      switch base[position] {
      case 0x22, 0x27, 0x2F, 0x5C, 0x62, 0x66, 0x6E, 0x72, 0x74: position += 1
      case 0x75:
        guard position + 4 < count, (1...4).allSatisfy({ HexDigit.value(base[position + $0]) != nil }) else {
          return nil
        }
        position += 5
      case _ where grammar.contains(.anyEscape): position += 1
      default: return nil
      }
    }
    return nil
  }

  /// The number at the position as it is written.
  mutating func number() -> JSONNumber? {
    let start = position
    if beginsWithLetter && grammar.contains(.nonNumericNumbers) && takeNonFinite() {
      return JSONNumber(bytes: slice(start..<position), isInteger: false, isFinite: false)
    }
    if position < count, base[position] == 0x2D { position += 1 }
    guard digits() > 0 else { return nil }
    let first = base[start] == 0x2D ? start + 1 : start
    if base[first] == 0x30 && position - first > 1 && !grammar.contains(.leadingZeros) { return nil }
    var isInteger = true
    if position < count, base[position] == 0x2E {
      position += 1
      isInteger = false
      guard digits() > 0 else { return nil }
    }
    if position < count, base[position] | 0x20 == 0x65 {
      position += 1
      isInteger = false
      if position < count, base[position] == 0x2B || base[position] == 0x2D { position += 1 }
      guard digits() > 0 else { return nil }
    }
    return JSONNumber(bytes: slice(start..<position), isInteger: isInteger, isFinite: true)
  }

  /// Whether a letter follows, perhaps behind a sign.
  private var beginsWithLetter: Bool {
    var at = position
    if at < count, base[at] == 0x2D || base[at] == 0x2B { at += 1 }
    return at < count && base[at] >= 0x41
  }

  private mutating func takeNonFinite() -> Bool {
    takeWord("NaN") || takeWord("Infinity") || takeWord("-Infinity") || takeWord("+Infinity") || takeWord("INF")
      || takeWord("-INF") || takeWord("+INF")
  }

  private mutating func digits() -> Int {
    let start = position
    while position < count, base[position] >= 0x30, base[position] <= 0x39 { position += 1 }
    return position - start
  }

  /// `true` or `false`.
  mutating func boolean() -> Bool? {
    if takeWord("true") { return true }
    return takeWord("false") ? false : nil
  }

  /// `null`.
  mutating func null() -> Bool { takeWord("null") }

  // MARK: Copies

  /// Copies one value without spaces, strings and numbers in their usual form.
  mutating func copyValue(to out: ByteBuffer, depth: Int = 0) -> Bool {
    switch peek() {
    case .object:
      if depth >= Self.depthLimit { return false }
      out.append(UInt8(0x7B))
      var isFirst = true
      let isWhole = forEachField { scanner, name in
        if !isFirst { out.append(UInt8(0x2C)) }
        isFirst = false
        name.appendQuoted(to: out)
        out.append(UInt8(0x3A))
        return scanner.copyValue(to: out, depth: depth + 1)
      }
      out.append(UInt8(0x7D))
      return isWhole
    case .array:
      if depth >= Self.depthLimit { return false }
      out.append(UInt8(0x5B))
      var isFirst = true
      let isWhole = forEachElement { scanner in
        if !isFirst { out.append(UInt8(0x2C)) }
        isFirst = false
        return scanner.copyValue(to: out, depth: depth + 1)
      }
      out.append(UInt8(0x5D))
      return isWhole
    case .string:
      guard let text = string() else { return false }
      text.appendQuoted(to: out)
      return true
    case .number:
      guard let number = number() else { return false }
      number.append(to: out)
      return true
    default:
      let start = position
      guard skipValue(depth: depth) else { return false }
      out.append(slice(start..<position))
      return true
    }
  }
}

/// A string in JSON text between its quotes.
struct JSONText {
  let bytes: UnsafeRawBufferPointer
  let hasEscapes: Bool

  /// Whether the unescaped text is `other`.
  func equals(_ other: [UInt8]) -> Bool {
    if !hasEscapes {
      guard bytes.count == other.count, let base = bytes.baseAddress else { return other.isEmpty && bytes.isEmpty }
      return other.withUnsafeBytes { $0.baseAddress.map { memcmp($0, base, bytes.count) == 0 } ?? true }
    }
    let scratch = ByteBuffer(capacity: bytes.count + 4)
    append(to: scratch)
    return scratch.bytes.elementsEqual(other)
  }

  /// Appends the text with its escapes resolved; a lone half of a surrogate pair becomes a question mark.
  func append(to out: ByteBuffer) {
    if !hasEscapes { return out.append(bytes) }
    var at = 0
    while at < bytes.count {
      let byte = bytes[at]
      guard byte == 0x5C else {
        out.append(byte)
        at += 1
        continue
      }
      switch bytes[at + 1] {
      case 0x62: out.append(UInt8(0x08))
      case 0x66: out.append(UInt8(0x0C))
      case 0x6E: out.append(UInt8(0x0A))
      case 0x72: out.append(UInt8(0x0D))
      case 0x74: out.append(UInt8(0x09))
      case 0x75:
        at += appendUnicode(at, to: out)
        continue
      case let other: out.append(other)
      }
      at += 2
    }
  }

  private func unit(_ at: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 << 4 | UInt32(HexDigit.value(bytes[at + $1]) ?? 0) }
  }

  /// Appends the code point of the escape at `at` and gives the bytes it took.
  private func appendUnicode(_ at: Int, to out: ByteBuffer) -> Int {
    var code = unit(at + 2)
    var used = 6
    if code & 0xFC00 == 0xD800, at + 11 < bytes.count, bytes[at + 6] == 0x5C, bytes[at + 7] == 0x75 {
      let low = unit(at + 8)
      if low & 0xFC00 == 0xDC00 {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        used = 12
      }
    }
    let scalar = Unicode.Scalar(code) ?? "?"
    for byte in UTF8.encode(scalar).map({ Array($0) }) ?? [0x3F] { out.append(byte) }
    return used
  }

  /// Appends the text as a JSON string in its usual form.
  func appendQuoted(to out: ByteBuffer) {
    if !hasEscapes && !bytes.contains(0x22) {
      out.append(UInt8(0x22))
      out.append(bytes)
      return out.append(UInt8(0x22))
    }
    let plain = ByteBuffer(capacity: bytes.count + 8)
    append(to: plain)
    JSONQuoting.append(plain.bytes, to: out)
  }
}

/// A number as JSON text has it.
struct JSONNumber {
  let bytes: UnsafeRawBufferPointer
  let isInteger: Bool
  let isFinite: Bool

  /// Appends it: integers as they are, others as the shortest text of the DOUBLE.
  func append(to out: ByteBuffer) {
    if isInteger { return out.append(bytes) }
    guard isFinite, let value = NumberParsing.double(bytes) else {
      out.append(UInt8(0x22))
      out.append(bytes)
      return out.append(UInt8(0x22))
    }
    let target = out.reserve(NumberText.capacity).assumingMemoryBound(to: UInt8.self)
    out.advance(NumberText.write(value, to: target))
  }
}
