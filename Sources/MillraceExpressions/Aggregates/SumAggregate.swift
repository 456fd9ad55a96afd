import MillraceColumnar

/// What a sum does when it leaves the range of its type.
enum OverflowMode: Sendable {
  case fail, null, wrap
}

/// `sum` of integers and intervals in 64 bits. State: the sum (NULL while nothing was added), whether it overflowed.
final class LongSumAccumulator: SelectiveAccumulator {
  private let sums = GroupArray<Int64>(0)
  private let seen = GroupArray<UInt8>(0)
  private let overflowed = GroupArray<UInt8>(0)
  private let type: DataType
  private let mode: OverflowMode

  init(_ type: DataType, _ mode: OverflowMode) {
    self.type = type
    self.mode = mode
  }

  func reserve(groupCount: Int) {
    sums.reserve(groupCount)
    seen.reserve(groupCount)
    overflowed.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) throws {
    switch arguments[0].type.physical {
    case .int8: try add(arguments[0], Int8.self, groups, rowCount)
    case .int16: try add(arguments[0], Int16.self, groups, rowCount)
    case .int32: try add(arguments[0], Int32.self, groups, rowCount)
    default: try add(arguments[0], Int64.self, groups, rowCount)
    }
  }

  @inline(__always)
  private func add<T: FixedWidthInteger & SignedInteger>(
    _ vector: ColumnVector, _: T.Type, _ groups: UnsafePointer<UInt32>, _ rowCount: Int
  ) throws {
    let sums = self.sums.base, seen = self.seen.base
    if mode == .fail {
      var anyOverflow = false
      Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
        let (sum, overflow) = sums[group].addingReportingOverflow(Int64(value))
        sums[group] = sum
        seen[group] = 1
        anyOverflow = anyOverflow != overflow || overflow
      }
      if anyOverflow { throw Self.overflow }
    } else {
      let overflowed = self.overflowed.base
      Rows.forEach(vector, as: T.self, groups, rowCount) { group, value in
        let (sum, overflow) = sums[group].addingReportingOverflow(Int64(value))
        sums[group] = sum
        seen[group] = 1
        overflowed[group] |= overflow ? 1 : 0
      }
    }
  }

  static let overflow = MillraceError(
    "ARITHMETIC_OVERFLOW", "a sum left the range of BIGINT",
    hint: "sum a DECIMAL or DOUBLE, or use try_sum to get NULL instead")

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    try add(states[0], Int64.self, groups, rowCount)
    let overflowed = self.overflowed.base
    Rows.forEach(states[1], as: UInt8.self, groups, rowCount) { overflowed[$0] |= $1 }
  }

  func states(groupCount: Int) -> [ColumnVector] {
    [sums.vector(.long, groupCount, validity: seen.validity(groupCount)), overflowed.vector(.boolean, groupCount)]
  }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    let validity = seen.validity(of: groups, count: count) { $0 != 0 }
    return [
      sums.vector(.long, of: groups, count: count, validity: validity),
      overflowed.vector(.boolean, of: groups, count: count),
    ]
  }

  func finish(groupCount: Int) -> ColumnVector {
    let seen = self.seen.values, overflowed = self.overflowed.values, sums = self.sums.values
    var nulls = NullTracker(count: groupCount)
    for group in 0..<groupCount where seen[group] == 0 || (mode == .null && overflowed[group] != 0) {
      nulls.setNull(group)
    }
    guard type.physical == .int32 else { return self.sums.vector(type, groupCount, validity: nulls.validity) }
    let out = MemoryBuffer(capacity: groupCount * 4)
    let target = out.base.assumingMemoryBound(to: Int32.self)
    for group in 0..<groupCount { target[group] = Int32(truncatingIfNeeded: sums[group]) }
    return ColumnVector(type: type, count: groupCount, values: out, validity: nulls.validity)
  }
}

/// `sum` of FLOAT and DOUBLE. State: the sum, NULL while nothing was added.
final class DoubleSumAccumulator: SelectiveAccumulator {
  private let sums = GroupArray<Double>(0)
  private let seen = GroupArray<UInt8>(0)

  func reserve(groupCount: Int) {
    sums.reserve(groupCount)
    seen.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let sums = self.sums.base, seen = self.seen.base
    Rows.forEach(Rows.doubles(arguments[0]), as: Double.self, groups, rowCount) { group, value in
      sums[group] += value
      seen[group] = 1
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    update(groups: groups, rowCount: rowCount, arguments: states)
  }

  func states(groupCount: Int) -> [ColumnVector] { [finish(groupCount: groupCount)] }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    let validity = seen.validity(of: groups, count: count) { $0 != 0 }
    return [sums.vector(.double, of: groups, count: count, validity: validity)]
  }

  func finish(groupCount: Int) -> ColumnVector {
    sums.vector(.double, groupCount, validity: seen.validity(groupCount))
  }
}

