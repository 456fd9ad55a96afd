/// What SHA-256 and SHA-512 differ in.
protocol SHA2Variant {
  associatedtype Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable
  static var rounds: Int { get }
  static var constants: DigestTable<Word> { get }
  /// Rotations, and a shift as the last of the small sums.
  static var bigSum0: (Word, Word, Word) { get }
  static var bigSum1: (Word, Word, Word) { get }
  static var smallSum0: (Word, Word, Word) { get }
  static var smallSum1: (Word, Word, Word) { get }
}

/// 32-bit words.
enum SHA2Narrow: SHA2Variant {
  static let rounds = 64
  static let constants = DigestTable(SHA2Constants.words.map { UInt32(truncatingIfNeeded: $0 >> 32) })
  @inline(__always) static var bigSum0: (UInt32, UInt32, UInt32) { (2, 13, 22) }
  @inline(__always) static var bigSum1: (UInt32, UInt32, UInt32) { (6, 11, 25) }
  @inline(__always) static var smallSum0: (UInt32, UInt32, UInt32) { (7, 18, 3) }
  @inline(__always) static var smallSum1: (UInt32, UInt32, UInt32) { (17, 19, 10) }
}

/// 64-bit words.
enum SHA2Wide: SHA2Variant {
  static let rounds = 80
  static let constants = DigestTable(SHA2Constants.words)
  @inline(__always) static var bigSum0: (UInt64, UInt64, UInt64) { (28, 34, 39) }
  @inline(__always) static var bigSum1: (UInt64, UInt64, UInt64) { (14, 18, 41) }
  @inline(__always) static var smallSum0: (UInt64, UInt64, UInt64) { (1, 8, 7) }
  @inline(__always) static var smallSum1: (UInt64, UInt64, UInt64) { (19, 61, 6) }
}

/// The compression function of FIPS 180-4 over either word size.
struct SHA2State<Variant: SHA2Variant> {
  typealias Word = Variant.Word
  private var state: (Word, Word, Word, Word, Word, Word, Word, Word)

  /// Begins with eight words.
  init(_ initial: DigestTable<Word>) {
    state = (initial[0], initial[1], initial[2], initial[3], initial[4], initial[5], initial[6], initial[7])
  }

  @inline(__always)
  private static func rotate(_ value: Word, _ count: Word) -> Word {
    value &>> count | value &<< (Word(truncatingIfNeeded: Word.bitWidth) &- count)
  }

  @inline(__always)
  private static func sum(_ value: Word, _ by: (Word, Word, Word)) -> Word {
    rotate(value, by.0) ^ rotate(value, by.1) ^ rotate(value, by.2)
  }

  @inline(__always)
  private static func shifted(_ value: Word, _ by: (Word, Word, Word)) -> Word {
    rotate(value, by.0) ^ rotate(value, by.1) ^ value &>> by.2
  }

  @inline(__always)
  mutating func process(_ block: UnsafeRawPointer) {
    let width = MemoryLayout<Word>.size
    withUnsafeTemporaryAllocation(of: Word.self, capacity: 80) { buffer in
      guard let schedule = buffer.baseAddress else { return }
      for index in 0..<16 {
        schedule[index] = Word(bigEndian: block.loadUnaligned(fromByteOffset: index &* width, as: Word.self))
      }
      for index in 16..<Variant.rounds {
        let first = Self.shifted(schedule[index &- 15], Variant.smallSum0)
        let second = Self.shifted(schedule[index &- 2], Variant.smallSum1)
        schedule[index] = schedule[index &- 16] &+ first &+ schedule[index &- 7] &+ second
      }
      var (a, b, c, d, e, f, g, h) = state
      let constants = Variant.constants
      for index in 0..<Variant.rounds {
        let choice: Word = e & f ^ ~e & g
        let first = h &+ Self.sum(e, Variant.bigSum1) &+ choice &+ constants[index] &+ schedule[index]
        let majority: Word = a & b ^ a & c ^ b & c
        let second = Self.sum(a, Variant.bigSum0) &+ majority
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
      }
      state = (
        state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e, state.5 &+ f, state.6 &+ g, state.7 &+ h
      )
    }
  }

  /// Writes the first `byteCount` bytes of the state.
  @inline(__always)
  func write(to target: UnsafeMutableRawPointer, _ byteCount: Int) {
    let words = (
      state.0.bigEndian, state.1.bigEndian, state.2.bigEndian, state.3.bigEndian, state.4.bigEndian,
      state.5.bigEndian, state.6.bigEndian, state.7.bigEndian
    )
    withUnsafeBytes(of: words) { bytes in
      if let base = bytes.baseAddress { target.copyMemory(from: base, byteCount: byteCount) }
    }
  }
}

