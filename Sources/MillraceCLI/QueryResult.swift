import Millrace
import MillraceColumnar
import MillraceCore
import MillraceFormats

/// Prints the rows of a bounded query: a table, or a JSON object a line.
enum QueryResult {
  static func print(_ frame: DataFrame, isJSON: Bool) throws {
    let schema = try frame.schema
    let batches = try running { try frame.batches() }
    if isJSON {
      try printJSON(batches, schema)
    } else {
      let rows = batches.isEmpty ? nil : RecordBatch.concatenated(batches)
      Terminal.write(ConsoleTable(rows, schema: schema, truncate: 0).text, to: 1)
    }
  }

  /// Runs the query; what goes wrong in it has another exit status than a wrong query.
  static func running<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch {
      Terminal.error("\(error)")
      throw CommandFailure(status: ExitStatus(running: error))
    }
  }

  private static func printJSON(_ batches: [RecordBatch], _ schema: Schema) throws {
    let encoder = try FormatRegistry.encoder("json").make(Options([:], fields: [], of: "json")).makeEncoder(schema)
    for batch in batches {
      let bytes = ByteBuffer()
      try encoder.encode(batch, rows: 0..<batch.rowCount, into: bytes)
      Terminal.write(bytes.bytes, to: 1)
    }
  }
}