/// `sum` and `avg` of DECIMAL. State: the unscaled sum (NULL after an overflow), the number of values.
final class DecimalSumAccumulator: SelectiveAccumulator {
  private let sums = GroupArray<Int128>(0)
  private let counts = GroupArray<Int64>(0)
  private let overflowed = GroupArray<UInt8>(0)
  private let sumType: DataType
  private let result: DataType
  private let isAverage: Bool
  private let mode: OverflowMode

  init(sumType: DataType, result: DataType, isAverage: Bool, mode: OverflowMode) {
    self.sumType = sumType
    self.result = result
    self.isAverage = isAverage
    self.mode = mode
  }

  func reserve(groupCount: Int) {
    sums.reserve(groupCount)
    counts.reserve(groupCount)
    overflowed.reserve(groupCount)
  }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let sums = self.sums.base, counts = self.counts.base, overflowed = self.overflowed.base
    Rows.forEach(arguments[0], as: Int128.self, groups, rowCount) { group, value in
      let (sum, overflow) = sums[group].addingReportingOverflow(value)
      sums[group] = sum
      counts[group] &+= 1
      overflowed[group] |= overflow ? 1 : 0
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    let sums = self.sums.base, counts = self.counts.base, overflowed = self.overflowed.base
    let addedCounts = states[1].values(as: Int64.self), addedSums = states[0].values(as: Int128.self)
    for row in 0..<rowCount {
      let group = Int(groups[row])
      counts[group] &+= addedCounts[states[1].slot(row)]
      let (sum, overflow) = sums[group].addingReportingOverflow(
        states[0].isNull(row) ? 0 : addedSums[states[0].slot(row)])
      sums[group] = sum
      overflowed[group] |= overflow || states[0].isNull(row) ? 1 : 0
    }
  }

  func states(groupCount: Int) -> [ColumnVector] {
    let overflowed = self.overflowed.values
    var nulls = NullTracker(count: groupCount)
    for group in 0..<groupCount where overflowed[group] != 0 { nulls.setNull(group) }
    return [sums.vector(sumType, groupCount, validity: nulls.validity), counts.vector(.long, groupCount)]
  }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    let validity = overflowed.validity(of: groups, count: count) { $0 == 0 }
    return [
      sums.vector(sumType, of: groups, count: count, validity: validity),
      counts.vector(.long, of: groups, count: count),
    ]
  }

  func finish(groupCount: Int) throws -> ColumnVector {
    let sums = self.sums.values, counts = self.counts.values, overflowed = self.overflowed.values
    guard case .decimal(let sumPrecision, let sumScale) = sumType, case .decimal(let precision, let scale) = result
    else {
      throw MillraceError("INTERNAL_ERROR", "a decimal sum has type \(result)", fault: .bug)
    }
    let out = MemoryBuffer(capacity: groupCount * 16)
    let target = out.base.assumingMemoryBound(to: Int128.self)
    var nulls = NullTracker(count: groupCount)
    for group in 0..<groupCount {
      target[group] = 0
      if counts[group] == 0 {
        nulls.setNull(group)
        continue
      }
      var value: Int128? =
        overflowed[group] != 0 || !DecimalMath.fits(sums[group], sumPrecision) ? nil : sums[group]
      if isAverage, let sum = value {
        value = DecimalMath.divide(sum, by: counts[group], scaleUp: scale - sumScale)
        if let average = value, !DecimalMath.fits(average, precision) { value = nil }
      }
      if let value {
        target[group] = value
      } else if mode == .fail {
        throw MillraceError(
          "ARITHMETIC_OVERFLOW", "a sum of decimals left the range of \(sumType)",
          hint: "use try_sum or try_avg to get NULL instead")
      } else {
        nulls.setNull(group)
      }
    }
    return ColumnVector(type: result, count: groupCount, values: out, validity: nulls.validity)
  }
}

/// The decimal arithmetic that aggregates need.
enum DecimalMath {
  static let powers: [Int128] = (0...38).map { (0..<$0).reduce(1 as Int128) { value, _ in value * 10 } }

  /// Whether an unscaled value has at most `precision` digits.
  static func fits(_ value: Int128, _ precision: Int) -> Bool { value.magnitude < powers[precision].magnitude }

  /// `value · 10^scaleUp / divisor`, rounded half up; nil when it does not fit in 128 bits.
  static func divide(_ value: Int128, by divisor: Int64, scaleUp: Int) -> Int128? {
    let scale = powers[max(scaleUp, 0)].magnitude
    let denominator = UInt128(divisor.magnitude)
    let product = value.magnitude.multipliedFullWidth(by: scale)
    guard product.high < denominator else { return nil }
    let (quotient, remainder) = denominator.dividingFullWidth(product)
    let rounded = remainder >= denominator - remainder ? quotient + 1 : quotient
    guard let result = Int128(exactly: rounded) else { return nil }
    return (value < 0) != (divisor < 0) ? -result : result
  }
}
