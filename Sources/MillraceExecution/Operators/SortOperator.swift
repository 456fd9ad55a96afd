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

/// Compares rows by several keys.
struct RowOrder {
  private let keys: [Key]
  let count: Int

  private struct Key {
    let column: ColumnVector
    let isAscending: Bool
    let nullsFirst: Bool
    /// Values that order as the key does, for types where 64 bits are enough.
    let words: MemoryBuffer?
  }

  init(_ columns: [ColumnVector], _ orders: [SortOrder]) {
    count = columns.first?.count ?? 0
    keys = zip(columns, orders).map { column, order in
      let flat = column.flattened()
      return Key(
        column: flat, isAscending: order.isAscending, nullsFirst: order.nullsFirst, words: RowOrder.words(flat))
    }
  }

  /// The values as signed integers in the same order; nil where the type does not fit.
  private static func words(_ column: ColumnVector) -> MemoryBuffer? {
    if column.type.physical == .int64 { return column.buffer }
    let count = column.count
    let out = MemoryBuffer(capacity: count * 8)
    let target = out.base.assumingMemoryBound(to: Int64.self)
    switch column.type.physical {
    case .bool, .int8: for row in 0..<count { target[row] = Int64(column.values(as: Int8.self)[row]) }
    case .int16: for row in 0..<count { target[row] = Int64(column.values(as: Int16.self)[row]) }
    case .int32: for row in 0..<count { target[row] = Int64(column.values(as: Int32.self)[row]) }
    case .double: for row in 0..<count { target[row] = ordered(column.values(as: Double.self)[row]) }
    case .float: for row in 0..<count { target[row] = ordered(Double(column.values(as: Float.self)[row])) }
    default: return nil
    }
    return out
  }

  /// NaN is largest, and -0 equals 0.
  private static func ordered(_ value: Double) -> Int64 {
    if value.isNaN { return .max }
    let bits = Int64(bitPattern: (value == 0 ? 0 : value).bitPattern)
    return bits >= 0 ? bits : bits ^ .max
  }

  /// Whether row `a` comes before row `b`; equal rows keep their order.
  @inline(__always)
  private func precedes(_ a: Int32, _ b: Int32) -> Bool {
    for key in keys {
      let order = compare(key, Int(a), Int(b))
      if order != 0 { return order < 0 }
    }
    return a < b
  }

  /// Negative when `a` comes first by this key.
  @inline(__always)
  private func compare(_ key: Key, _ a: Int, _ b: Int) -> Int {
    if key.column.mayHaveNulls {
      let aNull = key.column.isNull(a), bNull = key.column.isNull(b)
      if aNull || bNull { return aNull == bNull ? 0 : aNull == key.nullsFirst ? -1 : 1 }
    }
    var order: Int
    if let words = key.words {
      let values = words.base.assumingMemoryBound(to: Int64.self)
      order = values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : 0
    } else if key.column.type.physical == .view {
      order = StringView.compare(key.column.views[a], key.column.views[b])
    } else {
      order = ValueOrder.compareValues(key.column, a, key.column, b)
    }
    return key.isAscending ? order : -order
  }

  /// All rows in order, or the first `limit` of them.
  func sorted(limit: Int? = nil) -> Selection {
    if let limit, limit < count / 4 { return top(limit) }
    var rows = (0..<count).map { Int32(truncatingIfNeeded: $0) }
    rows.sort { precedes($0, $1) }
    return selection(rows.prefix(limit ?? count))
  }

  /// The first `limit` rows by a heap whose top is the last of them.
  private func top(_ limit: Int) -> Selection {
    if limit == 0 { return Selection(capacity: 0) }
    var heap: [Int32] = []
    heap.reserveCapacity(limit)
    for row in 0..<Int32(truncatingIfNeeded: min(limit, count)) {
      heap.append(row)
      siftUp(&heap, heap.count - 1)
    }
    func replace(_ row: Int) {
      let row = Int32(truncatingIfNeeded: row)
      if !precedes(row, heap[0]) { return }
      heap[0] = row
      siftDown(&heap, 0)
    }
    if let first = keys.first, let words = first.words, !first.column.mayHaveNulls {
      // Most rows lose by the first key.
      let values = words.base.assumingMemoryBound(to: Int64.self)
      let isAscending = first.isAscending
      var bound = values[Int(heap[0])]
      for row in heap.count..<count where isAscending ? values[row] <= bound : values[row] >= bound {
        replace(row)
        bound = values[Int(heap[0])]
      }
    } else {
      for row in heap.count..<count { replace(row) }
    }
    heap.sort { precedes($0, $1) }
    return selection(heap[...])
  }

  private func siftUp(_ heap: inout [Int32], _ start: Int) {
    var index = start
    while index > 0 {
      let parent = (index - 1) / 2
      if !precedes(heap[parent], heap[index]) { return }
      heap.swapAt(parent, index)
      index = parent
    }
  }

  private func siftDown(_ heap: inout [Int32], _ start: Int) {
    var index = start
    while true {
      var largest = index
      for child in [2 * index + 1, 2 * index + 2] where child < heap.count && precedes(heap[largest], heap[child]) {
        largest = child
      }
      if largest == index { return }
      heap.swapAt(largest, index)
      index = largest
    }
  }

  private func selection(_ rows: ArraySlice<Int32>) -> Selection {
    let result = Selection(capacity: rows.count)
    for (index, row) in rows.enumerated() { result.rows[index] = row }
    return result
  }
}
