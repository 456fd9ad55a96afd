import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// How keys and values are written.
enum PairSyntax: Sendable, Hashable {
  /// `key=value key="a value" flag`.
  case logfmt
  /// `label:value`, tabs between.
  case ltsv
  /// As logfmt with other characters between pairs and inside them.
  case keyValue(pairs: UInt8, value: UInt8)
  /// `key=a value key=another`: a value ends where the next key begins.
  case cef

  /// Decodes escapes: a backslash in front of quotes, backslashes and other marks, and `\n`, `\r`, `\t`, `\uXXXX`.
  static func unescape(_ text: UnsafePointer<UInt8>, _ count: Int, _ target: UnsafeMutablePointer<UInt8>) -> Int {
    var used = 0
    var at = 0
    while at < count {
      var byte = text[at]
      at += 1
      if byte == 0x5C, at < count {
        byte = text[at]
        at += 1
        switch byte {
        case 0x6E: byte = 0x0A
        case 0x72: byte = 0x0D
        case 0x74: byte = 0x09
        case 0x75:
          if let length = unicode(text + at, count - at, target + used) {
            used += length.written
            at += length.read
            continue
          }
        default: break
        }
      }
      target[used] = byte
      used += 1
    }
    return used
  }

  /// The character behind `\u`, with the second half of a pair; never longer than its escape.
  private static func unicode(_ text: UnsafePointer<UInt8>, _ count: Int, _ target: UnsafeMutablePointer<UInt8>)
    -> (read: Int, written: Int)?
  {
    guard let first = unit(text, count) else { return nil }
    var scalar = first
    var read = 4
    if first >= 0xD800, first < 0xDC00, count >= 10, text[4] == 0x5C, text[5] == 0x75,
      let second = unit(text + 6, count - 6),
      second >= 0xDC00, second < 0xE000
    {
      scalar = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
      read = 10
    }
    let character = Unicode.Scalar(scalar) ?? "\u{FFFD}"
    var written = 0
    for byte in UTF8.encode(character).map(Array.init) ?? [] {
      target[written] = byte
      written += 1
    }
    return (read, written)
  }

  private static func unit(_ text: UnsafePointer<UInt8>, _ count: Int) -> UInt32? {
    guard count >= 4 else { return nil }
    var value: UInt32 = 0
    for index in 0..<4 {
      guard let digit = HexDigit.value(text[index]) else { return nil }
      value = value << 4 | UInt32(digit)
    }
    return value
  }
}

/// Goes from pair to pair of a record.
struct PairCursor {
  private let syntax: PairSyntax
  private var record: RecordText
  /// Whether something was not of the syntax, a quote without an end for instance.
  private(set) var isBad = false

  init(_ syntax: PairSyntax, _ record: RecordText) {
    self.syntax = syntax
    self.record = record
  }

  /// The next key and its value, nil at the end. A key without a value has one of kind `CK_TRUE` and length 0.
  mutating func next() -> (key: UInt64, value: UInt64)? {
    switch syntax {
    case .logfmt: assignment(pairs: 0x20, value: 0x3D)
    case .keyValue(let pairs, let value): assignment(pairs: pairs, value: value)
    case .ltsv: label()
    case .cef: cef()
    }
  }

  private mutating func label() -> (key: UInt64, value: UInt64)? {
    if record.isAtEnd { return nil }
    let field = record.take(until: 0x09) ?? record.takeRest()
    if ck_span_length(field) == 0 { return label() }
    var part = RecordText(record.base, line: field)
    guard let key = part.take(until: 0x3A) else {
      isBad = true
      return nil
    }
    return (key, part.takeRest())
  }

  private mutating func assignment(pairs: UInt8, value: UInt8) -> (key: UInt64, value: UInt64)? {
    while !record.isAtEnd && (record.next == pairs || record.next == 0x20 || record.next == 0x09) { record.advance(1) }
    if record.isAtEnd { return nil }
    let key = keyText(pairs, value)
    guard record.skip(value) else { return (key, ck_span(record.position, 0, UInt32(CK_TRUE))) }
    if record.next == 0x22 { return quoted().map { (key, $0) } }
    return (key, record.take(to: record.find(pairs) ?? record.end))
  }

  private mutating func keyText(_ pairs: UInt8, _ value: UInt8) -> UInt64 {
    var at = record.position
    while at < record.end && record.base[at] != value && record.base[at] != pairs { at += 1 }
    return record.take(to: at)
  }

  private mutating func quoted() -> UInt64? {
    record.advance(1)
    let text = record.takeEscaped(until: 0x22)
    guard record.skip(0x22) else {
      isBad = true
      return nil
    }
    return text
  }

  private mutating func cef() -> (key: UInt64, value: UInt64)? {
    record.skipAll(0x20)
    if record.isAtEnd { return nil }
    guard let equals = record.find(0x3D) else {
      isBad = true
      return nil
    }
    let key = record.take(to: equals)
    record.advance(1)
    let start = record.position
    // The value goes to the blank in front of the word that ends at the next equals sign, or to the end.
    var at = start, blank = record.end
    var kind = CK_TEXT
    scan: while at < record.end {
      switch record.base[at] {
      case 0x5C:
        kind = CK_ESCAPED
        at += 1
      case 0x20: blank = at
      case 0x3D where blank < record.end: break scan
      default: break
      }
      at += 1
    }
    let end = at < record.end ? blank : record.end
    _ = record.take(to: end)
    return (key, ck_span(start, end - start, UInt32(kind)))
  }
}
