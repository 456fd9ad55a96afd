import MillraceCore

/// Keeps the rows of each batch in a memory table.
final class MemorySink: RowSink, FlushingSink, @unchecked Sendable {
  private let table: MemoryTable
  private let schema: Schema
  private let outputMode: OutputMode
  private var received: [[Value]] = []
  private var batchID: Int64 = 0

  init(_ table: MemoryTable, schema: Schema, outputMode: OutputMode) {
    self.table = table
    self.schema = schema
    self.outputMode = outputMode
  }

  var description: String { "memory[\(table.name)]" }
  /// As long as the process lives, the table knows what it holds.
  var guarantee: SinkGuarantee { .transactional }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }

  func open(_ context: SinkContext) throws { table.prepare(schema, outputMode) }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { table.lastBatchID }

  func begin(batchID: Int64) throws {
    received = []
    self.batchID = batchID
  }

  func write(_ batch: RecordBatch) throws { received += batch.rows() }

  /// The rows of a batch that is never committed stay: they come again with the next one.
  func flush() throws {
    if received.isEmpty { return }
    table.show(MemoryTable.Batch(batchID: batchID, rows: received))
    received = []
  }

  func commit(batchID: Int64) throws -> JSON {
    try table.keep(MemoryTable.Batch(batchID: batchID, rows: received))
    received = []
    return .dictionary(["version": .int(1), "batch": .int(batchID)])
  }
}
