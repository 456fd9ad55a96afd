/// Sorts by 64-bit words, such as the first bytes of keys.
public enum RadixSort {
  /// What is sorted.
  @frozen
  public struct Entry: BitwiseCopyable, Sendable {
    /// What it is sorted by.
    public var word: UInt64
    /// Where it stood, such as the number of a row.
    public var value: UInt64

    /// Makes an entry.
    @inlinable
    public init(word: UInt64, value: UInt64) {
      self.word = word
      self.value = value
    }
  }

  /// A word that orders as integers do.
  @inlinable
  public static func word(of value: Int64) -> UInt64 { UInt64(bitPattern: value) ^ 1 << 63 }

  /// A word that orders as numbers do in Spark: NaN is the largest, and -0 equals 0.
  @inlinable
  public static func word(of value: Double) -> UInt64 {
    if value.isNaN { return .max }
    let bits = (value == 0 ? 0 : value).bitPattern
    return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
  }

  /// Eight bytes from `offset` on as a word that orders as they do, zeros for those behind the end.
  @inlinable
  public static func word(of bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
    if bytes.count &- offset >= 8 {
      return UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
    var word: UInt64 = 0
    var at = offset
    while at < bytes.count {
      word = word << 8 | UInt64(bytes[at])
      at &+= 1
    }
    let missing = 8 &- (bytes.count &- offset)
    return missing >= 8 ? 0 : word << UInt64(8 &* missing)
  }

  /// Entries of which so few are compared with each other, since the tables of a sort by digits cost more.
  private static let comparedTo = 256

  /// Sorts `count` entries, whose values ascend, by their words; those of equal words by their values.
  public static func sort(_ entries: UnsafeMutablePointer<Entry>, _ count: Int) {
    let spare = MemoryBuffer(capacity: count * MemoryLayout<Entry>.stride)
    withExtendedLifetime(spare) { sort(entries, count, spare: spare.base.assumingMemoryBound(to: Entry.self)) }
  }

  /// The same where `spare` has room for as many.
  public static func sort(_ entries: UnsafeMutablePointer<Entry>, _ count: Int, spare: UnsafeMutablePointer<Entry>) {
    if count > comparedTo { return sortByDigits(entries, count, spare) }
    var few = UnsafeMutableBufferPointer(start: entries, count: count)
    few.sort { $0.word != $1.word ? $0.word < $1.word : $0.value < $1.value }
  }

  /// A byte after the other from the last; what is equal in all entries costs nothing.
  private static func sortByDigits(
    _ entries: UnsafeMutablePointer<Entry>, _ count: Int, _ spare: UnsafeMutablePointer<Entry>
  ) {
    let counts = MemoryBuffer.zeroed(8 * 256 * MemoryLayout<Int>.stride)
    let table = counts.base.assumingMemoryBound(to: Int.self)
    for index in 0..<count {
      var word = entries[index].word
      for digit in 0..<8 {
        table[digit &* 256 &+ Int(truncatingIfNeeded: word & 255)] &+= 1
        word >>= 8
      }
    }
    var from = entries
    var to = spare
    for digit in 0..<8 {
      let ends = table + digit * 256
      let shift = UInt64(digit * 8)
      if ends[Int(truncatingIfNeeded: (entries[0].word &>> shift) & 255)] == count { continue }
      var start = 0
      for value in 0..<256 {
        let size = ends[value]
        ends[value] = start
        start &+= size
      }
      for index in 0..<count {
        let value = Int(truncatingIfNeeded: (from[index].word &>> shift) & 255)
        to[ends[value]] = from[index]
        ends[value] &+= 1
      }
      swap(&from, &to)
    }
    withExtendedLifetime(counts) { if from != entries { entries.update(from: from, count: count) } }
  }
}
