import ArgumentParser
import MillraceCore
import MillraceStreaming

/// `millrace checkpoint`.
struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint", abstract: "Shows or checks what a checkpoint holds; changes nothing.",
    discussion: """
      Examples:
        millrace checkpoint show out/checkpoints/traffic
        millrace checkpoint verify out/checkpoints/traffic --json
      """,
    subcommands: [ShowCheckpointCommand.self, VerifyCheckpointCommand.self])
}

/// The folder of a checkpoint, and the form of what is printed about it.
struct CheckpointOptions: ParsableArguments {
  @Argument(help: "The folder of the checkpoint.", completion: .directory)
  var folder: String
  @OptionGroup var output: JSONOption

  /// Prints what was found as JSON or as `text`; damage is a failure.
  func show(
    _ look: (CheckpointInspector) throws -> CheckpointReport, text: (CheckpointText) -> String
  ) throws {
    let report = try look(CheckpointInspector(folder, environment: CommandContext.current.environment))
    Terminal.print(output.isJSON ? report.json.text : text(CheckpointText(report)))
    if !report.damages.isEmpty { throw CommandFailure(status: .failed) }
  }
}

/// `millrace checkpoint show`.
struct ShowCheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Shows the last commit, a pending batch, offsets, and the state's versions and sizes.",
    discussion: """
      A query may run meanwhile.

      Examples:
        millrace checkpoint show out/checkpoints/traffic
        millrace checkpoint show out/checkpoints/traffic --json
      """)

  @OptionGroup var checkpoint: CheckpointOptions

  func run() throws { try checkpoint.show({ try $0.show() }, text: \.facts) }
}

/// `millrace checkpoint verify`.
struct VerifyCheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Checks every record and checksum, and names file and offset of what is damaged.",
    discussion: """
      The query must not run meanwhile. Exit status 1 where something is damaged.

      Examples:
        millrace checkpoint verify out/checkpoints/traffic
        millrace checkpoint verify out/checkpoints/traffic --json
      """)

  @OptionGroup var checkpoint: CheckpointOptions

  func run() throws { try checkpoint.show({ try $0.verify() }, text: \.verdict) }
}

/// A checkpoint in lines for people.
struct CheckpointText {
  private let report: CheckpointReport

  init(_ report: CheckpointReport) { self.report = report }

  /// What it holds.
  var facts: String {
    var lines = ["checkpoint \(report.location)", "  query \(report.queryID ?? "unknown")"]
    lines += report.operators.map { "  \($0.name): \($0.content)" }
    if !report.sinks.isEmpty { lines.append("  sinks \(report.sinks.joined(separator: ", "))") }
    lines += commit + pending
    lines += report.states.map(line)
    lines += report.journals.map {
      "  journal of \($0.source): bytes \($0.range.lowerBound) to \($0.range.upperBound) in \($0.segments) files, "
        + Quantity.bytes(Int64($0.byteCount))
    }
    let records = report.segments.reduce(0) { $0 + $1.records.reduce(0) { $0 + $1.count } }
    let bytes = report.segments.reduce(0) { $0 + $1.byteCount }
    lines.append(
      "  log: \(records) records in \(report.segments.count) segments, \(Quantity.bytes(Int64(bytes))), the last is number \(report.lastSequence)"
    )
    return (lines + remarks).joined(separator: "\n")
  }

  /// Whether it is whole.
  var verdict: String {
    let end = report.damages.isEmpty ? "\(report.location) is whole." : "\(report.location) is damaged."
    return (remarks + [end]).joined(separator: "\n")
  }

  private var commit: [String] {
    guard let commit = report.commit else { return ["  no batch is done"] }
    var lines = [
      "  last commit: batch \(commit.batchID), \(commit.inputRows) rows in, \(commit.outputRows.reduce(0, +)) out"
    ]
    let sources = report.operators.map(\.name).filter { $0.hasPrefix("source ") }
    for (index, offset) in commit.offsets.enumerated() {
      lines.append("    \(index < sources.count ? sources[index] : "source \(index)") at \(offset.text)")
    }
    for (index, token) in commit.tokens.enumerated() {
      lines.append("    sink \(index < report.sinks.count ? report.sinks[index] : "\(index)") at \(token.text)")
    }
    for side in commit.sides { lines.append("    \(side.name), batch \(side.batch), at \(side.token.text)") }
    return lines
  }

  private var pending: [String] {
    guard let pending = report.pending else { return [] }
    let inputs = pending.inputs.joined().joined(separator: ", ")
    return ["  pending: batch \(pending.batchID) over \(inputs.isEmpty ? "no input" : inputs)"]
  }

  private func line(_ state: CheckpointReport.State) -> String {
    var text = "  state \(state.index): version \(state.version)"
    if let token = state.token { return text + ", kept by \(report.stateStore) at \(token.text)" }
    if let snapshot = state.snapshot {
      text += ", snapshot of version \(snapshot.version) with \(Quantity.bytes(Int64(snapshot.byteCount)))"
    }
    return text + ", \(state.changeCount) changes with \(Quantity.bytes(Int64(state.changeBytes)))"
  }

  private var remarks: [String] {
    report.notes.map { "note: \($0)" } + report.damages.map { "\($0.path) at byte \($0.offset): \($0.what)" }
  }
}
