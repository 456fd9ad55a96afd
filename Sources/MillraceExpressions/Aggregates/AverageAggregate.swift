import MillraceColumnar

extension ColumnVector {
  /// `sum(group)` divided by the count of each group, as DOUBLE; NULL where the count is 0.
  @inline(__always)
  static func means(_ counts: UnsafePointer<Int64>, _ groupCount: Int, _ sum: (Int) -> Double) -> ColumnVector {
    let out = MemoryBuffer(capacity: groupCount * 8)
    let target = out.base.assumingMemoryBound(to: Double.self)
    var nulls = NullTracker(count: groupCount)
    for group in 0..<groupCount {
      target[group] = sum(group) / Double(counts[group])
      if counts[group] == 0 { nulls.setNull(group) }
    }
    return ColumnVector(type: .double, count: groupCount, values: out, validity: nulls.validity)
  }
}

/// `avg` of floating-point numbers, as DOUBLE. State: sum, count.
final class AverageAccumulator: SelectiveAccumulator {
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

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    [sums.vector(.double, of: groups, count: count), counts.vector(.long, of: groups, count: count)]
  }

  func finish(groupCount: Int) -> ColumnVector {
    let sums = self.sums.values
    return .means(counts.values, groupCount) { sums[$0] }
  }
}

/// `avg` of integers, as DOUBLE. The sum is exact, so that it does not depend on the order of rows; Spark adds doubles, which gives the
/// same up to sums of 2^53. State: low and high half of the sum, count.
final class IntegerAverageAccumulator: SelectiveAccumulator {
  private let sums = WideSums()
  private let counts = GroupArray<Int64>(0)

  func reserve(groupCount: Int) {
    sums.reserve(groupCount)
    counts.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let counts = self.counts.base
    switch arguments[0].type.physical {
    case .int8: sums.add(arguments[0], Int8.self, groups, rowCount, counts: counts)
    case .int16: sums.add(arguments[0], Int16.self, groups, rowCount, counts: counts)
    case .int32: sums.add(arguments[0], Int32.self, groups, rowCount, counts: counts)
    default: sums.add(arguments[0], Int64.self, groups, rowCount, counts: counts)
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    sums.merge(low: states[0], high: states[1], groups, rowCount)
    let counts = self.counts.base
    Rows.forEach(states[2], as: Int64.self, groups, rowCount) { counts[$0] &+= $1 }
  }

  func states(groupCount: Int) -> [ColumnVector] { sums.halves(groupCount) + [counts.vector(.long, groupCount)] }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    sums.halves(of: groups, count: count) + [counts.vector(.long, of: groups, count: count)]
  }

  func finish(groupCount: Int) -> ColumnVector { sums.means(counts.values, groupCount) }
}

/// `avg` of intervals, rounded half up. State: sum, count.
final class IntervalAverageAccumulator: SelectiveAccumulator {
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

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    [sums.vector(.long, of: groups, count: count), counts.vector(.long, of: groups, count: count)]
  }

  func finish(groupCount: Int) -> ColumnVector {
    let builder = ColumnBuilder(type, capacity: groupCount)
    let sums = self.sums.values, counts = self.counts.values
    for group in 0..<groupCount {
      let count = counts[group]
      guard count > 0, let mean = DecimalMath.divide(Int128(sums[group]), by: count, scaleUp: 0) else {
        builder.appendNull()
        continue
      }
      builder.append(.integer(Int64(truncatingIfNeeded: mean)))
    }
    return builder.finish()
  }
}
