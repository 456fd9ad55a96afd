import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceSQL

/// Plans of SQL text over a small catalog: tables `t(a, b, c)` and `u(a, d)`, streams `s(ts, k, v)` and `r(ts, k, w)` with
/// watermarks of ten seconds and a minute, and `plain(ts, k, v)`, a stream without one.
enum PlanSupport {
  static let catalog: Catalog = {
    var catalog = Catalog()
    let times = [StructField("ts", .timestamp), StructField("k", .string)]
    catalog.register("t", table(1, [StructField("a", .integer), StructField("b", .string), StructField("c", .double)]))
    catalog.register("u", table(2, [StructField("a", .integer), StructField("d", .string)]))
    catalog.register("s", stream(3, times + [StructField("v", .long)], delay: 10_000_000))
    catalog.register("r", stream(4, times + [StructField("w", .long)], delay: 60_000_000))
    catalog.register("plain", stream(5, times + [StructField("v", .long)], delay: nil))
    return catalog
  }()

  private static func table(_ id: Int, _ fields: [StructField]) -> Catalog.Entry {
    .scan(id: id, schema: Schema(fields), isStreaming: false, watermark: nil)
  }

  private static func stream(_ id: Int, _ fields: [StructField], delay: Int64?) -> Catalog.Entry {
    .scan(
      id: id, schema: Schema(fields), isStreaming: true, watermark: delay.map { ("ts", WatermarkSettings(delay: $0)) })
  }

  static func analyzed(_ sql: String) throws -> AnalyzedQuery {
    try Analyzer(catalog: catalog).analyze(try SQLParser.parseQuery(sql))
  }

  /// The plan after the rules with the given names; aliases, which only matter for names, are always removed.
  static func plan(_ sql: String, rules names: Set<String>) throws -> LogicalPlan {
    let rules = Optimizer.rules.filter { $0.name == "remove aliases" || names.contains($0.name) }
    return try Optimizer.optimize(try analyzed(sql).plan, rules: rules)
  }

  static func text(_ sql: String, rules names: Set<String>) throws -> String {
    PlanText.describe(try plan(sql, rules: names))
  }

  /// The code and message of the error that `body` throws, `nil` if it throws none.
  static func objection(_ body: () throws -> Void) -> MillraceError? {
    do {
      try body()
      return nil
    } catch let error as MillraceError {
      return error
    } catch {
      return MillraceError("NOT_OURS", "\(error)")
    }
  }
}
