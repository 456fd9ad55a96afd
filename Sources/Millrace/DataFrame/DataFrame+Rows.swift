import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceSQL

// Steps that choose, order and group rows.

extension DataFrame {
  /// Rows for which a condition in SQL is true.
  public func filter(_ condition: String) -> DataFrame {
    then { try $0.filter(try SQLParser.parseExpression(condition), from: $1).plan }
  }
  /// Rows for which the condition is true.
  public func filter(_ condition: Column) -> DataFrame {
    then { try $0.filter(try condition.checked(), from: $1).plan }
  }
  /// The same as `filter`.
  public func `where`(_ condition: String) -> DataFrame { filter(condition) }
  /// The same as `filter`.
  public func `where`(_ condition: Column) -> DataFrame { filter(condition) }

  // MARK: Groups

  /// All rows as one group.
  public func groupBy() -> GroupedData { groupBy([]) }
  /// Groups by expressions in SQL.
  public func groupBy(_ keys: String...) -> GroupedData { grouped(keys, .plain) }
  /// Groups by columns, for instance `groupBy(window(col("time"), "1 minute"), col("status"))`.
  public func groupBy(_ keys: Column...) -> GroupedData { groupBy(keys) }
  /// Groups by columns.
  public func groupBy(_ keys: [Column]) -> GroupedData { grouped(keys, .plain) }
  /// Groups by each prefix of the keys, written in SQL.
  public func rollup(_ keys: String...) -> GroupedData { grouped(keys, .rollup) }
  /// Groups by each prefix of the keys.
  public func rollup(_ keys: Column...) -> GroupedData { grouped(keys, .rollup) }
  /// Groups by each subset of the keys, written in SQL.
  public func cube(_ keys: String...) -> GroupedData { grouped(keys, .cube) }
  /// Groups by each subset of the keys.
  public func cube(_ keys: Column...) -> GroupedData { grouped(keys, .cube) }

  private func grouped(_ keys: [String], _ form: GroupedData.Form) -> GroupedData {
    GroupedData(self, Result { try keys.map { try SQLParser.parseExpression($0) } }, form)
  }

  private func grouped(_ keys: [Column], _ form: GroupedData.Form) -> GroupedData {
    GroupedData(self, Result { try keys.map { try $0.checked() } }, form)
  }

  /// Aggregates over all rows.
  public func agg(_ columns: Column...) -> DataFrame { groupBy([]).agg(columns) }
  /// Aggregates over all rows, written in SQL.
  public func agg(_ expressions: String...) -> DataFrame {
    do {
      let columns = try expressions.map { Column(try SQLParser.parseExpression($0)) }
      return groupBy([]).agg(columns)
    } catch {
      return failing(error)
    }
  }

  func aggregate(_ select: Select) -> DataFrame { then { try $0.select(select, orderBy: [], from: $1).plan } }

  // MARK: Order and number

  /// Rows in the order of columns, ascending.
  public func orderBy(_ names: String...) -> DataFrame { sorted(names.map { Column($0) }) }
  /// Rows in the order of columns, for instance `orderBy(col("hits").desc(), col("host"))`.
  public func orderBy(_ columns: Column...) -> DataFrame { sorted(columns) }
  /// The same as `orderBy`.
  public func sort(_ names: String...) -> DataFrame { sorted(names.map { Column($0) }) }
  /// The same as `orderBy`.
  public func sort(_ columns: Column...) -> DataFrame { sorted(columns) }

  private func sorted(_ columns: [Column]) -> DataFrame {
    then { analyzer, before in
      let everything = Select([SQLExpression(.star(qualifier: [], except: []))])
      return try analyzer.select(everything, orderBy: try columns.map { try $0.checkedSortItem() }, from: before).plan
    }
  }

  /// The first `count` rows; over a stream in append mode, the first of the query's whole life.
  public func limit(_ count: Int) -> DataFrame { map { .limit(count: count, offset: 0, $0) } }
  /// The rows after the first `count`.
  public func offset(_ count: Int) -> DataFrame { map { .limit(count: nil, offset: count, $0) } }

  // MARK: Duplicates and event time

  /// Each different row once.
  public func distinct() -> DataFrame { dropDuplicates() }
  /// The first row for each combination of the named columns, or of all.
  public func dropDuplicates(_ names: String...) -> DataFrame { deduplicated(names, isWithinWatermark: false) }
  /// The same with the names in an array.
  public func dropDuplicates(_ names: [String]) -> DataFrame { deduplicated(names, isWithinWatermark: false) }
  /// The first row for each combination, where a repetition comes at most the watermark's delay later.
  public func dropDuplicatesWithinWatermark(_ names: String...) -> DataFrame {
    deduplicated(names, isWithinWatermark: true)
  }
  /// The same with the names in an array.
  public func dropDuplicatesWithinWatermark(_ names: [String]) -> DataFrame {
    deduplicated(names, isWithinWatermark: true)
  }

  private func deduplicated(_ names: [String], isWithinWatermark: Bool) -> DataFrame {
    map { plan in
      let keys = try names.map { try DataFrame.column($0, of: plan, to: "drop duplicates by") }
      return .deduplicate(
        DeduplicateNode(keys: keys.isEmpty ? plan.output : keys, isWithinWatermark: isWithinWatermark, child: plan))
    }
  }

  /// Declares an event-time column and how late rows may be, for instance `withWatermark("time", "10 minutes")`.
  public func withWatermark(_ column: String, _ delay: String) -> DataFrame {
    withWatermark(column, delay, idleTimeout: nil, maxFutureSkew: nil)
  }

  /// The same, for streams of which one may fall silent or have a wrong clock: after `idleTimeout` without a row, others alone
  /// move the query's watermark; a row further ahead of its batch's clock than `maxFutureSkew` does not move it.
  public func withWatermark(
    _ column: String, _ delay: String, idleTimeout: String?, maxFutureSkew: String? = nil
  ) -> DataFrame {
    then { analyzer, plan in
      func duration(_ text: String, _ what: String) throws -> Int64 {
        guard let microseconds = DurationText.microseconds(text), microseconds >= 0 else {
          throw MillraceError(
            "CANNOT_PARSE_INTERVAL", "the \(what) '\(text)' is no duration", hint: "write for instance '10 minutes'")
        }
        return microseconds
      }
      let settings = WatermarkSettings(
        delay: try duration(delay, "watermark delay"),
        idleTimeout: try idleTimeout.map { try duration($0, "idle timeout of the watermark") },
        maxFutureSkew: try maxFutureSkew.map { try duration($0, "largest future skew of the watermark") })
      return try analyzer.watermark(plan, column: column, settings)
    }
  }

  // MARK: Accepted for Spark's programs

  /// The same rows: there are no partitions to choose, the engine spreads work by itself.
  public func repartition(_ count: Int, _ columns: Column...) -> DataFrame { self }
  /// The same rows: there are no partitions to choose.
  public func coalesce(_ count: Int) -> DataFrame { self }
  /// The same rows: hints name choices that this engine does not have.
  public func hint(_ name: String, _ parameters: any ColumnConvertible...) -> DataFrame { self }
}
