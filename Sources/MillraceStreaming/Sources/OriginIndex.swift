import MillraceCore

/// Where the records in a journal came from, by offset.
struct OriginIndex {
  /// A run of records with one origin, up to the offset `end`.
  struct Run {
    var end: Int64
    var received: Int64
    var peer: String
  }

  private var runs: [Run] = []
  /// Runs before this one are forgotten.
  private var first = 0

  /// Adds the runs of the bytes from `offset` on.
  mutating func add(_ added: [LiveInbox.Run], at offset: Int64) {
    var end = offset
    for run in added {
      end += Int64(run.byteCount)
      runs.append(Run(end: end, received: run.received, peer: run.peer))
    }
  }

  /// Forgets what ends at `offset` or before.
  mutating func forget(before offset: Int64) {
    first = index(after: offset)
    if first > 1024, first > runs.count / 2 {
      runs.removeFirst(first)
      first = 0
    }
  }

  /// The first run that ends after `offset`.
  private func index(after offset: Int64) -> Int {
    var low = first
    var high = runs.count
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].end <= offset { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The runs of a range of bytes.
  func runs(in range: Range<Int64>) -> ArraySlice<Run> {
    let from = index(after: range.lowerBound)
    guard from < runs.count, !range.isEmpty else { return [] }
    return runs[from...min(index(after: range.upperBound - 1), runs.count - 1)]
  }
}
