import MillraceColumnar

extension Parser {
  /// One step after `|>`.
  func pipeOperator() throws(Failed) -> PipeOperator {
    switch kind {
    case .word(.select):
      advance()
      let isDistinct = accept(.distinct)
      return .select(isDistinct: isDistinct, try namedExpressionList())
    case .word(.extend):
      advance()
      return .extend(try namedExpressionList())
    case .word(.set):
      advance()
      return .set(try assignments())
    case .word(.drop):
      advance()
      var columns = [try nameParts("a column")]
      while accept(.comma) { columns.append(try nameParts("a column")) }
      return .drop(columns)
    case .word(.as):
      advance()
      return .alias(try name("a name after AS"))
    case .word(.where):
      advance()
      return .filter(try expression())
    case .word(.aggregate): return try pipeAggregate()
    case .word(.order):
      advance()
      try expect(.by)
      return .orderBy(try sortItems())
    case .word(.limit), .word(.offset):
      var limit: SQLExpression?
      var offset: SQLExpression?
      try limits(&limit, &offset)
      return .limit(limit, offset: offset)
    case .word(.tablesample): return .sample(try tableSample())
    case .word(.pivot): return .pivot(try pivot())
    case .word(.unpivot): return .unpivot(try unpivot())
    case .word(.lateral) where at(.view, 1): return .lateralView(try lateralView())
    default: return try pipeCombination()
    }
  }

  private func assignments() throws(Failed) -> [PipeOperator.Assignment] {
    var list: [PipeOperator.Assignment] = []
    repeat {
      let column = try name("a column")
      try expect(.equal)
      list.append(.init(column, try expression()))
    } while accept(.comma)
    return list
  }

  /// `AGGREGATE [aggregates] [GROUP BY keys]`; a key may carry a name, which makes it an `alias` node.
  private func pipeAggregate() throws(Failed) -> PipeOperator {
    try expect(.aggregate)
    let aggregates = at(.group) && at(.by, 1) ? [] : try namedExpressionList()
    guard accept(.group, .by) else { return .aggregate(aggregates, groupBy: nil) }
    var groupBy = try groupBy()
    if case .expression(let last)? = groupBy.items.last, at(.as) || atName() {
      // Names are read here, since GROUP BY elsewhere takes none.
      let start = position
      _ = accept(.as)
      groupBy.items[groupBy.items.count - 1] = .expression(
        SQLExpression(.alias(last, [try name("a name after AS")]), last.range.through(range(from: start))))
      while accept(.comma) { groupBy.items.append(.expression(try namedExpression())) }
    }
    return .aggregate(aggregates, groupBy: groupBy)
  }

  private func pipeCombination() throws(Failed) -> PipeOperator {
    if let kind = setOperator {
      advance()
      let isAll = accept(.all)
      if !isAll { _ = accept(.distinct) }
      let isByName = accept(.by, .name)
      return .setOperation(kind, isAll: isAll, isByName: isByName, try queryPrimary())
    }
    if let (kind, isNatural) = try joinOperator() {
      let right = try lateralOrPrimary()
      return .join(kind, isNatural: isNatural, right, try joinCondition())
    }
    throw unexpected("SELECT, EXTEND, SET, DROP, AS, WHERE, AGGREGATE, JOIN, ORDER BY, LIMIT, UNION or PIVOT after |>")
  }
}
