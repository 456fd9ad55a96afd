import Glibc

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
