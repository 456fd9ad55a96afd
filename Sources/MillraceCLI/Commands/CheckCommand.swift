import ArgumentParser
import MillraceCore
import MillracePipeline

/// `millrace check`.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Looks at the world that pipelines will meet: files, folders, ports, tables, checkpoints.",
    discussion: """
      First everything that `millrace validate` does; then a line for each thing that is looked at. Nothing is changed, but that a file
      is made and removed where one must be writable. Exit status 1 where something stands in the way.

      Examples:
        millrace check
        millrace check my.json --pipeline traffic --json
      """)

  @OptionGroup var pipelines: PipelineOptions
  @OptionGroup var output: JSONOption

  func run() throws {
    let context = CommandContext.current
    let plans: [PipelinePlan]
    do {
      plans = try context.plan(pipelines)
    } catch let error as PipelineFileError where output.isJSON {
      Terminal.print(Self.facts(isOK: false, error.diagnostics, []).text)
      throw CommandFailure(status: .configuration)
    }
    let checks = try plans.flatMap { try WorldCheck.run($0) }
    let failures = checks.filter { if case .failed = $0.verdict { true } else { false } }
    if output.isJSON {
      Terminal.print(Self.facts(isOK: failures.isEmpty, [], checks.map { Self.json($0, pipelines.file) }).text)
    } else {
      for check in checks { Terminal.print(Self.line(check, pipelines.file)) }
      Terminal.print(
        failures.isEmpty
          ? "Nothing stands in the way." : "\(failures.count) of \(checks.count) checks failed.")
    }
    if !failures.isEmpty { throw CommandFailure(status: .failed) }
  }

  private static func line(_ check: WorldCheck, _ file: String) -> String {
    let what = "\(check.pipeline): \(check.end): \(check.summary)"
    switch check.verdict {
    case .ok: return "ok      \(what)"
    case .skipped: return "-       \(what)"
    case .failed(var error):
      error.location = location(check, file)
      return "FAILED  \(what)\n" + "\(error)".split(separator: "\n").map { "  \($0)" }.joined(separator: "\n")
    }
  }

  private static func location(_ check: WorldCheck, _ file: String) -> String {
    "\(check.place.file.isEmpty ? file : check.place.file):\(check.place.line):\(check.place.column)"
  }

  private static func facts(isOK: Bool, _ diagnostics: [Diagnostic], _ checks: [JSON]) -> JSON {
    .dictionary(["ok": .bool(isOK), "diagnostics": .array(diagnostics.map(\.json)), "checks": .array(checks)])
  }

  private static func json(_ check: WorldCheck, _ file: String) -> JSON {
    var members: [JSON.Member] = [
      .init("pipeline", .string(check.pipeline)), .init("end", .string(check.end)),
      .init("check", .string(check.summary)), .init("location", .string(location(check, file))),
    ]
    switch check.verdict {
    case .ok: members.append(.init("outcome", .string("ok")))
    case .skipped: members.append(.init("outcome", .string("skipped")))
    case .failed(let error):
      members += [
        .init("outcome", .string("failed")), .init("code", .string(error.code)),
        .init("message", .string(error.message)),
      ]
      if let hint = error.hint { members.append(.init("hint", .string(hint))) }
    }
    return .object(members)
  }
}
