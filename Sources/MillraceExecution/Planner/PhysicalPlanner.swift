import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceFormats
import MillracePlan
import MillraceState

/// Turns an optimized logical plan into chains beside the scans and operators above them.
final class PhysicalPlanner {
  let scans: ScanGroups
  let mode: OutputMode
  let stores: StateStores
  private let watermarks: Watermarks
  let profile: PlanProfile
  /// Name of the output, where late rows are kept; else nil.
  private let lateOutput: String?
  private let observations: Observations
  /// Numbers of the watermarks of columns of scans: a stream that is read twice has one watermark, as in Spark.
  private var declaredTimes: [DeclaredTime: Int] = [:]
  /// The aggregations that keep state.
  private(set) var statefulAggregates: [PlannedAggregate] = []

  private struct DeclaredTime: Hashable {
    var scan: Int
    var column: String
    var settings: WatermarkSettings
  }

  /// An aggregation that keeps state, and the operator that measures it.
  struct PlannedAggregate {
    var aggregate: StatefulAggregateOperator
    var measured: any PhysicalOperator
  }

  init(
    scans: ScanGroups, mode: OutputMode, stores: StateStores, watermarks: Watermarks,
    profile: PlanProfile, observations: Observations, lateOutput: String? = nil
  ) {
    self.observations = observations
    self.lateOutput = lateOutput
    self.scans = scans
    self.mode = mode
    self.stores = stores
    self.watermarks = watermarks
    self.profile = profile
  }

  func plan(_ node: LogicalPlan) throws -> Fragment {
    try profile.describing(PlanText.title(of: node)) {
      switch try fragment(node) {
      case .chains(let chains): return .chains(chains)
      case .serial(let inner):
        let measured = profile.measured(inner)
        if let aggregate = inner as? StatefulAggregateOperator {
          statefulAggregates.append(PlannedAggregate(aggregate: aggregate, measured: measured))
        }
        return .serial(measured)
      }
    }
  }

  /// All rows of a node together.
  private func collected(_ node: LogicalPlan) throws -> any PhysicalOperator { profile.collected(try plan(node)) }

  private func fragment(_ node: LogicalPlan) throws -> Fragment {
    switch node {
    case .relation(let leaf): return try relation(leaf)
    case .project(let columns, let child):
      let fragment = try plan(child)
      if zip(columns, child.output).allSatisfy({ $0.isPassedOn && $0.attribute == $1 })
        && columns.count == child.output.count
      {
        profile.dissolve()
        return fragment
      }
      keepAssignment(of: fragment, for: columns.map(\.expression))
      return add(
        to: fragment, try ProjectOperator(columns.map(\.expression), input: child.output),
        output: columns.map(\.attribute))
    case .filter(let condition, let child): return try filter(condition, child)
    case .generate(let generate):
      let fragment = try plan(generate.child)
      return add(to: fragment, try GenerateOperator(generate, input: generate.child.output), output: node.output)
    case .watermark(let column, let settings, let child): return try watermark(column, settings, child)
    case .aggregate(let aggregate): return .serial(try self.aggregate(aggregate))
    case .join(let join): return try self.join(join)
    case .sort(let orders, let child):
      return .serial(try SortOperator(try collected(child), orders, input: child.output, limit: nil))
    case .limit(let count, let offset, let child): return .serial(try limit(count, offset, child))
    case .union(let inputs, _): return try union(inputs)
    case .setOperation(let kind, let isAll, let left, let right):
      let types = left.output.map(\.type)
      let sides = try scans.sharing { (try collected(left), try collected(right)) }
      return .serial(SetOperationOperator(kind, isAll: isAll, sides.0, sides.1, types: types))
    case .window(let window):
      return .serial(try WindowOperator(try collected(window.child), window, input: window.child.output))
    case .deduplicate(let deduplicate): return .serial(try self.deduplicate(deduplicate))
    case .transform(let transform): return .serial(try self.transform(transform))
    case .observe(let observe):
      let fragment = try plan(observe.child)
      keepAssignment(of: fragment, for: LogicalPlan.observe(observe).expressions)
      return add(to: fragment, try observations.add(observe), output: observe.child.output)
    case .alias(_, let child):
      profile.dissolve()
      return try plan(child)
    }
  }

  /// `rand()` and its kin give values by worker and row, so which worker takes a row must not be left to chance.
  func keepAssignment(of fragment: Fragment, for expressions: [Expression]) {
    guard case .chains(let chains) = fragment, !expressions.allSatisfy(\.isDeterministic) else { return }
    for chain in chains { chain.chain.needsFixedAssignment = true }
  }

