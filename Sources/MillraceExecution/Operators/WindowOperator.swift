import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// Window functions: rows sorted by partition and order, then one column per function.
///
/// Rows are sorted by the ranks of their partitions, so that keys, which are many and may be long, are hashed once for each row and compared for
/// each partition only.
final class WindowOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private let keys: Evaluator
  private let partitionOrders: [SortOrder]
  private let orders: [SortOrder]
  private let arguments: Evaluator
  private let functions: [NamedWindowFunction]

  init(_ child: any PhysicalOperator, _ node: WindowNode, input: [Attribute]) throws {
    self.child = child
    partitionOrders = node.partition.map { SortOrder($0) }
    orders = node.order
    functions = node.functions
    keys = try Evaluator((partitionOrders + orders).map(\.expression), input: input)
    arguments = try Evaluator(node.functions.flatMap(\.arguments), input: input)
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    var rows = RecordBatch.concatenated(try child.execute(context))
    if rows.rowCount == 0 { return [] }
    let keyColumns = try keys.evaluate(rows, context.evaluation)
    var partitions = partitionOrders.isEmpty ? [] : [ranks(Array(keyColumns[..<partitionOrders.count]), rows.rowCount)]
    var orderColumns = Array(keyColumns[partitionOrders.count...])
    if !keyColumns.isEmpty {
      let byRank = partitions.map { SortOrder(.attribute(Attribute("rank", $0.type))) }
      let sorted = RowOrder(partitions + orderColumns, byRank + orders).sorted()
      rows = rows.gathered(sorted)
      partitions = partitions.map { $0.gathered(sorted) }
      orderColumns = orderColumns.map { $0.gathered(sorted) }
    }
    let values = try arguments.evaluate(rows, context.evaluation)
    let input = WindowInput(
      rowCount: rows.rowCount, partitionColumns: partitions,
      orderColumns: zip(orderColumns, orders).map { ($0, isDescending: !$1.isAscending) }, arguments: [])
    var results: [ColumnVector] = []
    var next = 0
    for function in functions {
      let count = function.arguments.count
      results.append(try function.evaluator.evaluate(input.with(arguments: Array(values[next..<next + count]))))
      next += count
    }
    return [RecordBatch(rowCount: rows.rowCount, columns: rows.columns + results)]
  }

  /// The place of each row's partition in the order of their keys.
  private func ranks(_ columns: [ColumnVector], _ count: Int) -> ColumnVector {
    let encoder = KeyEncoder(types: columns.map(\.type))
    let table = GroupTable(keyTypes: encoder.flatTypes)
    let numbers = MemoryBuffer(capacity: count * 4), news = MemoryBuffer(capacity: count)
    let groups = numbers.base.assumingMemoryBound(to: UInt32.self)
    let isNew = news.base.assumingMemoryBound(to: UInt8.self)
    table.findOrInsert(encoder.encode(columns, count: count), count: count, into: groups, isNew: isNew)
    // The first row of each partition; they come in the order of the partitions' numbers.
    let firsts = Selection(whereTrue: ColumnVector(type: .boolean, count: count, values: news))
    let sorted = RowOrder(columns.map { $0.gathered(firsts) }, partitionOrders).sorted()
    let places = MemoryBuffer(capacity: firsts.count * 8)
    let place = places.base.assumingMemoryBound(to: Int64.self)
    for rank in 0..<sorted.count { place[Int(sorted.rows[rank])] = Int64(rank) }
    let ranks = MemoryBuffer(capacity: count * 8)
    let target = ranks.base.assumingMemoryBound(to: Int64.self)
    for row in 0..<count { target[row] = place[Int(groups[row])] }
    return withExtendedLifetime((numbers, places)) { ColumnVector(type: .long, count: count, values: ranks) }
  }
}
