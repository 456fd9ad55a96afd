import MillraceCore

/// Reads the rows of one statement in batches.
final class SQLiteReader: RowReader {
  private static let batchSize = 8192
  private let statement: SQLiteStatement
  private let fields: [StructField]
  private let builders: [ColumnBuilder]
  private let configuration: SQLiteSourceConfiguration
  private var isAtEnd = false

  init(_ statement: SQLiteStatement, _ fields: [StructField], _ configuration: SQLiteSourceConfiguration) {
    self.statement = statement
    self.fields = fields
    self.configuration = configuration
    builders = fields.map { ColumnBuilder($0.type, capacity: SQLiteReader.batchSize) }
  }

  func next() throws -> RecordBatch? {
    if isAtEnd { return nil }
    var count = 0
    while count < SQLiteReader.batchSize {
      guard try statement.step() else {
        isAtEnd = true
        break
      }
      for index in fields.indices where !SQLiteCell.read(statement, index, fields[index].type, into: builders[index]) {
        throw mismatch(index)
      }
      count += 1
    }
    if count == 0 { return nil }
    return RecordBatch(rowCount: count, columns: builders.map { $0.finish() })
  }

  func close() { statement.reset() }

  private func mismatch(_ index: Int) -> MillraceError {
    let bytes = statement.bytes(index)
    let text = String(decoding: bytes.prefix(60), as: UTF8.self) + (bytes.count > 60 ? "..." : "")
    return MillraceError(
      "SOURCE_VALUE_MISMATCH",
      "\(configuration.name) in '\(configuration.path)' has '\(text)' in column '\(fields[index].name)', which is no \(fields[index].type.sql)",
      hint: "declare the column as STRING and use try_cast() in the query")
  }
}
