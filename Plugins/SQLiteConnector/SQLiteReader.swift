import CSQLite
import MillraceCore

/// Reads the rows of one statement in batches.
final class SQLiteReader: RowReader {
  private static let batchSize = 8192
  private let statement: SQLiteStatement
  private let fields: [StructField]
  private let builders: [ColumnBuilder]
  /// Of columns with nested types.
  private let cells: [SQLiteJSONCells?]
  private let configuration: SQLiteSourceConfiguration
  private var isAtEnd = false

  init(_ statement: SQLiteStatement, _ fields: [StructField], _ configuration: SQLiteSourceConfiguration) throws {
    self.statement = statement
    self.fields = fields
    self.configuration = configuration
    builders = fields.map { ColumnBuilder($0.type, capacity: SQLiteReader.batchSize) }
    cells = try fields.map { $0.type.childTypes.isEmpty ? nil : try SQLiteJSONCells($0.type) }
  }

  func next() throws -> RecordBatch? {
    if isAtEnd { return nil }
    var count = 0
    while count < SQLiteReader.batchSize {
      guard try statement.step() else {
        isAtEnd = true
        break
      }
      for index in fields.indices {
        if let cells = cells[index] {
          cells.append(statement.isNull(index) ? nil : statement.bytes(index))
        } else if !SQLiteCell.read(statement, index, fields[index].type, into: builders[index]) {
          throw mismatch(index)
        }
      }
      count += 1
    }
    if count == 0 { return nil }
    return RecordBatch(rowCount: count, columns: try fields.indices.map { try column($0) })
  }

  private func column(_ index: Int) throws -> ColumnVector {
    guard let cells = cells[index] else { return builders[index].finish() }
    do {
      return try cells.finish()
    } catch let error as MillraceError {
      throw MillraceError(
        "SOURCE_VALUE_MISMATCH",
        "\(configuration.name) in '\(configuration.path)' has a value in column '\(fields[index].name)' that is no \(fields[index].type.sql): \(error.message)",
        hint: "declare the column as STRING and use from_json() in the query")
    }
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
