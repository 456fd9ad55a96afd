public import MillraceCore
public import MillraceExecution

/// The state in a checkpoint, read without a change to it, also while its query runs.
///
/// Versions are numbers of batches plus one: version n is the state after batch n - 1, version 0 the empty one. What can be read is
/// what the store kept.
public struct CheckpointState: Sendable {
  /// Name of the provider that keeps the state.
  public let stateStore: String
  /// What each store holds.
  public let layouts: [StateLayout]
  /// The version of the last batch that is done.
  public let lastVersion: Int64
  private let location: String
  private let environment: Environment
  private let recovered: RecoveredLog

  /// Reads `meta.json` and the log; throws `CHECKPOINT_NOT_FOUND`, or what is wrong with them.
  public init(_ location: String, environment: Environment = .live) throws {
    let path = "\(location)/meta.json"
    guard try environment.files.status(path) != nil else {
      throw MillraceError(
        "CHECKPOINT_NOT_FOUND", "'\(location)' is no checkpoint: it has no meta.json",
        hint: "give the folder behind 'checkpointLocation'")
    }
    let meta = try CheckpointMeta(environment.files, path)
    if meta.layouts.isEmpty, meta.fingerprints.contains(where: { !$0.name.hasPrefix("source ") }) {
      throw MillraceError(
        "STATE_METADATA_MISSING", "the checkpoint '\(location)' does not say what its state holds",
        hint: "an earlier version made it; only its query can read it")
    }
    stateStore = meta.stateStore
    layouts = meta.layouts
    recovered = try CommitLog.look(environment.files, directory: "\(location)/log", queryID: meta.queryID)
    lastVersion = recovered.commit?.stateVersion ?? 0
    self.location = location
    self.environment = environment
  }

  /// The folder of a store.
  public func directory(_ store: Int) -> String { "\(location)/state/\(store)" }

  /// The versions of a store that can be read; `provider` is that of `stateStore`.
  public func versions(_ store: Int, _ types: StateTypes, _ provider: any StateStoreProvider) throws
    -> ClosedRange<Int64>
  {
    let oldest: Int64
    if let reader = try reader(store, types, provider) {
      oldest = try reader.versions()?.lowerBound ?? 0
    } else {
      oldest = recovered.bases.first { $0.operatorIndex == store }?.version ?? 0
    }
    return min(oldest, lastVersion)...lastVersion
  }

  /// Calls `body` with all keys and values that a store had in a version.
  public func scan(
    _ store: Int, version: Int64, _ types: StateTypes, _ provider: any StateStoreProvider,
    _ body: (_ keys: [ColumnVector], _ values: [ColumnVector], _ count: Int) throws -> Void
  ) throws {
    let kept = try versions(store, types, provider)
    guard kept.contains(version) else {
      throw MillraceError(
        "STATE_VERSION_NOT_RETAINED",
        "the checkpoint '\(location)' has the versions \(kept.lowerBound) to \(kept.upperBound), not \(version)",
        hint: "version n is the state after batch n - 1")
    }
    if let reader = try reader(store, types, provider) { return try reader.scan(version: version, body) }
    let fresh = try provider.open(
      operatorID: store, keyTypes: types.keys, valueTypes: types.values, directory: nil, environment: environment)
    guard let changelog = fresh as? any ChangelogStateStore else {
      throw MillraceError(
        "STATE_STORE_NOT_READABLE", "the state store '\(provider.name)' cannot be read without its query",
        hint: "its provider has no reader")
    }
    let files = ChangelogFiles(
      files: environment.files, checkpointState: "\(location)/state", log: "\(location)/log")
    if let base = recovered.bases.first(where: { $0.operatorIndex == store }) {
      try files.load(base, into: changelog)
    }
    for delta in recovered.deltas where delta.record.operatorIndex == store && delta.version <= version {
      try files.apply(delta, to: changelog)
    }
    if version > 0 { try changelog.commit(version: version) }
    try changelog.scan(body)
  }

  private func reader(_ store: Int, _ types: StateTypes, _ provider: any StateStoreProvider) throws
    -> (any StateReader)?
  {
    try provider.reader(
      keyTypes: types.keys, valueTypes: types.values, directory: directory(store), environment: environment)
  }
}

/// Types of the columns of a store.
public struct StateTypes: Sendable {
  /// Of the keys.
  public var keys: [DataType]
  /// Of the values.
  public var values: [DataType]

  /// Makes types.
  public init(keys: [DataType], values: [DataType]) {
    self.keys = keys
    self.values = values
  }
}

extension StateLayout {
  var json: JSON {
    .dictionary([
      "operator": .int(Int64(operatorID)), "name": .string(operatorName), "partition": .int(Int64(partition)),
      "keys": .string(keys), "values": .string(values), "row": row.map { .string($0) } ?? .null,
    ])
  }

  init(_ json: JSON) throws {
    self.init(
      operatorID: Int(try json.need("operator", \.int)), operatorName: try json.need("name", \.string),
      partition: Int(try json.need("partition", \.int)), keys: try json.need("keys", \.string),
      values: try json.need("values", \.string), row: json["row"]?.string)
  }
}
