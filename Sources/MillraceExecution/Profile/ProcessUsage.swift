import Glibc
public import MillraceCore

/// What the process used so far, all its queries together.
public struct ProcessUsage: Sendable {
  /// Processor time in the program itself.
  public var userNanoseconds: Int64
  /// Processor time in the system on the program's behalf.
  public var systemNanoseconds: Int64
  /// The most memory that was resident at any moment.
  public var peakResidentBytes: Int64

  /// The usage of this process now.
  public static var current: ProcessUsage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return ProcessUsage(
      userNanoseconds: nanoseconds(usage.ru_utime), systemNanoseconds: nanoseconds(usage.ru_stime),
      peakResidentBytes: Int64(usage.ru_maxrss) << 10)
  }

  private static func nanoseconds(_ time: timeval) -> Int64 {
    Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_usec) * 1000
  }
}

/// The profiles of all queries of a run, with what the process used.
public struct RunProfile: Sendable {
  /// From the start of the run to its end.
  public var wallNanoseconds: Int64
  /// What the process used.
  public var usage: ProcessUsage
  /// By query.
  public var queries: [QueryProfile]

  /// A run that ended now.
  public init(wallNanoseconds: Int64, queries: [QueryProfile]) {
    self.wallNanoseconds = wallNanoseconds
    usage = .current
    self.queries = queries
  }

  /// The document of `millrace run --profile FILE`.
  public var json: JSON {
    .dictionary([
      "version": .int(1), "wallNanoseconds": .int(wallNanoseconds), "userNanoseconds": .int(usage.userNanoseconds),
      "systemNanoseconds": .int(usage.systemNanoseconds), "peakResidentBytes": .int(usage.peakResidentBytes),
      "pipelines": .array(queries.map(\.json)),
    ])
  }

  /// The tree of each query, and a line on the process.
  public var text: String {
    let parts = queries.map { ProfileText($0).text }
    let process =
      "process: \(Quantity.duration(microseconds: wallNanoseconds / 1000)) wall, "
      + "\(Quantity.duration(microseconds: usage.userNanoseconds / 1000)) user, "
      + "\(Quantity.duration(microseconds: usage.systemNanoseconds / 1000)) system, "
      + "\(Quantity.bytes(usage.peakResidentBytes)) peak memory"
    return (parts + [process]).joined(separator: "\n\n")
  }
}
