import MillraceColumnar
import MillraceExpressions
import MillracePlan
import Synchronization

/// Which rows of the built side of a join come out behind the joined ones, once all of the other side was looked up.
enum KeptRows {
  case none
  /// Those without a match, beside NULLs: of RIGHT and FULL joins.
  case unmatchedBesideNulls
  /// Those with a match, alone: of a semi join whose left side is the built one.
  case matched
  /// Those without, alone: of such an anti join.
  case unmatched
}

/// Which rows of a built side found a match so far. Several threads may mark rows at once.
final class JoinMarks: @unchecked Sendable {
  private var rowMemory = MemoryBuffer(capacity: 0)
  private var keyMemory = MemoryBuffer(capacity: 0)
  /// By row, 1 where it is marked.
  var flags: UnsafeMutablePointer<Atomic<UInt8>> {
    rowMemory.base.assumingMemoryBound(to: Atomic<UInt8>.self)
  }
  private var ends: UnsafeMutablePointer<Atomic<Int32>> {
    keyMemory.base.assumingMemoryBound(to: Atomic<Int32>.self)
  }

  /// Forgets all marks, and makes room for those of a table.
  func reset(rows: Int, keys: Int) {
    rowMemory = .zeroed(rows)
    keyMemory = .zeroed(keys * MemoryLayout<Int32>.stride)
  }

  @inline(__always)
  func isMarked(_ row: Int32) -> Bool { flags[Int(row)].load(ordering: .relaxed) != 0 }

  /// A row that is marked already is left alone, so that threads do not take its line of memory from each other.
  @inline(__always)
  func mark(_ row: Int32) {
    if !isMarked(row) { flags[Int(row)].store(1, ordering: .relaxed) }
  }

  /// Where the rows of a key that are known to be marked without a gap end, in the order of keys; 0 where none are.
  func end(ofKey key: Int) -> Int { Int(ends[key].load(ordering: .relaxed)) }

  /// All rows of a key up to there are marked. Of several threads' ends any may stay, since each is true.
  func setEnd(_ end: Int, ofKey key: Int) { ends[key].store(Int32(truncatingIfNeeded: end), ordering: .relaxed) }
}

/// Looks up rows, marks what they match, and gives the pairs; nothing where only the marks are wanted.
struct MarkOperator: StageOperator {
  let table: JoinTable
  let marks: JoinMarks

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    if table.plan.kind.isExistence {
      try table.mark(batch, marks, context.evaluation)
      return nil
    }
    let (result, matches) = try ProbeOperator.join(batch, table, context.evaluation)
    for row in matches.right where row >= 0 { marks.mark(row) }
    return result
  }

  var multipliesRows: Bool { ProbeOperator(table: table).multipliesRows }
}

/// The rows of a join that marks what it matches, and behind them rows of the built side.
final class KeptRowsOperator: PhysicalOperator {
  private let joined: any PhysicalOperator
  private let table: JoinTable
  private let marks: JoinMarks
  private let kept: KeptRows

  init(_ joined: any PhysicalOperator, _ table: JoinTable, _ marks: JoinMarks, _ kept: KeptRows) {
    self.joined = joined
    self.table = table
    self.marks = marks
    self.kept = kept
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    try joined.execute(context) + [rest()].compactMap(\.self)
  }

  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    try joined.execute(context, reducing: reduce) + [rest()].compactMap(\.self).compactMap(reduce)
  }

  private func rest() -> RecordBatch? {
    let isWanted = kept == .matched
    let rows = Selection((0..<table.rows.rowCount).filter { marks.isMarked(Int32(truncatingIfNeeded: $0)) == isWanted })
    if rows.count == 0 { return nil }
    let columns = table.rows.columns.map { $0.gathered(rows) }
    let others = kept == .unmatchedBesideNulls ? table.plan.leftTypes : []
    return RecordBatch(rowCount: rows.count, columns: others.map { .nulls($0, count: rows.count) } + columns)
  }
}
