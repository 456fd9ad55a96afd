import MillraceColumnar

/// The sum of each group by its count, NULL for groups that have none.
@inline(__always)
private func means(_ counts: UnsafePointer<Int64>, _ groupCount: Int, _ sum: (Int) -> Double) -> ColumnVector {
  let out = MemoryBuffer(capacity: groupCount * 8)
  let target = out.base.assumingMemoryBound(to: Double.self)
  var nulls = NullTracker(count: groupCount)
  for group in 0..<groupCount {
    target[group] = sum(group) / Double(counts[group])
    if counts[group] == 0 { nulls.setNull(group) }
  }
  return ColumnVector(type: .double, count: groupCount, values: out, validity: nulls.validity)
}

/// `avg` of floating-point numbers, as DOUBLE. State: sum, count.
final class AverageAccumulator: Accumulator {
  private let sums = GroupArray<Double>(0)
  private let counts = GroupArray<Int64>(0)

  func reserve(groupCount: Int) {
    sums.reserve(groupCount)
    counts.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let sums = self.sums.base, counts = self.counts.base
    Rows.forEach(Rows.doubles(arguments[0]), as: Double.self, groups, rowCount) { group, value in
      sums[group] += value
      counts[group] &+= 1
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    let sums = self.sums.base, counts = self.counts.base
    Rows.forEach(states[0], as: Double.self, groups, rowCount) { sums[$0] += $1 }
    Rows.forEach(states[1], as: Int64.self, groups, rowCount) { counts[$0] &+= $1 }
  }

  func states(groupCount: Int) -> [ColumnVector] {
    [sums.vector(.double, groupCount), counts.vector(.long, groupCount)]
  }

  func finish(groupCount: Int) -> ColumnVector {
    let sums = self.sums.base
    return means(counts.base, groupCount) { sums[$0] }
  }
}

/// `avg` of integers, as DOUBLE. The sum is exact, so that it does not depend on the order of rows; Spark adds doubles, which gives the
/// same up to sums of 2^53. State: low and high half of the sum, count.
final class IntegerAverageAccumulator: Accumulator {
  private let sums = GroupArray<Int128>(0)
  private let counts = GroupArray<Int64>(0)

  func reserve(groupCount: Int) {
    sums.reserve(groupCount)
    counts.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    switch arguments[0].type.physical {
    case .int8: add(arguments[0], Int8.self, groups, rowCount)
    case .int16: add(arguments[0], Int16.self, groups, rowCount)
    case .int32: add(arguments[0], Int32.self, groups, rowCount)
    default: add(arguments[0], Int64.self, groups, rowCount)
    }
  }

  @inline(__always)
  private func add<T: FixedWidthInteger>(
    _ vector: ColumnVector, _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int
  ) {
    let sums = self.sums.base, counts = self.counts.base
    Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
      sums[group] &+= Int128(value)
      counts[group] &+= 1
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    let sums = self.sums.base, counts = self.counts.base
    Rows.forEach(states[0], as: UInt64.self, groups, rowCount) { sums[$0] &+= Int128($1) }
    Rows.forEach(states[1], as: Int64.self, groups, rowCount) { sums[$0] &+= Int128($1) << 64 }
    Rows.forEach(states[2], as: Int64.self, groups, rowCount) { counts[$0] &+= $1 }
  }

  func states(groupCount: Int) -> [ColumnVector] {
    let sums = self.sums.base
    let halves = [MemoryBuffer(capacity: groupCount * 8), MemoryBuffer(capacity: groupCount * 8)]
    let low = halves[0].base.assumingMemoryBound(to: Int64.self)
    let high = halves[1].base.assumingMemoryBound(to: Int64.self)
    for group in 0..<groupCount {
      low[group] = Int64(truncatingIfNeeded: sums[group])
      high[group] = Int64(truncatingIfNeeded: sums[group] >> 64)
    }
    return halves.map { ColumnVector(type: .long, count: groupCount, values: $0) }
      + [counts.vector(.long, groupCount)]
  }

  func finish(groupCount: Int) -> ColumnVector {
    let sums = self.sums.base
    // Sums of 64 bits are converted by an instruction, others by a call.
    return means(counts.base, groupCount) { Int64(exactly: sums[$0]).map { Double($0) } ?? Double(sums[$0]) }
  }
}

/// `avg` of intervals, rounded half up. State: sum, count.
final class IntervalAverageAccumulator: Accumulator {
  private let sums = GroupArray<Int64>(0)
  private let counts = GroupArray<Int64>(0)
  private let type: DataType

  init(_ type: DataType) { self.type = type }

  func reserve(groupCount: Int) {
    sums.reserve(groupCount)
    counts.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) throws {
    let counts = self.counts.base
    if arguments[0].type.physical == .int32 {
      try add(arguments[0], Int32.self, groups, rowCount)
    } else {
      try add(arguments[0], Int64.self, groups, rowCount)
    }
    Rows.forEachPresent(arguments, groups, rowCount) { group, _ in counts[group] &+= 1 }
  }

  private func add<T: FixedWidthInteger>(
    _ vector: ColumnVector, _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int
  ) throws {
    let sums = self.sums.base
    var anyOverflow = false
    Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
      let (sum, overflow) = sums[group].addingReportingOverflow(Int64(value))
      sums[group] = sum
      if overflow { anyOverflow = true }
    }
    if anyOverflow { throw LongSumAccumulator.overflow }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    let counts = self.counts.base
    try add(states[0], Int64.self, groups, rowCount)
    Rows.forEach(states[1], as: Int64.self, groups, rowCount) { counts[$0] &+= $1 }
  }

  func states(groupCount: Int) -> [ColumnVector] { [sums.vector(.long, groupCount), counts.vector(.long, groupCount)] }

  func finish(groupCount: Int) -> ColumnVector {
    let builder = ColumnBuilder(type, capacity: groupCount)
    for group in 0..<groupCount {
      let count = counts.base[group]
      guard count > 0, let mean = DecimalMath.divide(Int128(sums.base[group]), by: count, scaleUp: 0) else {
        builder.appendNull()
        continue
      }
      builder.append(.integer(Int64(truncatingIfNeeded: mean)))
    }
    return builder.finish()
  }
}
