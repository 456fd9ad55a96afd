package import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// A step that each worker applies to each of its batches, without state of its own.
package protocol StageOperator: Sendable {
  /// The rows that go on; nil when there are none.
  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch?
  /// Whether the result depends on the batch alone, and nothing is noted in the context.
  var isPure: Bool { get }
  /// Whether rows become more by it, so that it had better get few of them at a time.
  var multipliesRows: Bool { get }
}

extension StageOperator {
  /// Steps that know better say so.
  package var isPure: Bool { false }
  package var multipliesRows: Bool { false }
}

/// WHERE: keeps rows for which the condition is true.
struct FilterOperator: StageOperator {
  let condition: Evaluator
  /// Columns that go on, by position.
  let kept: [Int]?

  init(_ condition: Expression, input: [Attribute], kept: [Int]? = nil) throws {
    self.condition = try Evaluator([condition], input: input)
    self.kept = kept
  }

  var isPure: Bool { condition.isDeterministic }

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    let selection = try condition.select(batch, context.evaluation)
    if selection.count == 0 { return nil }
    let slim =
      kept.map { kept in RecordBatch(rowCount: batch.rowCount, columns: kept.map { batch.columns[$0] }) } ?? batch
    return selection.count == batch.rowCount ? slim : slim.gathered(selection)
  }
}

/// SELECT: computes expressions.
struct ProjectOperator: StageOperator {
  let expressions: Evaluator

  init(_ expressions: [Expression], input: [Attribute]) throws {
    self.expressions = try Evaluator(expressions, input: input)
  }

  var isPure: Bool { expressions.isDeterministic }

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    RecordBatch(rowCount: batch.rowCount, columns: try expressions.evaluate(batch, context.evaluation))
  }
}

/// LATERAL VIEW and explode: any number of rows for each.
struct GenerateOperator: StageOperator {
  let arguments: Evaluator
  let generator: Generator
  let isOuter: Bool
  /// Columns of the input that go on.
  let passedOn: [Int]
  var multipliesRows: Bool { true }

  init(_ node: GenerateNode, input: [Attribute]) throws {
    arguments = try Evaluator(node.generator.arguments, input: input)
    generator = node.generator
    isOuter = node.isOuter
    let wanted = Set(node.passedOn.map(\.id))
    passedOn = input.indices.filter { wanted.contains(input[$0].id) }
  }

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    let values = try arguments.evaluate(batch, context.evaluation)
    let wish = Generator.Wish(isOuter: isOuter, wantsParents: !passedOn.isEmpty)
    let rows = try generator.kernel(values, batch.rowCount, wish)
    if rows.count == 0 { return nil }
    let passed = passedOn.map { batch.columns[$0].gathered(rows.parents) }
    return RecordBatch(rowCount: rows.count, columns: passed + rows.columns)
  }
}

/// withWatermark: notes the smallest and largest event time and passes the rows on.
struct EventTimeOperator: StageOperator {
  /// Position of the event-time column.
  let column: Int
  /// Number of the watermark definition in the query.
  let index: Int
  /// Rows further ahead of the batch's clock do not count; nil: all do. Microseconds.
  let maxFutureSkew: Int64?

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    let times = batch.columns[column]
    let values: UnsafePointer<Int64>
    if times.type.isTimestamp {
      values = times.values(as: Int64.self)
    } else if case .structure = times.type, let end = times.children.last {
      values = end.values(as: Int64.self)
    } else {
      return batch
    }
    var minimum = Int64.max
    var maximum = Int64.min
    var sum = 0.0
    var count: Int64 = 0
    var ahead: Int64 = 0
    let rows = batch.rowCount
    let limit = maxFutureSkew.map { context.evaluation.batchTimestamp.addingReportingOverflow($0) }
    if times.isConstant || times.mayHaveNulls || limit != nil {
      let latest = limit.map { $0.overflow ? .max : $0.partialValue } ?? .max
      for row in 0..<rows where !times.isNull(row) {
        let value = values[times.slot(row)]
        if value > latest {
          ahead += 1
          continue
        }
        minimum = min(minimum, value)
        maximum = max(maximum, value)
        sum += Double(value)
        count += 1
      }
    } else {
      for row in 0..<rows {
        minimum = min(minimum, values[row])
        maximum = max(maximum, values[row])
        sum += Double(values[row])
      }
      count = Int64(rows)
    }
    if count + ahead > 0 {
      var seen = EventTimeStatistics(minimum: minimum, maximum: maximum, sum: sum, count: count)
      seen.rowsAhead = ahead
      context.eventTimes[index] = context.eventTimes[index]?.merged(with: seen) ?? seen
    }
    return batch
  }
}