  private func add(
    to fragment: Fragment, _ step: any StageOperator, as part: ProfileStep = .run, output: [Attribute]
  ) -> Fragment {
    switch fragment {
    case .chains(let chains):
      let slot = profile.add(part)
      for chain in chains {
        chain.chain.append(step, slot: slot)
        chain.output = output
      }
      return fragment
    case .serial(let node): return .serial(MapOperator(node, [step]))
    }
  }

  private func relation(_ leaf: LeafRelation) throws -> Fragment {
    switch leaf.content {
    case .scan(let id, _):
      let group = try scans.group(id)
      let chain = group.addChain(columns: leaf.columns)
      profile.reads(group)
      return .chains([ChainPlan(group: group, chain: chain, output: leaf.output)])
    case .rows(let batch): return .serial(RowsOperator(batch.rowCount == 0 ? [] : [batch]))
    case .range(let start, let end, let step):
      return .serial(
        leaf.output.isEmpty
          ? MapOperator(RangeOperator(start: start, end: end, step: step), [DropColumns()])
          : RangeOperator(start: start, end: end, step: step))
    case .result:
      throw MillraceError(
        "INVALID_RECURSIVE_REFERENCE.PLACE", "the recursive table `\(leaf.name)` cannot be read in this place",
        hint: "read it in FROM of the step, not in a subquery")
    case .oneRow: return .serial(RowsOperator([RecordBatch(rowCount: 1, columns: [])]))
    }
  }

  private func filter(_ condition: Expression, _ child: LogicalPlan) throws -> Fragment {
    let fragment = try plan(child)
    if case .chains(let chains) = fragment, case .relation(let leaf) = child {
      for chain in chains {
        chain.chain.filters += PushedFilters.of(condition, leaf)
        chain.chain.fileFilter = try FileFilter(condition, leaf, chain.group.binding)
      }
    }
    keepAssignment(of: fragment, for: [condition])
    return add(to: fragment, try FilterOperator(condition, input: child.output), output: child.output)
  }

  private func watermark(_ column: Attribute, _ settings: WatermarkSettings, _ child: LogicalPlan) throws -> Fragment {
    let fragment = try plan(child)
    guard let position = child.output.firstIndex(of: column), child.isStreaming else {
      profile.dissolve()
      return fragment
    }
    let declared = child.source(of: column).map { DeclaredTime(scan: $0.scan, column: $0.name, settings: settings) }
    let index = declared.flatMap { declaredTimes[$0] } ?? watermarks.add(settings)
    if let declared { declaredTimes[declared] = index }
    return add(
      to: fragment, EventTimeOperator(column: position, index: index, maxFutureSkew: settings.maxFutureSkew),
      output: child.output)
  }

  private func union(_ inputs: [LogicalPlan]) throws -> Fragment {
    let parts = try scans.sharing { try inputs.map { input in (fragment: try plan(input), node: profile.lastInput) } }
    var chains: [ChainPlan] = []
    for part in parts {
      guard case .chains(let more) = part.fragment else {
        return .serial(UnionOperator(parts.map { profile.collected($0.fragment, of: $0.node) }))
      }
      chains += more
    }
    return .chains(chains)
  }

  private func limit(_ count: Int?, _ offset: Int, _ child: LogicalPlan) throws -> any PhysicalOperator {
    if case .sort(let orders, let input) = child, let count {
      let sorted = try profile.describing(PlanText.title(of: child)) {
        let limit = count + offset
        return profile.measured(try SortOperator(try collected(input), orders, input: input.output, limit: limit))
      }
      return LimitOperator(sorted, count: count, offset: offset)
    }
    let rows = try collected(child)
    // Below an aggregation a limit counts over all batches, whatever the output mode; above one it is of each result.
    guard child.isStreaming, mode == .append || child.streamingAggregates.isEmpty, let count else {
      return LimitOperator(rows, count: count, offset: offset)
    }
    profile.keepsState()
    let (store, index) = try stores.open(
      name: "limit", keyTypes: StatefulLimitOperator.keyTypes, valueTypes: StatefulLimitOperator.valueTypes,
      names: StateStores.Names(values: ["rows"]),
      content: "first \(count) rows", runsOnWatermark: false)
    return StatefulLimitOperator(rows, count: count, store: store, metricsIndex: index)
  }

  // MARK: Operators with state

