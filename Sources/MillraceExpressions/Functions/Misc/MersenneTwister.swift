import MillraceColumnar

/// The generator MT19937, whose sequences Spark's `shuffle` has.
struct MersenneTwister {
  private static let size = 624
  private var words = [UInt32](repeating: 0, count: MersenneTwister.size)
  private var at = MersenneTwister.size

  /// The sequence of one partition. Batches of a stream, which have a seed of their own, get different ones.
  init(_ seed: UInt64, _ context: EvaluationContext) { self.init((seed &+ UInt64(context.partition)) ^ context.seed) }

  /// Seeded by the two halves of `seed`, the upper one first.
  private init(_ seed: UInt64) {
    let keys = [UInt32(truncatingIfNeeded: seed >> 32), UInt32(truncatingIfNeeded: seed)]
    let size = Self.size
    words[0] = 19_650_218
    for index in 1..<size {
      let last = words[index - 1]
      words[index] = 1_812_433_253 &* (last ^ last >> 30) &+ UInt32(index)
    }
    var index = 1
    func advance(_ words: inout [UInt32]) {
      index += 1
      if index == size { (words[0], index) = (words[size - 1], 1) }
    }
    for step in 0..<size {
      let last = words[index - 1]
      let key = keys[step % 2] &+ UInt32(step % 2)
      words[index] = (words[index] ^ (last ^ last >> 30) &* 1_664_525) &+ key
      advance(&words)
    }
    for _ in 1..<size {
      let last = words[index - 1]
      words[index] = (words[index] ^ (last ^ last >> 30) &* 1_566_083_941) &- UInt32(index)
      advance(&words)
    }
    words[0] = 0x8000_0000
  }

  private mutating func next() -> UInt32 {
    let size = Self.size
    if at == size {
      for index in 0..<size {
        let joined = words[index] & 0x8000_0000 | words[(index + 1) % size] & 0x7FFF_FFFF
        words[index] = words[(index + 397) % size] ^ joined >> 1 ^ (joined & 1 == 0 ? 0 : 0x9908_B0DF)
      }
      at = 0
    }
    var word = words[at]
    at += 1
    word ^= word >> 11
    word ^= word << 7 & 0x9D2C_5680
    word ^= word << 15 & 0xEFC6_0000
    return word ^ word >> 18
  }

  /// A number from 0 up to but not `bound`, which is positive.
  mutating func next(below bound: Int) -> Int {
    let bound = Int64(bound)
    if bound & -bound == bound { return Int((bound * Int64(next() >> 1)) >> 31) }
    while true {
      let bits = Int64(next() >> 1)
      // The last numbers would come more often than others.
      if bits - bits % bound + bound - 1 <= Int64(Int32.max) { return Int(bits % bound) }
    }
  }

  /// Fills `order` with the numbers from 0 up to but not `count` in a random order.
  mutating func shuffle(_ order: inout [Int], count: Int) {
    order.removeAll(keepingCapacity: true)
    for index in 0..<count {
      let place = next(below: index + 1)
      order.append(place == index ? index : order[place])
      order[place] = index
    }
  }
}
