import MillraceColumnar
import MillraceExpressions

/// The distinct values of the columns that a correlated subquery reads from its enclosing query, under names of their own.
///
/// A subquery whose condition is more than an equality is computed once for each of them: joined with these rows it depends on
/// nothing outside, and the enclosing query finds its result by their values.
struct CorrelationDomain {
  /// One row per combination of values.
  let plan: LogicalPlan
  /// The enclosing query's columns with their copies in `plan`.
  private let copies: [(outer: Attribute, inner: Attribute)]

  /// The domain of those columns of `child` whose ids are given; nil where `child` is a stream, which cannot be read twice. Throws for
  /// a column whose values cannot be compared.
  init?(of ids: Set<Int>, from child: LogicalPlan) throws {
    let columns = child.reachable.filter { ids.contains($0.id) }
    guard !columns.isEmpty, !child.isStreaming else { return nil }
    if let column = columns.first(where: { !$0.type.isOrderable }) {
      throw MillraceError(
        "UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY.UNSUPPORTED_CORRELATED_REFERENCE_DATA_TYPE",
        "a subquery cannot use the column `\(column.name)` of type \(column.type.sql) of the enclosing query here",
        hint: "compute what it needs of it outside, for instance map_entries")
    }
    let copied = columns.map { NamedExpression($0.name, .attribute($0)) }
    copies = zip(columns, copied).map { ($0, $1.attribute) }
    plan = .deduplicate(DeduplicateNode(keys: copied.map(\.attribute), child: .project(copied, child)))
  }

  private init(_ plan: LogicalPlan, _ copies: [(outer: Attribute, inner: Attribute)]) {
    self.plan = plan
    self.copies = copies
  }

  /// The copies, which are the columns of `plan`.
  var columns: [Attribute] { copies.map(\.inner) }

  /// The copies as columns of a projection.
  var passed: [NamedExpression] { columns.map { NamedExpression(passing: $0) } }

  /// The domain with its values under other names, in the order of `columns`.
  func renamed(_ columns: [Attribute]) -> CorrelationDomain {
    CorrelationDomain(plan, zip(copies, columns).map { ($0.outer, $1) })
  }

  /// An expression over the copies in place of the enclosing query's columns.
  func apply(_ expression: Expression) -> Expression {
    expression.rewritten { part in
      guard case .attribute(let attribute) = part else { return nil }
      return copies.first { $0.outer.id == attribute.id }.map { .attribute($0.inner) }
    }
  }

  /// `plan` joined with the subquery's rows that meet the conditions.
  func joined(with rows: LogicalPlan, on conditions: [Expression]) -> LogicalPlan {
    let condition = Expression.conjunction(conditions.map { apply($0) })
    return .join(JoinNode(condition == nil ? .cross : .inner, plan, rows, condition: condition))
  }

  /// The conditions that lead from a row of the enclosing query to its row here: NULL finds NULL.
  func lookUp(_ analyzer: Analyzer) throws -> [Expression] {
    try copies.map { try analyzer.call("<=>", [.attribute($0.outer), .attribute($0.inner)]) }
  }

  /// The conditions that lead to the same values in another copy of the domain.
  func lookUp(in other: CorrelationDomain, _ analyzer: Analyzer) throws -> [Expression] {
    try zip(columns, other.columns).map { try analyzer.call("<=>", [.attribute($0), .attribute($1)]) }
  }
}