  private func deduplicate(_ node: DeduplicateNode) throws -> any PhysicalOperator {
    let child = try collected(node.child)
    let output = node.child.output
    let positions = node.keys.compactMap { key in output.firstIndex(of: key) }
    let types = node.keys.map(\.type)
    guard node.child.isStreaming else {
      return DeduplicateOperator(child, keys: positions, types: types, state: nil)
    }
    let times = node.child.eventTimes
    let rowTime = output.firstIndex { times.delays[$0.id] != nil }
    let timeKey = node.keys.firstIndex { times.delays[$0.id] != nil }
    let encoder = KeyEncoder(types: types)
    profile.keepsState()
    let delay = node.isWithinWatermark ? rowTime.flatMap { times.delays[output[$0].id] } : nil
    let (store, index) = try stores.open(
      name: "deduplication", keyTypes: encoder.flatTypes, valueTypes: [.long],
      names: StateStores.Names(keys: encoder.flatNames(node.keys.map(\.name)), values: ["expires"]),
      content: "keys [\(node.keys.map { "\($0.name) \($0.type)" }.joined(separator: ", "))]",
      runsOnWatermark: node.child.hasWatermark)
    let state = DeduplicateOperator.State(
      store: store, metricsIndex: index, eventTime: timeKey.flatMap { encoder.eventTime(of: $0) }, rowTime: rowTime,
      inputDelay: node.child.watermarkDelay,
      late: lateCapture(delay == nil ? "dedupe" : "dedupeWithinWatermark", index, node.child), delay: delay)
    return DeduplicateOperator(child, keys: positions, types: types, state: state)
  }

  private func transform(_ node: TransformNode) throws -> any PhysicalOperator {
    let child = try collected(node.child)
    let initial = try node.initialState.map { try collected($0.plan) }
    let types = node.keys.map(\.type)
    let keyTypes = StateProgramRunner.storeKeyTypes(types)
    let valueTypes = StateProgramRunner.storeValueTypes
    profile.keepsState()
    guard node.child.isStreaming else {
      let stores = (0..<node.partitions).map { _ in MemoryStateStore(keyTypes: keyTypes, valueTypes: valueTypes) }
      return TransformWithStateOperator(
        child, node, initial: initial, stores: stores, metricsIndex: nil, pool: scans.pool)
    }
    let names = node.keys.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
    let (own, index) = try stores.open(
      name: "transformWithState", partitions: node.partitions, keyTypes: keyTypes, valueTypes: valueTypes,
      names: StateStores.Names(
        keys: keyTypes.count == types.count + 2 ? node.keys.map(\.name) + ["variable", "part"] : [],
        values: ["bytes", "due"]),
      content: "keys [\(names)], time mode \(node.timeMode.rawValue)",
      runsOnWatermark: node.timeMode == .eventTime)
    let transform = TransformWithStateOperator(
      child, node, initial: initial, stores: own, metricsIndex: index,
      late: lateCapture("transformWithStateExec", index, node.child), pool: scans.pool)
    stores.closing { transform.close() }
    stores.timing { try transform.nextDue() }
    return transform
  }

  // MARK: Joins

  private func join(_ node: JoinNode) throws -> Fragment {
    if node.left.isStreaming && node.right.isStreaming { return .serial(try streamJoin(node)) }
    let smaller = scans.smallerSide(of: node)
    switch node.kind {
    case .inner, .cross:
      let isMirrored = smaller == .left || node.right.isStreaming
      return isMirrored ? try mirrored(node, as: node.kind) : try join(node, keeping: .none)
    case .left where smaller == .left: return try mirrored(node, as: .right)
    case .right where smaller != .right: return try mirrored(node, as: .left)
    case .full where smaller == .left: return try mirrored(node, as: .full)
    case .left, .nullAwareAnti: return try join(node, keeping: .none)
    case .right, .full: return try join(node, keeping: .unmatchedBesideNulls)
    case .leftSemi, .leftAnti:
      if smaller != .left { return try join(node, keeping: .none) }
      return try join(node.mirrored(as: node.kind), keeping: node.kind == .leftSemi ? .matched : .unmatched)
    }
  }

  /// Builds the right side in memory, and looks up the rows of the left one.
  private func join(_ node: JoinNode, keeping kept: KeptRows) throws -> Fragment {
    let left = try plan(node.left)
    let leftNode = profile.lastInput
    // The table is built before the left side is read.
    let right = try scans.apart { try collected(node.right) }
    let table = JoinTable(try JoinPlan(node, left: node.left.output, right: node.right.output))
    let marks = kept == .none ? nil : JoinMarks()
    let schedule = ReloadSchedule(scans.reload(of: node.right))
    let slot = profile.add(.build, givesRows: false)
    let lane = scans.pool.profiler.control
    let build: (BatchContext) throws -> Void = { context in
      if schedule.isDue(context) {
        try lane.charging(slot) {
          let rows = try right.execute(context)
          try table.build(schedule.keepsRows ? rows.map { $0.detached() } : rows, context.evaluation)
        }
        schedule.loaded(context)
      }
      marks?.reset(rows: table.rows.rowCount, keys: table.keyCount)
    }
    let step: any StageOperator = marks.map { MarkOperator(table: table, marks: $0) } ?? ProbeOperator(table: table)
    let joined: Fragment
    switch left {
    case .chains(let chains):
      for chain in chains { chain.chain.prerequisites.append(build) }
      joined = add(to: left, step, as: .probe, output: node.output)
    case .serial(let child):
      joined = .serial(MapOperator(child, [step], prerequisites: [build]))
    }
    guard let marks else { return joined }
    return .serial(KeptRowsOperator(profile.collected(joined, of: leftNode), table, marks, kept))
  }

