import CKernels
import Glibc

/// The bytes of one record, and how far they were read. Positions count from the first byte of the window.
struct RecordText {
  let base: UnsafePointer<UInt8>
  private(set) var position: Int
  let end: Int

  init(_ base: UnsafePointer<UInt8>, line: UInt64) {
    self.base = base
    position = ck_span_offset(line)
    end = position + ck_span_length(line)
  }

  var isAtEnd: Bool { position >= end }

  /// The next byte, 0 at the end.
  var next: UInt8 { isAtEnd ? 0 : base[position] }

  /// The byte `ahead` behind the next one, 0 beyond the end.
  func byte(_ ahead: Int) -> UInt8 { position + ahead < end ? base[position + ahead] : 0 }

  /// What lies between two positions.
  static func span(_ start: Int, _ end: Int) -> UInt64 { ck_span(start, end - start, UInt32(CK_TEXT)) }

  /// Goes over one byte if it is the next.
  mutating func skip(_ byte: UInt8) -> Bool {
    guard !isAtEnd, base[position] == byte else { return false }
    position += 1
    return true
  }

  /// Goes over a text if it is next.
  mutating func skip(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard end - position >= count, memcmp(base + position, text.utf8Start, count) == 0 else { return false }
    position += count
    return true
  }

  /// Goes over bytes of one value, however many there are.
  mutating func skipAll(_ byte: UInt8) {
    while position < end && base[position] == byte { position += 1 }
  }

  /// Goes on by some bytes, not beyond the end.
  mutating func advance(_ count: Int) { position = min(position + count, end) }

  /// Position of the next byte of a value, or nil.
  func find(_ byte: UInt8) -> Int? {
    guard position < end, let hit = memchr(base + position, Int32(byte), end - position) else { return nil }
    return UnsafeRawPointer(base).distance(to: UnsafeRawPointer(hit))
  }

  /// Position of a text, or nil.
  func find(_ text: StaticString) -> Int? {
    var rest = self
    while let at = rest.find(text.utf8Start[0]) {
      rest.position = at
      if rest.skip(text) { return at }
      rest.position = at + 1
    }
    return nil
  }

  /// What stands in front of the next byte of a value, which is gone over too; nil, and nothing read, if there is none.
  mutating func take(until byte: UInt8) -> UInt64? {
    guard let at = find(byte) else { return nil }
    defer { position = at + 1 }
    return Self.span(position, at)
  }

  /// Bytes up to the next `byte` that no backslash stands before, or the end; the byte is left. Of kind `CK_ESCAPED` if there is a
  /// backslash.
  mutating func takeEscaped(until byte: UInt8) -> UInt64 {
    let start = position
    var kind = CK_TEXT
    while !isAtEnd && next != byte {
      if next == 0x5C {
        kind = CK_ESCAPED
        advance(1)
      }
      advance(1)
    }
    return ck_span(start, position - start, UInt32(kind))
  }

  /// Everything up to a position.
  mutating func take(to limit: Int) -> UInt64 {
    defer { position = limit }
    return Self.span(position, limit)
  }

  /// Bytes up to the next blank or the end; the blank is gone over. Nil for none.
  mutating func takeWord() -> UInt64? {
    let at = find(0x20) ?? end
    guard at > position else { return nil }
    let word = Self.span(position, at)
    position = min(at + 1, end)
    return word
  }

  /// The digits that come next; nil for none.
  mutating func takeDigits() -> UInt64? {
    var at = position
    while at < end && base[at] &- 0x30 <= 9 { at += 1 }
    return at > position ? take(to: at) : nil
  }

  /// All that is left.
  mutating func takeRest() -> UInt64 { take(to: end) }
}
