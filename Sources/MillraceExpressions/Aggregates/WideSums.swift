import MillraceColumnar

/// Exact sums of integers, one per group: 64 bits of each, and more only once a sum has not fitted into them.
final class WideSums {
  /// The lower 64 bits, as a number with a sign.
  private let lows = GroupArray<Int64>(0)
  /// What is to be added to that number, times 2^64.
  private var highs: GroupArray<Int64>?

  func reserve(_ groupCount: Int) {
    lows.reserve(groupCount)
    highs?.reserve(groupCount)
  }

  /// Adds the values of rows that are not NULL, and 1 to each one's count.
  @inline(__always)
  func add<T: FixedWidthInteger>(
    _ vector: ColumnVector, _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int,
    counts: UnsafeMutablePointer<Int64>
  ) {
    let lows = self.lows.base
    Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
      let (sum, overflow) = lows[group].addingReportingOverflow(Int64(truncatingIfNeeded: value))
      lows[group] = sum
      counts[group] &+= 1
      if overflow { carry(group, value < 0 ? -1 : 1) }
    }
  }

  @inline(never)
  private func carry(_ group: Int, _ amount: Int64) {
    let highs = self.highs ?? GroupArray<Int64>(0)
    self.highs = highs
    highs.reserve(lows.count)
    highs.base[group] &+= amount
  }

  /// Adds sums whose halves are columns as `halves` gives them.
  func merge(low: ColumnVector, high: ColumnVector, _ groups: UnsafePointer<UInt32>, _ rowCount: Int) {
    let lows = self.lows.base
    let lowValues = low.values(as: Int64.self), highValues = high.values(as: Int64.self)
    for row in 0..<rowCount {
      let group = Int(truncatingIfNeeded: groups[row])
      let value = lowValues[low.slot(row)]
      let (sum, overflow) = lows[group].addingReportingOverflow(value)
      lows[group] = sum
      var amount = highValues[high.slot(row)] &+ (value < 0 ? 1 : 0)
      if overflow { amount &+= value < 0 ? -1 : 1 }
      if amount != 0 { carry(group, amount) }
    }
  }

  /// The lower and upper 64 bits of the sums in two's complement, as BIGINT columns.
  func halves(_ groupCount: Int) -> [ColumnVector] {
    let lows = self.lows.values
    let buffer = MemoryBuffer(capacity: groupCount * 8)
    let target = buffer.base.assumingMemoryBound(to: Int64.self)
    if let highs = highs?.values {
      for group in 0..<groupCount { target[group] = highs[group] &+ (lows[group] >> 63) }
    } else {
      for group in 0..<groupCount { target[group] = lows[group] >> 63 }
    }
    return [self.lows.vector(.long, groupCount), ColumnVector(type: .long, count: groupCount, values: buffer)]
  }

  /// The same of some groups.
  func halves(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    let low = lows.vector(.long, of: groups, count: count)
    let buffer = MemoryBuffer(capacity: count * 8)
    let target = buffer.base.assumingMemoryBound(to: Int64.self)
    let lowValues = low.values(as: Int64.self)
    for row in 0..<count { target[row] = lowValues[row] >> 63 }
    if let highs = highs?.values {
      for row in 0..<count { target[row] &+= highs[Int(truncatingIfNeeded: groups[row])] }
    }
    return [low, ColumnVector(type: .long, count: count, values: buffer)]
  }

  /// Sums divided by counts; NULL where the count is 0.
  func means(_ counts: UnsafePointer<Int64>, _ groupCount: Int) -> ColumnVector {
    let lows = self.lows.values
    guard let highs = highs?.values else {
      return .means(counts, groupCount) { Double(lows[$0]) }
    }
    return .means(counts, groupCount) { group in
      // Sums of 64 bits are converted by an instruction, others by a call.
      highs[group] == 0 ? Double(lows[group]) : Double(Int128(lows[group]) &+ Int128(highs[group]) << 64)
    }
  }
}