  private func streamJoin(_ node: JoinNode) throws -> any PhysicalOperator {
    let bounds = StreamJoinBounds(node)
    let plan = try JoinPlan(node, left: node.left.output, right: node.right.output)
    let evicts = bounds.leftEviction != nil || bounds.rightEviction != nil
    let left = try side("left", node.left, of: node, bounds.leftEviction, plan.leftKeys, plan, runsOnWatermark: evicts)
    let right = try side(
      "right", node.right, of: node, bounds.rightEviction, plan.rightKeys, plan, runsOnWatermark: evicts)
    return StreamJoinOperator(
      plan, left: left, right: right, delay: max(node.left.watermarkDelay, node.right.watermarkDelay))
  }

  private func side(
    _ name: String, _ input: LogicalPlan, of node: JoinNode, _ expiry: StreamJoinBounds.Expiry?, _ keys: Evaluator,
    _ plan: JoinPlan, runsOnWatermark: Bool
  ) throws -> JoinSide {
    let child = try collected(input)
    profile.keepsState()
    let times = input.eventTimes
    let columns = input.output.map { "\($0.name) \($0.type)" }.joined(separator: ", ")
    let (store, index) = try stores.open(
      name: "join \(name)", keyTypes: JoinSide.keyTypes, valueTypes: JoinSide.valueTypes,
      names: StateStores.Names(
        keys: ["number"], values: ["row", "matched"],
        row: Schema(input.output.map { StructField($0.name, $0.type) })),
      content: "rows [\(columns)], \(PlanText.title(of: .join(node)))", runsOnWatermark: runsOnWatermark)
    let position = expiry.flatMap { expiry in
      input.output.firstIndex(of: expiry.column).map { (column: $0, offset: expiry.offset) }
    }
    return JoinSide(
      child, types: input.output.map(\.type),
      keys: JoinKeys(evaluator: keys, encoder: plan.keys, isNullSafe: plan.isNullSafe), store: store,
      metricsIndex: index, time: input.output.firstIndex { times.delays[$0.id] != nil }, expiry: position,
      late: lateCapture("symmetricHashJoin", index, input))
  }

  // MARK: Late rows

  /// What makes late rows of an operator's input, where they are kept.
  func lateCapture(_ operatorName: String, _ operatorID: Int, _ input: LogicalPlan) -> LateRowCapture? {
    guard let lateOutput else { return nil }
    let times = input.eventTimes
    return LateRowCapture(
      output: lateOutput, operatorName: operatorName, operatorID: operatorID,
      schema: Schema(input.output.map { StructField($0.name, $0.type) }),
      time: input.output.firstIndex { times.delays[$0.id] != nil })
  }

  /// The join with its sides exchanged, and the columns put back in order.
  private func mirrored(_ node: JoinNode, as kind: JoinKind) throws -> Fragment {
    let columns = node.output.map { NamedExpression(passing: $0) }
    profile.dissolve()
    return try plan(.project(columns, .join(node.mirrored(as: kind))))
  }
}

extension JoinNode {
  /// The same with its sides exchanged.
  fileprivate func mirrored(as kind: JoinKind) -> JoinNode {
    var other = self
    other.kind = kind
    swap(&other.left, &other.right)
    return other
  }
}

/// Leaves only the number of rows.
struct DropColumns: StageOperator {
  var isPure: Bool { true }

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    RecordBatch(rowCount: batch.rowCount, columns: [])
  }
}

extension LogicalPlan {
  /// The scan and its column that a column is, where only projections and conditions lie between.
  fileprivate func source(of column: Attribute) -> (scan: Int, name: String)? {
    switch self {
    case .relation(let leaf):
      if case .scan(let id, _) = leaf.content { (id, column.name) } else { nil }
    case .filter(_, let child): child.source(of: column)
    case .project(let columns, let child):
      columns.contains { $0.isPassedOn && $0.attribute == column } ? child.source(of: column) : nil
    case .join(let node) where node.kind.keepsLeftOnly: node.left.source(of: column)
    default: nil
    }
  }
}
