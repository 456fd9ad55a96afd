import ArgumentParser
import MillraceCore

/// `millrace run`.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs the pipelines of a file until they end, or until Ctrl-C.",
    discussion: """
      Ctrl-C or SIGTERM lets the batch in progress end and exits with 0; a second one ends at once, which is safe.
      SIGHUP reads the file anew: pipelines that changed are restarted, the others go on. What is wrong is said and changes nothing.

      Examples:
        millrace run
        millrace run my.json --pipeline traffic --pipeline word-count
        millrace run my.json --available-now      (what is there now, then the end)
        millrace run --watch                      (and take over changes of the file)
        millrace run --progress progress.ndjson   (and what each batch did, a line of JSON each)
        millrace run --control run.sock           (millrace top and tap ask there, as at the file's "control")
        millrace run --profile out.json           (and where the time went, by operator and thread)
      """)

  @OptionGroup var pipelines: PipelineOptions

  @Flag(help: "Read what is there now and end, whatever the file says about triggers.")
  var availableNow = false

  @Flag(help: "Go on when all has ended, and take over changes of the file as they are made, as at SIGHUP.")
  var watch = false

  @Flag(
    name: .customLong("json"),
    help: "Write the progress of each batch to standard error as a line of JSON, in Spark's form.")
  var isJSON = false

  @Option(
    help: ArgumentHelp(
      "Append the progress of each batch as a line of JSON, in Spark's form; - writes it to standard output.",
      valueName: "file"))
  var progress: String?

  @Option(
    help: ArgumentHelp(
      "At the end, write where the time went as JSON; - shows it as a tree on standard error.", valueName: "file"))
  var profile: String?

  @OptionGroup var control: ControlOption

  func validate() throws {
    if control.control?.isEmpty == true { throw ValidationError("--control is the path of a socket, not ''") }
  }

  func run() throws {
    let context = CommandContext.current
    let destination = try profile.map { try ProfileFile($0, context.environment.files) }
    let progressFile = try progress.map { try ProgressFile($0, context.environment.files) }
    let run = PipelineRun(context)
    let worst = try run.run(
      pipelines,
      PipelineRun.Options(
        availableNow: availableNow, isJSON: isJSON, watches: watch, progress: progressFile, control: control.control))
    try destination?.write(run.profile)
    if let worst { throw CommandFailure(status: worst) }
  }
}
