package import MillraceColumnar
import MillraceExpressions
package import MillraceSQL

extension Analyzer {
  /// Lets metrics be computed of the rows of a plan, each a literal or made of aggregates: `DataFrame.observe`.
  package func observe(
    _ child: LogicalPlan, name: String, _ metrics: [SQLExpression], receiver: (any ObservationReceiver)? = nil
  ) throws -> LogicalPlan {
    if name.isEmpty { throw Self.invalid("MISSING_NAME", "the metrics have no name", hint: "name them") }
    if metrics.isEmpty { throw Self.invalid("MISSING_METRIC", "'\(name)' has no metric", hint: "give one at least") }
    try child.forEach { node in
      guard case .observe(let other) = node, other.name == name else { return }
      throw Self.duplicate(name)
    }
    // Counting rows makes an aggregation of literals, too.
    let count = SQLExpression(.call(FunctionCall(["count"], [.init(SQLExpression(.literal(.integer(1), .integer)))])))
    let plan: LogicalPlan
    do {
      plan = try select(metrics + [SQLExpression(.alias(count, ["__rows"]))], from: child).plan
    } catch let error as MillraceError where ["MISSING_GROUP_BY", "MISSING_AGGREGATION"].contains(error.code) {
      throw Self.invalid(
        "NON_AGGREGATE_FUNC_ARG_IS_ATTRIBUTE", "a metric of '\(name)' reads a column outside of an aggregate",
        hint: "wrap the column in an aggregate such as max")
    }
    let node: AggregateNode
    let columns: [NamedExpression]
    switch plan {
    case .project(let expressions, .aggregate(let aggregate)): (columns, node) = (expressions, aggregate)
    case .aggregate(let aggregate):
      (columns, node) = (aggregate.aggregates.map { NamedExpression(passing: $0.attribute) }, aggregate)
    default:
      throw Self.invalid(
        "WINDOW_EXPRESSIONS_UNSUPPORTED", "the metrics of '\(name)' are more than aggregates of rows",
        hint: "use literals, aggregates, and expressions of them")
    }
    guard node.grouping.isEmpty, node.child.output == child.output, columns.count == metrics.count + 1 else {
      throw Self.invalid(
        "AGGREGATE_EXPRESSION_WITH_GENERATOR", "the metrics of '\(name)' are more than aggregates of rows",
        hint: "use literals, aggregates, and expressions of them")
    }
    if node.aggregates.contains(where: \.isDistinct) {
      throw Self.invalid(
        "AGGREGATE_EXPRESSION_WITH_DISTINCT_UNSUPPORTED", "a metric of '\(name)' is a DISTINCT aggregate",
        hint: "use approx_count_distinct")
    }
    return .observe(
      ObserveNode(
        name: name, aggregates: node.aggregates, metrics: Array(columns.dropLast()), receiver: receiver, child: child))
  }

  private static func invalid(_ reason: String, _ message: String, hint: String) -> MillraceError {
    MillraceError("INVALID_OBSERVED_METRICS.\(reason)", message, hint: hint)
  }

  /// Two observations of one query have the same name.
  package static func duplicate(_ name: String) -> MillraceError {
    MillraceError(
      "DUPLICATED_METRICS_NAME", "there are several observations named '\(name)' in the query",
      hint: "give each a name of its own")
  }
}
