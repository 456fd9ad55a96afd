public import MillraceCore

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
