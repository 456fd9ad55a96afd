import CKernels
package import MillraceColumnar
import MillraceCore

/// The values of a memory store's rows where they are computed, so that they need not be taken out of the store and put back for
/// each change.
package protocol ResidentValues: AnyObject {
  /// The values of rows in the given order, one column for each value type.
  func values(of rows: UnsafePointer<UInt32>, count: Int) throws -> [ColumnVector]
}

/// Rows whose values somebody else keeps.
///
/// The keys stay in the store's table, which whoever keeps the values adds to. The store is told which rows were changed, and asks for
/// their values when it writes or gives them out. There is no way back behind a change but from files.
extension MemoryStateStore {
  /// The table with the keys of all rows, where it has no free numbers, so that new keys get the numbers that follow.
  package var denseTable: GroupTable? { table.liveCount == table.groupCount ? table : nil }

  /// From here on `values` has the values of the rows: those that there are and all that come. Only between two versions, of a store
  /// with a dense table and without an index of times.
  package func reside(in values: any ResidentValues) throws {
    guard isClean, times == nil, denseTable != nil else {
      throw MillraceError("INTERNAL_ERROR", "rows of this state cannot have their values elsewhere", fault: .bug)
    }
    resident = values
    for column in columns { column.removeAll() }
  }

  /// Rows got other values; those from `firstNew` on are new in the table.
  package func note(_ rows: UnsafePointer<UInt32>, _ count: Int, newFrom firstNew: Int) {
    let rowCount = table.groupCount
    if rowCount > firstNew {
      ensureMarks()
      for row in firstNew..<rowCount { marks[row] = Mark.live | Mark.new }
      newRows.append(contentsOf: UInt32(truncatingIfNeeded: firstNew)..<UInt32(truncatingIfNeeded: rowCount))
    }
    // Where all rows are new there is nothing else to find out.
    if newRows.count < rowCount { noteChanged(rows, count) }
  }

  private func noteChanged(_ rows: UnsafePointer<UInt32>, _ count: Int) {
    // New rows are those behind the others.
    let firstNew = newRows.runs.first?.lowerBound ?? .max
    let old = UnsafeMutablePointer<UInt32>.allocate(capacity: count + 16)
    defer { old.deallocate() }
    let oldCount = ck_below(rows, count, firstNew, old)
    var firstCount = 0
    marks.withUnsafeMutableBufferPointer { marks in
      guard let marks = marks.baseAddress else { return }
      for row in 0..<oldCount {
        let number = Int(truncatingIfNeeded: old[row])
        let mark = marks[number]
        old[firstCount] = old[row]
        firstCount &+= mark & Mark.changed == 0 ? 1 : 0
        marks[number] = mark | Mark.changed
      }
    }
    changedRows.append(contentsOf: UnsafeBufferPointer(start: old, count: firstCount))
  }

  /// Number of rows that this version has changed or added.
  package var touchedCount: Int { changedRows.count + newRows.count }

  /// Calls `body` with keys and values of the rows that this version has changed or added, by row number.
  package func forEachTouched(
    _ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void
  ) throws {
    let touched = inOrder(changedRows, marked: Mark.changed) + addedRows
    try touched.withUnsafeBufferPointer { touched in
      for start in stride(from: 0, to: touched.count, by: Self.scannedRows) {
        let rows = UnsafeBufferPointer(rebasing: touched[start..<min(start + Self.scannedRows, touched.count)])
        try body(keyColumns(rows), values(rows), rows.count)
      }
    }
  }

  /// Throws where the values are elsewhere.
  func checkOwnsValues() throws {
    if resident == nil { return }
    throw MillraceError("INTERNAL_ERROR", "the values of this state are kept elsewhere", fault: .bug)
  }
}
