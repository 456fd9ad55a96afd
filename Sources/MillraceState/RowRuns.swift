/// Numbers of rows in the order in which they came, kept as runs: new rows mostly follow one another.
struct RowRuns {
  private(set) var runs: [Range<UInt32>] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// One row after the other.
  var rows: [UInt32] { runs.flatMap { Array($0) } }

  mutating func append(_ row: UInt32) {
    if let last = runs.last, last.upperBound == row {
      runs[runs.count - 1] = last.lowerBound..<row + 1
    } else {
      runs.append(row..<row + 1)
    }
    count += 1
  }

  mutating func append(contentsOf run: Range<UInt32>) {
    if run.isEmpty { return }
    count += run.count
    if let last = runs.last, last.upperBound == run.lowerBound {
      runs[runs.count - 1] = last.lowerBound..<run.upperBound
    } else {
      runs.append(run)
    }
  }

  mutating func removeAll() {
    runs.removeAll(keepingCapacity: true)
    count = 0
  }

  @inline(__always)
  func forEach(_ body: (UInt32) -> Void) {
    for run in runs {
      for row in run { body(row) }
    }
  }
}
