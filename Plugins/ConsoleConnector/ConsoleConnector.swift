public import MillraceCore

/// Prints each batch as a table, exactly as Spark's console sink does.
public struct ConsoleConnector: Connector {
  private let output: @Sendable (UnsafeRawBufferPointer) throws -> Void

  /// Makes the connector. `output` gets the whole text of a batch at once; without it, that goes to standard output.
  public init(output: (@Sendable (UnsafeRawBufferPointer) throws -> Void)? = nil) {
    self.output = output ?? StandardOutput.write
  }

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "console", summary: "Prints each batch as a table.", kinds: [.sink],
      sinkFields: [
        OptionField("numRows", .integer, "Most rows printed per batch.", default: "20", range: 0...1_000_000),
        OptionField(
          "truncate", .string, "Whether cells are cut to 20 characters (true, false), or the number of characters.",
          default: "true", example: "40"),
      ])
  }

  /// Makes a sink.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    .rows(
      ConsoleSink(
        schema: request.schema, numRows: Int(try request.options.int("numRows") ?? 20),
        truncate: try ConsoleConnector.truncation(request.options.string("truncate") ?? "true"), output: output))
  }

  /// Characters per cell; 0 for no limit.
  private static func truncation(_ text: String) throws -> Int {
    switch text.lowercased() {
    case "true": return 20
    case "false": return 0
    default:
      guard let count = Int(text), count >= 0 else {
        throw MillraceError(
          "OPTION_WRONG_TYPE", "option 'truncate' is '\(text)'", hint: "it takes true, false or a number of characters")
      }
      return count
    }
  }
}
