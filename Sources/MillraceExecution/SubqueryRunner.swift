import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan

/// Runs scalar subqueries before the plan that uses them.
struct SubqueryRunner {
  let bindings: [Int: ScanBinding]
  let pool: WorkerPool
  var timestamp: Int64 = SystemClock().now()

  /// Results by subquery id.
  struct Constants {
    var values: [Int: Value] = [:]
    var rows: [Int: RecordBatch] = [:]

    func applied(to plan: LogicalPlan) -> LogicalPlan {
      let filled = rows.isEmpty ? plan : plan.rewritten { leaf($0) }
      if values.isEmpty { return filled }
      return filled.mapAllExpressions { expression in
        expression.rewritten { part in
          guard case .subqueryResult(let id, let type) = part, let value = values[id] else { return nil }
          return .literal(value, type)
        }
      }
    }

    private func leaf(_ plan: LogicalPlan) -> LogicalPlan? {
      guard case .relation(var leaf) = plan, case .result(let id) = leaf.content, let batch = rows[id] else {
        return nil
      }
      leaf.content = .rows(batch)
      return .relation(leaf)
    }
  }

  func run(_ subqueries: [AnalyzedQuery.Subquery]) throws -> Constants {
    var constants = Constants()
    for subquery in subqueries {
      let plan = constants.applied(to: subquery.plan)
      let batches = try execute(plan, pool.profiler.addResult("subquery \(subquery.id)"))
      if case .recursion(let step, let previous, let levels, let rows) = subquery.form {
        constants.rows[subquery.id] = try recursion(from: batches, step, previous, levels, rows, constants)
        continue
      }
      constants.values[subquery.id] = try value(of: batches, subquery.form)
    }
    return constants
  }

  private func value(of batches: [RecordBatch], _ form: AnalyzedQuery.Subquery.Form) throws -> Value {
    let count = batches.reduce(0) { $0 + $1.rowCount }
    switch form {
    case .exists: return .boolean(count > 0)
    case .recursion: return .null
    case .list: return .array(batches.flatMap { batch in (0..<batch.rowCount).map { batch.columns[0].value($0) } })
    case .scalar:
      if count > 1 {
        throw MillraceError(
          "SCALAR_SUBQUERY_TOO_MANY_ROWS", "a scalar subquery gave more than one row",
          hint: "add LIMIT 1 or an aggregate")
      }
      return batches.first { $0.rowCount > 0 }?.columns[0].value(0) ?? .null
    }
  }

  /// Rounds of a recursive table until one gives no row.
  private func recursion(
    from anchor: [RecordBatch], _ step: LogicalPlan, _ previous: Int, _ levelLimit: Int, _ wanted: Int?,
    _ constants: Constants
  ) throws -> RecordBatch {
    let rowLimit = 1_000_000
    let types = step.output.map(\.type)
    var all = anchor
    var last = SubqueryRunner.joined(anchor, types)
    var total = last.rowCount
    var level = 1
    // Each round is planned anew, so there is no tree for all of them.
    let profile = PlanProfile(pool.profiler, charging: ProfilePhase.planning.slot)
    while last.rowCount > 0 && total < wanted ?? .max {
      if levelLimit >= 0 && level > levelLimit {
        throw MillraceError(
          "RECURSION_LEVEL_LIMIT_EXCEEDED", "a recursive table went deeper than \(levelLimit) levels",
          hint: "add a condition that ends it")
      }
      var round = constants
      round.rows[previous] = last
      let batches = try execute(round.applied(to: step), profile)
      last = SubqueryRunner.joined(batches, types)
      all += batches
      total += last.rowCount
      if total > rowLimit {
        throw MillraceError(
          "RECURSION_ROW_LIMIT_EXCEEDED", "a recursive table gave more than \(rowLimit) rows",
          hint: "add a condition that ends it")
      }
      level += 1
    }
    return SubqueryRunner.joined(all, types)
  }

  private static func joined(_ batches: [RecordBatch], _ types: [DataType]) -> RecordBatch {
    let filled = batches.filter { $0.rowCount > 0 }
    if filled.isEmpty { return RecordBatch(rowCount: 0, columns: types.map { .nulls($0, count: 0) }) }
    return .concatenated(filled)
  }

  /// All rows of a bounded plan, described by `profile`.
  func execute(_ plan: LogicalPlan, _ profile: PlanProfile) throws -> [RecordBatch] {
    let observations = Observations()
    let root = try pool.profiler.charging(.planning) { try planned(plan, profile, observations) }
    let context = BatchContext(
      evaluation: EvaluationContext(batchTimestamp: timestamp), batchID: 0, lateWatermark: .min, watermark: .min,
      plans: [], watermarkCount: 0, stateOperatorCount: 0)
    let rows = try root.execute(context)
    try observations.tell(context)
    return rows
  }

  private func planned(_ plan: LogicalPlan, _ profile: PlanProfile, _ observations: Observations) throws
    -> any PhysicalOperator
  {
    let environment = Environment.live
    let stores = StateStores(provider: NoState(), directory: nil, environment: environment)
    let planner = PhysicalPlanner(
      scans: ScanGroups(bindings, pool: pool), mode: .append, stores: stores,
      watermarks: Watermarks(), profile: profile, observations: observations)
    return profile.collected(try planner.plan(try Optimizer.optimize(plan)))
  }

  /// A bounded query keeps nothing.
  private struct NoState: StateStoreProvider {
    var name: String { "none" }
    func open(
      operatorID: Int, keyTypes: [DataType], valueTypes: [DataType], directory: String?, environment: Environment
    ) throws -> any StateStore {
      throw MillraceError("INTERNAL_ERROR", "a bounded query asked for state", fault: .bug)
    }
  }
}
