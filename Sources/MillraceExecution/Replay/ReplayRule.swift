import MillraceCore

/// What a plan says about a merge: where it goes on and where it ends. With the files' contents it fixes every row.
struct ReplayRule {
  /// Time of the last row before; records with an earlier one count as having this.
  var after: Int64?
  /// Rows with a later time are left for later.
  var until: Int64?
  /// Most rows.
  var rows: Int64?
  /// The query's clock when the batch was planned.
  var clock: Int64?

  private static let key = "merge"

  init(after: Int64?, until: Int64?, rows: Int64?, clock: Int64?) {
    self.after = after
    self.until = until
    self.rows = rows
    self.clock = clock
  }

  /// The rule of a plan, which its first split has.
  init(_ splits: [SourceSplit]) {
    let json = splits.first?.payload[Self.key]
    self.init(
      after: json?["after"]?.int, until: json?["until"]?.int, rows: json?["rows"]?.int, clock: json?["clock"]?.int)
  }

  /// Whether a plan is one of a merge.
  static func isMerge(_ splits: [SourceSplit]) -> Bool { splits.first?.payload["split"] != nil }

  /// The splits of a plan out of those of the source.
  func wrapped(_ splits: [SourceSplit]) -> [SourceSplit] {
    splits.enumerated().map { index, split in
      var wrapped = split
      var members = [JSON.Member("split", split.payload)]
      if index == 0 { members.append(.init(Self.key, json)) }
      wrapped.payload = .object(members)
      return wrapped
    }
  }

  /// The source's split out of a plan's.
  static func unwrapped(_ split: SourceSplit) throws -> SourceSplit {
    guard let payload = split.payload["split"] else {
      throw MillraceError(
        "OFFSET_NOT_UNDERSTOOD", "a plan in the checkpoint reads '\(split.name)' in another order",
        hint: "run once with the 'orderBy' that the checkpoint was written with")
    }
    var inner = split
    inner.payload = payload
    return inner
  }

  private var json: JSON {
    let parts = [("after", after), ("until", until), ("rows", rows), ("clock", clock)]
    return .object(parts.compactMap { name, value in value.map { .init(name, .int($0)) } })
  }
}
