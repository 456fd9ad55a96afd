import MillraceCore

/// One life of a store with the engine's part of the work, and a dictionary that knows what it must hold.
struct StateStoreLife {
  typealias Model = [[Value]: [Value]]

  /// What the engine would have on disk.
  private struct Log {
    var version: Int64 = 0
    var token: JSON?
    var changes: [MemoryBuffer] = []
  }

  private let provider: any StateStoreProvider
  private let environment: Environment
  private let shape: StateStoreAcceptance.Shape
  private let directory: String
  private var random: SeededGenerator
  private var store: (any StateStore)?
  private var log = Log()
  /// By version, 0 first.
  private var history: [(model: Model, token: JSON?)] = [([:], nil)]
  /// Of the version in the making.
  private var model: Model = [:]
  private var steps: [String] = []

  init(
    provider: any StateStoreProvider, environment: Environment, shape: StateStoreAcceptance.Shape, seed: UInt64,
    directory: String
  ) throws {
    self.provider = provider
    self.environment = environment
    self.shape = shape
    self.directory = directory
    random = SeededGenerator(seed: seed)
    try reopen()
  }

  private var current: any StateStore {
    get throws {
      guard let store else { throw fault("there is no store") }
      return store
    }
  }

  private func fault(_ what: String) -> StateStoreFault {
    StateStoreFault(description: "\(what); after: \(steps.suffix(12).joined(separator: ", "))")
  }

  private func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) throws {
    if !isTrue { throw fault(what()) }
  }

  private mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }

  /// One version, or what comes in place of one.
  mutating func step() throws {
    let size = [0, 1, 1, 2, 4].randomElement(using: &random) ?? 1
    for _ in 0..<size { try change() }
    try check("changes")
    switch Int.random(in: 0..<10, using: &random) {
    case 0:
      steps.append("rollback")
      try current.rollback()
      model = history[history.count - 1].model
      try check("a rollback")
    case 1: try crash("a crash in a batch")
    default: try endVersion()
    }
    if chance(6) { try readVersions() }
    if chance(12) { try rewind() }
  }

  private mutating func change() throws {
    let count = [0, 1, 63, 64, 65, 300].randomElement(using: &random) ?? 1
    let keys = StateRows.rows(shape.keys, count, distinct: 200, &random)
    let columns = StateRows.columns(keys, shape.keys)
    if chance(2) { try look(keys, columns) }
    if chance(3) {
      steps.append("remove \(count)")
      try current.remove(keys: columns, count: count)
      for key in keys { model[key] = nil }
    } else {
      steps.append("put \(count)")
      let values = StateRows.rows(shape.values, count, distinct: chance(4) ? 2 : 5000, &random)
      try current.put(keys: columns, values: StateRows.columns(values, shape.values), count: count)
      for (key, value) in zip(keys, values) { model[key] = value }
    }
    try look(keys, columns)
  }

  private func look(_ keys: [[Value]], _ columns: [ColumnVector]) throws {
    let found = try current.get(keys: columns, count: keys.count)
    for (row, key) in keys.enumerated() {
      let isThere = found.found.value(row) == .boolean(true)
      try expect(isThere == (model[key] != nil), "get of \(key) found \(isThere ? "something" : "nothing")")
      let values = found.values.map { $0.value(row) }
      try expect(
        values == model[key] ?? shape.values.map { _ in .null },
        "get of \(key) gave \(values), not \(model[key] ?? [])")
    }
  }

  /// Compares everything.
  private func check(_ after: String) throws {
    let store = try current
    try expect(store.rowCount == model.count, "\(store.rowCount) keys after \(after), not \(model.count)")
    try compare(try StateRows.contents(store), model, "after \(after)")
  }

  private func compare(_ contents: [[[Value]]], _ model: Model, _ when: String) throws {
    try expect(contents.count == model.count, "a scan gave \(contents.count) rows \(when), not \(model.count)")
    for row in contents {
      try expect(model[row[0]] == row[1], "a scan gave \(row) \(when), not \(model[row[0]] ?? [])")
    }
  }

  // MARK: Versions

  private mutating func endVersion() throws {
    let version = log.version + 1
    steps.append("version \(version)")
    let before = log
    if let durable = try current as? any DurableStateStore {
      log.token = try durable.prepare(version: version)
    } else if let changelog = try current as? any ChangelogStateStore {
      if chance(2) {
        log.changes.append(try changelog.changes())
      } else {
        try changelog.changes { log.changes.append(MemoryBuffer(copying: $0)) }
      }
    } else {
      throw fault("the store is neither a ChangelogStateStore nor a DurableStateStore")
    }
    try check("making changes durable")
    if chance(5) {
      // The record of the batch never came into the log.
      log = before
      return try crash("a crash before the record of \(version)")
    }
    log.version = version
    history.append((model, log.token))
    if chance(5) { return try crash("a crash after the record of \(version)") }
    try current.commit(version: version)
    try check("commit")
    if chance(5), let changelog = try current as? any ChangelogStateStore {
      steps.append("snapshot")
      var pieces: [MemoryBuffer] = []
      if let freezable = changelog as? any FreezableStateStore, chance(2) {
        // What comes afterwards must not show in it.
        let frozen = try freezable.freeze()
        try change()
        try frozen.write { pieces.append(MemoryBuffer(copying: $0)) }
        try current.rollback()
        model = history[history.count - 1].model
        try check("a snapshot of what was frozen")
      } else {
        try changelog.snapshot { pieces.append(MemoryBuffer(copying: $0)) }
      }
      log.changes = pieces
    }
  }

  /// Leaves the store as it is and goes on with another one.
  mutating func crash(_ name: String) throws {
    steps.append(name)
    store = nil
    try reopen()
    model = history[history.count - 1].model
    try check(name)
    if chance(3) {
      // A second crash, right after the restore.
      store = nil
      try reopen()
      try check("another restore")
    }
  }

  private mutating func reopen() throws {
    let opened = try provider.open(
      operatorID: 0, keyTypes: shape.keys, valueTypes: shape.values, directory: directory, environment: environment)
    store = opened
    if let durable = opened as? any DurableStateStore {
      return try durable.restore(version: log.version, token: log.token)
    }
    guard let changelog = opened as? any ChangelogStateStore else { return }
    for piece in log.changes {
      try changelog.apply(piece.bytes)
    }
    if log.version > 0 { try changelog.commit(version: log.version) }
  }

  /// Each version that is kept can be read, and reading changes nothing.
  private mutating func readVersions() throws {
    guard
      let reader = try provider.reader(
        keyTypes: shape.keys, valueTypes: shape.values, directory: directory, environment: environment),
      let kept = try reader.versions()
    else { return }
    steps.append("read versions \(kept.lowerBound) to \(kept.upperBound)")
    try expect(kept.upperBound <= log.version, "version \(kept.upperBound) was never committed")
    for version in kept.lowerBound...log.version {
      let contents = try StateRows.collect { try reader.scan(version: version, $0) }
      try compare(contents, history[Int(version)].model, "of version \(version)")
    }
    try check("reading versions")
  }

  /// Goes back to a version that is kept.
  private mutating func rewind() throws {
    guard
      let kept = try provider.reader(
        keyTypes: shape.keys, valueTypes: shape.values, directory: directory, environment: environment)?.versions()
    else { return }
    let version = Int64.random(in: kept.lowerBound...log.version, using: &random)
    history.removeLast(history.count - 1 - Int(version))
    log = Log(version: version, token: history[Int(version)].token)
    try crash("a restore of version \(version)")
  }
}
