import MillraceColumnar
import MillraceExpressions

/// Rewrites a resolved plan into one that computes the same with less work. Each rule is a pure function of a plan.
public enum Optimizer {
  /// A rule by name, so that tests can leave it out.
  public struct Rule: Sendable {
    /// Words that tell the rule from all others in `rules`.
    public let name: String
    let apply: @Sendable (LogicalPlan) throws -> LogicalPlan
  }

  /// The rules in order.
  public static let rules: [Rule] = [
    Rule(name: "remove aliases", apply: RemoveAliases.apply),
    Rule(name: "fold constants", apply: FoldConstants.apply),
    Rule(name: "require join keys", apply: RequireJoinKeys.apply),
    Rule(name: "push filters", apply: PushFilters.apply),
    Rule(name: "merge projections", apply: MergeProjections.apply),
    Rule(name: "require join keys again", apply: RequireJoinKeys.apply),
    Rule(name: "push filters again", apply: PushFilters.apply),
    Rule(name: "merge aggregates", apply: MergeAggregates.apply),
    Rule(name: "prune columns", apply: PruneColumns.apply),
    Rule(name: "merge projections again", apply: MergeProjections.apply),
    Rule(name: "fail early", apply: FoldConstants.failing),
  ]

  /// The rules for queries whose late rows are kept.
  public static let rulesKeepingLateRows = rules.map { rule in
    rule.name == "prune columns" ? Rule(name: rule.name, apply: PruneColumns(keepsLateRows: true).apply) : rule
  }

  /// The plan after all rules. Removing aliases is not optional: execution knows no aliases.
  public static func optimize(_ plan: LogicalPlan, rules: [Rule] = rules) throws -> LogicalPlan {
    try rules.reduce(plan) { try $1.apply($0) }
  }
}

/// Qualifiers matter for names only.
enum RemoveAliases {
  static func apply(_ plan: LogicalPlan) -> LogicalPlan {
    plan.rewritten { node in
      if case .alias(_, let child) = node { child } else { nil }
    }
  }
}

/// Expressions of constants become constants, and conditions that are always true go. What would fail stays, since nothing may read it.
enum FoldConstants {
  static func apply(_ plan: LogicalPlan) -> LogicalPlan {
    plan.mapAllExpressions { $0.rewritten(fold) }.rewritten { node in
      if case .filter(.literal(.boolean(true), _), let child) = node { child } else { nil }
    }
  }

  private static func fold(_ expression: Expression) -> Expression? {
    switch expression {
    case .attribute, .literal, .subqueryResult, .higherOrder: return nil
    case .and(.literal(.boolean(true), _), let other), .and(let other, .literal(.boolean(true), _)): return other
    default: break
    }
    guard isOfConstants(expression), let value = try? expression.constantValue() else { return nil }
    return .literal(value, expression.type)
  }

  private static func isOfConstants(_ expression: Expression) -> Bool {
    expression.children.allSatisfy { if case .literal = $0 { true } else { false } } && expression.isDeterministic
      && !dependsOnBatch(expression)
  }

  /// Throws what a constant fails with that any row would need, whether there are rows or not, as Spark does.
  static func failing(_ plan: LogicalPlan) throws -> LogicalPlan {
    try check(plan)
    return plan
  }

  private static func check(_ plan: LogicalPlan) throws {
    if case .limit(count: 0, _, _) = plan { return }
    for expression in plan.expressions { try check(expression) }
    for child in plan.children { try check(child) }
  }

  private static func check(_ expression: Expression) throws {
    switch expression {
    case .attribute, .literal, .subqueryResult, .conditional, .coalesce: return
    case .call(let function, _) where ["raise_error", "assert_true"].contains(function.name): return
    default: break
    }
    for child in expression.children { try check(child) }
    if case .call(let function, _) = expression, function.canFail, isOfConstants(expression) {
      _ = try expression.constantValue()
    }
  }

  /// `current_timestamp()` and its kin are constant within a batch only.
  private static func dependsOnBatch(_ expression: Expression) -> Bool {
    if case .call(let function, let arguments) = expression {
      return arguments.isEmpty && !["pi", "e"].contains(function.name)
    }
    return false
  }
}

/// Two projections in a row become one, unless that computes something more than once that must be computed once.
enum MergeProjections {
  static func apply(_ plan: LogicalPlan) -> LogicalPlan {
    plan.rewritten { node in
      guard case .project(let upper, let child) = node else { return nil }
      if upper.count == child.output.count
        && zip(upper, child.output).allSatisfy({ $0.isPassedOn && $0.attribute == $1 })
      {
        return child
      }
      guard case .project(let lower, let input) = child, lower.allSatisfy({ $0.expression.isDeterministic }) else {
        return nil
      }
      let substitution = Substitution(lower)
      return .project(upper.map { NamedExpression($0.attribute, substitution.apply($0.expression)) }, input)
    }
  }
}

/// Replaces columns of a projection by what they are computed from.
struct Substitution {
  private let expressions: [Int: Expression]

  init(_ columns: [NamedExpression]) {
    expressions = Dictionary(columns.map { ($0.attribute.id, $0.expression) }, uniquingKeysWith: { first, _ in first })
  }

  func apply(_ expression: Expression) -> Expression {
    expression.rewritten { part in
      if case .attribute(let attribute) = part { expressions[attribute.id] } else { nil }
    }
  }
}
