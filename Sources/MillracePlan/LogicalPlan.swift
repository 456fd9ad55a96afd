public import MillraceColumnar
public import MillraceExpressions

/// A resolved query: every name is an attribute, every type is known. One node per node of Spark's logical plan.
public indirect enum LogicalPlan: Sendable {
  /// A table, a stream or literal rows.
  case relation(LeafRelation)
  /// New columns from those of the child, one per expression; no others come out.
  case project([NamedExpression], LogicalPlan)
  /// The rows for which a BOOLEAN is true, neither false nor NULL.
  case filter(Expression, LogicalPlan)
  /// One row per group of equal keys, or one row in all without keys.
  case aggregate(AggregateNode)
  /// Pairs of rows of two inputs, or rows of one that have or lack a match in the other.
  case join(JoinNode)
  /// Any number of rows for each, such as `explode` makes.
  case generate(GenerateNode)
  /// All rows in the order of the keys, the first of which counts most; equal rows keep their order.
  case sort([SortOrder], LogicalPlan)
  /// The first `count` rows (nil: all) after `offset` rows.
  case limit(count: Int?, offset: Int, LogicalPlan)
  /// Rows of all inputs; columns by position, named and typed as `output`.
  case union([LogicalPlan], output: [Attribute])
  /// INTERSECT or EXCEPT; both sides have the same types.
  case setOperation(SetOperation, isAll: Bool, LogicalPlan, LogicalPlan)
  /// Window functions over one partitioning and ordering; batch only.
  case window(WindowNode)
  /// Declares an event-time column; delay in microseconds.
  case watermark(column: Attribute, WatermarkSettings, LogicalPlan)
  /// Keeps the first row of each key.
  case deduplicate(DeduplicateNode)
  /// A program of the user with state for each key.
  case transform(TransformNode)
  /// Metrics of the rows that pass.
  case observe(ObserveNode)
  /// The child under another name: same attributes, other qualifier.
  case alias([String], LogicalPlan)

  /// A set operation beside UNION.
  public enum SetOperation: String, Sendable {
    case intersect, except
  }
}

/// A leaf of a plan.
public struct LeafRelation: Sendable {
  /// The table's, view's or stream's name for plan texts and errors; not used to find it.
  public var name: String
  /// The columns that are read, fresh attributes for each use of the table.
  public var output: [Attribute]
  /// Position of each output column in the source's own schema.
  public var columns: [Int]
  /// Where the rows come from.
  public var content: Content
  /// What tells the file of each row, for scans of files.
  public var metadata: Metadata?
  /// Whether its rows stand in the query itself, as those of VALUES do.
  public var isInline = false

  /// What the relation reads.
  public enum Content: Sendable {
    /// A scan; the catalog that resolved the name knows how to read `id`. `isStreaming` tells streams from tables.
    case scan(id: Int, isStreaming: Bool)
    /// Rows given in the query, columns as `output`.
    case rows(RecordBatch)
    /// `range(start, end, step)`.
    case range(start: Int64, end: Int64, step: Int64)
    /// One row without columns: SELECT without FROM.
    case oneRow
    /// Rows of a subquery that runs before the plan, by its id.
    case result(id: Int)
  }

  /// Makes a leaf.
  public init(name: String, output: [Attribute], columns: [Int]? = nil, content: Content) {
    self.name = name
    self.output = output
    self.columns = columns ?? Array(output.indices)
    self.content = content
  }
}

/// An expression and the attribute that its value becomes.
public struct NamedExpression: Sendable {
  /// The column that the value becomes; its type is the expression's.
  public var attribute: Attribute
  /// Computes the column, over the attributes of the node's child.
  public var expression: Expression

  /// Names an expression.
  public init(_ attribute: Attribute, _ expression: Expression) {
    self.attribute = attribute
    self.expression = expression
  }

  /// A new column of an expression.
  public init(_ name: String, _ expression: Expression) {
    self.init(Attribute(name, expression.type, isNullable: expression.isNullable), expression)
  }

  /// A column passed on as it is.
  public init(passing attribute: Attribute) { self.init(attribute, .attribute(attribute)) }

  /// Whether the column is only passed on.
  public var isPassedOn: Bool {
    if case .attribute(let source) = expression { source == attribute } else { false }
  }
}

/// GROUP BY.
public struct AggregateNode: Sendable {
  /// Keys, each with the attribute of its value; none for a global aggregate.
  public var grouping: [NamedExpression]
  /// The results in the order of SELECT; they come out behind the keys.
  public var aggregates: [NamedAggregate]
  /// The rows that are grouped.
  public var child: LogicalPlan

  /// Makes a node.
  public init(grouping: [NamedExpression], aggregates: [NamedAggregate], child: LogicalPlan) {
    self.grouping = grouping
    self.aggregates = aggregates
    self.child = child
  }
}

/// One aggregate of a GROUP BY and the attribute of its result.
public struct NamedAggregate: Sendable {
  /// The column that the result becomes.
  public var attribute: Attribute
  /// The aggregate with its arguments over the attributes of the node's child.
  public var function: BoundAggregate
  /// FILTER (WHERE …).
  public var filter: Expression?
  /// Whether equal arguments count once per group.
  public var isDistinct: Bool

