import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// ORDER BY, with a LIMIT above it where there is one.
final class SortOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private let keys: Evaluator
  private let orders: [SortOrder]
  private let limit: Int?

  init(_ child: any PhysicalOperator, _ orders: [SortOrder], input: [Attribute], limit: Int?) throws {
    self.child = child
    self.orders = orders
    self.limit = limit
    keys = try Evaluator(orders.map(\.expression), input: input)
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    let batches: [RecordBatch]
    if let limit {
      // Of each batch only its first rows can come out: nothing else is put together, or kept.
      batches = try child.execute(context) { [keys, orders, evaluation = context.evaluation] batch in
        if batch.rowCount <= limit { return batch }
        let first = try Self.sorted(batch, keys, orders, limit: limit, evaluation)
        return RecordBatch(rowCount: first.rowCount, columns: first.columns.map { $0.detached() })
      }
    } else {
      batches = try child.execute(context)
    }
    let all = RecordBatch.concatenated(batches)
    return all.rowCount == 0 ? [] : [try Self.sorted(all, keys, orders, limit: limit, context.evaluation)]
  }

  private static func sorted(
    _ batch: RecordBatch, _ keys: Evaluator, _ orders: [SortOrder], limit: Int?, _ context: EvaluationContext
  ) throws -> RecordBatch {
    let columns = try keys.evaluate(batch, context)
    return batch.gathered(RowOrder(columns, orders).sorted(limit: limit))
  }
}
