import Glibc
import MillraceColumnar

/// Central moments of one number: variance, standard deviation, skewness, kurtosis. State: n, mean and the sums of powers of the
/// distance from it, all DOUBLE, updated and merged by the formulas of Welford, Chan and Pébay.
final class MomentAccumulator: SelectiveAccumulator {
  enum Result: Sendable {
    case varianceSample, variancePopulation, deviationSample, deviationPopulation, skewness, kurtosis

    var order: Int {
      switch self {
      case .skewness: 3
      case .kurtosis: 4
      default: 2
      }
    }
  }

  private struct Moments: BitwiseCopyable {
    var n = 0.0, mean = 0.0, m2 = 0.0, m3 = 0.0, m4 = 0.0
  }

  private let groups = GroupArray(Moments())
  private let result: Result

  init(_ result: Result) { self.result = result }

  func reserve(groupCount: Int) { groups.reserve(groupCount) }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let states = self.groups.base
    let isHigh = result.order > 2
    Rows.forEach(Rows.doubles(arguments[0]), as: Double.self, groups, rowCount) { group, value in
      var state = states[group]
      let n = state.n + 1
      let delta = value - state.mean
      let share = delta / n
      if isHigh {
        let delta2 = delta * share * state.n
        let square = share * share
        state.m4 += delta2 * square * (n * n - 3 * n + 3) + 6 * square * state.m2 - 4 * share * state.m3
        state.m3 += delta2 * share * (n - 2) - 3 * share * state.m2
      }
      state.mean += share
      state.m2 += delta * (delta - share)
      state.n = n
      states[group] = state
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    let flat = states.map { $0.flattened() }
    let columns = flat.map { $0.values(as: Double.self) }
    let held = self.groups.base
    for row in 0..<rowCount where columns[0][row] > 0 {
      let group = Int(groups[row])
      var other = Moments(n: columns[0][row], mean: columns[1][row], m2: columns[2][row])
      if columns.count > 3 { other.m3 = columns[3][row] }
      if columns.count > 4 { other.m4 = columns[4][row] }
      held[group] = Self.combined(held[group], other)
    }
    withExtendedLifetime(flat) {}
  }

  private static func combined(_ a: Moments, _ b: Moments) -> Moments {
    if a.n == 0 { return b }
    var out = Moments()
    out.n = a.n + b.n
    let delta = b.mean - a.mean
    let share = delta / out.n
    out.mean = a.mean + share * b.n
    out.m2 = a.m2 + b.m2 + delta * share * a.n * b.n
    out.m3 = a.m3 + b.m3 + share * share * delta * a.n * b.n * (a.n - b.n) + 3 * share * (a.n * b.m2 - b.n * a.m2)
    let cross = a.n * a.n - a.n * b.n + b.n * b.n
    let squares = a.n * a.n * b.m2 + b.n * b.n * a.m2
    out.m4 = a.m4 + b.m4 + share * share * share * delta * a.n * b.n * cross
    out.m4 += 6 * share * share * squares + 4 * share * (a.n * b.m3 - b.n * a.m3)
    return out
  }

  func states(groupCount: Int) -> [ColumnVector] { states(groupCount) { $0 } }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    states(count) { Int(truncatingIfNeeded: groups[$0]) }
  }

  private func states(_ count: Int, _ group: (Int) -> Int) -> [ColumnVector] {
    let held = groups.values
    let readers: [(Moments) -> Double] = [{ $0.n }, { $0.mean }, { $0.m2 }, { $0.m3 }, { $0.m4 }]
    return readers.prefix(result.order + 1).map { read in DoubleColumn.make(count) { read(held[group($0)]) } }
  }

  func finish(groupCount: Int) -> ColumnVector {
    let held = groups.base
    return DoubleColumn.make(groupCount) { Self.value(held[$0], self.result) }
  }

  private static func value(_ state: Moments, _ result: Result) -> Double? {
    let n = state.n
    if n == 0 { return nil }
    switch result {
    case .variancePopulation: return state.m2 / n
    case .deviationPopulation: return (state.m2 / n).squareRoot()
    case .varianceSample: return n == 1 ? nil : state.m2 / (n - 1)
    case .deviationSample: return n == 1 ? nil : (state.m2 / (n - 1)).squareRoot()
    case .skewness:
      return state.m2 == 0 ? nil : n.squareRoot() * state.m3 / (state.m2 * state.m2 * state.m2).squareRoot()
    case .kurtosis: return state.m2 == 0 ? nil : n * state.m4 / (state.m2 * state.m2) - 3
    }
  }
}

/// DOUBLE columns computed group by group.
enum DoubleColumn {
  /// One value per group, nil for NULL.
  static func make(_ count: Int, _ value: (Int) -> Double?) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: count * 8)
    let target = buffer.base.assumingMemoryBound(to: Double.self)
    var nulls = NullTracker(count: count)
    for index in 0..<count {
      if let value = value(index) {
        target[index] = value
      } else {
        target[index] = 0
        nulls.setNull(index)
      }
    }
    return ColumnVector(type: .double, count: count, values: buffer, validity: nulls.validity)
  }
}
