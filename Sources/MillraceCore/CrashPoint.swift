import Glibc
import Synchronization

/// Named places between durable steps at which a test can kill the process.
///
/// With `MILLRACE_CRASH=name:nth` in the environment the process kills itself the nth time the place is passed; with
/// `MILLRACE_CRASH=*:nth` at the nth place, whatever its name. Without it, passing costs one comparison.
public enum CrashPoint {
  private static let armed = getenv("MILLRACE_CRASH").flatMap { order(String(cString: $0)) }
  private static let passed = Atomic<Int>(0)
  private static let isRecording = getenv("MILLRACE_CRASH_POINTS") != nil

  /// The place and the number of the passing that `name:nth` means; the first where `nth` is no number, nil without a name.
  package static func order(_ text: String) -> (name: String, nth: Int)? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard let name = parts.first, !name.isEmpty else { return nil }
    return (String(name), parts.count > 1 ? Int(parts[1]) ?? 1 : 1)
  }

  /// Passes the place `name`.
  public static func pass(_ name: StaticString) {
    if isRecording {
      let line = "crash point \(name)\n"
      _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
    guard let armed, armed.name == "*" || name.description == armed.name else { return }
    if passed.wrappingAdd(1, ordering: .relaxed).newValue == armed.nth { kill(getpid(), SIGKILL) }
  }
}
