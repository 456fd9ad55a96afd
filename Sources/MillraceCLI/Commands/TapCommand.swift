import ArgumentParser
import Millrace
import MillraceCore

/// Where a run is asked.
struct ControlOption: ParsableArguments {
  @Option(
    help: ArgumentHelp("The socket of the run, in place of the file's \"control\".", valueName: "path"),
    completion: .file())
  var control: String?
}

/// `millrace tap`.
struct TapCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tap", abstract: "Shows rows that pass the sources and sinks of a running pipeline.",
    discussion: """
      Each row is a line of JSON: the pipeline, the source or sink, the batch, and the row. A source shows the columns that the queries
      read, without the rows that a condition leaves out while they are decoded; deadLetter and lateRows are sinks like the others.

      The run must be asked somewhere: "control": "out/control.sock" in the pipeline file, or the same --control for both commands.

      Examples:
        millrace tap                               (some rows of everything that ./connectors.json runs)
        millrace tap requests --count 10           (ten rows of this source, then the end)
        millrace tap 'traffic.*' --limit 5 --interval 1s
        millrace tap deadLetter --file my.json | jq .row.message
      """)

  @Argument(
    help: ArgumentHelp(
      "Sources and sinks by name, or as pipeline.name; patterns with *, ? and [abc] are taken. All if none is given.",
      valueName: "component"))
  var components: [String] = []

  @Option(help: ArgumentHelp("The pipeline file.", valueName: "file"), completion: .file(extensions: ["json"]))
  var file = "connectors.json"

  @OptionGroup var place: ControlOption

  @Option(help: ArgumentHelp("Most rows of each component in an interval.", valueName: "rows"))
  var limit = 100

  @Option(help: ArgumentHelp("The interval.", valueName: "duration"))
  var interval = "500ms"

  @Option(help: ArgumentHelp("End after so many rows.", valueName: "rows"))
  var count: Int?

  @Option(help: ArgumentHelp("End after so long.", valueName: "duration"))
  var duration: String?

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit is at least 1") }
    if let count, count < 1 { throw ValidationError("--count is at least 1") }
    _ = try DurationArgument.microseconds(interval, "--interval")
    _ = try duration.map { try DurationArgument.microseconds($0, "--duration") }
  }

  func run() throws {
    let context = CommandContext.current
    let place = try ControlPlace(given: self.place.control, file: file, context)
    let client = try ControlClient(place, context.environment)
    let clock = context.environment.clock
    let end = try duration.map {
      clock.monotonicNanoseconds() / 1000 + (try DurationArgument.microseconds($0, "--duration"))
    }
    try client.ask(
      .tap(
        TapRequest(
          patterns: components, limit: limit, interval: try DurationArgument.microseconds(interval, "--interval"))))
    var left = count ?? .max
    while left > 0 {
      guard let line = client.nextLine(within: end.map { $0 - clock.monotonicNanoseconds() / 1000 }) else { break }
      if line.hasPrefix(#"{"pipeline":"#) {
        Terminal.print(line)
        left -= 1
      } else {
        try note(line)
      }
    }
    if client.isOver { Terminal.error("the run has ended") }
  }

  /// What the run says beside the rows.
  private func note(_ line: String) throws {
    let json = try JSON(parsing: line)
    if let error = MillraceError(controlJSON: json) { throw error }
    if let names = json["watching"]?.array?.compactMap(\.string) {
      Terminal.error("watching \(names.joined(separator: ", "))")
    } else if let leftOut = json["leftOut"]?.int {
      Terminal.error("\(leftOut) rows were left out: they came faster than they were taken here")
    }
  }
}

/// Durations among the arguments.
enum DurationArgument {
  /// Microseconds, at least one.
  static func microseconds(_ text: String, _ option: String) throws -> Int64 {
    guard let microseconds = DurationText.microseconds(text), microseconds > 0 else {
      throw ValidationError("\(option) is a duration such as 500ms or '2 seconds', not '\(text)'")
    }
    return microseconds
  }
}
