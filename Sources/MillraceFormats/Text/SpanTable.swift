/// Scratch memory for the spans of several columns, with the line each row came from and a mark for rows with a fault.
final class SpanTable {
  let columnCount: Int
  private(set) var columns: UnsafeMutablePointer<UnsafeMutablePointer<UInt64>?>
  private(set) var lines: UnsafeMutablePointer<UInt32>
  private(set) var isBad: UnsafeMutablePointer<UInt8>
  private var capacity = 0
  private var isUsed: [Bool]

  /// A table whose columns are all in use, or none of them until `use` names it.
  init(columnCount: Int, isUsed: Bool = true) {
    self.columnCount = columnCount
    self.isUsed = Array(repeating: isUsed, count: columnCount)
    columns = .allocate(capacity: columnCount + 1)
    columns.initialize(repeating: nil, count: columnCount + 1)
    lines = .allocate(capacity: 1)
    isBad = .allocate(capacity: 1)
  }

  deinit {
    free()
    columns.deallocate()
  }

  private func free() {
    for index in 0..<columnCount { columns[index]?.deallocate() }
    lines.deallocate()
    isBad.deallocate()
  }

  /// Takes a column into use.
  func use(_ column: Int) { isUsed[column] = true }

  /// Makes room for `rows` rows; what was in the table is lost. No row is bad.
  func reserve(_ rows: Int) {
    if rows > capacity || capacity == 0 {
      free()
      capacity = rows + rows / 4 + 64
      for index in 0..<columnCount where isUsed[index] { columns[index] = .allocate(capacity: capacity) }
      lines = .allocate(capacity: capacity)
      isBad = .allocate(capacity: capacity)
    }
    isBad.update(repeating: 0, count: rows)
  }

  /// Keeps the given rows, in rising order, and no others.
  func keep(_ rows: UnsafeBufferPointer<UInt32>) {
    for index in 0..<columnCount {
      guard isUsed[index], let spans = columns[index] else { continue }
      for (to, from) in rows.enumerated() { spans[to] = spans[Int(from)] }
    }
    for (to, from) in rows.enumerated() {
      lines[to] = lines[Int(from)]
      isBad[to] = isBad[Int(from)]
    }
  }

  /// The spans of a column.
  func spans(_ column: Int) -> UnsafeMutablePointer<UInt64> {
    columns[column].unsafelyUnwrapped
  }
}
