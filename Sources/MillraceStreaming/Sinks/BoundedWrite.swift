package import MillraceColumnar
import MillraceCore
import MillraceExecution

/// Writes the rows of a bounded query to a sink as one batch.
package enum BoundedWrite {
  /// Opens the sink, writes, commits and closes.
  package static func run(_ binding: SinkBinding, _ rows: [RecordBatch]) throws {
    let sink = binding.kind.sink
    let output = try binding.makeOutput()
    let bytes = output as? ByteSinkOutput
    do {
      // Of an id of its own, so that the sink takes it for no query that it knows.
      try sink.open(SinkContext(queryID: UUIDText.random(), sinkName: binding.name))
      _ = try sink.recover(batchID: nil, token: nil)
      try sink.begin(batchID: 0)
      try bytes?.begin(batchID: 0)
      for batch in rows where batch.rowCount > 0 { try output.write(batch) }
      try bytes?.finish()
      _ = try sink.commit(batchID: 0)
      try sink.publish(batchID: 0)
    } catch {
      try? sink.close()
      throw error
    }
    try sink.close()
  }
}