/// SHA-224.
struct SHA224: Digest {
  static let blockSize = 64
  static let lengthSize = 8
  static let isBigEndian = true
  static let byteCount = 28
  private static let initial = DigestTable(SHA2Constants.initial384.map { UInt32(truncatingIfNeeded: $0) })
  private var core = SHA2State<SHA2Narrow>(initial)

  mutating func process(_ block: UnsafeRawPointer) { core.process(block) }
  func write(to target: UnsafeMutableRawPointer) { core.write(to: target, Self.byteCount) }
}

/// SHA-256.
struct SHA256: Digest {
  static let blockSize = 64
  static let lengthSize = 8
  static let isBigEndian = true
  static let byteCount = 32
  private static let initial = DigestTable(SHA2Constants.initial512.map { UInt32(truncatingIfNeeded: $0 >> 32) })
  private var core = SHA2State<SHA2Narrow>(initial)

  mutating func process(_ block: UnsafeRawPointer) { core.process(block) }
  func write(to target: UnsafeMutableRawPointer) { core.write(to: target, Self.byteCount) }
}

/// SHA-384.
struct SHA384: Digest {
  static let blockSize = 128
  static let lengthSize = 16
  static let isBigEndian = true
  static let byteCount = 48
  private static let initial = DigestTable(SHA2Constants.initial384)
  private var core = SHA2State<SHA2Wide>(initial)

  mutating func process(_ block: UnsafeRawPointer) { core.process(block) }
  func write(to target: UnsafeMutableRawPointer) { core.write(to: target, Self.byteCount) }
}

/// SHA-512.
struct SHA512: Digest {
  static let blockSize = 128
  static let lengthSize = 16
  static let isBigEndian = true
  static let byteCount = 64
  private static let initial = DigestTable(SHA2Constants.initial512)
  private var core = SHA2State<SHA2Wide>(initial)

  mutating func process(_ block: UnsafeRawPointer) { core.process(block) }
  func write(to target: UnsafeMutableRawPointer) { core.write(to: target, Self.byteCount) }
}

/// The constants of FIPS 180-4, which are fractions of roots of the first primes, computed as such.
///
/// SHA-256 uses the first 32 of the 64 bits that SHA-512 uses, and SHA-224 the second 32 bits of SHA-384's.
enum SHA2Constants {
  private static let primes: [UInt64] = {
    var found: [UInt64] = []
    var candidate: UInt64 = 2
    while found.count < 80 {
      if found.allSatisfy({ candidate % $0 != 0 }) { found.append(candidate) }
      candidate += 1
    }
    return found
  }()

  /// 64 bits behind the point of the cube roots.
  static let words: [UInt64] = primes.map { prime in fraction { root in exceedsCube(root, prime) } }

  /// 64 bits behind the point of the square roots of primes 1…8.
  static let initial512: [UInt64] = primes[0..<8].map { prime in fraction { root in exceedsSquare(root, prime) } }

  /// The same of primes 9…16.
  static let initial384: [UInt64] = primes[8..<16].map { prime in fraction { root in exceedsSquare(root, prime) } }

  /// The low 64 bits of the greatest root · 2⁶⁴ that does not exceed; the integral part of all roots is below 32.
  private static func fraction(_ exceeds: (UInt128) -> Bool) -> UInt64 {
    var root: UInt128 = 0
    for bit in stride(from: 69, through: 0, by: -1) where !exceeds(root | 1 << UInt128(bit)) {
      root |= 1 << UInt128(bit)
    }
    return UInt64(truncatingIfNeeded: root)
  }

  private static func exceedsSquare(_ root: UInt128, _ prime: UInt64) -> Bool {
    let square = root.multipliedFullWidth(by: root)
    return square.high > UInt128(prime) || square.high == UInt128(prime) && square.low > 0
  }

  /// Compares root³ with prime · 2¹⁹²: root² is cut into two limbs of 128 bits, each times root.
  private static func exceedsCube(_ root: UInt128, _ prime: UInt64) -> Bool {
    let square = root.multipliedFullWidth(by: root)
    let low = root.multipliedFullWidth(by: square.low)
    let high = root.multipliedFullWidth(by: square.high)
    let (middle, carry) = low.high.addingReportingOverflow(high.low)
    let top = high.high + (carry ? 1 : 0)
    // The cube is top · 2²⁵⁶ + middle · 2¹²⁸ + low.low; the bound is prime · 2⁶⁴ in units of 2¹²⁸.
    let bound = UInt128(prime) << 64
    return top > 0 || middle > bound || middle == bound && low.low > 0
  }
}
