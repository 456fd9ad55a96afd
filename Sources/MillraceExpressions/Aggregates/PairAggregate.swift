import Glibc
import MillraceColumnar

/// Statistics of pairs of numbers: covariance, correlation, the `regr_` family. Rows where either is NULL do not count.
/// State: n, both means, the sum of products of distances and both sums of squares, all DOUBLE.
final class PairAccumulator: SelectiveAccumulator {
  enum Result: Sendable {
    case covariancePopulation, covarianceSample, correlation
    case count, averageX, averageY, sumXX, sumYY, sumXY, slope, intercept, r2
  }

  private struct Pairs: BitwiseCopyable {
    var n = 0.0, x = 0.0, y = 0.0, xy = 0.0, xx = 0.0, yy = 0.0
  }

  private let groups = GroupArray(Pairs())
  private let result: Result

  init(_ result: Result) { self.result = result }

  func reserve(groupCount: Int) { groups.reserve(groupCount) }

  /// Arguments: x, y.
  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let held = self.groups.base
    let x = Rows.doubles(arguments[0]).flattened(), y = Rows.doubles(arguments[1]).flattened()
    let xs = x.values(as: Double.self), ys = y.values(as: Double.self)
    Rows.forEachPresent([x, y], groups, rowCount) { group, row in
      var state = held[group]
      state.n += 1
      let dx = xs[row] - state.x, dy = ys[row] - state.y
      state.x += dx / state.n
      state.y += dy / state.n
      state.xy += dx * (ys[row] - state.y)
      state.xx += dx * (xs[row] - state.x)
      state.yy += dy * (ys[row] - state.y)
      held[group] = state
    }
    withExtendedLifetime((x, y)) {}
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    let flat = states.map { $0.flattened() }
    let columns = flat.map { $0.values(as: Double.self) }
    let held = self.groups.base
    for row in 0..<rowCount where columns[0][row] > 0 {
      let group = Int(groups[row])
      let b = Pairs(
        n: columns[0][row], x: columns[1][row], y: columns[2][row], xy: columns[3][row], xx: columns[4][row],
        yy: columns[5][row])
      let a = held[group]
      if a.n == 0 {
        held[group] = b
        continue
      }
      let n = a.n + b.n
      let dx = b.x - a.x, dy = b.y - a.y
      let weight = a.n * b.n / n
      held[group] = Pairs(
        n: n, x: a.x + dx * b.n / n, y: a.y + dy * b.n / n, xy: a.xy + b.xy + dx * dy * weight,
        xx: a.xx + b.xx + dx * dx * weight, yy: a.yy + b.yy + dy * dy * weight)
    }
    withExtendedLifetime(flat) {}
  }

  func states(groupCount: Int) -> [ColumnVector] { states(groupCount) { $0 } }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    states(count) { Int(truncatingIfNeeded: groups[$0]) }
  }

  private func states(_ count: Int, _ group: (Int) -> Int) -> [ColumnVector] {
    let held = groups.values
    let readers: [(Pairs) -> Double] = [{ $0.n }, { $0.x }, { $0.y }, { $0.xy }, { $0.xx }, { $0.yy }]
    return readers.map { read in DoubleColumn.make(count) { read(held[group($0)]) } }
  }

  func finish(groupCount: Int) -> ColumnVector {
    let held = groups.base
    if case .count = result {
      let out = MemoryBuffer(capacity: groupCount * 8)
      let target = out.base.assumingMemoryBound(to: Int64.self)
      for group in 0..<groupCount { target[group] = Int64(held[group].n) }
      return ColumnVector(type: .long, count: groupCount, values: out)
    }
    return DoubleColumn.make(groupCount) { Self.value(held[$0], self.result) }
  }

  private static func value(_ s: Pairs, _ result: Result) -> Double? {
    if s.n == 0 { return nil }
    switch result {
    case .count: return s.n
    case .covariancePopulation: return s.xy / s.n
    case .covarianceSample: return s.n == 1 ? nil : s.xy / (s.n - 1)
    case .correlation: return s.n == 1 || s.xx == 0 || s.yy == 0 ? nil : s.xy / (s.xx * s.yy).squareRoot()
    case .averageX: return s.x
    case .averageY: return s.y
    case .sumXX: return s.xx
    case .sumYY: return s.yy
    case .sumXY: return s.xy
    case .slope: return s.n == 1 || s.xx == 0 ? nil : s.xy / s.xx
    case .intercept: return s.n == 1 || s.xx == 0 ? nil : s.y - s.xy / s.xx * s.x
    case .r2:
      if s.n == 1 || s.xx == 0 { return nil }
      return s.yy == 0 ? 1 : s.xy * s.xy / (s.xx * s.yy)
    }
  }
}
