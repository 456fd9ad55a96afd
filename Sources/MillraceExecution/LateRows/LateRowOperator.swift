import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// Keeps the rows that an aggregation above will leave out as late; all rows go on, and the aggregation counts as it does without.
///
/// An aggregation meets its rows in groups of the whole batch, when they are rows no more.
struct LateRowOperator: StageOperator {
  private let key: Evaluator
  private let capture: LateRowCapture
  /// By how much the input can be behind the watermark.
  private let delay: Int64

  /// `key` is the grouping by event time.
  init(key: Expression, input: [Attribute], capture: LateRowCapture, delay: Int64) throws {
    self.key = try Evaluator([key], input: input)
    self.capture = capture
    self.delay = delay
  }

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    let watermark = context.lateWatermark &- delay
    let instants = EventTimeColumn(try key.evaluate(batch, context.evaluation)[0].flattened())
    let late = instants.rows(through: watermark)
    if late.count > 0 {
      context.lateRows.append(
        TaskContext.Late(
          split: context.splitIndex, offset: context.windowOffset,
          rows: try capture.rows(batch, late, instants: instants, watermark: watermark)))
    }
    return batch
  }
}
