import MillraceColumnar
import MillraceCore
import MillraceFormats

/// What the engine has of a sink on disk.
struct SinkLog {
  /// The last batch whose plan is known.
  var planned: Int64 = -1
  /// The last batch whose commit is known, and its token as text.
  var committed: (batch: Int64, token: String)?
}

/// A sink driven as the engine does, from `open` to `close` or to where it is left.
struct SinkLife {
  /// Thrown in place of the next step.
  private struct Left: Error {}

  static let batches = 4
  private static let blocks = 2
  private static let rows = 2

  /// All records in order; the third batch has none.
  static var records: [String] { (0..<batches).flatMap { batch in blocksOf(Int64(batch)).flatMap { $0 } } }

  private static func blocksOf(_ batch: Int64) -> [[String]] {
    if batch == 2 { return [] }
    return (0..<blocks).map { block in (0..<rows).map { "b\(batch).\(block * rows + $0)" } }
  }

  let kind: SinkKind
  var sink: any Sink { kind.sink }

  init(_ connector: any Connector, _ options: [String: String], files: (any FileSystem)? = nil) throws {
    kind = try SinkLife.make(connector, options, files ?? Environment.live.files)
  }

  static func make(_ connector: any Connector, _ options: [String: String], _ files: any FileSystem) throws -> SinkKind
  {
    let checked = try Options(options, fields: connector.spec.sinkFields, of: connector.spec.name)
    return try connector.makeSink(
      SinkRequest(
        name: "out", options: checked, schema: SinkAcceptance.schema, outputMode: .append,
        environment: Environment(files: files, clock: Environment.live.clock)))
  }

  /// Runs the batches that the log has not, at most `most`; gives the number of steps. `limit`: leaves before that step.
  @discardableResult
  func run(_ log: inout SinkLog, limit: Int = .max, isTwice: Bool = false, batches most: Int = SinkLife.batches) throws
    -> Int
  {
    var count = 0
    func step() throws {
      if count == limit { throw Left() }
      count += 1
    }
    try step()
    try sink.open(SinkContext(queryID: "q", sinkName: "out"))
    try step()
    let committed = log.committed?.batch
    let token = try log.committed.map { try JSON(parsing: $0.token) }
    let held = try sink.recover(batchID: committed, token: token)
    if isTwice {
      try AcceptanceFault.unless(
        try sink.recover(batchID: committed, token: token), is: held, "what a second recover gives")
    }
    if sink.guarantee == .transactional {
      if (held ?? -1) < (committed ?? -1) || (held ?? -1) > log.planned {
        throw AcceptanceFault("the sink holds batch \(held ?? -1); \(committed ?? -1) was committed")
      }
    } else if held != nil {
      throw AcceptanceFault("recover gave a batch, and the guarantee is \(sink.guarantee)")
    }
    if let committed { try publish(committed, isTwice) }
    var batch = (committed ?? -1) + 1
    let end = min(Int64(SinkLife.batches), batch + Int64(most))
    while batch < end {
      log.planned = batch
      if batch > held ?? -1 {
        try step()
        try sink.begin(batchID: batch)
        for records in SinkLife.blocksOf(batch) {
          try step()
          try write(batch, records)
        }
        try step()
        let token = try sink.commit(batchID: batch)
        try step()
        log.committed = (batch, token.text)
      } else {
        log.committed = (batch, "{\"version\":1}")
      }
      try step()
      try publish(batch, isTwice)
      batch += 1
    }
    return count
  }

  private func publish(_ batch: Int64, _ isTwice: Bool) throws {
    try sink.publish(batchID: batch)
    if isTwice { try sink.publish(batchID: batch) }
  }

  private func write(_ batch: Int64, _ records: [String]) throws {
    switch kind {
    case .rows(let sink):
      try sink.write(.of(records.map { [.integer(batch), .string($0)] }, schema: SinkAcceptance.schema))
    case .bytes(let sink):
      var text = records.map { $0 + "\n" }.joined()
      let size = text.utf8.count
      try text.withUTF8 { plain in
        guard case .gzip(let level)? = sink.compression else {
          return try sink.write(
            EncodedBlock(bytes: UnsafeRawBufferPointer(plain), rowCount: records.count, plainByteCount: size))
        }
        let out = ByteBuffer()
        GzipCompressor(level: level).compressMember(UnsafeRawBufferPointer(plain), into: out)
        try sink.write(EncodedBlock(bytes: out.bytes, rowCount: records.count, plainByteCount: size))
      }
    }
  }

  /// A life that is left after `steps` steps, without `close` unless it is told to.
  static func leave(
    _ connector: any Connector, _ options: [String: String], _ log: inout SinkLog, after steps: Int,
    closes: Bool = false
  ) throws {
    let life = try SinkLife(connector, options)
    do { try life.run(&log, limit: steps) } catch is Left {}
    if closes { try life.sink.close() }
  }

  /// A life that is killed after a number of changes of files; whether it came to its end before.
  static func survives(
    _ connector: any Connector, _ options: [String: String], _ log: inout SinkLog, changes: Int
  ) throws -> Bool {
    let files = DyingFileSystem(after: changes)
    do {
      let life = try SinkLife(connector, options, files: files)
      try life.run(&log)
    } catch { if !files.isDead { throw error } }
    return !files.isDead
  }

  /// The last life, to the end.
  static func finish(_ connector: any Connector, _ options: [String: String], _ log: inout SinkLog) throws {
    let life = try SinkLife(connector, options)
    try life.run(&log)
    try life.sink.close()
  }

  /// Counts what was lost and doubled in some runs; throws for more than the guarantee allows.
  static func verdict(_ runs: [[String]], _ isExact: Bool) throws -> String {
    var lost = 0
    var doubled = 0
    for (index, found) in runs.enumerated() {
      let missing = Set(records).subtracting(found).count
      lost += missing
      doubled += found.count + missing - records.count
      if missing > 0 || (isExact && found != records) {
        throw AcceptanceFault("run \(index): expected \(records), found \(found)")
      }
      let unknown = Set(found).subtracting(records)
      if !unknown.isEmpty { throw AcceptanceFault("run \(index): records that were never written: \(unknown)") }
    }
    return "\(runs.count) runs: lost \(lost), doubled \(doubled)\(isExact ? "" : " (at-least-once)")"
  }
}
