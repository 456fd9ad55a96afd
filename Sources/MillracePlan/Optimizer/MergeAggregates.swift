import MillraceColumnar
import MillraceExpressions

/// An aggregation of an aggregation becomes one where the groups below matter only by their keys or by how many rows they have, as
/// in Spark. Over a stream this decides what is late: there is one state, not two.
enum MergeAggregates {
  static func apply(_ plan: LogicalPlan) throws -> LogicalPlan {
    try plan.rewritten { node in
      guard case .aggregate(let upper) = node else { return nil }
      var child = upper.child
      var projections: [[NamedExpression]] = []
      while case .project(let columns, let input) = child {
        projections.append(columns)
        child = input
      }
      guard case .aggregate(let lower) = child, !lower.grouping.isEmpty else { return nil }
      // Sessions are known only after they were merged.
      if lower.grouping.contains(where: { SessionWindow.isSession($0.expression) }) { return nil }
      return try merged(upper, projections.map(Substitution.init), lower)
    }
  }

  private static func merged(
    _ upper: AggregateNode, _ projections: [Substitution], _ lower: AggregateNode
  ) throws -> LogicalPlan? {
    let keys = Set(lower.grouping.map(\.attribute.id))
    let ofKeys = Substitution(lower.grouping)
    func throughProjections(_ expression: Expression) -> Expression { projections.reduce(expression) { $1.apply($0) } }
    /// An expression over what the lower aggregation reads, nil if it reads more of it than keys.
    func moved(_ expression: Expression) -> Expression? {
      let read = throughProjections(expression)
      let isOfKeys = read.references.isSubset(of: keys) && read.isDeterministic && !isWindowOfComputed(read)
      return isOfKeys ? ofKeys.apply(read) : nil
    }

    guard lower.grouping.allSatisfy({ $0.expression.isDeterministic }) else { return nil }
    if upper.aggregates.isEmpty, let unique = distinctRows(upper, lower, throughProjections) { return unique }
    var node = AggregateNode(grouping: [], aggregates: [], child: lower.child)
    for key in upper.grouping {
      guard let expression = moved(key.expression) else { return nil }
      node.grouping.append(NamedExpression(key.attribute, expression))
    }
    let counts = lower.aggregates.filter { isRowCount($0) }.map(\.attribute.id)
    for aggregate in upper.aggregates {
      var next = aggregate
      if aggregate.function.name == "sum", !aggregate.isDistinct, aggregate.filter == nil,
        case .attribute(let summed)? = aggregate.function.arguments.first.map(throughProjections),
        counts.contains(summed.id), let sum = FunctionRegistry.builtin.aggregate("sum")
      {
        next.function = try sum.bind([.literal(.integer(1), .long)], BindingContext())
      } else {
        guard isDuplicateAgnostic(aggregate) else { return nil }
        next.function.arguments = aggregate.function.arguments.compactMap(moved)
        guard next.function.arguments.count == aggregate.function.arguments.count else { return nil }
        if let filter = aggregate.filter {
          guard let condition = moved(filter) else { return nil }
          next.filter = condition
        }
      }
      node.aggregates.append(next)
    }
    return .aggregate(node)
  }

  /// DISTINCT over all keys of the groups below, each of which is there once.
  private static func distinctRows(
    _ upper: AggregateNode, _ lower: AggregateNode, _ throughProjections: (Expression) -> Expression
  ) -> LogicalPlan? {
    let columns = upper.grouping.map { NamedExpression($0.attribute, throughProjections($0.expression)) }
    let passed = columns.compactMap { column -> Int? in
      if case .attribute(let attribute) = column.expression { attribute.id } else { nil }
    }
    guard Set(passed).isSuperset(of: lower.grouping.map(\.attribute.id)) else { return nil }
    return .project(columns, .aggregate(lower))
  }

  private static func isRowCount(_ aggregate: NamedAggregate) -> Bool {
    guard aggregate.function.name == "count", !aggregate.isDistinct, aggregate.filter == nil else { return false }
    return aggregate.function.arguments.allSatisfy { argument in
      if case .literal(let value, _) = argument { value != .null } else { false }
    }
  }

  /// Whether it is the same if rows come more than once.
  private static func isDuplicateAgnostic(_ aggregate: NamedAggregate) -> Bool {
    aggregate.isDistinct || duplicateAgnostic.contains(aggregate.function.name)
  }

  private static let duplicateAgnostic: Set = [
    "max", "min", "bit_and", "bit_or", "bool_and", "bool_or", "collect_set", "first", "last", "any_value",
  ]

  /// A window over the time of a window, or over another computed time, stays an aggregation of its own.
  private static func isWindowOfComputed(_ expression: Expression) -> Bool {
    if case .call(let function, let arguments) = expression,
      ["window_start", SessionWindow.structName].contains(function.name), let time = arguments.first
    {
      if case .attribute = time { return false }
      return true
    }
    return expression.children.contains(where: isWindowOfComputed)
  }
}
