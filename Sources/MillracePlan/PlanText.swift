import MillraceColumnar
import MillraceCore
import MillraceExpressions

/// Plans as indented text, for `explain`.
public enum PlanText {
  /// The plan, one node per line, inputs indented below.
  public static func describe(_ plan: LogicalPlan) -> String {
    var lines: [String] = []
    describe(plan, 0, &lines)
    return lines.joined(separator: "\n")
  }

  private static func describe(_ plan: LogicalPlan, _ depth: Int, _ lines: inout [String]) {
    lines.append(String(repeating: "   ", count: max(depth - 1, 0)) + (depth > 0 ? "+- " : "") + title(of: plan))
    for child in plan.children { describe(child, depth + 1, &lines) }
  }

  /// One node without its inputs: its name, and behind the first blank what it does.
  package static func title(of plan: LogicalPlan) -> String {
    switch plan {
    case .relation(let leaf): return "\(kind(of: leaf)) \(leaf.name)\(columns(leaf.output))"
    case .project(let list, _): return "Project [\(list.map { named($0) }.joined(separator: ", "))]"
    case .filter(let condition, _): return "Filter \(text(condition))"
    case .aggregate(let node):
      let keys = node.grouping.map { named($0) }.joined(separator: ", ")
      let functions = node.aggregates.map { aggregate in
        let arguments = aggregate.function.arguments.map(text).joined(separator: ", ")
        let filter = aggregate.filter.map { " FILTER (WHERE \(text($0)))" } ?? ""
        return
          "\(aggregate.function.name)(\(aggregate.isDistinct ? "DISTINCT " : "")\(arguments))\(filter) AS \(aggregate.attribute.name)"
      }
      return "Aggregate keys [\(keys)], functions [\(functions.joined(separator: ", "))]"
    case .join(let node): return "Join \(node.kind.rawValue)\(node.condition.map { " on \(text($0))" } ?? "")"
    case .generate(let node):
      return
        "Generate \(node.isOuter ? "outer " : "")\(node.generator.name)(\(node.generator.arguments.map(text).joined(separator: ", ")))\(columns(node.output))"
    case .sort(let orders, _): return "Sort [\(orders.map { order($0) }.joined(separator: ", "))]"
    case .limit(let count, let offset, _):
      return "Limit \(count.map(String.init) ?? "all")\(offset > 0 ? " offset \(offset)" : "")"
    case .union(let inputs, _): return "Union of \(inputs.count)"
    case .setOperation(let kind, let isAll, _, _): return "\(kind.rawValue)\(isAll ? " all" : "")"
    case .window(let node):
      return
        "Window partition [\(node.partition.map(text).joined(separator: ", "))], order [\(node.order.map { order($0) }.joined(separator: ", "))], functions [\(node.functions.map(\.attribute.name).joined(separator: ", "))]"
    case .watermark(let column, let settings, _):
      return "EventTimeWatermark \(column.name), delay \(Double(settings.delay) / 1e6) s"
    case .deduplicate(let node): return "Deduplicate \(columns(node.keys))"
    case .transform(let node):
      return "TransformWithState \(node.program.name), keys\(columns(node.keys)), time mode \(node.timeMode.rawValue)"
    case .observe(let node):
      return "CollectMetrics \(node.name), [\(node.metrics.map(\.attribute.name).joined(separator: ", "))]"
    case .alias(let name, _): return "SubqueryAlias \(name.joined(separator: "."))"
    }
  }

  private static func kind(of leaf: LeafRelation) -> String {
    switch leaf.content {
    case .scan(_, let isStreaming): isStreaming ? "StreamingScan" : "Scan"
    case .rows: "LocalRows"
    case .range: "Range"
    case .oneRow: "OneRow"
    case .result: "RecursiveRows"
    }
  }

  private static func columns(_ attributes: [Attribute]) -> String {
    " [\(attributes.map(\.name).joined(separator: ", "))]"
  }

  private static func named(_ column: NamedExpression) -> String {
    let inner = text(column.expression)
    return inner == column.attribute.name ? inner : "\(inner) AS \(column.attribute.name)"
  }

  private static func order(_ order: SortOrder) -> String {
    "\(text(order.expression)) \(order.isAscending ? "ASC" : "DESC") NULLS \(order.nullsFirst ? "FIRST" : "LAST")"
  }

  private static func text(_ expression: Expression) -> String {
    switch expression {
    case .attribute(let attribute): return attribute.name
    case .literal(let value, let type): return literal(value, type)
    case .call(let function, let arguments) where ["cast", "try_cast"].contains(function.name):
      let operands = arguments.map(text).joined(separator: ", ")
      return "\(function.name.uppercased())(\(operands) AS \(function.type.sql))"
    case .call(let function, let arguments): return "\(function.name)(\(arguments.map(text).joined(separator: ", ")))"
    case .and(let left, let right): return "(\(text(left)) AND \(text(right)))"
    case .or(let left, let right): return "(\(text(left)) OR \(text(right)))"
    case .conditional(let branches, let otherwise, _):
      return "CASE" + branches.map { " WHEN \(text($0.condition)) THEN \(text($0.value))" }.joined()
        + " ELSE \(text(otherwise)) END"
    case .coalesce(let arguments, _): return "coalesce(\(arguments.map(text).joined(separator: ", ")))"
    case .higherOrder(let function, let arguments, let lambdas):
      let bodies = lambdas.map { "(\($0.parameters.map(\.name).joined(separator: ", "))) -> \(text($0.body))" }
      return "\(function.name)(\((arguments.map(text) + bodies).joined(separator: ", ")))"
    case .subqueryResult(let id, _): return "subquery#\(id)"
    }
  }

  private static func literal(_ value: Value, _ type: DataType) -> String {
    switch value {
    case .null: "NULL"
    case .boolean(let flag): "\(flag)"
    case .integer(let number) where type.isIntegral: "\(number)"
    case .double(let number): "\(number)"
    case .string(let text): "'\(text)'"
    case .integer, .decimal, .interval: "\(type.sql) '\(CellText(type).string(value))'"
    default: "\(type.sql) literal"
    }
  }
}
