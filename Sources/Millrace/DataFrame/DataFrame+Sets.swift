import MillraceColumnar
import MillraceExpressions
import MillracePlan
import MillraceSQL

// Steps over two DataFrames.

extension DataFrame {
  /// The plan of another DataFrame as a part of this one's query. It may have grown from the same one, so it gets columns of its own.
  private func adopted(_ other: DataFrame, _ analyzer: Analyzer) throws -> LogicalPlan {
    analyzer.adopt(try other.analyzed()).withFreshAttributes()
  }

  private func combined(_ other: DataFrame, _ kind: SetOperation.Kind, isAll: Bool, isByName: Bool = false) -> DataFrame
  {
    then { analyzer, before in
      try analyzer.setOperation(kind, isAll: isAll, isByName: isByName, before, try adopted(other, analyzer))
    }
  }

  /// Rows of both; columns by position.
  public func union(_ other: DataFrame) -> DataFrame { combined(other, .union, isAll: true) }
  /// The same as `union`.
  public func unionAll(_ other: DataFrame) -> DataFrame { union(other) }
  /// Rows of both; columns by name.
  public func unionByName(_ other: DataFrame) -> DataFrame { combined(other, .union, isAll: true, isByName: true) }
  /// Different rows that are in both.
  public func intersect(_ other: DataFrame) -> DataFrame { combined(other, .intersect, isAll: false) }
  /// Rows that are in both, as often as in both.
  public func intersectAll(_ other: DataFrame) -> DataFrame { combined(other, .intersect, isAll: true) }
  /// Different rows that are not in the other.
  public func except(_ other: DataFrame) -> DataFrame { combined(other, .except, isAll: false) }
  /// Rows that are not in the other, less one for each there.
  public func exceptAll(_ other: DataFrame) -> DataFrame { combined(other, .except, isAll: true) }

  // MARK: Joins

  /// Pairs of rows for which a condition over both sides holds. `kind` is Spark's: inner, left, right, full, semi, anti, cross.
  /// Give both sides an `alias` to tell columns of one name apart.
  public func join(_ other: DataFrame, _ condition: Column, _ kind: String = "inner") -> DataFrame {
    then { analyzer, before in
      try analyzer.join(
        before, try adopted(other, analyzer), kind: try JoinKind(spark: kind), on: try condition.checked())
    }
  }
  /// Pairs of rows for which a condition holds.
  public func join(_ other: DataFrame, joinExprs condition: Column, joinType kind: String = "inner") -> DataFrame {
    join(other, condition, kind)
  }
  /// Pairs of rows for which a condition in SQL holds.
  public func join(_ other: DataFrame, joinExprs condition: String, joinType kind: String = "inner") -> DataFrame {
    join(other, expr(condition), kind)
  }
  /// Pairs of rows with equal values in the named columns, which come out once.
  public func join(_ other: DataFrame, _ names: [String], _ kind: String = "inner") -> DataFrame {
    then { analyzer, before in
      try analyzer.join(before, try adopted(other, analyzer), kind: try JoinKind(spark: kind), using: names)
    }
  }
  /// Pairs of rows with equal values in the named column, which comes out once.
  public func join(_ other: DataFrame, _ name: String, _ kind: String = "inner") -> DataFrame {
    join(other, [name], kind)
  }
  /// Every pair of rows.
  public func join(_ other: DataFrame) -> DataFrame { crossJoin(other) }
  /// Every pair of rows.
  public func crossJoin(_ other: DataFrame) -> DataFrame {
    then { analyzer, before in
      .join(JoinNode(.cross, before, try adopted(other, analyzer), condition: nil))
    }
  }
}
