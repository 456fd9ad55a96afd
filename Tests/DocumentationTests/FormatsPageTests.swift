import Millrace
import MillraceCore
import MillraceExpressions
import MillraceFormats
import Testing

/// docs/formats.md against the code.
@Suite struct FormatsPageTests {
  private static func value(_ query: String) async throws -> Value? {
    let rows = try await SparkSession(workers: 1).sql(query).collect()
    return rows.first?.values.first ?? nil
  }

  @Test func namesAllFormatsAndFunctions() {
    let page = Page.formats
    for format in FormatRegistry.decoders { #expect(page.codes.contains(format.name), "\(format.name)") }
    for name in FormatFunctions.all.flatMap(\.names) { #expect(page.text.contains("\(name)("), "\(name)") }
  }

  @Test func queriesGiveValues() async throws {
    let blocks = Page.formats.blocks("sql")
    #expect(blocks.count == 2)
    for block in blocks { #expect(try await Self.value(block) != .null, "\(block)") }
  }

  /// The examples that `DESCRIBE FUNCTION` shows.
  @Test func examplesOfFunctionsGiveValues() async throws {
    for function in FormatFunctions.all {
      let example = function.example
      #expect(try await Self.value("SELECT \(example)") != .null, "\(example)")
    }
  }
}
