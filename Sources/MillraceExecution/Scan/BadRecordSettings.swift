import MillraceCore
public import MillraceFormats

/// What becomes of a source's records that cannot be decoded, and how many a batch may have of them.
public struct BadRecordSettings: Sendable {
  /// What the decoder does with them; nil: its columns are NULL, and a record that is too large to be decoded ends the query.
  public var policy: BadRecordPolicy?
  /// Most bad records of one batch; nil: any number.
  public var maxRecords: Int64?
  /// Largest share of bad records among all of a batch, from 0 to 1; nil: any.
  public var maxRatio: Double?

  /// Makes settings.
  public init(_ policy: BadRecordPolicy? = nil, maxRecords: Int64? = nil, maxRatio: Double? = nil) {
    self.policy = policy
    self.maxRecords = maxRecords
    self.maxRatio = maxRatio
  }

  /// Whether every record must be looked at, also one that a pushed filter would leave out before its faults show.
  var readsEveryRecord: Bool { policy == .deadLetter || maxRatio != nil }

  /// Whether a record that is too large is left out.
  var leavesOutTooLarge: Bool { policy != nil && policy != .fail }

  /// Throws `BAD_RECORD_LIMIT_EXCEEDED` if a batch has more bad records than it may.
  func check(_ plan: SourcePlanState, source: String, batchID: Int64) throws {
    guard maxRecords != nil || maxRatio != nil else { return }
    let bad = plan.results.reduce(0) { $0 + $1.badRecordCount }
    if let maxRecords, bad > maxRecords {
      throw exceeded("\(bad) bad records", "maxBadRecords = \(maxRecords)", plan, source, batchID)
    }
    guard let maxRatio, bad > 0 else { return }
    let rows = plan.results.reduce(0) { $0 + $1.rowCount }
    // Where their columns are NULL they are among the rows.
    let all = policy == nil || policy == .null ? max(rows, bad) : rows + bad
    if Double(bad) > maxRatio * Double(all) {
      throw exceeded("\(bad) bad records among \(all)", "maxBadRatio = \(maxRatio)", plan, source, batchID)
    }
  }

  private func exceeded(
    _ found: String, _ limit: String, _ plan: SourcePlanState, _ source: String, _ batchID: Int64
  ) -> MillraceError {
    let first = plan.badRecords.first
    let place = first.flatMap { file in file.records.records.first.map { "\(file.name)@\($0.offset)" } }
    return MillraceError(
      "BAD_RECORD_LIMIT_EXCEEDED", "the source '\(source)' has \(found) in batch \(batchID), more than \(limit)",
      hint: "mend the input or the pipeline, or raise the limit; nothing of the batch was committed", location: place)
  }
}

/// Bad records of one file or stream in one batch.
public struct FileBadRecords: Sendable {
  /// The file or stream.
  public var name: String
  /// The records in the order of their offsets.
  public var records: BadRecords

  /// Names where records lie.
  public init(name: String, records: BadRecords) {
    self.name = name
    self.records = records
  }
}
