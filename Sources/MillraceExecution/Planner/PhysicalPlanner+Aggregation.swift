import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// GROUP BY.
extension PhysicalPlanner {
  func aggregate(_ node: AggregateNode) throws -> any PhysicalOperator {
    guard node.child.isStreaming else { return try boundedAggregate(node) }
    var (aggregation, input) = try aggregationInput(node)
    let times = node.child.eventTimes
    let timeKey = node.grouping.indices.first { times.contains(node.grouping[$0].expression) }
    let keyNames = node.grouping.map { "\($0.attribute.name) \($0.attribute.type)" }.joined(separator: ", ")
    let names = zip(node.aggregates, aggregation.functions).map { aggregate, function in
      let arguments = aggregate.function.arguments.map(\.type.sql).joined(separator: ", ")
      let layout = aggregate.function.stateLayout
      return "\(function.name)(\(aggregate.isDistinct ? "DISTINCT " : "")\(arguments)) \(function.type)"
        + (layout.isEmpty ? "" : " kept as (\(layout))")
    }
    let windows = node.grouping.compactMap { key -> String? in
      if case .call(let function, let arguments) = key.expression, function.name == TimeWindow.structName,
        case .call(let start, _)? = arguments.first
      {
        start.variant
      } else {
        nil
      }
    }
    profile.keepsState()
    let partitionCount = StatefulAggregateOperator.partitionCount(aggregation)
    let (own, index) = try stores.open(
      name: "aggregation", partitions: partitionCount, keyTypes: aggregation.keys.flatTypes,
      valueTypes: aggregation.stateTypes,
      names: StateStores.Names(
        keys: aggregation.keys.flatNames(node.grouping.map(\.attribute.name)),
        values: aggregation.functions.flatMap { function in function.stateTypes.map { _ in function.name } }),
      content: "keys [\(keyNames)], aggregates [\(names.joined(separator: ", "))]"
        + (windows.isEmpty ? "" : ", window \(windows.joined(separator: ", "))") + ", mode \(mode.rawValue)",
      runsOnWatermark: mode != .complete && node.child.hasWatermark)
    let partitions = own.map { store in
      StatePartition(
        store, aggregation, mode: mode, eventTime: timeKey.flatMap { aggregation.keys.eventTime(of: $0) },
        delay: node.child.watermarkDelay)
    }
    if let timeKey, mode != .complete || aggregation.sessions != nil,
      let capture = lateCapture(StatefulAggregateOperator.name(aggregation), index, node.child)
    {
      input = try keepingLate(input, of: node, timeKey: timeKey, capture)
    }
    return StatefulAggregateOperator(aggregation, input, partitions, metricsIndex: index, pool: scans.pool)
  }

  private func boundedAggregate(_ node: AggregateNode) throws -> any PhysicalOperator {
    guard let distinct = DistinctAggregation(node), distinct.parts.count == 1 || canRepeat(node.child) else {
      let (aggregation, input) = try aggregationInput(node)
      return AggregateOperator(aggregation, input, pool: scans.pool)
    }
    let parts = try scans.sharing {
      try distinct.parts.map { part in
        let (finer, input) = try aggregationInput(part.finer)
        return DistinctAggregateOperator.Part(plan: finer, input: input, roles: part.roles)
      }
    }
    let coarser = try AggregationPlan(distinct.coarser, input: node.child.output)
    return DistinctAggregateOperator(parts, coarser: coarser, pool: scans.pool)
  }

  /// Whether the rows of a plan can be had several times from one scan, for little more.
  private func canRepeat(_ plan: LogicalPlan) -> Bool {
    guard plan.expressions.allSatisfy(\.isDeterministic) else { return false }
    return switch plan {
    case .relation(let leaf): if case .scan = leaf.content { true } else { false }
    case .project(_, let child), .filter(_, let child), .alias(_, let child): canRepeat(child)
    case .union(let inputs, _): inputs.allSatisfy { canRepeat($0) }
    default: false
    }
  }

  /// What an aggregation computes, and where its rows come from: chains that end in it, or an operator.
  private func aggregationInput(_ node: AggregateNode) throws -> (AggregationPlan, AggregationInput) {
    let fragment = try plan(node.child)
    let aggregation = try AggregationPlan(node, input: node.child.output)
    guard case .chains(let chains) = fragment else { return (aggregation, .rows(profile.collected(fragment))) }
    let shared = SharedGroups(aggregation, workers: scans.pool.count)
    // Groups of sessions are merged by their times, not by their keys alone.
    let isShared = !aggregation.isOrderSensitive && aggregation.sessions == nil
    keepAssignment(of: fragment, for: aggregation.keys.expressions + aggregation.functions.flatMap(\.arguments))
    let partial = profile.add(.partial)
    for chain in chains {
      let own = try AggregationPlan(renamed(node, to: chain.output), input: chain.output)
      let idle = IdleWorkers()
      let keepsWorkers = !aggregation.keys.expressions.isEmpty
      chain.chain.begin = { try shared.begin($0) }
      chain.chain.makeTerminal = {
        let worker = idle.take() ?? WorkerGroups(own, idle: keepsWorkers && shared.isResident ? idle : nil)
        return AggregateTerminal(worker, shared: isShared ? shared : nil)
      }
      chain.chain.terminalSlot = partial
      chain.chain.holdsRows = false
      if aggregation.isOrderSensitive { chain.chain.needsFixedAssignment = true }
    }
    return (aggregation, .chains(chains, shared))
  }

  /// The aggregation over an input of a union, whose columns have other identities.
  private func renamed(_ node: AggregateNode, to output: [Attribute]) -> AggregateNode {
    let original = node.child.output
    if zip(original, output).allSatisfy({ $0 == $1 }) { return node }
    let targets = Dictionary(zip(original.map(\.id), output), uniquingKeysWith: { first, _ in first })
    func moved(_ expression: Expression) -> Expression {
      expression.rewritten { part in
        guard case .attribute(let attribute) = part, var target = targets[attribute.id] else { return nil }
        // All inputs must carry their keys alike, whether or not this one has NULLs.
        target.isNullable = attribute.isNullable
        return .attribute(target)
      }
    }
    var copy = node
    copy.grouping = node.grouping.map { NamedExpression($0.attribute, moved($0.expression)) }
    for index in copy.aggregates.indices {
      copy.aggregates[index].function.arguments = copy.aggregates[index].function.arguments.map(moved)
      copy.aggregates[index].filter = copy.aggregates[index].filter.map(moved)
    }
    return copy
  }

  /// Puts a step that keeps late rows in front of an aggregation.
  private func keepingLate(
    _ input: AggregationInput, of node: AggregateNode, timeKey: Int, _ capture: LateRowCapture
  ) throws -> AggregationInput {
    let delay = node.child.watermarkDelay
    func step(_ node: AggregateNode, _ columns: [Attribute]) throws -> LateRowOperator {
      try LateRowOperator(
        key: node.grouping[timeKey].expression, input: columns, capture: capture, delay: delay)
    }
    switch input {
    case .rows(let child): return .rows(MapOperator(child, [try step(node, node.child.output)]))
    case .chains(let chains, _):
      let slot = profile.add(.run)
      for chain in chains {
        chain.chain.append(try step(renamed(node, to: chain.output), chain.output), slot: slot)
      }
      return input
    }
  }
}
