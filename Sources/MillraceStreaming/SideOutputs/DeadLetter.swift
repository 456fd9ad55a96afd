public import MillraceColumnar

/// The form of a dead letter, the same for every source, sink and format: a record that was left out, why, and where it comes from.
public enum DeadLetter {
  /// Name of the sink in the checkpoint, in progress and in messages.
  public static let sinkName = "deadLetter"

  /// What a dead letter was left out by.
  public enum Origin: String, Sendable {
    /// A source's decoder.
    case source
    /// A sink's target.
    case sink
  }

  /// Columns of a dead letter. `query_id`, `batch_id` and `number` tell it apart from every other one, and are the same when the batch
  /// is computed again.
  public static let schema = Schema([
    // The clock of the batch.
    StructField("time", .timestamp),
    StructField("pipeline", .string),
    StructField("query_id", .string),
    StructField("batch_id", .long),
    // Place among the batch's dead letters, from 0.
    StructField("number", .long),
    // `source` or `sink`, and which.
    StructField("origin", .string),
    StructField("name", .string),
    // File or peer.
    StructField("file", .string),
    // Of the record's first byte in the uncompressed file or stream.
    StructField("offset", .long),
    // From 1; NULL where the batch began within the file.
    StructField("line", .long),
    StructField("code", .string),
    StructField("message", .string),
    StructField("column", .string),
    // The record: as it is where it is UTF-8, else in base64; of a sink's row its JSON.
    StructField("record", .string),
    StructField("encoding", .string),
    // Bytes of the whole record; more than `record` has where it was too large to be kept.
    StructField("length", .long),
  ])
}

/// The form of a late row.
public enum LateRow {
  /// Name of the sink in the checkpoint, in progress and in messages.
  public static let sinkName = "lateRows"

  /// Columns of a late row.
  public static let schema = Schema([
    // The clock of the batch.
    StructField("time", .timestamp),
    StructField("pipeline", .string),
    StructField("query_id", .string),
    StructField("batch_id", .long),
    // Place among the batch's late rows, from 0.
    StructField("number", .long),
    // The sink in whose query the operator stands, the operator, and the number of its state.
    StructField("sink", .string),
    StructField("operator", .string),
    StructField("operator_id", .long),
    // Rows at or before it were late.
    StructField("watermark", .timestamp),
    StructField("event_time", .timestamp),
    // The operator's input as JSON.
    StructField("row", .string),
  ])
}
