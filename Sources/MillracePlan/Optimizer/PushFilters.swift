import MillraceColumnar
import MillraceExpressions

/// Moves each part of a condition as far down as its columns allow, and turns cross joins with a condition into inner joins.
enum PushFilters {
  static func apply(_ plan: LogicalPlan) -> LogicalPlan { push([], into: plan) }

  /// `plan` with `conditions` on top, pushed down.
  private static func push(_ conditions: [Expression], into plan: LogicalPlan) -> LogicalPlan {
    switch plan {
    case .filter(let condition, let child): return push(condition.conjuncts + conditions, into: child)
    case .project(let columns, let child): return throughProject(conditions, columns, child)
    case .alias(let name, let child): return .alias(name, push(conditions, into: child))
    case .watermark(let column, let settings, let child):
      // Event times count before a condition on them is applied, as in Spark.
      let (free, bound) = split(conditions) { !$0.references.contains(column.id) && $0.isDeterministic }
      return filtered(.watermark(column: column, settings, push(free, into: child)), bound)
    case .generate(var node):
      let columns = Set(node.child.output.map(\.id))
      let (below, above) = split(conditions) { $0.references.isSubset(of: columns) && $0.isDeterministic }
      node.child = push(below, into: node.child)
      return filtered(.generate(node), above)
    case .join(let node): return throughJoin(conditions, node)
    case .aggregate(var node):
      let keys = Substitution(node.grouping)
      let keyIDs = Set(node.grouping.map(\.attribute.id))
      let (below, above) = split(conditions) {
        !$0.references.isEmpty && $0.references.isSubset(of: keyIDs) && $0.isDeterministic
      }
      node.child = push(below.map { keys.apply($0) }, into: node.child)
      return filtered(.aggregate(node), above)
    case .sort(let orders, let child): return .sort(orders, push(conditions, into: child))
    case .union(let inputs, let output):
      let pushed = inputs.map { input in
        let renamed = Substitution(zip(output, input.output).map { NamedExpression($0, .attribute($1)) })
        return push(conditions.map { renamed.apply($0) }, into: input)
      }
      return .union(pushed, output: output)
    case .relation: return filtered(plan, conditions)
    case .limit, .setOperation, .window, .deduplicate, .transform, .observe:
      return filtered(plan.mapChildren { push([], into: $0) }, conditions)
    }
  }

  private static func throughProject(_ conditions: [Expression], _ columns: [NamedExpression], _ child: LogicalPlan)
    -> LogicalPlan
  {
    guard columns.allSatisfy({ $0.expression.isDeterministic }) else {
      return filtered(.project(columns, push([], into: child)), conditions)
    }
    let substitution = Substitution(columns)
    return .project(columns, push(conditions.map { substitution.apply($0) }, into: child))
  }

  private static func throughJoin(_ conditions: [Expression], _ join: JoinNode) -> LogicalPlan {
    var node = join
    let left = Set(node.left.output.map(\.id))
    let right = Set(node.right.output.map(\.id))
    // A subquery of one row must fail for a second one, which a condition in it could hide.
    if !join.isSingle { node.kind = kind(join.kind, under: conditions, left, right) }
    var toLeft: [Expression] = []
    var toRight: [Expression] = []
    var above: [Expression] = []
    var inner: [Expression] = []
    for condition in conditions {
      let references = condition.references
      let isMovable = condition.isDeterministic && !references.isEmpty
      if isMovable, references.isSubset(of: left),
        [.inner, .cross, .left, .leftSemi, .leftAnti, .nullAwareAnti].contains(node.kind)
      {
        toLeft.append(condition)
      } else if isMovable, references.isSubset(of: right), [.inner, .cross, .right].contains(node.kind) {
        toRight.append(condition)
      } else if isMovable, node.kind == .inner || node.kind == .cross {
        inner.append(condition)
      } else {
        above.append(condition)
      }
    }
    // Parts of the join's own condition that concern one side only.
    for condition in node.condition?.conjuncts ?? [] {
      let references = condition.references
      let isMovable = condition.isDeterministic && !references.isEmpty
      if isMovable, references.isSubset(of: right), [.inner, .left, .leftSemi, .leftAnti].contains(node.kind) {
        toRight.append(condition)
      } else if isMovable, references.isSubset(of: left), [.inner, .right, .leftSemi].contains(node.kind) {
        toLeft.append(condition)
      } else {
        inner.append(condition)
      }
    }
    node.condition = .conjunction(inner)
    if node.kind == .cross && node.condition != nil { node.kind = .inner }
    node.left = push(toLeft, into: node.left)
    node.right = push(toRight, into: node.right)
    return filtered(.join(node), above)
  }

  /// The kind of an outer join without the rows that a condition above drops, since it is not true for a side of NULLs.
  private static func kind(_ kind: JoinKind, under conditions: [Expression], _ left: Set<Int>, _ right: Set<Int>)
    -> JoinKind
  {
    guard [.left, .right, .full].contains(kind) else { return kind }
    func needs(_ side: Set<Int>) -> Bool {
      conditions.contains { condition in
        if RequireJoinKeys.comparedColumns(condition).contains(where: { side.contains($0.id) }) { return true }
        return !condition.references.isEmpty && condition.references.isSubset(of: side) && condition.isNotTrueForNulls
      }
    }
    return switch (kind, needs(left), needs(right)) {
    case (.full, true, true), (.left, _, true), (.right, true, _): .inner
    case (.full, true, false): .left
    case (.full, false, true): .right
    default: kind
    }
  }

  /// `plan` under the conditions, those that are written twice once.
  private static func filtered(_ plan: LogicalPlan, _ conditions: [Expression]) -> LogicalPlan {
    var seen: Set<String> = []
    let different = conditions.filter { !$0.isDeterministic || seen.insert($0.fingerprint).inserted }
    return Expression.conjunction(different).map { .filter($0, plan) } ?? plan
  }

  private static func split(_ conditions: [Expression], _ test: (Expression) -> Bool) -> ([Expression], [Expression]) {
    (conditions.filter(test), conditions.filter { !test($0) })
  }
}

extension Expression {
  /// Whether a condition is NULL or false where all columns that it reads are NULL.
  fileprivate var isNotTrueForNulls: Bool {
    guard isDeterministic, !containsSubquery else { return false }
    let empty = rewritten { part in
      if case .attribute(let column) = part { .null(column.type) } else { nil }
    }
    guard let value = try? empty.constantValue() else { return false }
    return value.isNull || value == .boolean(false)
  }
}
