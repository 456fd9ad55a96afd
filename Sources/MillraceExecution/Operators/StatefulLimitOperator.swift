import MillraceColumnar
import MillraceCore

/// LIMIT over a stream in append mode: the first rows of the query's whole life.
final class StatefulLimitOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private let count: Int
  private let store: any StateStore
  private let metricsIndex: Int

  /// The store's key and value types: one row that holds how many rows came out.
  static let keyTypes: [DataType] = [.byte]
  static let valueTypes: [DataType] = [.long]

  init(_ child: any PhysicalOperator, count: Int, store: any StateStore, metricsIndex: Int) {
    self.child = child
    self.count = count
    self.store = store
    self.metricsIndex = metricsIndex
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    let key = [ColumnVector.constant(.integer(0), type: .byte, count: 1)]
    let before = try store.measured.get(keys: key, count: 1).values[0].value(0)
    var emitted: Int64 = if case .integer(let number) = before { number } else { 0 }
    var result: [RecordBatch] = []
    // The child runs even when nothing more comes out, so that its input is read and its state goes on.
    for batch in try child.execute(context) where emitted < Int64(count) {
      let taken = min(batch.rowCount, count - Int(emitted))
      emitted += Int64(taken)
      if taken > 0 { result.append(taken == batch.rowCount ? batch : batch.gathered(.range(0..<taken))) }
    }
    var update: Int64 = 0
    try context.timing(&update) {
      try store.measured.put(keys: key, values: [.constant(.integer(emitted), type: .long, count: 1)], count: 1)
    }
    var metrics = StateOperatorMetrics(
      operatorName: "globalLimit", rowsTotal: 1, rowsUpdated: result.isEmpty ? 0 : 1,
      memoryUsedBytes: Int64(store.memoryBytes))
    metrics.updateMicroseconds = update
    context.stateOperators[metricsIndex] = metrics
    return result
  }
}
