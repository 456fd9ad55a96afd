import Glibc

/// Runs the built `millrace` as its user would.
struct Command: Sendable {
  /// What a process left behind.
  struct Outcome {
    /// Exit status; the signal's number, negative, if one ended the process.
    var status: Int32
    var output: String
    var error: String
  }

  struct NotStarted: Error {}
  struct TimedOut: Error {}

  let process: pid_t
  /// The folder that the process works in lives as long as this value.
  private let sandbox: Sandbox
  private let outputPath: String
  private let errorPath: String

  /// The folder that holds the built executables: that of the test bundle that this code is in.
  static let folder: String = {
    let maps = Sandbox.read("/proc/self/maps")
    let line = maps.split(separator: "\n").first { $0.hasSuffix("PackageTests.xctest") } ?? "/.build/debug/x"
    return line.drop { $0 != "/" }.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
      separator: "/")
  }()

  /// Starts an executable in a folder, its output going to files there.
  init(
    _ arguments: [String], in sandbox: Sandbox, folder: String? = nil, environment: [String: String] = [:],
    executable: String = "\(Command.folder)/millrace"
  ) throws {
    self.sandbox = sandbox
    let number = sandbox.nextNumber()
    outputPath = "\(sandbox.path)/.out-\(number)"
    errorPath = "\(sandbox.path)/.err-\(number)"
    // The shell changes the folder and opens the files, then becomes the program: the process id stays.
    let script = "cd \"$1\" && out=$2 err=$3 && shift 3 && exec \"$@\" </dev/null >\"$out\" 2>\"$err\""
    let settings = environment.map { "\($0.key)=\($0.value)" }
    let words =
      ["/bin/sh", "-c", script, "sh", folder ?? sandbox.path, outputPath, errorPath, "/usr/bin/env"] + settings + [
        executable
      ] + arguments
    var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    argv.append(nil)
    defer { for word in argv { free(word) } }
    var process: pid_t = 0
    guard posix_spawn(&process, "/bin/sh", nil, nil, &argv, environ) == 0 else { throw NotStarted() }
    self.process = process
  }

  /// Runs `millrace` to its end.
  static func millrace(
    _ arguments: [String], in sandbox: Sandbox = Sandbox(), folder: String? = nil, environment: [String: String] = [:]
  ) async throws -> Outcome {
    try await Command(arguments, in: sandbox, folder: folder, environment: environment).outcome()
  }

  /// Sends a signal.
  func signal(_ number: Int32) { kill(process, number) }

  /// What the process has written to standard output so far.
  var outputSoFar: String { Sandbox.read(outputPath) }

  /// What the process has written to standard error so far.
  var errorSoFar: String { Sandbox.read(errorPath) }

  /// Waits for the end; kills the process and throws if that takes more than `seconds`.
  func outcome(within seconds: Int = 120) async throws -> Outcome {
    var status: Int32 = 0
    for _ in 0..<(seconds * 200) {
      if waitpid(process, &status, WNOHANG) == process {
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : -(status & 0x7F)
        return Outcome(status: code, output: outputSoFar, error: errorSoFar)
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    kill(process, SIGKILL)
    waitpid(process, &status, 0)
    throw TimedOut()
  }
}
