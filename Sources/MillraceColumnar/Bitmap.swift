import Glibc

/// One bit per row, 64 rows per word, lowest bit first. As validity a set bit means "not null".
@frozen
public struct Bitmap: Sendable {
  @usableFromInline let buffer: MemoryBuffer
  /// Number of rows.
  public let count: Int

  /// All bits as `value`. Bits past `count` have no meaning.
  public init(count: Int, all value: Bool) {
    self.count = count
    buffer = MemoryBuffer(capacity: Bitmap.words(count) * 8)
    memset(buffer.base, value ? 0xFF : 0, buffer.capacity)
  }

  /// One bit per non-zero byte.
  public init(bytes: UnsafePointer<UInt8>, count: Int) {
    self.init(count: count, all: false)
    let words = self.words
    for row in 0..<count where bytes[row] != 0 { words[row >> 6] |= 1 << UInt64(row & 63) }
  }

  /// Words needed for `count` bits.
  @inlinable public static func words(_ count: Int) -> Int { (count + 63) >> 6 }

  /// The words; write only before the bitmap is shared.
  @inlinable public var words: UnsafeMutablePointer<UInt64> { buffer.base.assumingMemoryBound(to: UInt64.self) }

  /// Whether the bit of `row` is set.
  @inlinable
  public subscript(row: Int) -> Bool {
    words[row >> 6] & (1 << UInt64(truncatingIfNeeded: row & 63)) != 0
  }

  /// Sets the bit of `row`; only before the bitmap is shared.
  @inlinable
  public func set(_ row: Int) { words[row >> 6] |= 1 << UInt64(truncatingIfNeeded: row & 63) }

  /// Clears the bit of `row`; only before the bitmap is shared.
  @inlinable
  public func clear(_ row: Int) { words[row >> 6] &= ~(1 << UInt64(truncatingIfNeeded: row & 63)) }

  /// Number of set bits among the first `count`.
  public var setCount: Int {
    var total = 0
    let full = count >> 6
    for index in 0..<full { total += words[index].nonzeroBitCount }
    if count & 63 != 0 { total += (words[full] & ((1 << UInt64(count & 63)) - 1)).nonzeroBitCount }
    return total
  }

  /// Bits set in both; a nil side counts as all set. Both must have `count` rows.
  public static func and(_ left: Bitmap?, _ right: Bitmap?) -> Bitmap? {
    guard let left else { return right }
    guard let right else { return left }
    let result = Bitmap(count: left.count, all: false)
    let a = left.words, b = right.words, out = result.words
    for index in 0..<words(left.count) { out[index] = a[index] & b[index] }
    return result
  }
}