  /// Names an aggregate.
  public init(_ attribute: Attribute, _ function: BoundAggregate, filter: Expression? = nil, isDistinct: Bool = false) {
    self.attribute = attribute
    self.function = function
    self.filter = filter
    self.isDistinct = isDistinct
  }
}

/// How two inputs are joined.
public enum JoinKind: String, Sendable {
  /// Matching pairs only.
  case inner
  /// Matching pairs, and left rows without a match beside NULLs.
  case left = "left outer"
  /// Matching pairs, and right rows without a match beside NULLs.
  case right = "right outer"
  /// Matching pairs, and rows of either side without a match beside NULLs.
  case full = "full outer"
  /// Left rows with at least one match, each once.
  case leftSemi = "left semi"
  /// Left rows without a match.
  case leftAnti = "left anti"
  /// Anti join with NOT IN's treatment of NULL: no row when the right side has a NULL key.
  case nullAwareAnti = "null-aware anti"
  /// Every pair.
  case cross

  /// Whether only columns of the left side come out.
  public var keepsLeftOnly: Bool { self == .leftSemi || self == .leftAnti || self == .nullAwareAnti }
}

/// JOIN.
public struct JoinNode: Sendable {
  /// Which rows without a match come out.
  public var kind: JoinKind
  /// The side whose columns come first.
  public var left: LogicalPlan
  /// The side whose columns come last, or not at all where the kind keeps the left only.
  public var right: LogicalPlan
  /// Over the attributes of both sides; nil: every pair.
  public var condition: Expression?
  /// Whether more than one match of a left row is an error (a scalar subquery).
  public var isSingle: Bool
  /// Whether keys compared with `=` match where both are NULL.
  public var matchesNullKeys = false

  /// Makes a node.
  public init(
    _ kind: JoinKind, _ left: LogicalPlan, _ right: LogicalPlan, condition: Expression?, isSingle: Bool = false
  ) {
    self.kind = kind
    self.left = left
    self.right = right
    self.condition = condition
    self.isSingle = isSingle
  }
}

/// A generator such as `explode` over each row.
public struct GenerateNode: Sendable {
  /// Gives zero or more rows for one.
  public var generator: Generator
  /// Columns that the generator adds.
  public var output: [Attribute]
  /// Whether a row without any result stays, with NULLs.
  public var isOuter: Bool
  /// Ids of child columns that are still needed; nil: all.
  public var required: Set<Int>?
  /// The rows that the generator is run on.
  public var child: LogicalPlan

  /// Makes a node.
  public init(
    generator: Generator, output: [Attribute], isOuter: Bool, required: Set<Int>? = nil, child: LogicalPlan
  ) {
    self.generator = generator
    self.output = output
    self.isOuter = isOuter
    self.required = required
    self.child = child
  }

  /// Child columns that come out, in order.
  public var passedOn: [Attribute] {
    guard let required else { return child.output }
    return child.output.filter { required.contains($0.id) }
  }
}

/// One key of ORDER BY.
public struct SortOrder: Sendable {
  /// The key, over the attributes of the node's child; of a type that has an order.
  public var expression: Expression
  /// Whether small values come first; NULL goes by `nullsFirst` either way.
  public var isAscending: Bool
  /// Whether NULL comes before all values. Spark's default is true when ascending and false when descending.
  public var nullsFirst: Bool

  /// Makes a key.
  public init(_ expression: Expression, isAscending: Bool = true, nullsFirst: Bool = true) {
    self.expression = expression
    self.isAscending = isAscending
    self.nullsFirst = nullsFirst
  }
}

/// Window functions that share partitioning and ordering.
public struct WindowNode: Sendable {
  /// PARTITION BY; none: all rows are one partition.
  public var partition: [Expression]
  /// ORDER BY within a partition; none: all rows of a partition are peers.
  public var order: [SortOrder]
  /// The functions in the order in which their columns come out, behind those of the child.
  public var functions: [NamedWindowFunction]
  /// The rows that the functions look at; all of them come out.
  public var child: LogicalPlan

  /// Makes a node.
  public init(partition: [Expression], order: [SortOrder], functions: [NamedWindowFunction], child: LogicalPlan) {
    self.partition = partition
    self.order = order
    self.functions = functions
    self.child = child
  }
}

/// One window function and the attribute of its result.
public struct NamedWindowFunction: Sendable {
  /// The column that the result becomes.
  public var attribute: Attribute
  /// Evaluated per row for the function.
  public var arguments: [Expression]
  /// Computes the function over one partition, its frame included.
  public var evaluator: WindowEvaluator

  /// Names a function.
  public init(_ attribute: Attribute, arguments: [Expression], evaluator: WindowEvaluator) {
    self.attribute = attribute
    self.arguments = arguments
    self.evaluator = evaluator
  }
}

/// DISTINCT or dropDuplicates.
public struct DeduplicateNode: Sendable {
  /// Two rows are the same if these are, NULL being equal to NULL; none: only one row comes out.
  public var keys: [Attribute]
  /// Whether keys expire with the watermark delay after their first row (dropDuplicatesWithinWatermark).
  public var isWithinWatermark: Bool
  /// The rows, of which the first with each key comes out.
  public var child: LogicalPlan

