import MillraceColumnar
import MillraceExpressions
import MillraceSQL

extension Analyzer {
  /// PIVOT as an aggregation with one filtered aggregate per value.
  func pivot(_ pivot: Pivot, _ plan: LogicalPlan, _ scope: Scope) throws -> LogicalPlan {
    if plan.isStreaming {
      throw MillraceError("UNSUPPORTED_STREAMING_OPERATION.PIVOT", "PIVOT cannot be used on a stream")
    }
    let used = pivot.aggregates.reduce(into: Set<String>()) { names, aggregate in
      _ = aggregate.contains { part in
        if case .column(let parts) = part.kind, let last = parts.last { names.insert(last.lowercased()) }
        return false
      }
    }
    let pivoted = Set(pivot.columns.compactMap { $0.last?.lowercased() })
    let keys = scope.columns.filter { !used.contains($0.name.lowercased()) && !pivoted.contains($0.name.lowercased()) }
    let subject: SQLExpression =
      pivot.columns.count == 1
      ? SQLExpression(.column(pivot.columns[0])) : SQLExpression(.row(pivot.columns.map { SQLExpression(.column($0)) }))
    let type = try ExpressionResolver(self, scope).resolve(subject).type
    var projection = keys.map { SQLExpression(.column([$0.name])) }
    let atOnce = try aggregatesAtOnce(pivot.aggregates, plan, scope)
    for value in pivot.values {
      for aggregate in pivot.aggregates {
        projection.append(
          try pivotColumn(
            aggregate, value, subject, type, isOnly: pivot.aggregates.count == 1,
            keepsEmpty: atOnce))
      }
    }
    let select = Select(projection, groupBy: GroupBy(keys.map { .expression(SQLExpression(.column([$0.name]))) }))
    return try SelectAnalyzer(self, plan, scope: scope, outer: scope.outer).select(
      select, orderBy: [], limit: nil, offset: nil)
  }

  private func pivotColumn(
    _ aggregate: SQLExpression, _ value: SQLExpression, _ subject: SQLExpression, _ type: DataType, isOnly: Bool,
    keepsEmpty: Bool
  ) throws -> SQLExpression {
    let valueName: String
    if value.unaliased != value {
      valueName = ColumnNaming.name(of: value)
    } else if case .row(let parts) = value.kind {
      valueName = "{" + (try parts.map { try text($0) }.joined(separator: ", ")) + "}"
    } else {
      valueName = try text(value)
    }
    let name = isOnly ? valueName : "\(valueName)_\(ColumnNaming.name(of: aggregate))"
    let wanted =
      type.isNested ? value.unaliased : SQLExpression(.cast(value.unaliased, type, isTry: false), value.range)
    let condition = SQLExpression(.binary(.nullSafeEqual, subject, wanted))
    let result = aggregate.unaliased.filteringAggregates(condition, self)
    return SQLExpression(.alias(keepsEmpty ? result : nullForNoRows(result, condition), [name]))
  }

  /// A value of PIVOT as the name of its column: what the expression comes to.
  private func text(_ value: SQLExpression) throws -> String {
    let expression = try ExpressionResolver(self, Scope([])).resolve(value)
    guard !expression.type.isNested else { return ColumnNaming.name(of: value) }
    guard case .string(let text) = try expression.cast(to: .string, context).constantValue() else { return "null" }
    return text
  }

  /// The result of a value that some row has; Spark has no group for one that none has, and so a count of NULL.
  private func nullForNoRows(_ result: SQLExpression, _ condition: SQLExpression) -> SQLExpression {
    func number(_ value: Int64) -> SQLExpression { SQLExpression(.literal(.integer(value), .integer)) }
    let count = FunctionCall(["count"], [.init(number(1))], filter: condition)
    let isPresent = SQLExpression(.binary(.greater, SQLExpression(.call(count)), number(0)))
    return SQLExpression(.caseWhen(operand: nil, branches: [.init(isPresent, result)], otherwise: nil))
  }

