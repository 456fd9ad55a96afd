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

  /// The domain of those columns of `child` whose ids are given; nil where `child` is a stream, which cannot be read twice.
  init?(of ids: Set<Int>, from child: LogicalPlan) {
    let columns = child.output.filter { ids.contains($0.id) }
    guard !columns.isEmpty, !child.isStreaming else { return nil }
    let copied = columns.map { NamedExpression($0.name, .attribute($0)) }
    copies = zip(columns, copied).map { ($0, $1.attribute) }
    plan = .deduplicate(DeduplicateNode(keys: copied.map(\.attribute), child: .project(copied, child)))
  }

  /// The copies, which are the columns of `plan`.
  var columns: [Attribute] { copies.map(\.inner) }

  /// `plan` joined with the subquery's rows that meet the conditions.
  func joined(with rows: LogicalPlan, on conditions: [Expression]) -> LogicalPlan {
    let local = conditions.map { $0.replacing(copies.map { ($0.outer, $0.inner) }) }
    let condition = local.first.map { first in local.dropFirst().reduce(first) { .and($0, $1) } }
    return .join(JoinNode(condition == nil ? .cross : .inner, plan, rows, condition: condition))
  }

  /// The conditions that lead from a row of the enclosing query to its row here: NULL finds NULL.
  func lookUp(_ analyzer: Analyzer) throws -> [Expression] {
    try copies.map { try analyzer.call("<=>", [.attribute($0.outer), .attribute($0.inner)]) }
  }
}

extension Expression {
  /// The expression with other columns in place of some.
  fileprivate func replacing(_ pairs: [(Attribute, Attribute)]) -> Expression {
    if case .attribute(let attribute) = self, let pair = pairs.first(where: { $0.0.id == attribute.id }) {
      return .attribute(pair.1)
    }
    return mapChildren { $0.replacing(pairs) }
  }
}
