import Millrace
import MillraceCore
import MillraceExpressions
import MillraceFormats
import Testing

/// docs/formats.md against the code.
@Suite struct FormatsPageTests {
  private static func value(_ query: String) async throws -> Value? {
    let session = SparkSession(workers: 1)
    try await session.read.text(Page.root + "/docs/examples/logs/*.gz").createOrReplaceTempView("requests")
    let rows = try await session.sql(query).collect()
    return rows.first?.values.first ?? nil
  }

  @Test func namesAllFormatsAndFunctions() {
    let page = Page.formats
    for format in FormatRegistry.decoders { #expect(page.codes.contains(format.name), "\(format.name)") }
    for name in FormatFunctions.all.flatMap(\.names) { #expect(page.text.contains("\(name)("), "\(name)") }
  }

  @Test func queriesGiveValues() async throws {
    let blocks = Page.formats.blocks("sql")
    #expect(blocks.count == 4)
    for block in blocks { #expect(try await Self.value(block) != .null, "\(block)") }
  }

  /// The year of an old syslog time is that of the query's time even where the line is a constant, and it can be grouped by.
  @Test func constantsAreReadAtTheTimeOfTheQuery() async throws {
    let line = "parse_syslog('Jan  1 00:00:00 host cron[1]: x')"
    #expect(
      try await Self.value("SELECT year(\(line).time) BETWEEN year(current_date()) AND year(current_date()) + 1")
        == .boolean(true))
    #expect(try await Self.value("SELECT \(line).app, count(*) FROM range(3) GROUP BY \(line).app") == .string("cron"))
  }

  /// The examples that `DESCRIBE FUNCTION` shows.
  @Test func examplesOfFunctionsGiveValues() async throws {
    for function in FormatFunctions.all {
      let example = function.example
      #expect(try await Self.value("SELECT \(example)") != .null, "\(example)")
    }
  }
}
