import MillraceColumnar
import MillraceExpressions

/// Plans that were resolved before as parts of a query: views of a plan, and the steps of a DataFrame.
extension Analyzer {
  /// The plan of a query, its subqueries being this query's from now on. They get new ids, since each analyzer counts from 1.
  public func adopt(_ query: AnalyzedQuery) -> LogicalPlan {
    if query.subqueries.isEmpty { return query.plan }
    var ids: [Int: Int] = [:]
    for subquery in query.subqueries {
      if case .recursion(_, let previous, _, _) = subquery.form { ids[previous] = makeResultID() }
      ids[subquery.id] = makeResultID()
    }
    for subquery in query.subqueries { subqueries.append(subquery.renumbered(ids)) }
    return query.plan.renumbered(ids)
  }

  /// A plan over what was adopted, with all subqueries.
  public func query(_ plan: LogicalPlan) -> AnalyzedQuery {
    AnalyzedQuery(plan: plan.exposingMetadata(), subqueries: subqueries.map { $0.exposingMetadata() })
  }
}

extension AnalyzedQuery.Subquery {
  fileprivate func renumbered(_ ids: [Int: Int]) -> Self {
    var copy = self
    copy.id = ids[id] ?? id
    copy.plan = plan.renumbered(ids)
    if case .recursion(let step, let previous, let levels, let rows) = form {
      copy.form = .recursion(
        step: step.renumbered(ids), previous: ids[previous] ?? previous, levelLimit: levels, rowLimit: rows)
    }
    return copy
  }
}

extension LogicalPlan {
  /// The plan with other ids for values and rows that are known only when the query runs.
  fileprivate func renumbered(_ ids: [Int: Int]) -> LogicalPlan {
    let rows = rewritten { node in
      guard case .relation(var leaf) = node, case .result(let id) = leaf.content, let new = ids[id] else { return nil }
      leaf.content = .result(id: new)
      return .relation(leaf)
    }
    return rows.mapAllExpressions { expression in
      expression.rewritten { part in
        guard case .subqueryResult(let id, let type) = part, let new = ids[id] else { return nil }
        return .subqueryResult(id: new, type)
      }
    }
  }
}
