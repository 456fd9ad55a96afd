public import CKernels
public import Glibc

/// 16 bytes that stand for a string or binary value.
///
/// The low 32 bits of `word0` hold the length in bytes. Up to 12 bytes lie inline behind it, padded with zeros.
/// Longer values keep their first four bytes there, and `word1` is the address of all of them; the vector that
/// holds the view keeps that memory alive through `ColumnVector.owners`.
/// Two views of up to 12 bytes are equal exactly if both words are.
@frozen
public struct StringView: Sendable {
  /// Length in bytes in the low 32 bits, the first four bytes of the text in the high 32.
  public var word0: UInt64
  /// Up to 12 bytes in all: bytes 4 to 11, padded with zeros. Longer: the address of the whole text.
  public var word1: UInt64

  /// Most bytes that lie inline.
  @inlinable public static var inlineCapacity: Int { 12 }

  /// The empty string.
  @inlinable
  public init() {
    word0 = 0
    word1 = 0
  }

  /// Takes the two words as they are.
  @inlinable
  public init(word0: UInt64, word1: UInt64) {
    self.word0 = word0
    self.word1 = word1
  }

  /// A view of `count` bytes at `pointer`, which must outlive the view when `count` is over 12.
  @inlinable
  public init(_ pointer: UnsafeRawPointer, _ count: Int) {
    if count <= 12 {
      var words: (UInt64, UInt64) = (UInt64(truncatingIfNeeded: count), 0)
      withUnsafeMutableBytes(of: &words) { target in
        if count >= 8 {
          target.storeBytes(of: pointer.loadUnaligned(as: UInt64.self), toByteOffset: 4, as: UInt64.self)
          target.storeBytes(
            of: pointer.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self), toByteOffset: count, as: UInt32.self)
        } else if count >= 4 {
          target.storeBytes(of: pointer.loadUnaligned(as: UInt32.self), toByteOffset: 4, as: UInt32.self)
          target.storeBytes(
            of: pointer.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self), toByteOffset: count, as: UInt32.self)
        } else if count > 0 {
          target.storeBytes(of: pointer.load(as: UInt8.self), toByteOffset: 4, as: UInt8.self)
          target.storeBytes(
            of: pointer.load(fromByteOffset: count / 2, as: UInt8.self), toByteOffset: 4 + count / 2, as: UInt8.self)
          target.storeBytes(
            of: pointer.load(fromByteOffset: count - 1, as: UInt8.self), toByteOffset: 3 + count, as: UInt8.self)
        }
      }
      word0 = words.0
      word1 = words.1
    } else {
      word0 = UInt64(truncatingIfNeeded: count) | UInt64(pointer.loadUnaligned(as: UInt32.self)) << 32
      word1 = UInt64(UInt(bitPattern: pointer))
    }
  }

  /// The same as `init(_:_:)` without branches on the length, for memory that may be read 16 bytes past `pointer`.
  @inlinable
  public init(padded pointer: UnsafeRawPointer, _ count: Int) {
    if count <= 12 {
      let words = ck_inline_view(pointer, count)
      word0 = words.word0
      word1 = words.word1
    } else {
      word0 = UInt64(truncatingIfNeeded: count) | UInt64(pointer.loadUnaligned(as: UInt32.self)) << 32
      word1 = UInt64(UInt(bitPattern: pointer))
    }
  }

  /// Length in bytes.
  @inlinable public var count: Int { Int(truncatingIfNeeded: word0 & 0xFFFF_FFFF) }

  /// Whether all bytes lie inside the view.
  @inlinable public var isInline: Bool { word0 & 0xFFFF_FFFF <= 12 }

  /// Address of the bytes of a view of more than 12 bytes.
  @inlinable
  public var address: UnsafeRawPointer {
    UnsafeRawPointer(bitPattern: UInt(truncatingIfNeeded: word1)).unsafelyUnwrapped
  }

  /// Calls `body` with the bytes.
  @inlinable
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    if !isInline { return try body(UnsafeRawBufferPointer(start: address, count: count)) }
    var copy = self
    let length = count
    return try withUnsafePointer(to: &copy) { (pointer) throws(Failure) -> Result in
      try body(UnsafeRawBufferPointer(start: UnsafeRawPointer(pointer) + 4, count: length))
    }
  }

  /// Whether none of the bytes of an inline view has its highest bit set.
  @inlinable
  package var isInlineASCII: Bool {
    (word0 & 0x8080_8080_0000_0000) | (word1 & 0x8080_8080_8080_8080) == 0
  }

  /// The bytes `from ..< end` of an inline view, by shifts alone.
  @inlinable
  package func inlinePart(_ from: Int, _ end: Int) -> StringView {
    let text = (UInt128(word1) << 32 | UInt128(word0 >> 32)) &>> UInt128(truncatingIfNeeded: 8 &* from)
    let length = end &- from
    let kept = text & ((1 &<< UInt128(truncatingIfNeeded: 8 &* length)) &- 1)
    return StringView(
      word0: UInt64(truncatingIfNeeded: kept) << 32 | UInt64(truncatingIfNeeded: length),
      word1: UInt64(truncatingIfNeeded: kept >> 32))
  }

  /// The bytes as a Swift string, broken UTF-8 replaced. For control paths and tests, not for rows.
  public var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }

  /// Same bytes.
  @inlinable
  public static func == (left: StringView, right: StringView) -> Bool {
    if left.word0 != right.word0 { return false }
    if left.word1 == right.word1 { return true }
    return !left.isInline && memcmp(left.address, right.address, left.count) == 0
  }

  /// Byte order (Spark's UTF8_BINARY): negative, zero or positive.
  @inlinable
  public static func compare(_ left: StringView, _ right: StringView) -> Int {
    let leftPrefix = UInt32(truncatingIfNeeded: left.word0 >> 32).byteSwapped
    let rightPrefix = UInt32(truncatingIfNeeded: right.word0 >> 32).byteSwapped
    if leftPrefix != rightPrefix { return leftPrefix < rightPrefix ? -1 : 1 }
    return left.withBytes { leftBytes in
      right.withBytes { rightBytes in
        let shared = min(leftBytes.count, rightBytes.count)
        if shared > 0, let a = leftBytes.baseAddress, let b = rightBytes.baseAddress {
          let order = memcmp(a, b, shared)
          if order != 0 { return Int(order) }
        }
        return leftBytes.count - rightBytes.count
      }
    }
  }
}

/// Where the elements of one array or map lie in the child vector.
@frozen
public struct ListView: Sendable {
  /// Position of the first element in the child vector, counted in elements.
  public var offset: Int32
  /// Number of elements; 0 for an empty list.
  public var length: Int32

  /// Elements `offset ..< offset + length` of the child.
  @inlinable
  public init(offset: Int, length: Int) {
    self.offset = Int32(truncatingIfNeeded: offset)
    self.length = Int32(truncatingIfNeeded: length)
  }

  /// The range in the child vector.
  @inlinable public var range: Range<Int> { Int(offset)..<Int(offset) + Int(length) }
}

/// Months, days and microseconds of a calendar interval, kept apart because neither converts to the other.
@frozen
public struct CalendarInterval: Hashable, Sendable {
  /// Whole months, 12 to the year; may be negative, like the other parts.
  public var months: Int32
  /// Calendar days, whose length depends on the zone's clock changes.
  public var days: Int32
  /// The part shorter than a day; not limited to one day, and not carried into `days`.
  public var microseconds: Int64

  /// Makes an interval.
  @inlinable
  public init(months: Int32, days: Int32, microseconds: Int64) {
    self.months = months
    self.days = days
    self.microseconds = microseconds
  }
}
