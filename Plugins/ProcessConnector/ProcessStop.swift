import Glibc
import MillraceCore

/// Ends programs: first they are told by the end of their input, then asked, then killed.
enum ProcessStop {
  /// Microseconds that a program has after each of the three.
  private static let afterInput: Int64 = 5_000_000
  private static let afterTerminate: Int64 = 2_000_000
  private static let afterKill: Int64 = 5_000_000

  /// Ends a program and lets go of it; what it writes meanwhile goes to the log, and its output nowhere.
  @discardableResult
  static func run(_ process: any RunningProcess, _ log: inout LogLines, afterInput patience: Int64 = afterInput)
    -> ProcessEnd?
  {
    process.closeInput()
    defer { process.close() }
    if let end = awaitEnd(of: process, &log, within: patience) { return end }
    process.signal(SIGTERM)
    if let end = awaitEnd(of: process, &log, within: afterTerminate) { return end }
    process.signal(SIGKILL)
    return awaitEnd(of: process, &log, within: afterKill)
  }

  /// Waits for a program that is on its way out.
  static func awaitEnd(of process: any RunningProcess, _ log: inout LogLines, within patience: Int64) -> ProcessEnd? {
    let clock = SystemClock()
    let start = clock.monotonicNanoseconds()
    var hasOutput = true
    var room = [UInt8](repeating: 0, count: 4096)
    while true {
      while hasOutput, case let read = room.withUnsafeMutableBytes({ process.readOutput(into: $0) }),
        read != .wouldBlock
      {
        if read == .end { hasOutput = false }
      }
      log.drain(process)
      if let end = process.end(within: 0) {
        log.drain(process)
        return end
      }
      if (clock.monotonicNanoseconds() - start) / 1000 >= patience { return nil }
      var interest: ProcessStreams = []
      if hasOutput { interest.insert(.output) }
      if !log.hasEnded { interest.insert(.error) }
      // A program without streams makes no event.
      if interest.isEmpty {
        _ = process.end(within: 10_000)
      } else {
        _ = process.wait(for: interest, microseconds: 10_000)
      }
    }
  }
}
