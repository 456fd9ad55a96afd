import MillraceCore

/// Keeps the first rows of a batch and prints them when the batch commits or is flushed.
final class ConsoleSink: RowSink, FlushingSink, @unchecked Sendable {
  private let schema: Schema
  private let numRows: Int
  private let truncate: Int
  private let output: @Sendable (UnsafeRawBufferPointer) throws -> Void
  private let cells: [CellText]
  private var rows: [[String]] = []
  private var hasMore = false
  private var batchID: Int64 = 0
  /// Whether the batch was flushed, so that its end shows only what came after.
  private var isFlushed = false

  init(
    schema: Schema, numRows: Int, truncate: Int, output: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) {
    self.schema = schema
    cells = schema.types.map { CellText($0, style: .table) }
    self.numRows = numRows
    self.truncate = truncate
    self.output = output
  }

  var description: String { "console" }
  /// A batch may be printed again after a crash, with the same number.
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }

  func begin(batchID: Int64) throws {
    rows = []
    hasMore = false
    isFlushed = false
    self.batchID = batchID
  }

  func write(_ batch: RecordBatch) throws {
    let wanted = min(batch.rowCount, numRows - rows.count)
    if wanted < batch.rowCount { hasMore = true }
    for row in 0..<wanted { rows.append(zip(cells, batch.columns).map { $0.string($1, row) }) }
  }

  func flush() throws {
    isFlushed = true
    if rows.isEmpty && !hasMore { return }
    try show()
  }

  func commit(batchID: Int64) throws -> JSON {
    if !isFlushed || !rows.isEmpty { try show() }
    return .dictionary(["version": .int(1), "batch": .int(batchID)])
  }

  private func show() throws {
    let rule = String(repeating: "-", count: 43)
    let table = ConsoleTable(header: schema.names, rows: rows, truncate: truncate)
    var text = "\(rule)\nBatch: \(batchID)\n\(rule)\n\(table.text)"
    text += hasMore ? "only showing top \(numRows) \(numRows == 1 ? "row" : "rows")\n" : "\n"
    try text.withUTF8 { try output(UnsafeRawBufferPointer($0)) }
    rows = []
    hasMore = false
  }
}