  /// Makes a node.
  public init(keys: [Attribute], isWithinWatermark: Bool = false, child: LogicalPlan) {
    self.keys = keys
    self.isWithinWatermark = isWithinWatermark
    self.child = child
  }
}

extension LogicalPlan {
  /// DISTINCT: an aggregation without aggregates, as in Spark, so that over a stream output modes decide when rows come out.
  static func distinct(_ plan: LogicalPlan) -> LogicalPlan {
    let keys = plan.output.map { NamedExpression(passing: $0) }
    return .aggregate(AggregateNode(grouping: keys, aggregates: [], child: plan))
  }

  /// Columns that come out, in order.
  public var output: [Attribute] {
    switch self {
    case .relation(let relation): relation.output
    case .project(let expressions, _): expressions.map(\.attribute)
    case .filter(_, let child), .sort(_, let child), .limit(_, _, let child), .watermark(_, _, let child): child.output
    case .aggregate(let node): node.grouping.map(\.attribute) + node.aggregates.map(\.attribute)
    case .join(let node): node.output
    case .generate(let node): node.passedOn + node.output
    case .union(_, let output): output
    case .setOperation(_, _, let left, _): left.output
    case .window(let node): node.child.output + node.functions.map(\.attribute)
    case .deduplicate(let node): node.child.output
    case .transform(let node): node.output
    case .observe(let node): node.child.output
    case .alias(let qualifier, let child): child.output.map { $0.qualified(qualifier) }
    }
  }

  /// Direct inputs.
  public var children: [LogicalPlan] {
    switch self {
    case .relation: []
    case .project(_, let child), .filter(_, let child), .sort(_, let child), .limit(_, _, let child),
      .watermark(_, _, let child), .alias(_, let child):
      [child]
    case .aggregate(let node): [node.child]
    case .join(let node): [node.left, node.right]
    case .generate(let node): [node.child]
    case .union(let inputs, _): inputs
    case .setOperation(_, _, let left, let right): [left, right]
    case .window(let node): [node.child]
    case .deduplicate(let node): [node.child]
    case .transform(let node): [node.child] + (node.initialState.map { [$0.plan] } ?? [])
    case .observe(let node): [node.child]
    }
  }

  /// The same node over other inputs.
  public func mapChildren(_ transform: (LogicalPlan) throws -> LogicalPlan) rethrows -> LogicalPlan {
    switch self {
    case .relation: return self
    case .project(let expressions, let child): return .project(expressions, try transform(child))
    case .filter(let condition, let child): return .filter(condition, try transform(child))
    case .sort(let orders, let child): return .sort(orders, try transform(child))
    case .limit(let count, let offset, let child): return .limit(count: count, offset: offset, try transform(child))
    case .watermark(let column, let settings, let child):
      return .watermark(column: column, settings, try transform(child))
    case .alias(let name, let child): return .alias(name, try transform(child))
    case .union(let inputs, let output): return .union(try inputs.map(transform), output: output)
    case .setOperation(let kind, let isAll, let left, let right):
      return .setOperation(kind, isAll: isAll, try transform(left), try transform(right))
    case .aggregate(var node):
      node.child = try transform(node.child)
      return .aggregate(node)
    case .join(var node):
      node.left = try transform(node.left)
      node.right = try transform(node.right)
      return .join(node)
    case .generate(var node):
      node.child = try transform(node.child)
      return .generate(node)
    case .window(var node):
      node.child = try transform(node.child)
      return .window(node)
    case .deduplicate(var node):
      node.child = try transform(node.child)
      return .deduplicate(node)
    case .transform(var node):
      node.child = try transform(node.child)
      if let plan = node.initialState?.plan { node.initialState?.plan = try transform(plan) }
      return .transform(node)
    case .observe(var node):
      node.child = try transform(node.child)
      return .observe(node)
    }
  }

  /// Whether any leaf is a stream.
  public var isStreaming: Bool {
    if case .relation(let relation) = self, case .scan(_, let isStreaming) = relation.content { return isStreaming }
    return children.contains(where: \.isStreaming)
  }

  /// Names and types of the output.
  public var schema: Schema { Schema(output.map(\.field)) }

  /// This node and all below, parents first.
  public func forEach(_ body: (LogicalPlan) throws -> Void) rethrows {
    try body(self)
    for child in children { try child.forEach(body) }
  }
}

extension JoinNode {
  /// Columns of both sides, nullable where the kind makes them so.
  public var output: [Attribute] {
    if kind.keepsLeftOnly { return left.output }
    let leftNullable = kind == .right || kind == .full
    let rightNullable = kind == .left || kind == .full
    return left.output.map { JoinNode.nullable($0, leftNullable) }
      + right.output.map { JoinNode.nullable($0, rightNullable) }
  }

  private static func nullable(_ attribute: Attribute, _ isNullable: Bool) -> Attribute {
    guard isNullable else { return attribute }
    var copy = attribute
    copy.isNullable = true
    return copy
  }
}
