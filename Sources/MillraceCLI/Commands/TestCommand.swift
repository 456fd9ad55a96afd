import ArgumentParser
import Glibc
import MillraceCore
import MillracePipeline

/// `millrace test`.
struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test", abstract: "Runs the tests of a pipeline file: given rows, a fixed clock, expected rows.",
    discussion: """
      Sources give what a test gives, sinks only keep their rows: nothing outside is read or written. Exit status 1 where a test fails.

      Examples:
        millrace test
        millrace test my.json --filter late
        millrace test my.json --json
      """)

  @Argument(help: "The pipeline file.", completion: .file(extensions: ["json"]))
  var file = "connectors.json"

  @Option(help: ArgumentHelp("Only tests whose name or pipeline has this in it.", valueName: "text"))
  var filter: String?

  @OptionGroup var output: JSONOption

  @Option(help: .hidden) var crashCase: Int?
  @Option(help: .hidden) var crashFolder: String?

  func run() throws {
    let context = CommandContext.current
    let pipelines = try context.readPipelineFile(file)
    let runner = TestRunner(context.catalog, pipelines, environment: context.environment)
    if let crashCase, let crashFolder {
      guard pipelines.tests.indices.contains(crashCase) else { throw CommandFailure(status: .usage) }
      return try runner.runOnly(pipelines.tests[crashCase], folder: crashFolder)
    }
    let chosen = try self.chosen(pipelines)
    let folder = try TestFolder()
    defer { folder.remove(context.environment.files) }
    var report = TestReport(file: file, isJSON: output.isJSON)
    for (number, test) in chosen {
      let start = context.monotonicMicroseconds
      let outcome = runner.run(test, folder: "\(folder.path)/\(number)") { point, own in
        try CrashProcess(["test", file, "--crash-case", "\(number)", "--crash-folder", own], point: point).wasKilled()
      }
      report.add(test, outcome, microseconds: context.monotonicMicroseconds - start)
    }
    report.finish()
    if report.failed > 0 { throw CommandFailure(status: .failed) }
  }

  /// The tests that are meant, with their numbers in the file.
  private func chosen(_ file: PipelineFile) throws -> [(number: Int, test: PipelineTest)] {
    if file.tests.isEmpty {
      throw MillraceError(
        "PIPELINE_NO_TESTS", "\(file.path) has no tests",
        hint: "\"tests\": [{ \"name\": \"…\", \"given\": { SOURCE: [ … ] }, \"expect\": { SINK: [ … ] } }]")
    }
    let all = file.tests.enumerated().map { (number: $0.offset, test: $0.element) }
    guard let filter = filter?.lowercased() else { return all }
    let chosen = all.filter { "\($0.test.pipeline)\n\($0.test.name)".lowercased().contains(filter) }
    if chosen.isEmpty { throw ValidationError("no test of \(file.path) has '\(filter)' in its name or pipeline") }
    return chosen
  }
}

/// A folder of its own for the cases that must survive a crash.
private struct TestFolder {
  let path: String

  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/millrace-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else {
      throw MillraceError(
        "IO_FAILED", "making a folder in '\(parent)': \(String(cString: strerror(errno)))",
        hint: "set TMPDIR to a folder that can be written", fault: .external)
    }
    path = String(cString: made)
  }

  func remove(_ files: any FileSystem) { try? files.removeTree(path) }
}

/// This program once more, to be killed at a crash point.
private struct CrashProcess {
  private let arguments: [String]
  private let point: String

  init(_ arguments: [String], point: String) {
    self.arguments = arguments
    self.point = point
  }

  /// Runs it to its end; false where it came there alive. Throws what it failed with otherwise.
  func wasKilled() throws -> Bool {
    var pipes: [Int32] = [0, 0]
    guard pipe(&pipes) == 0 else { throw failure("a pipe") }
    for descriptor in pipes { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
    posix_spawn_file_actions_adddup2(&actions, pipes[1], 2)
    var argv = (["/proc/self/exe"] + arguments).map { strdup($0) } + [nil]
    let own = Self.environment.filter { !$0.hasPrefix("MILLRACE_CRASH") } + ["MILLRACE_CRASH=\(point)"]
    var envp = own.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    var process: pid_t = 0
    let status = posix_spawn(&process, "/proc/self/exe", &actions, nil, &argv, &envp)
    close(pipes[1])
    defer { close(pipes[0]) }
    if status != 0 { throw failure("a process") }
    let said = Self.readAll(pipes[0])
    var end: Int32 = 0
    while waitpid(process, &end, 0) < 0, errno == EINTR {}
    if end & 0x7F == SIGKILL { return true }
    if end == 0 { return false }
    throw MillraceError("TEST_CRASH_RUN_FAILED", "the run that was to be killed at \(point) failed: \(said)")
  }

  private func failure(_ what: String) -> MillraceError {
    MillraceError(
      "IO_FAILED", "starting \(what) for the crash at \(point): \(String(cString: strerror(errno)))", fault: .external)
  }

  private static func readAll(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &block, block.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes += block[..<count]
    }
  }

  private static var environment: [String] {
    var found: [String] = []
    var next = environ
    while let text = next.pointee {
      found.append(String(cString: text))
      next += 1
    }
    return found
  }
}
