import MillraceColumnar
import MillraceCore

/// Gives each batch to a program as a DataFrame. All calls come from the query's own thread, which waits for the program.
final class ForeachBatchSink: RowSink, @unchecked Sendable {
  private let session: SparkSession
  private let schema: Schema
  private let body: @Sendable (DataFrame, Int64) async throws -> Void
  private var rows: [RecordBatch] = []

  init(
    _ session: SparkSession, schema: Schema, _ body: @escaping @Sendable (DataFrame, Int64) async throws -> Void
  ) {
    self.session = session
    self.schema = schema
    self.body = body
  }

  var description: String { "foreachBatch" }
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }

  func begin(batchID: Int64) throws { rows = [] }

  func write(_ batch: RecordBatch) throws {
    rows.append(RecordBatch(rowCount: batch.rowCount, columns: batch.columns.map { $0.detached() }))
  }

  func commit(batchID: Int64) throws -> JSON {
    let batch = rows.isEmpty ? RecordBatch.of([], schema: schema) : RecordBatch.concatenated(rows)
    rows = []
    let frame = DataFrame(session, rows: batch, schema: schema, name: "batch \(batchID)")
    do {
      try Blocking.wait { [body] in try await body(frame, batchID) }
    } catch {
      throw MillraceError(
        "FOREACH_BATCH_USER_FUNCTION_ERROR", "the function given to foreachBatch failed in batch \(batchID)",
        hint: "the batch comes again with the same number and rows when the query is started again", cause: error)
    }
    return .null
  }
}
