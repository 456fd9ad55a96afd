import Testing

import MillraceTesting

/// The corpus of what Spark answers. A floor is what passed once; it only rises.
struct ConformanceTests {
  private static let folder =
    String(#filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" }) + "/Conformance"

  @Test(arguments: [
    ("sql_aggregates", 33), ("sql_arithmetic", 28), ("sql_casts", 27), ("sql_complex", 34), ("sql_conditional", 14),
    ("sql_datetime", 30), ("sql_filter", 19), ("sql_joins", 25), ("sql_json", 18), ("sql_math_hash", 18),
    ("sql_order_limit", 20), ("sql_projection", 19), ("sql_regex", 19), ("sql_setops", 14), ("sql_strings", 25),
    ("sql_subqueries", 19), ("sql_windowfns", 18),
  ])
  func sqlFamilyPassesAsManyCasesAsBefore(family: String, floor: Int) throws {
    let runner = ConformanceRunner()
    let results = try ConformanceCase.read("\(Self.folder)/\(family).json").map { runner.run($0) }
    let failures = results.compactMap { result in result.failure.map { "\(result.name): \($0)" } }
    #expect(results.count - failures.count >= floor, "\(failures.joined(separator: "\n"))")
  }
}
