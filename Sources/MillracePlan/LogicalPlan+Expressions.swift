import MillraceColumnar
public import MillraceExpressions

extension LogicalPlan {
  /// Expressions that this node itself evaluates.
  public var expressions: [Expression] {
    switch self {
    case .relation, .limit, .union, .setOperation, .alias: []
    case .project(let columns, _): columns.map(\.expression)
    case .filter(let condition, _): [condition]
    case .aggregate(let node):
      node.grouping.map(\.expression)
        + node.aggregates.flatMap { $0.function.arguments + ($0.filter.map { [$0] } ?? []) }
    case .join(let node): node.condition.map { [$0] } ?? []
    case .generate(let node): node.generator.arguments
    case .sort(let orders, _): orders.map(\.expression)
    case .window(let node):
      node.partition + node.order.map(\.expression)
        + node.functions.flatMap(\.arguments)
    case .watermark(let column, _, _): [.attribute(column)]
    case .deduplicate(let node): node.keys.map { .attribute($0) }
    case .transform(let node):
      (node.keys + node.input + (node.initialState.map { $0.keys + $0.columns } ?? [])).map { .attribute($0) }
    case .observe(let node): node.aggregates.flatMap { $0.function.arguments + ($0.filter.map { [$0] } ?? []) }
    }
  }

  /// The same node with its own expressions rewritten (children untouched).
  public func mapExpressions(_ transform: (Expression) throws -> Expression) rethrows -> LogicalPlan {
    switch self {
    case .relation, .limit, .union, .setOperation, .alias, .watermark, .deduplicate, .transform: return self
    case .project(let columns, let child):
      return .project(try columns.map { NamedExpression($0.attribute, try transform($0.expression)) }, child)
    case .filter(let condition, let child): return .filter(try transform(condition), child)
    case .sort(let orders, let child):
      return .sort(
        try orders.map {
          SortOrder(try transform($0.expression), isAscending: $0.isAscending, nullsFirst: $0.nullsFirst)
        }, child)
    case .aggregate(var node):
      node.grouping = try node.grouping.map { NamedExpression($0.attribute, try transform($0.expression)) }
      for index in node.aggregates.indices {
        node.aggregates[index].function.arguments = try node.aggregates[index].function.arguments.map(transform)
        node.aggregates[index].filter = try node.aggregates[index].filter.map(transform)
      }
      return .aggregate(node)
    case .join(var node):
      node.condition = try node.condition.map(transform)
      return .join(node)
    case .generate(var node):
      node.generator = Generator(
        node.generator.name, output: node.generator.output, arguments: try node.generator.arguments.map(transform),
        kernel: node.generator.kernel)
      return .generate(node)
    case .window(var node):
      node.partition = try node.partition.map(transform)
      node.order = try node.order.map {
        SortOrder(try transform($0.expression), isAscending: $0.isAscending, nullsFirst: $0.nullsFirst)
      }
      for index in node.functions.indices {
        node.functions[index].arguments = try node.functions[index].arguments.map(transform)
      }
      return .window(node)
    case .observe(var node):
      for index in node.aggregates.indices {
        node.aggregates[index].function.arguments = try node.aggregates[index].function.arguments.map(transform)
        node.aggregates[index].filter = try node.aggregates[index].filter.map(transform)
      }
      return .observe(node)
    }
  }

  /// The plan bottom-up through `transform`; nil leaves a node as it is.
  public func rewritten(_ transform: (LogicalPlan) throws -> LogicalPlan?) rethrows -> LogicalPlan {
    let inner = try mapChildren { try $0.rewritten(transform) }
    return try transform(inner) ?? inner
  }

  /// All expressions of the plan rewritten.
  public func mapAllExpressions(_ transform: (Expression) throws -> Expression) rethrows -> LogicalPlan {
    try mapChildren { try $0.mapAllExpressions(transform) }.mapExpressions(transform)
  }

  /// The same plan with new attributes throughout, so that it can stand twice in one query.
  public func withFreshAttributes() -> LogicalPlan {
    var renewal = Renewal()
    return renewal.renew(self)
  }
}

/// Gives every attribute of a plan a new identity.
private struct Renewal {
  var known: [Int: Attribute] = [:]

  mutating func fresh(_ attribute: Attribute) -> Attribute {
    if let renewed = known[attribute.id] {
      var copy = renewed
      copy.isNullable = attribute.isNullable
      copy.qualifier = attribute.qualifier
      return copy
    }
    let renewed = Attribute(
      attribute.name, attribute.type, isNullable: attribute.isNullable, qualifier: attribute.qualifier)
    known[attribute.id] = renewed
    return renewed
  }

  mutating func fresh(_ expression: Expression) -> Expression {
    if case .attribute(let attribute) = expression { return .attribute(fresh(attribute)) }
    if case .higherOrder(let function, let arguments, let lambdas) = expression {
      return .higherOrder(
        function, arguments.map { fresh($0) },
        lambdas.map { lambda in Lambda(lambda.parameters.map { fresh($0) }, fresh(lambda.body)) })
    }
    return expression.mapChildren { fresh($0) }
  }

  mutating func renew(_ plan: LogicalPlan) -> LogicalPlan {
    let inner = plan.mapChildren { renew($0) }.mapExpressions { fresh($0) }
    switch inner {
    case .relation(var leaf):
      leaf.output = leaf.output.map { fresh($0) }
      if let metadata = leaf.metadata { leaf.metadata?.attribute = fresh(metadata.attribute) }
      return .relation(leaf)
    case .project(let columns, let child):
      return .project(columns.map { NamedExpression(fresh($0.attribute), $0.expression) }, child)
    case .aggregate(var node):
      node.grouping = node.grouping.map { NamedExpression(fresh($0.attribute), $0.expression) }
      for index in node.aggregates.indices {
        node.aggregates[index].attribute = fresh(node.aggregates[index].attribute)
      }
      return .aggregate(node)
    case .generate(var node):
      node.output = node.output.map { fresh($0) }
      if let required = node.required { node.required = Set(required.compactMap { known[$0]?.id }) }
      return .generate(node)
    case .union(let inputs, let output): return .union(inputs, output: output.map { fresh($0) })
    case .window(var node):
      for index in node.functions.indices { node.functions[index].attribute = fresh(node.functions[index].attribute) }
      return .window(node)
    case .watermark(let column, let settings, let child): return .watermark(column: fresh(column), settings, child)
    case .deduplicate(var node):
      node.keys = node.keys.map { fresh($0) }
      return .deduplicate(node)
    case .transform(var node):
      node.keys = node.keys.map { fresh($0) }
      node.input = node.input.map { fresh($0) }
      node.output = node.output.map { fresh($0) }
      node.eventTimeColumn = node.eventTimeColumn.map { fresh($0) }
      if let initial = node.initialState {
        node.initialState?.keys = initial.keys.map { fresh($0) }
        node.initialState?.columns = initial.columns.map { fresh($0) }
      }
      return .transform(node)
    case .observe(var node):
      for index in node.aggregates.indices {
        node.aggregates[index].attribute = fresh(node.aggregates[index].attribute)
      }
      node.metrics = node.metrics.map { NamedExpression(fresh($0.attribute), fresh($0.expression)) }
      return .observe(node)
    case .filter, .join, .sort, .limit, .setOperation, .alias: return inner
    }
  }
}
