import Glibc
import MillraceColumnar

/// Random numbers in the sequence that Spark gives for a seed (Marsaglia's xorshift, seeded through MurmurHash3).
struct XORShift {
  private var state: UInt64
  private var spare: Double?

  /// The sequence of one partition. Batches of a stream, which have a seed of their own, get different ones.
  init(_ seed: UInt64, _ context: EvaluationContext) { self.init((seed &+ UInt64(context.partition)) ^ context.seed) }

  private init(_ seed: UInt64) {
    let low = XORShift.hash(seed, 0x3C07_4A61)
    let high = XORShift.hash(seed, low)
    state = UInt64(high) << 32 | UInt64(low)
  }

  /// MurmurHash3 of the eight bytes of the seed, greatest first.
  private static func hash(_ seed: UInt64, _ start: UInt32) -> UInt32 {
    var hash = start
    func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
    for half in [UInt32(truncatingIfNeeded: seed >> 32), UInt32(truncatingIfNeeded: seed)] {
      let word = rotated(half.byteSwapped &* 0xCC9E_2D51, 15) &* 0x1B87_3593
      hash = rotated(hash ^ word, 13) &* 5 &+ 0xE654_6B64
    }
    hash ^= 8
    hash = (hash ^ hash >> 16) &* 0x85EB_CA6B
    hash = (hash ^ hash >> 13) &* 0xC2B2_AE35
    return hash ^ hash >> 16
  }

  private mutating func next(_ bits: UInt64) -> UInt64 {
    state ^= state << 21
    state ^= state >> 35
    state ^= state << 4
    return state & (1 << bits - 1)
  }

  /// From 0 up to but not 1.
  mutating func uniform() -> Double { Double(next(26) << 27 + next(27)) * 0x1p-53 }

  /// A number of the standard normal distribution, by the polar method of Java's `Random`.
  mutating func normal() -> Double {
    if let spare {
      self.spare = nil
      return spare
    }
    while true {
      let x = 2 * uniform() - 1, y = 2 * uniform() - 1
      let square = x * x + y * y
      guard square < 1, square != 0 else { continue }
      let factor = (-2 * log(square) / square).squareRoot()
      spare = y * factor
      return x * factor
    }
  }

  /// One of `0…9a…zA…Z`.
  mutating func letter() -> UInt8 {
    let index = UInt8((Int32(truncatingIfNeeded: next(32)) % 62).magnitude)
    return index < 10 ? 0x30 + index : index < 36 ? 0x57 + index : 0x1D + index
  }
}
