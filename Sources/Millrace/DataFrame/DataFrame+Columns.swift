import MillraceColumnar
import MillraceExpressions
import MillracePlan
import MillraceSQL

// Steps that choose and compute columns.

extension DataFrame {
  /// The named columns.
  public func select(_ names: String...) -> DataFrame { select(names.map { Column($0) }) }
  /// Computed columns.
  public func select(_ columns: any ColumnConvertible...) -> DataFrame { select(columns.map(\.column)) }
  /// Computed columns.
  public func select(_ columns: [Column]) -> DataFrame {
    then { try $0.select(try columns.map { try $0.checked() }, from: $1).plan }
  }

  /// Columns written in SQL.
  public func selectExpr(_ expressions: String...) -> DataFrame { selectExpr(expressions) }
  /// Columns written in SQL.
  public func selectExpr(_ expressions: [String]) -> DataFrame {
    then { analyzer, before in
      try analyzer.select(try expressions.map { try SQLParser.parseExpression($0) }, from: before).plan
    }
  }

  /// All columns, with one added or replaced.
  public func withColumn(_ name: String, _ column: any ColumnConvertible) -> DataFrame {
    withColumns([(name, column.column)])
  }
  /// All columns, with one added or replaced that is written in SQL.
  public func withColumn(_ name: String, _ expression: String) -> DataFrame { withColumn(name, expr(expression)) }
  /// All columns, with some added or replaced; new ones come last, in the order of their names.
  public func withColumns(_ columns: [String: Column]) -> DataFrame {
    withColumns(columns.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }

  private func withColumns(_ columns: [(name: String, column: Column)]) -> DataFrame {
    then { analyzer, before in
      let new = try columns.map { SQLExpression(.alias(try $0.column.checked().unaliased, [$0.name])) }
      let names = columns.map { $0.name.lowercased() }
      let old = before.output.map { attribute in
        names.firstIndex(of: attribute.name.lowercased()).map { new[$0] } ?? SQLExpression(.column([attribute.name]))
      }
      let known = Set(before.output.map { $0.name.lowercased() })
      let added = zip(names, new).filter { !known.contains($0.0) }.map(\.1)
      return try analyzer.select(old + added, from: before).plan
    }
  }

  /// All columns, one of them under another name; nothing happens where there is no such column.
  public func withColumnRenamed(_ old: String, _ new: String) -> DataFrame { withColumnsRenamed([old: new]) }
  /// All columns, some of them under other names, which are the dictionary's values.
  public func withColumnsRenamed(_ names: [String: String]) -> DataFrame {
    let targets = Dictionary(names.map { ($0.key.lowercased(), $0.value) }, uniquingKeysWith: { first, _ in first })
    return map { plan in
      .project(
        plan.output.map { column in
          targets[column.name.lowercased()].map { NamedExpression($0, .attribute(column)) }
            ?? NamedExpression(passing: column)
        }, plan)
    }
  }

  /// All columns under new names, one for each.
  public func toDF(_ names: String...) -> DataFrame {
    map { plan in
      guard names.count == plan.output.count else {
        throw MillraceError(
          "NUM_COLUMNS_MISMATCH", "toDF was given \(names.count) names for \(plan.output.count) columns")
      }
      return .project(zip(names, plan.output).map { NamedExpression($0, .attribute($1)) }, plan)
    }
  }

  /// All columns but the named ones; names that do not exist are ignored.
  public func drop(_ names: String...) -> DataFrame { drop(names) }
  /// All columns but the named ones; names that do not exist are ignored.
  public func drop(_ names: [String]) -> DataFrame {
    let gone = Set(names.map { $0.lowercased() })
    return map { plan in
      .project(plan.output.filter { !gone.contains($0.name.lowercased()) }.map { NamedExpression(passing: $0) }, plan)
    }
  }

  /// Each row as one column `value` with a JSON object.
  public func toJSON() -> DataFrame {
    then { analyzer, before in
      let columns = before.output.map { Column(SQLExpression(.column([$0.name]))) }
      return try analyzer.select([call("to_json", call("struct", columns)).alias("value").checked()], from: before).plan
    }
  }

  /// The DataFrame under a name that expressions can put in front of columns.
  public func alias(_ name: String) -> DataFrame { map { .alias([name], $0) } }
}
