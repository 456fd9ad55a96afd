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

/// Expressions of constants become constants, calls that a NULL decides become NULL, conditions that one side decides become that side,
/// and filters that pass everything go. What would fail stays, since nothing may read it.
///
/// As in Spark, NULLs are passed on before anything is computed, and constants are computed as a whole, so that an operand which NULL,
/// AND or IN leave out cannot fail.
enum FoldConstants {
  static func apply(_ plan: LogicalPlan) -> LogicalPlan {
    plan.rewritten { node in
      let decides = !isComputedFirst(node)
      let folded = node.mapExpressions { fold($0.rewritten(passNullOn), decides: decides) }
      guard case .filter(.literal(let value, let type), var child) = folded else { return folded }
      if case .boolean(true) = value { return child }
      // Nothing passes, so that other conditions of the same WHERE need not be computed.
      while decides, case .filter(let other, let below) = child, (try? check(other)) != nil { child = below }
      return .filter(.literal(value, type), child)
    }
  }

  /// Whether Spark computes the node before it simplifies conditions, which it does over rows that stand in the query: there the left side
  /// of `1 / x > 1 AND false` can fail.
  private static func isComputedFirst(_ node: LogicalPlan) -> Bool {
    switch node {
    case .project(_, let child), .filter(_, let child):
      if case .relation(let leaf) = child { leaf.isInline } else { isComputedFirst(child) }
    default: false
    }
  }

  private static func passNullOn(_ expression: Expression) -> Expression? {
    guard case .call(let function, let arguments) = expression,
      function.isNull(wherever: arguments.map(\.isNullLiteral))
    else { return nil }
    return .null(function.type)
  }

  /// With `decides` a side of AND or OR that decides it stands for it, also where the other one is computed first.
  private static func fold(_ expression: Expression, decides: Bool) -> Expression {
    switch expression {
    case .attribute, .literal, .subqueryResult: return expression
    default: break
    }
    let isConstant = isConstant(expression)
    if isConstant, let value = try? expression.constantValue() { return .literal(value, expression.type) }
    let inner = expression.mapChildren { fold($0, decides: decides) }
    if isConstant { return inner }
    func decided(_ left: Expression, _ right: Expression, by value: Bool) -> Expression {
      guard decides, isBoolean(left, value) || isBoolean(right, value), (try? check(inner)) != nil else { return inner }
      return .literal(.boolean(value), .boolean)
    }
    if let null = passNullOn(inner), (try? check(inner)) != nil { return null }
    switch inner {
    case .and(.literal(.boolean(true), _), let other), .and(let other, .literal(.boolean(true), _)): return other
    case .or(.literal(.boolean(false), _), let other), .or(let other, .literal(.boolean(false), _)): return other
    case .and(let left, let right): return decided(left, right, by: false)
    case .or(let left, let right): return decided(left, right, by: true)
    default: return inner
    }
  }

  private static func isBoolean(_ expression: Expression, _ value: Bool) -> Bool {
    if case .literal(.boolean(value), _) = expression { true } else { false }
  }

  /// Whether it can be computed once for all rows of all batches.
  private static func isConstant(_ expression: Expression) -> Bool {
    switch expression {
    case .literal: return true
    case .attribute, .subqueryResult, .higherOrder: return false
    case .call(let function, let arguments):
      // `current_timestamp()` and its kin are constant within a batch only.
      if !function.isDeterministic || arguments.isEmpty && !["pi", "e"].contains(function.name) { return false }
      if waitsForRow(function) { return false }
    case .and, .or, .conditional, .coalesce: break
    }
    return expression.children.allSatisfy(isConstant)
  }

  /// Whether it fails on purpose, which it does for rows only.
  private static func waitsForRow(_ function: BoundFunction) -> Bool {
    ["raise_error", "assert_true"].contains(function.name)
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
    if case .literal = expression { return }
    if isConstant(expression) {
      _ = try expression.constantValue()
      return
    }
    switch expression {
    case .attribute, .literal, .subqueryResult, .conditional, .coalesce: return
    case .call(let function, _) where waitsForRow(function): return
    default: for child in expression.children { try check(child) }
    }
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
