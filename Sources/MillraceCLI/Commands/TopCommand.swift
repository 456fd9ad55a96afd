import ArgumentParser
import MillraceCore

/// `millrace top`.
struct TopCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Shows what running pipelines do: rows, state, watermarks, what waits, errors.",
    discussion: """
      In a terminal the table is renewed in its place until Ctrl-C; elsewhere one follows the other. Rates are those of the last ten seconds.
      LEFT OUT counts records that could not be read, rows that came too late and rows that a sink's target refused.

      The run must be asked somewhere: "control": "out/control.sock" in the pipeline file, or the same --control for both commands.

      Examples:
        millrace top                      (what runs of ./connectors.json)
        millrace top my.json --once
        millrace top my.json --json --interval 10s      (a line of JSON every ten seconds)
      """)

  @Argument(help: "The pipeline file.", completion: .file(extensions: ["json"]))
  var file = "connectors.json"

  @OptionGroup var place: ControlOption

  @Flag(help: "Show the table once.")
  var once = false

  @Option(help: ArgumentHelp("Time between two looks.", valueName: "duration"))
  var interval = "1s"

  @OptionGroup var output: JSONOption

  func validate() throws { _ = try DurationArgument.microseconds(interval, "--interval") }

  func run() throws {
    let context = CommandContext.current
    let place = try ControlPlace(given: self.place.control, file: file, context)
    let client = try ControlClient(place, context.environment)
    let pause = try DurationArgument.microseconds(interval, "--interval")
    var isFirst = true
    while true {
      let status: JSON
      do {
        status = try client.answer(to: .status)
      } catch let error as MillraceError where error.code == "RUN_ENDED" && !isFirst {
        Terminal.error("the run has ended")
        return
      }
      show(status, isFirst: isFirst)
      if once { return }
      isFirst = false
      context.environment.clock.sleep(microseconds: pause)
    }
  }

  private func show(_ status: JSON, isFirst: Bool) {
    if output.isJSON { return Terminal.print(status.text) }
    let text = TopTable(status).text
    guard Terminal.showsOutput, !once else { return Terminal.print(isFirst ? text : "\n\(text)") }
    Terminal.replaceScreen(text, isFirst: isFirst)
  }
}
