import MillraceColumnar
import MillraceCore
import MillraceFormats

/// Merges files by the times of their rows. A file is opened when the merge has come to its first row, so that those are open at the same
/// time whose times overlap; of each there is a window in memory.
///
/// Rows come in rounds: all that lie before the end of the first window to be used up. Where windows begin and end does not show in the
/// order of the rows, so a batch that is run again gives the same.
final class FileMerger {
  /// What the merge gets its files by.
  struct Files {
    var splits: [SourceSplit]
    /// By split, a time that is not after its first row's.
    var firstTimes: [Int64]
    var makeDecoder: () throws -> any Decoder
    /// Position of the times among the columns of the decoder.
    var timeIndex: Int
    var open: (Int) throws -> WindowReader
  }

  /// What a file came to.
  struct Outcome {
    var cursor: MergeCursor
    /// Nil: the file was read to its end.
    var rest: MergeCursor.Rest?
  }

  private let files: Files
  private let rule: ReplayRule
  private let decoder: any Decoder
  private var unopened: [Int]
  private var open: [MergeCursor] = []
  private(set) var outcomes: [Outcome] = []
  /// The time of the last row that came out.
  private(set) var lastTime: Int64?

  /// Rows of a batch that is handed on.
  private static let batchRows = 8192

  init(_ files: Files, _ rule: ReplayRule) throws {
    self.files = files
    self.rule = rule
    decoder = try files.makeDecoder()
    unopened = files.splits.indices.sorted { (files.firstTimes[$0], $0) > (files.firstTimes[$1], $1) }
  }

  /// Closes what is open. After `run` that is what goes on in the next batch, which is not closed.
  func closeAll() { for cursor in open { cursor.windows.reader.close() } }

  /// Gives the rows of the batch to `emit`.
  func run(_ emit: (RecordBatch) throws -> Void) throws {
    var left = rule.rows.map { Int(clamping: $0) } ?? .max
    while left > 0, let parts = try nextRound() { left -= try give(parts, atMost: left, emit) }
    for cursor in open { try leave(cursor) }
    open = []
  }

  private func leave(_ cursor: MergeCursor) throws {
    // Whether the file is at its end shows only when more of it is asked for.
    let isAtEnd = try cursor.isEmpty && !cursor.load(decoder, timeIndex: files.timeIndex)
    outcomes.append(Outcome(cursor: cursor, rest: isAtEnd ? nil : try cursor.leave(files.makeDecoder)))
  }

  /// Rows of a file that come out in a round.
  private struct Part {
    var cursor: MergeCursor
    var end: Int
  }

  /// What lies before the end of the first window to be used up, and within the rule. Nil: nothing.
  private func nextRound() throws -> [Part]? {
    while true {
      open = try open.filter { cursor in
        if try !cursor.isEmpty || cursor.load(decoder, timeIndex: files.timeIndex) { return true }
        outcomes.append(Outcome(cursor: cursor, rest: nil))
        return false
      }
      let bound = open.min { ($0.lastTime, $0.index) < ($1.lastTime, $1.index) }
      if let index = unopened.last, files.firstTimes[index] <= min(rule.until ?? .max, bound?.lastTime ?? .max) {
        unopened.removeLast()
        let windows = try files.open(index)
        open.append(
          MergeCursor(index: index, split: files.splits[index], windows: windows, floor: rule.after ?? .min))
        continue
      }
      guard let bound else { return nil }
      // At the rule's time all files are in.
      let limit = rule.until.map { $0 < bound.lastTime ? ($0, Int.max) : nil } ?? nil
      let (time, index) = limit ?? (bound.lastTime, bound.index)
      let parts = open.map { Part(cursor: $0, end: $0.end(through: time, index)) }.filter { $0.end > $0.cursor.next }
      return parts.isEmpty ? nil : parts
    }
  }

  /// Hands on the rows of a round in their order, `limit` at most, and gives how many they were.
  private func give(_ parts: [Part], atMost limit: Int, _ emit: (RecordBatch) throws -> Void) throws -> Int {
    if parts.count == 1 {
      let cursor = parts[0].cursor
      let end = min(parts[0].end, cursor.next + min(limit, parts[0].end))
      let isWhole = cursor.next == 0 && end == cursor.batch.rowCount
      try emit(isWhole ? cursor.batch : cursor.batch.gathered(.range(cursor.next..<end)))
      return advance(cursor, to: end)
    }
    let (order, ends) = merge(parts, atMost: limit)
    let rows = RecordBatch.concatenated(
      zip(parts, ends).filter { $1 > $0.cursor.next }.map { part, end in
        part.cursor.batch.gathered(.range(part.cursor.next..<end))
      })
    var given = 0
    while given < order.count {
      let count = min(Self.batchRows, order.count - given)
      let selection = Selection(capacity: count)
      for row in 0..<count { selection.rows[row] = order[given + row] }
      try emit(rows.gathered(selection))
      given += count
    }
    return zip(parts, ends).reduce(0) { $0 + advance($1.0.cursor, to: $1.1) }
  }

  private func advance(_ cursor: MergeCursor, to end: Int) -> Int {
    let count = end - cursor.next
    if count > 0 { lastTime = max(lastTime ?? .min, cursor.times[end - 1]) }
    cursor.next = end
    cursor.rowCount += Int64(count)
    return count
  }

  /// The rows of the parts in their order, as positions among those that come out, part after part; and where each part ends.
  private func merge(_ parts: [Part], atMost limit: Int) -> (order: [Int32], ends: [Int]) {
    var heads = parts.map(\.cursor.next)
    var heap = MergeHeap(
      parts.indices.map { MergeHeap.Entry(parts[$0].cursor.times[heads[$0]], parts[$0].cursor.index, $0) })
    /// Part by part, the runs of the order.
    var runs: [(part: Int, start: Int, count: Int)] = []
    var left = limit
    while left > 0, let first = heap.first {
      let part = first.part, times = parts[part].cursor.times, end = parts[part].end
      let second = heap.second
      let start = heads[part]
      var row = start + 1
      while row < end, row - start < left, second.map({ first.isBefore($0, at: times[row]) }) ?? true { row += 1 }
      heads[part] = row
      runs.append((part, start, row - start))
      left -= row - start
      if row < end { heap.replaceFirst(time: times[row]) } else { heap.removeFirst() }
    }
    var bases: [Int] = []
    var total = 0
    for (index, part) in parts.enumerated() {
      bases.append(total - part.cursor.next)
      total += heads[index] - part.cursor.next
    }
    var order: [Int32] = []
    order.reserveCapacity(total)
    for run in runs {
      for row in run.start..<run.start + run.count { order.append(Int32(truncatingIfNeeded: bases[run.part] + row)) }
    }
    return (order, heads)
  }
}
