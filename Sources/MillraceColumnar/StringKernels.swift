import CKernels
import Glibc

/// Work on the text of a view that holds all its bytes, eight at a time. Its length, in the lowest bytes, is at most 12 and so never taken
/// for a letter or for a part of a character.
extension StringView {
  /// The view with its ASCII letters in capitals, or in small letters; nil unless all of it is ASCII and lies in the view.
  @inlinable
  public func withOtherCase(isUpper: Bool) -> StringView? {
    let ones: UInt64 = 0x0101_0101_0101_0101, high = ones << 7
    guard isInline, (word0 | word1) & high == 0 else { return nil }
    // Adding sets a byte's highest bit if it is the first letter or behind it, and if it is behind the last one.
    let fromFirst = ones &* (isUpper ? 0x80 - 0x61 : 0x80 - 0x41), behindLast = fromFirst &- ones &* 26
    func changed(_ word: UInt64) -> UInt64 {
      word ^ ((word &+ fromFirst) & ~(word &+ behindLast) & high) >> 2
    }
    return StringView(word0: changed(word0), word1: changed(word1))
  }

  /// Number of characters (code points), nil if the bytes lie elsewhere.
  @inlinable public var inlineCharacterCount: Int? {
    guard isInline else { return nil }
    // Bytes that continue a character: 10 in their highest bits.
    let high: UInt64 = 0x8080_8080_8080_8080
    let first = word0 & ~(word0 << 1) & high, second = word1 & ~(word1 << 1) & high
    return count &- first.nonzeroBitCount &- second.nonzeroBitCount
  }
}

extension UnsafeRawBufferPointer {
  /// Whether no byte has its highest bit set. Reads nothing outside the buffer.
  public var isASCII: Bool {
    guard let base = baseAddress else { return true }
    var at = 0
    while at &+ 64 <= count {
      if ck_high64(base + at) != 0 { return false }
      at &+= 64
    }
    var gathered: UInt64 = 0
    while at &+ 8 <= count {
      gathered |= base.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      at &+= 8
    }
    while at < count {
      gathered |= UInt64(base.load(fromByteOffset: at, as: UInt8.self))
      at &+= 1
    }
    return gathered & 0x8080_8080_8080_8080 == 0
  }

  /// Number of characters (code points): bytes that do not continue one.
  public var characterCount: Int {
    if isASCII { return count }
    var total = 0
    for byte in self where byte & 0xC0 != 0x80 { total &+= 1 }
    return total
  }

  /// Position of the first occurrence of `needle` at `start` or later, nil if there is none.
  public func offset(of needle: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
    if needle.count == 0 { return start <= count ? start : nil }
    guard let base = baseAddress, let wanted = needle.baseAddress, start + needle.count <= count else { return nil }
    let last = count - needle.count
    let first = Int32(needle[0])
    var at = start
    while at <= last, let hit = memchr(base + at, first, last - at + 1) {
      at = base.distance(to: UnsafeRawPointer(hit))
      if needle.count == 1 || memcmp(base + at, wanted, needle.count) == 0 { return at }
      at += 1
    }
    return nil
  }

  /// Position of the last occurrence of `needle`, nil if there is none.
  public func lastOffset(of needle: UnsafeRawBufferPointer, before end: Int) -> Int? {
    var at = Swift.min(end, count) - needle.count
    while at >= 0 {
      if matches(needle, at: at) { return at }
      at -= 1
    }
    return nil
  }

  /// Whether the bytes at `offset` are those of `needle`.
  @inline(__always)
  public func matches(_ needle: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    guard offset >= 0, offset &+ needle.count <= count else { return false }
    guard needle.count > 0, let base = baseAddress, let wanted = needle.baseAddress else { return true }
    return memcmp(base + offset, wanted, needle.count) == 0
  }

  /// The bytes of a range, which must lie inside.
  @inlinable
  public func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}

extension StringView {
  /// A view of a part of `bytes`.
  @inlinable
  public init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
    if let base = bytes.baseAddress { self.init(base + range.lowerBound, range.count) } else { self.init() }
  }
}
