import Glibc
import MillraceTesting
import Testing

/// The corpus of what Spark answers. A floor is what passed once; it only rises.
struct ConformanceTests {
  private static let folder =
    String(#filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" }) + "/Conformance"

  @Test(arguments: [
    ("sql_aggregates", 33), ("sql_arithmetic", 28), ("sql_casts", 27), ("sql_complex", 34), ("sql_conditional", 14),
    ("sql_datetime", 30), ("sql_filter", 19), ("sql_joins", 25), ("sql_json", 20), ("sql_math_hash", 18),
    ("sql_order_limit", 20), ("sql_projection", 19), ("sql_regex", 19), ("sql_setops", 14), ("sql_strings", 25),
    ("sql_subqueries", 19), ("sql_windowfns", 18), ("stream_agg", 13), ("stream_backlog", 8), ("stream_chained", 7),
    ("stream_complete_sort", 5), ("stream_dedup", 13), ("stream_late", 9), ("stream_limit_append", 4),
    ("stream_multi_watermark", 6), ("stream_recovery", 14), ("stream_runtime_errors", 6), ("stream_session", 8),
    ("stream_stateless", 11), ("stream_static_join", 9), ("stream_stream_join", 19), ("stream_union", 6),
    ("stream_unsupported", 19), ("stream_window_sliding", 5), ("stream_window_tumbling", 13), ("stream_wordcount", 7),
  ])
  func familyPassesAsManyCasesAsBefore(family: String, floor: Int) throws {
    let runner = ConformanceRunner()
    let results = try ConformanceCase.read("\(Self.folder)/\(family).json").map { runner.run($0) }
    let failures = results.compactMap { result in result.failure.map { "\(result.name): \($0)" } }
    #expect(results.count - failures.count >= floor, "\(failures.joined(separator: "\n"))")
  }

  /// More of the same kind, of which each case passes.
  @Test(arguments: sweep)
  func sweepPasses(file: String) throws {
    let runner = ConformanceRunner()
    let results = try ConformanceCase.read("\(Self.sweepFolder)/\(file)").map { runner.run($0) }
    let failures = results.compactMap { result in result.failure.map { "\(result.name): \($0)" } }
    #expect(!results.isEmpty && failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  private static let sweepFolder = folder.dropLast("Conformance".count) + "SparkSweep"
  private static let sweep: [String] = {
    guard let directory = opendir(String(sweepFolder)) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".json") { names.append(name) }
    }
    return names.sorted()
  }()
}
