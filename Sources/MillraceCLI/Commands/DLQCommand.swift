import ArgumentParser
import Millrace
import MillraceColumnar
import MillraceCore
import MillracePipeline
import MillraceStreaming

/// `millrace dlq`.
struct DLQCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dlq", abstract: "Shows the dead letters of pipelines, and hands them over to be read again.",
    discussion: """
      Dead letters are the records that a pipeline left out with "onBadRecord": "deadLetter", in its sink "deadLetter".

      Examples:
        millrace dlq list
        millrace dlq list my.json --source requests --where "code = 'CANNOT_PARSE_FIELD'" --json
        millrace dlq replay my.json --source requests
      """,
    subcommands: [DLQListCommand.self, DLQReplayCommand.self])
}

/// Which dead letters are meant.
struct DeadLetterFilter: ParsableArguments {
  @Option(help: ArgumentHelp("Only those of this source or sink.", valueName: "name"))
  var source: String?

  @Option(help: ArgumentHelp("Only those with this code.", valueName: "code"))
  var code: String?

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp(
      "Only those for which this holds: SQL over the columns of a dead letter and `replay`.", valueName: "condition"))
  var condition: String?

  /// As conditions of SQL.
  var conditions: [String] {
    var conditions: [String] = []
    if let source { conditions.append("name = \(Self.quoted(source))") }
    if let code { conditions.append("code = \(Self.quoted(code))") }
    if let condition { conditions.append("(\(condition))") }
    return conditions
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] } + "'"
  }
}

/// `millrace dlq list`.
struct DLQListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Shows dead letters.",
    discussion: """
      `replay` says what became of one: waiting (it was handed over and is read with the next batch), replayed, or nothing.

      Examples:
        millrace dlq list
        millrace dlq list my.json --source requests --where "code = 'CANNOT_PARSE_FIELD'" --json
      """)

  @OptionGroup var pipelines: PipelineOptions

  @OptionGroup var filter: DeadLetterFilter

  @Option(help: ArgumentHelp("Most dead letters of a pipeline.", valueName: "count"))
  var limit: Int = 100

  @OptionGroup var output: JSONOption

  func run() throws {
    let letters = try DeadLetterBox.all(pipelines)
    for box in letters {
      if letters.count > 1 && !output.isJSON { Terminal.print("pipeline \(box.pipeline.name)") }
      let columns =
        output.isJSON
        ? DeadLetter.schema.fields.map { "l.`\($0.name)`" } + ["replay"]
        : ["batch_id", "number", "name", "file", "offset", "line", "code", "column", "record"].map { "l.`\($0)`" }
          + ["replay"]
      try QueryResult.print(try box.select(columns, filter.conditions, limit: limit), isJSON: output.isJSON)
    }
  }
}

/// `millrace dlq replay`.
struct DLQReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay", abstract: "Hands dead letters over to the sources that left them out, to be read again.",
    discussion: """
      Mend the pipeline first: its schema, its patterns, its format. A pipeline that runs reads the records within a second; \
      otherwise its next run does, whatever its trigger. They are decoded and go through the queries like any input, each once, \
      also after a crash. What still cannot be decoded becomes a dead letter again.

      Examples:
        millrace dlq replay my.json --dry-run
        millrace dlq replay my.json --source requests --where "line < 100"
      """)

  @OptionGroup var pipelines: PipelineOptions

  @OptionGroup var filter: DeadLetterFilter

  @Flag(name: .customLong("dry-run"), help: "Only say what would be handed over.")
  var dryRun = false

  func run() throws {
    for box in try DeadLetterBox.all(pipelines) {
      let outcome = try box.replay(filter.conditions, dryRun: dryRun)
      let verb = dryRun ? "would wait" : "wait"
      for (source, count) in outcome.handedOver {
        Terminal.print("\(box.pipeline.name): \(count) dead letters of '\(source)' \(verb) for the next batch")
      }
      if outcome.handedOver.isEmpty { Terminal.print("\(box.pipeline.name): nothing to replay") }
      for remark in outcome.remarks { Terminal.error("\(box.pipeline.name): \(remark)") }
    }
  }
}
