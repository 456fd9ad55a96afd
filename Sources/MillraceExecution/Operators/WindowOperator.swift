import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// Window functions: rows sorted by partition and order, then one column per function.
final class WindowOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private let keys: Evaluator
  private let orders: [SortOrder]
  private let partitionCount: Int
  private let arguments: Evaluator
  private let functions: [NamedWindowFunction]

  init(_ child: any PhysicalOperator, _ node: WindowNode, input: [Attribute]) throws {
    self.child = child
    partitionCount = node.partition.count
    orders = node.partition.map { SortOrder($0) } + node.order
    functions = node.functions
    keys = try Evaluator(orders.map(\.expression), input: input)
    arguments = try Evaluator(node.functions.flatMap(\.arguments), input: input)
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    let all = RecordBatch.concatenated(try child.execute(context))
    if all.rowCount == 0 { return [] }
    var sorted = all
    if !orders.isEmpty {
      let unsortedKeys = try keys.evaluate(all, context.evaluation)
      sorted = all.gathered(RowOrder(unsortedKeys, orders).sorted())
    }
    let keyColumns = try keys.evaluate(sorted, context.evaluation)
    let values = try arguments.evaluate(sorted, context.evaluation)
    let input = WindowInput(
      rowCount: sorted.rowCount, partitionColumns: Array(keyColumns[..<partitionCount]),
      orderColumns: zip(keyColumns, orders).dropFirst(partitionCount).map { ($0, isDescending: !$1.isAscending) },
      arguments: [])
    var results: [ColumnVector] = []
    var next = 0
    for function in functions {
      let count = function.arguments.count
      results.append(try function.evaluator.evaluate(input.with(arguments: Array(values[next..<next + count]))))
      next += count
    }
    return [RecordBatch(rowCount: sorted.rowCount, columns: sorted.columns + results)]
  }
}
