import Glibc
import MillraceColumnar

/// `approx_count_distinct` by HyperLogLog: 2^p registers per group, each the longest run of zeros among the hashes it saw.
/// Hashes, registers and the estimate for few values are Spark's, so that small sets give the same numbers. Beyond those the
/// estimate is Ertl's, which needs no table of biases. State: a version byte, p and the registers.
final class DistinctSketchAccumulator: SelectiveAccumulator {
  private let precision: Int
  private let width: Int
  private let registers = GroupArray<UInt8>(0)

  init(precision: Int) {
    self.precision = precision
    width = 1 << precision
  }

  /// The precision for a relative standard deviation; throws outside what 4 to 18 bits give.
  static func precision(forDeviation deviation: Double) throws -> Int {
    let bits = Int(ceil(2 * log(1.106 / deviation) / log(2)))
    guard deviation > 0, deviation <= 0.39, bits >= 4, bits <= 18 else {
      throw MillraceError(
        "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "approx_count_distinct cannot keep a deviation of \(deviation)",
        hint: "pass one between 0.0024 and 0.39")
    }
    return bits
  }

  func reserve(groupCount: Int) { registers.reserve(groupCount * width) }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let hashes = XXHash64.hash(arguments, rowCount, type: .long, seed: 42).flattened()
    let values = hashes.values(as: UInt64.self)
    let registers = self.registers.base
    let shift = UInt64(64 - precision)
    Rows.forEachPresent(arguments, groups, rowCount) { group, row in
      let hash = values[row]
      let slot = group * width + Int(hash >> shift)
      let rest = hash << UInt64(precision) | 1 << UInt64(precision - 1)
      let rank = UInt8(truncatingIfNeeded: rest.leadingZeroBitCount + 1)
      if rank > registers[slot] { registers[slot] = rank }
    }
    withExtendedLifetime(hashes) {}
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    let registers = self.registers.base
    for row in 0..<rowCount where !states[0].isNull(row) {
      let bytes = states[0].bytes(row)
      guard bytes.count == width + 2, bytes[0] == RowCodec.version, Int(bytes[1]) == precision else {
        throw MillraceError(
          "STATE_ROW_DAMAGED", "the state of approx_count_distinct has another form", fault: .external)
      }
      let target = registers + Int(groups[row]) * width
      for index in 0..<width { target[index] = max(target[index], bytes[index + 2]) }
    }
  }

  func states(groupCount: Int) -> [ColumnVector] { [sketches(groupCount) { $0 }] }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    [sketches(count) { Int(truncatingIfNeeded: groups[$0]) }]
  }

  private func sketches(_ count: Int, _ group: (Int) -> Int) -> ColumnVector {
    let block = MemoryBuffer(capacity: count * (width + 2))
    let out = MemoryBuffer(capacity: count * 16)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    let registers = self.registers.values
    for row in 0..<count {
      let target = block.base + row * (width + 2)
      target.storeBytes(of: RowCodec.version, as: UInt8.self)
      target.storeBytes(of: UInt8(precision), toByteOffset: 1, as: UInt8.self)
      memcpy(target + 2, registers + group(row) * width, width)
      views[row] = StringView(target, width + 2)
    }
    return ColumnVector(type: .binary, count: count, values: out, owners: [block])
  }

  func finish(groupCount: Int) -> ColumnVector {
    let out = MemoryBuffer(capacity: groupCount * 8)
    let target = out.base.assumingMemoryBound(to: Int64.self)
    for group in 0..<groupCount { target[group] = Int64(estimate(registers.base + group * width).rounded()) }
    return ColumnVector(type: .long, count: groupCount, values: out)
  }

  /// Counts up to which empty registers tell more than full ones, for 4 to 18 bits.
  private static let thresholds: [Double] = [
    10, 20, 40, 80, 220, 400, 900, 1800, 3100, 6500, 11_500, 20_000, 50_000, 120_000, 350_000,
  ]

  private func estimate(_ registers: UnsafePointer<UInt8>) -> Double {
    let m = Double(width)
    let longest = 64 - precision + 1
    var histogram = [Double](repeating: 0, count: longest + 1)
    for index in 0..<width { histogram[min(Int(registers[index]), longest)] += 1 }
    if histogram[0] > 0 {
      let linear = m * log(m / histogram[0])
      if linear <= Self.thresholds[precision - 4] { return linear }
    }
    var z = m * Self.tau(1 - histogram[longest] / m)
    for rank in stride(from: longest - 1, through: 1, by: -1) { z = 0.5 * (z + histogram[rank]) }
    z += m * Self.sigma(histogram[0] / m)
    return m * m / (2 * log(2) * z)
  }

  /// `x + Σ x^(2^k) · 2^(k-1)`.
  private static func sigma(_ value: Double) -> Double {
    if value == 1 { return .infinity }
    var power = value, factor = 1.0, sum = value, last = -1.0
    while sum != last {
      power *= power
      last = sum
      sum += power * factor
      factor += factor
    }
    return sum
  }

  /// `(1 - x - Σ (1 - x^(2^-k))² · 2^-k) / 3`.
  private static func tau(_ value: Double) -> Double {
    if value == 0 || value == 1 { return 0 }
    var root = value, factor = 1.0, sum = 1 - value, last = -1.0
    while sum != last {
      root = root.squareRoot()
      last = sum
      factor *= 0.5
      sum -= (1 - root) * (1 - root) * factor
    }
    return sum / 3
  }
}
