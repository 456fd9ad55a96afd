import Glibc
import Millrace
import MillraceCore
import ProcessConnector
import Synchronization

/// Programs that tests write, and those of the documentation.
enum TestProgram {
  /// The interpreter itself; nil where there is none. What is found on `PATH` may be a slow script that looks for one.
  static let python: String? = {
    let command = ProcessCommand(["python3", "-c", "import sys; print(sys.executable)"], takesInput: false)
    guard let process = try? PosixProcesses().start(command) else { return nil }
    var text: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 4096)
    loop: while true {
      switch room.withUnsafeMutableBytes({ process.readOutput(into: $0) }) {
      case .bytes(let count): text += room[..<count]
      case .wouldBlock: _ = process.wait(for: .output, microseconds: 100_000)
      case .end: break loop
      }
    }
    guard process.end(within: 5_000_000) == .exited(0) else { return nil }
    return String(decoding: text.filter { $0 != 0x0A }, as: UTF8.self)
  }()

  static let missingPython = "there is no python3 here, which these programs are written in"

  /// A program of `docs/examples`.
  static func example(_ name: String, timeout: Int64 = 20_000_000) -> Program {
    let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    return Program([python ?? "python3", "-S", "-E", "\(root)/docs/examples/\(name).py"], timeout: timeout)
  }

  /// A shell script that answers `spec` with `spec` and everything else by `script`, which finds the call in `$line`.
  static func shell(_ spec: String, _ script: String = "", timeout: Int64 = 5_000_000) -> Program {
    let text = """
      while read -r line; do
        case $line in
          *'"call":"spec"'*) echo '{"ok":\(spec)}' ;;
          \(script)
          *) echo '{"ok":{}}' ;;
        esac
      done
      """
    return Program(["/bin/sh", "-c", text], timeout: timeout)
  }

  /// A source `lines` whose one range has what `read` prints.
  static func source(_ read: String, replayable: Bool = true, timeout: Int64 = 5_000_000) -> Program {
    shell(
      #"{"protocol":1,"connectors":[{"name":"lines","summary":"Lines.","source":{"replayable":\#(replayable)}}]}"#,
      """
      *'"call":"plan"'*'"after":null'*) echo '{"ok":{"end":1}}' ;;
      *'"call":"read"'*) \(read) ;;
      """, timeout: timeout)
  }

  static func connectors(_ program: Program, _ environment: Environment = .live) throws -> [any Connector] {
    try Plugins.program(
      program.words, timeout: program.timeout, variables: program.variables, environment: environment)
  }

  static func connector(_ program: Program, _ environment: Environment = .live) throws -> any Connector {
    guard let first = try connectors(program, environment).first else {
      throw MillraceError("TEST", "no connector")
    }
    return first
  }
}

/// Lines of the log.
final class LogProbe: Sendable {
  private let lines = Mutex<[String]>([])
  var text: [String] { lines.withLock { $0 } }

  var environment: Environment {
    Environment(
      files: PosixFileSystem(), clock: SystemClock(), log: { line in self.lines.withLock { $0.append(line) } })
  }
}
