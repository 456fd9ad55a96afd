import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// What a join does, fixed when the query is planned. The right side is built into a table, the left side looks up in it.
struct JoinPlan: Sendable {
  let kind: JoinKind
  let isSingle: Bool
  let leftKeys: Evaluator
  let rightKeys: Evaluator
  let keys: KeyEncoder
  /// Keys compared with `<=>`, for which NULL equals NULL.
  let isNullSafe: [Bool]
  /// The rest of the condition.
  let residual: PairCondition?
  /// What of the rest leads to matches.
  let bounds: JoinBounds?
  /// What of the rest is left for rows within the bounds.
  let boundedResidual: PairCondition?
  let leftTypes: [DataType]
  let rightTypes: [DataType]

  init(_ node: JoinNode, left: [Attribute], right: [Attribute]) throws {
    kind = node.kind
    isSingle = node.isSingle
    let leftIDs = Set(left.map(\.id))
    let rightIDs = Set(right.map(\.id))
    var pairs: [(left: Expression, right: Expression, isNullSafe: Bool)] = []
    var rest: [Expression] = []
    for condition in node.condition?.conjuncts ?? [] {
      guard case .call(let function, let sides) = condition, sides.count == 2,
        ["=", "<=>", "=="].contains(function.name)
      else {
        rest.append(condition)
        continue
      }
      let a = sides[0].references, b = sides[1].references
      let isNullSafe = function.name == "<=>" || node.matchesNullKeys
      if !a.isEmpty, !b.isEmpty, a.isSubset(of: leftIDs), b.isSubset(of: rightIDs) {
        pairs.append((sides[0], sides[1], isNullSafe))
      } else if !a.isEmpty, !b.isEmpty, a.isSubset(of: rightIDs), b.isSubset(of: leftIDs) {
        pairs.append((sides[1], sides[0], isNullSafe))
      } else {
        rest.append(condition)
      }
    }
    leftKeys = try Evaluator(pairs.map(\.left), input: left)
    rightKeys = try Evaluator(pairs.map(\.right), input: right)
    keys = KeyEncoder(types: pairs.map(\.left.type))
    isNullSafe = pairs.map(\.isNullSafe)
    residual = try PairCondition(rest, input: left + right)
    bounds = try JoinBounds(rest, left: left, right: right)
    boundedResidual = if let bounds { try PairCondition(bounds.others, input: left + right) } else { nil }
    leftTypes = left.map(\.type)
    rightTypes = right.map(\.type)
  }
}

/// A condition over the columns of both sides of a join.
struct PairCondition: Sendable {
  let evaluator: Evaluator
  /// The columns that it reads.
  let reads: [Bool]

  /// All conjuncts together; nil if there are none.
  init?(_ conjuncts: [Expression], input: [Attribute]) throws {
    guard let first = conjuncts.first else { return nil }
    let whole = conjuncts.dropFirst().reduce(first) { .and($0, $1) }
    evaluator = try Evaluator([whole], input: input)
    reads = input.map { whole.references.contains($0.id) }
  }
}

/// The looking-up side of a join, batch by batch.
struct ProbeOperator: StageOperator {
  let table: JoinTable

  var multipliesRows: Bool { table.hasManyPartners && !table.plan.kind.isExistence }

  func apply(_ batch: RecordBatch, _ context: TaskContext) throws -> RecordBatch? {
    try ProbeOperator.join(batch, table, context.evaluation).result
  }

  /// The joined rows and the matches they came from.
  static func join(
    _ batch: RecordBatch, _ table: JoinTable, _ context: EvaluationContext
  ) throws -> (result: RecordBatch?, matches: JoinTable.Matches) {
    let plan = table.plan
    if plan.kind.isExistence {
      let kept = try table.existing(batch, context)
      return (kept.count == 0 ? nil : batch.gathered(kept), JoinTable.Matches())
    }
    var matches = try table.probe(batch, context)
    if plan.isSingle { try checkSingle(matches) }
    if plan.kind == .left || plan.kind == .full { matches = withUnmatched(matches, count: batch.rowCount) }
    if matches.left.isEmpty { return (nil, matches) }
    return (RecordBatch(rowCount: matches.left.count, columns: table.columns(matches, batch)), matches)
  }

  private static func checkSingle(_ matches: JoinTable.Matches) throws {
    for index in matches.left.indices.dropFirst() where matches.left[index] == matches.left[index - 1] {
      throw MillraceError(
        "SCALAR_SUBQUERY_TOO_MANY_ROWS", "a scalar subquery gave more than one row", hint: "add LIMIT 1 or an aggregate"
      )
    }
  }

  /// The matches with each unmatched left row put in, paired with nothing.
  private static func withUnmatched(_ matches: JoinTable.Matches, count: Int) -> JoinTable.Matches {
    var result = JoinTable.Matches()
    result.left.reserveCapacity(matches.left.count + count)
    var next = 0
    for row in 0..<Int32(truncatingIfNeeded: count) {
      let start = next
      while next < matches.left.count && matches.left[next] == row {
        result.left.append(row)
        result.right.append(matches.right[next])
        next += 1
      }
      if next == start {
        result.left.append(row)
        result.right.append(-1)
      }
    }
    return result
  }
}
