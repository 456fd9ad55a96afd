import MillraceColumnar

extension BoundAggregate {
  /// An accumulator that counts the rows of each group.
  package static func makeRowCounter() -> any RowCountingAccumulator { CountAccumulator(skipsNulls: false) }
}

/// `count(*)`, `count(x, …)` and, over booleans, `count_if`.
final class CountAccumulator: RowCountingAccumulator, SelectiveAccumulator {
  private let counts = GroupArray<Int64>(0)
  private let countsTrueOnly: Bool
  private let skipsNulls: Bool

  init(skipsNulls: Bool, countsTrueOnly: Bool = false) {
    self.skipsNulls = skipsNulls
    self.countsTrueOnly = countsTrueOnly
  }

  var rowCounts: UnsafeMutablePointer<Int64>? { skipsNulls ? nil : counts.base }

  func reserve(groupCount: Int) { counts.reserve(groupCount) }

  func update(groups: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) {
    let counts = self.counts.base
    if countsTrueOnly {
      Rows.forEach(arguments[0], as: UInt8.self, groups, rowCount) { counts[$0] &+= Int64($1) }
    } else if let validity = Rows.present(arguments, rowCount) {
      let words = validity.words
      for row in 0..<rowCount {
        let bit = (words[row >> 6] >> UInt64(truncatingIfNeeded: row & 63)) & 1
        counts[Int(truncatingIfNeeded: groups[row])] &+= Int64(truncatingIfNeeded: bit)
      }
    } else {
      Rows.forEachGroup(groups, rowCount, counts, self.counts.count) { counts[$0] &+= 1 }
    }
  }

  func merge(groups: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) {
    let counts = self.counts.base
    Rows.forEach(states[0], as: Int64.self, groups, rowCount) { counts[$0] &+= $1 }
  }

  func states(groupCount: Int) -> [ColumnVector] { [finish(groupCount: groupCount)] }

  func states(of groups: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    [counts.vector(.long, of: groups, count: count)]
  }

  func finish(groupCount: Int) -> ColumnVector { counts.vector(.long, groupCount) }
}
