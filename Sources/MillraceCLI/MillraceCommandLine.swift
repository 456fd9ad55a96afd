import ArgumentParser
import Glibc
import MillraceColumnar
public import Millrace
public import MillraceCore
import MillracePipeline

/// The command `millrace`, as a library: a program of your own gets all of it with connectors of its own in ten lines.
///
/// ```swift
/// import MillraceCLI
///
/// MillraceCommandLine.main(connectors: [MyConnector()])
/// ```
public enum MillraceCommandLine {
  /// Runs the command that the process's arguments name, and ends the process.
  ///
  /// - Parameters:
  ///   - connectors: connectors in addition to the bundled ones; one of the same name replaces a bundled one.
  ///   - functions: functions written in Swift that the SQL of pipelines and commands can call.
  public static func main(connectors: [any Connector] = [], functions: [UserDefinedFunction] = []) -> Never {
    RawMemory.keepFreedMemory()
    exit(run(Array(CommandLine.arguments.dropFirst()), connectors: connectors, functions: functions))
  }

  /// Runs the command that `arguments` name and gives its exit status.
  public static func run(
    _ arguments: [String], connectors: [any Connector] = [], functions: [UserDefinedFunction] = []
  ) -> Int32 {
    var context = CommandContext(connectors: connectors)
    context.catalog.functions = functions
    return CommandContext.$current.withValue(context) {
      do {
        var command = try RootCommand.parseAsRoot(arguments)
        try command.run()
        return ExitStatus.success.rawValue
      } catch let failure as CommandFailure {
        return failure.status.rawValue
      } catch {
        return finish(error, arguments)
      }
    }
  }

  /// Prints what is not an error of ours: help, the version, and wrong usage.
  private static func finish(_ error: any Error, _ arguments: [String]) -> Int32 {
    if let status = ExitStatus(of: error) {
      Terminal.error("\(error)")
      return status.rawValue
    }
    let text = RootCommand.fullMessage(for: error)
    if RootCommand.exitCode(for: error).isSuccess {
      Terminal.print(text)
      return ExitStatus.success.rawValue
    }
    Terminal.error(unknownCommand(arguments) ?? text)
    return ExitStatus.usage.rawValue
  }

  /// What to say where the first word is no command; nil where it is one.
  private static func unknownCommand(_ arguments: [String]) -> String? {
    guard let word = arguments.first, !word.hasPrefix("-") else { return nil }
    let names = RootCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
    if names.contains(word) || word == "help" { return nil }
    let hint: String
    if let nearest = NearestName.of(word, among: names) {
      hint = "did you mean 'millrace \(nearest)'?"
    } else if word.hasSuffix(".json") {
      hint = "to run a pipeline file: millrace run \(word)"
    } else {
      hint = "commands are: \(names.sorted().joined(separator: ", "))"
    }
    return "there is no command '\(word)'\n  hint: \(hint)"
  }
}
