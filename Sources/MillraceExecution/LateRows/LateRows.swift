public import MillraceColumnar

/// Rows that an operator left out because its watermark had passed them.
public struct LateRows: Sendable {
  /// The output in whose query the operator stands.
  public var output: String
  /// Spark's name of the operator.
  public var operatorName: String
  /// Number of the operator's state, as in `stateOperators` of the progress.
  public var operatorID: Int
  /// Microseconds: rows at or before it are late.
  public var watermark: Int64
  /// `event_time TIMESTAMP` and the row as JSON, `row STRING`.
  public var rows: RecordBatch

  /// Puts together what an operator left out.
  public init(output: String, operatorName: String, operatorID: Int, watermark: Int64, rows: RecordBatch) {
    self.output = output
    self.operatorName = operatorName
    self.operatorID = operatorID
    self.watermark = watermark
    self.rows = rows
  }

  /// Columns of `rows`.
  public static let schema = Schema([StructField("event_time", .timestamp), StructField("row", .string)])
}
