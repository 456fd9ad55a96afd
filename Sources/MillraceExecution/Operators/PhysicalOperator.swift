import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// A step that needs all of its input at once; runs on the control thread. May hold state from batch to batch.
protocol PhysicalOperator: AnyObject {
  /// All rows of the batch's result.
  func execute(_ context: BatchContext) throws -> [RecordBatch]
  /// The same with each batch changed by `reduce`: as soon as it is made, on whichever thread made it, by steps that make many.
  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch]
  /// Whether that is done on several threads where there is much to do.
  var reducesOnWorkers: Bool { get }
}

/// A change of a batch that does not depend on others; nil if no row is left.
typealias BatchChange = @Sendable (RecordBatch) throws -> RecordBatch?

extension PhysicalOperator {
  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    try execute(context).compactMap(reduce)
  }

  var reducesOnWorkers: Bool { false }
}

/// Rows that are given.
final class RowsOperator: PhysicalOperator {
  private let batches: [RecordBatch]

  init(_ batches: [RecordBatch]) { self.batches = batches }

  func execute(_ context: BatchContext) throws -> [RecordBatch] { batches }
}

/// `range(start, end, step)`.
final class RangeOperator: PhysicalOperator {
  private let start: Int64
  private let end: Int64
  private let step: Int64

  init(start: Int64, end: Int64, step: Int64) {
    self.start = start
    self.end = end
    self.step = step
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    var batches: [RecordBatch] = []
    var next = start
    while step > 0 ? next < end : next > end {
      let out = MemoryBuffer(capacity: 8192 * 8)
      let values = out.base.assumingMemoryBound(to: Int64.self)
      var count = 0
      var overflow = false
      while count < 8192, !overflow, step > 0 ? next < end : next > end {
        values[count] = next
        count += 1
        (next, overflow) = next.addingReportingOverflow(step)
      }
      batches.append(RecordBatch(rowCount: count, columns: [ColumnVector(type: .long, count: count, values: out)]))
      if overflow { break }
    }
    return batches
  }
}

/// The rows that chains collected, in the order of the splits.
final class CollectOperator: PhysicalOperator {
  private let inputs: [ChainPlan]

  init(_ inputs: [ChainPlan]) { self.inputs = inputs }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    var result: [RecordBatch] = []
    for input in inputs {
      try input.group.run(context)
      let parts = input.chain.terminals.compactMap { $0 as? CollectTerminal }.flatMap(\.batches)
      result += parts.enumerated().sorted { ($0.element.split, $0.offset) < ($1.element.split, $1.offset) }.map(
        \.element.batch)
      input.chain.terminals = []
    }
    return result
  }
}

/// Steps of a stage applied to rows that are already together.
final class MapOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private(set) var steps: [any StageOperator]
  private let prerequisites: [(BatchContext) throws -> Void]

  init(_ child: any PhysicalOperator, _ steps: [any StageOperator], prerequisites: [(BatchContext) throws -> Void] = [])
  {
    self.child = child
    self.steps = steps
    self.prerequisites = prerequisites
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    for prerequisite in prerequisites { try prerequisite(context) }
    let task = TaskContext(
      evaluation: context.evaluation, watermarkCount: context.eventTimes.count, lateWatermark: context.lateWatermark)
    let result = try child.execute(context).compactMap { try apply($0, task) }
    context.merge(eventTimes: task.eventTimes)
    context.merge(late: task.lateRows)
    try context.merge(observed: task.observed)
    return result
  }

  private var passesChangesOn: Bool { prerequisites.isEmpty && steps.allSatisfy(\.isPure) }

  var reducesOnWorkers: Bool { passesChangesOn && child.reducesOnWorkers }

  func execute(_ context: BatchContext, reducing reduce: BatchChange) throws -> [RecordBatch] {
    guard passesChangesOn else { return try execute(context).compactMap(reduce) }
    let evaluation = context.evaluation
    return try child.execute(context) { [steps] batch in
      let task = TaskContext(evaluation: evaluation, watermarkCount: 0)
      return try Self.apply(steps, batch, task).flatMap(reduce)
    }
  }

  private func apply(_ batch: RecordBatch, _ task: TaskContext) throws -> RecordBatch? {
    try Self.apply(steps, batch, task)
  }

  private static func apply(_ steps: [any StageOperator], _ batch: RecordBatch, _ task: TaskContext) throws
    -> RecordBatch?
  {
    var current = batch
    for step in steps {
      guard let next = try step.apply(current, task) else { return nil }
      current = next
    }
    return current
  }
}

/// UNION ALL of inputs that are not all chains.
final class UnionOperator: PhysicalOperator {
  private let children: [any PhysicalOperator]

  init(_ children: [any PhysicalOperator]) { self.children = children }

  func execute(_ context: BatchContext) throws -> [RecordBatch] { try children.flatMap { try $0.execute(context) } }
}

/// LIMIT and OFFSET.
final class LimitOperator: PhysicalOperator {
  private let child: any PhysicalOperator
  private let count: Int?
  private let offset: Int

  init(_ child: any PhysicalOperator, count: Int?, offset: Int) {
    self.child = child
    self.count = count
    self.offset = offset
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    var skip = offset
    var left = count ?? Int.max
    var result: [RecordBatch] = []
    for batch in try child.execute(context) where left > 0 {
      let from = min(skip, batch.rowCount)
      skip -= from
      let to = from + min(left, batch.rowCount - from)
      left -= to - from
      if to > from { result.append(from == 0 && to == batch.rowCount ? batch : batch.gathered(.range(from..<to))) }
    }
    return result
  }
}

/// INTERSECT and EXCEPT, with and without ALL.
final class SetOperationOperator: PhysicalOperator {
  private let kind: LogicalPlan.SetOperation
  private let isAll: Bool
  private let left: any PhysicalOperator
  private let right: any PhysicalOperator
  private let keys: KeyEncoder

  init(
    _ kind: LogicalPlan.SetOperation, isAll: Bool, _ left: any PhysicalOperator, _ right: any PhysicalOperator,
    types: [DataType]
  ) {
    self.kind = kind
    self.isAll = isAll
    self.left = left
    self.right = right
    keys = KeyEncoder(types: types)
  }

  func execute(_ context: BatchContext) throws -> [RecordBatch] {
    let table = GroupTable(keyTypes: keys.flatTypes)
    var rightCounts: [Int] = []
    for batch in try right.execute(context) {
      let groups = keys.groups(of: batch.columns, count: batch.rowCount, in: table)
      if rightCounts.count < table.groupCount {
        rightCounts += Array(repeating: 0, count: table.groupCount - rightCounts.count)
      }
      for group in groups { rightCounts[Int(group)] += 1 }
    }
    var seen = Set<UInt32>()
    var result: [RecordBatch] = []
    for batch in try left.execute(context) {
      let groups = keys.groups(of: batch.columns, count: batch.rowCount, in: table)
      if rightCounts.count < table.groupCount {
        rightCounts += Array(repeating: 0, count: table.groupCount - rightCounts.count)
      }
      let kept = (0..<batch.rowCount).filter { keeps(groups[$0], &rightCounts, &seen) }
      if !kept.isEmpty { result.append(batch.gathered(Selection(kept))) }
    }
    return result
  }

  private func keeps(_ group: UInt32, _ counts: inout [Int], _ seen: inout Set<UInt32>) -> Bool {
    let isRight = counts[Int(group)] > 0
    if isAll {
      if isRight { counts[Int(group)] -= 1 }
      return isRight == (kind == .intersect)
    }
    return isRight == (kind == .intersect) && seen.insert(group).inserted
  }
}
