import MillraceColumnar

/// An operator whose time and rows are counted. Operators below it do so themselves.
final class MeasuredOperator: PhysicalOperator {
  private let inner: any PhysicalOperator
  private let slot: Int
  private let lane: ProfileLane

  init(_ inner: any PhysicalOperator, slot: Int, lane: ProfileLane) {
    self.inner = inner
    self.slot = slot
    self.lane = lane
  }

  var reducesOnWorkers: Bool { inner.reducesOnWorkers }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    try lane.charging(slot) {
      let batches = try inner.execute(context)
      lane.count(slot, rowsIn: 0, rowsOut: batches.reduce(0) { $0 + $1.rowCount }, batches: batches.count)
      return batches
    }
  }

  /// The change belongs to the operator above, on whichever thread it is made; what it gets is what came out of this one.
  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    let (slot, above) = (self.slot, lane.slot)
    return try lane.charging(slot) {
      try inner.execute(context) { batch in
        guard let lane = ProfileLane.current else { return try reduce(batch) }
        lane.count(slot, rowsIn: 0, rowsOut: batch.rowCount)
        return try lane.charging(above) { try reduce(batch) }
      }
    }
  }
}