  /// Whether Spark aggregates all values at once, which it does where some result is neither a number nor a boolean: then there is a
  /// result for no rows too.
  private func aggregatesAtOnce(_ aggregates: [SQLExpression], _ plan: LogicalPlan, _ scope: Scope) throws -> Bool {
    let results = try SelectAnalyzer(self, plan, scope: scope, outer: scope.outer).select(
      Select(aggregates, groupBy: GroupBy([])), orderBy: [], limit: nil, offset: nil)
    return !results.output.allSatisfy { $0.type.isNumeric || $0.type == .boolean }
  }

  /// UNPIVOT as a union of projections, row by row through a generator-free cross join.
  func unpivot(_ unpivot: Unpivot, _ plan: LogicalPlan, _ scope: Scope) throws -> LogicalPlan {
    let resolver = ExpressionResolver(self, scope)
    let entries = try unpivot.columns.map { try $0.columns.map { try resolver.resolve(SQLExpression(.column($0))) } }
    let used = entries.flatMap { $0 }.reduce(into: Set<Int>()) { $0.formUnion($1.references) }
    let kept = scope.columns.filter { !used.contains($0.id) }
    var types: [DataType] = []
    for index in unpivot.valueColumns.indices {
      guard entries.allSatisfy({ $0.count == unpivot.valueColumns.count }),
        let type = TypeCoercion.commonTypeWithoutStrings(entries.map { $0[index].type })
      else {
        throw MillraceError(
          "UNPIVOT_VALUE_DATA_TYPE_MISMATCH", "the columns of UNPIVOT have no common type",
          hint: "cast them to one type")
      }
      types.append(type)
    }
    let inputs = try zip(unpivot.columns, entries).map { columns, values -> LogicalPlan in
      let name = columns.alias ?? columns.columns.compactMap(\.last).joined(separator: "_")
      let casted = try zip(values, types).map { NamedExpression("value", try $0.cast(to: $1, context)) }
      return .project(
        kept.map { NamedExpression($0.name, .attribute($0)) } + [
          NamedExpression("name", .literal(.string(name), .string))
        ] + casted, plan)
    }
    let names = kept.map(\.name) + [unpivot.nameColumn] + unpivot.valueColumns
    let columnTypes = kept.map(\.type) + [.string] + types
    let output = zip(names, columnTypes).map { Attribute($0, $1) }
    let union = LogicalPlan.union(inputs, output: output)
    if unpivot.includesNulls { return union }
    let present = try output.suffix(types.count).map { try call("isnotnull", [.attribute($0)]) }
    return .filter(present.dropFirst().reduce(present[0]) { .or($0, $1) }, union)
  }
}

extension SQLExpression {
  /// The expression with a FILTER added to each aggregate in it.
  fileprivate func filteringAggregates(_ condition: SQLExpression, _ analyzer: Analyzer) -> SQLExpression {
    switch kind {
    case .call(var call) where analyzer.functions.aggregate(call.name.last ?? "") != nil:
      call.filter = call.filter.map { SQLExpression(.binary(.and, $0, condition)) } ?? condition
      return SQLExpression(.call(call), range)
    case .call(var call):
      call.arguments = call.arguments.map { argument in
        argument.expression.map {
          FunctionCall.Argument(name: argument.name, $0.filteringAggregates(condition, analyzer))
        } ?? argument
      }
      return SQLExpression(.call(call), range)
    case .binary(let op, let left, let right):
      return SQLExpression(
        .binary(op, left.filteringAggregates(condition, analyzer), right.filteringAggregates(condition, analyzer)),
        range)
    case .unary(let op, let operand):
      return SQLExpression(.unary(op, operand.filteringAggregates(condition, analyzer)), range)
    case .cast(let operand, let type, let isTry):
      return SQLExpression(.cast(operand.filteringAggregates(condition, analyzer), type, isTry: isTry), range)
    default: return self
    }
  }
}
