import Glibc
import Synchronization

/// Named places between durable steps at which a test can kill the process.
///
/// With `MILLRACE_CRASH=name:nth` in the environment the process kills itself the nth time the place is passed; with
/// `MILLRACE_CRASH=*:nth` at the nth place, whatever its name. Without it, passing costs one comparison.
public enum CrashPoint {
  private struct Armed: Sendable {
    var name: String
    var count: Int
  }

  private static let armed: Armed? = {
    guard let text = getenv("MILLRACE_CRASH").map({ String(cString: $0) }), !text.isEmpty else { return nil }
    let parts = text.split(separator: ":")
    return Armed(name: String(parts[0]), count: parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
  }()
  private static let passed = Atomic<Int>(0)
  private static let isRecording = getenv("MILLRACE_CRASH_POINTS") != nil

  /// Passes the place `name`.
  public static func pass(_ name: StaticString) {
    if isRecording {
      let line = "crash point \(name)\n"
      _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
    guard let armed, armed.name == "*" || name.description == armed.name else { return }
    if passed.wrappingAdd(1, ordering: .relaxed).newValue == armed.count { kill(getpid(), SIGKILL) }
  }
}
