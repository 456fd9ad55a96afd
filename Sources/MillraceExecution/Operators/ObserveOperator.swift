public import MillraceColumnar
public import MillraceCore
import MillraceExpressions
import MillraceFormats
import MillracePlan

/// `observe`: aggregates the rows that pass, each worker for itself.
struct ObserveOperator: StageOperator {
  /// Number of the observation in the query.
  let index: Int
  let aggregation: AggregationPlan

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    let rows = context.observed[index] ?? GroupAccumulation(aggregation)
    context.observed[index] = rows
    try rows.add(batch, context.evaluation)
    return batch
  }
}

/// The observations of a query.
final class Observations {
  private struct Entry {
    var node: ObserveNode
    var aggregation: AggregationPlan
    var metrics: Evaluator
  }

  private var entries: [Entry] = []

  /// Adds one and gives its step; `input` are the columns that reach it.
  func add(_ node: ObserveNode) throws -> ObserveOperator {
    if entries.contains(where: { $0.node.name == node.name }) { throw Analyzer.duplicate(node.name) }
    let aggregation = try AggregationPlan(
      AggregateNode(grouping: [], aggregates: node.aggregates, child: node.child), input: node.child.output)
    let metrics = try Evaluator(node.metrics.map(\.expression), input: node.aggregates.map(\.attribute))
    entries.append(Entry(node: node, aggregation: aggregation, metrics: metrics))
    return ObserveOperator(index: entries.count - 1, aggregation: aggregation)
  }

  /// What a batch came to.
  func results(_ context: BatchContext) -> [ObservedRows] {
    entries.enumerated().map { index, entry in
      ObservedRows(
        context.observed[index] ?? GroupAccumulation(entry.aggregation), entry.node.name, entry.node.schema,
        entry.metrics, context.evaluation)
    }
  }

  /// Tells those who wait for the metrics of a bounded query.
  func tell(_ context: BatchContext) throws {
    for (entry, rows) in zip(entries, results(context)) {
      guard let receiver = entry.node.receiver else { continue }
      receiver.receive(try rows.metrics().values, entry.node.schema)
    }
  }
}

/// The rows that an observation saw in a batch or in the pieces of an epoch. Used by one thread at a time.
public final class ObservedRows: @unchecked Sendable {
  private let rows: GroupAccumulation
  private let name: String
  private let schema: Schema
  private let evaluator: Evaluator
  private let evaluation: EvaluationContext

  init(
    _ rows: GroupAccumulation, _ name: String, _ schema: Schema, _ evaluator: Evaluator,
    _ evaluation: EvaluationContext
  ) {
    self.rows = rows
    self.name = name
    self.schema = schema
    self.evaluator = evaluator
    self.evaluation = evaluation
  }

  /// Takes in what another piece saw.
  func add(_ other: ObservedRows) throws { try rows.merge(other.rows) }

  /// The metrics of all rows so far.
  package func metrics() throws -> ObservedMetrics {
    rows.ensureGlobalGroup()
    let columns = try evaluator.evaluate(rows.finish(), evaluation)
    return try ObservedMetrics(name, schema, RecordBatch(rowCount: 1, columns: columns))
  }
}

/// The metrics of an `observe` in one batch.
public struct ObservedMetrics: Sendable {
  /// What they are called together.
  public let name: String
  /// Names and types.
  public let schema: Schema
  /// Values, as in the schema.
  public let values: [Value]
  /// As Spark's progress shows them: an object with a member for each metric.
  public let json: JSON

  init(_ name: String, _ schema: Schema, _ row: RecordBatch) throws {
    self.name = name
    self.schema = schema
    values = row.columns.map { $0.value(0) }
    let out = ByteBuffer()
    try JSONEncoding().makeEncoder(schema).encode(row, rows: 0..<1, into: out)
    let known = try JSON(parsing: String(decoding: out.bytes, as: UTF8.self))
    // The encoder leaves out what is NULL.
    json = .object(schema.names.map { JSON.Member($0, known[$0] ?? .null) })
  }
}

extension GroupAccumulation {
  /// Takes in the partial results of another one of the same plan.
  func merge(_ other: GroupAccumulation) throws {
    try merge(keys: other.flatKeys(), states: try other.states(), count: other.groupCount)
  }
}
