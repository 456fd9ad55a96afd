import MillraceCore
import Synchronization

/// Reads a table or query, again and again from where it stood: rows whose rowid, or whose value in one column, is greater than
/// that of the last row read. Every batch has a fixed range of these keys, so reading it again gives the same rows as long as
/// rows are only added.
///
/// An offset is the key of the last row: `{"version":1,"after":[17]}`, or `[value, rowid]` with a column of a table, which tells
/// rows with equal values apart; `{"version":1,"done":true}` once all rows were read with `incremental` none.
final class SQLiteSource: RowSource {
  let schema: Schema
  private let configuration: SQLiteSourceConfiguration
  private let clock: any Clock
  private let state = Mutex(State())

  private struct State {
    var keys: [String] = []
    var isFrozen = false
    var frozenEnd: [SQLiteValue]?
  }

  /// Without a declared schema the database is opened to read the columns.
  init(_ configuration: SQLiteSourceConfiguration, schema: Schema?, clock: any Clock) throws {
    self.configuration = configuration
    self.clock = clock
    self.schema = try schema ?? SQLiteRelation(configuration).schema()
    for field in self.schema.fields where !SQLiteCell.isReadable(field.type) {
      throw MillraceError(
        "SOURCE_UNSUPPORTED_TYPE",
        "column '\(field.name)' of '\(configuration.path)' cannot be read as \(field.type.sql)",
        hint: "declare it as STRING and use from_json() or a cast in the query")
    }
  }

  var description: String { "sqlite[\(configuration.path), \(configuration.name)]" }

  func start(after offset: Offset?) throws {
    let relation = try SQLiteRelation(configuration)
    try relation.check(schema)
    let keys = try relation.keys()
    state.withLock { $0.keys = keys }
  }

  func freeze() throws {
    let keys = state.withLock { $0.keys }
    let end = keys.isEmpty ? nil : try SQLiteRelation(configuration).last(keys, now: clock.now())
    state.withLock { state in
      state.isFrozen = true
      state.frozenEnd = end
    }
  }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    if configuration.increment == .none {
      if offset != nil { return nil }
      let all = SourceSplit(name: configuration.name, payload: .dictionary(["all": .bool(true)]))
      return SourcePlan(splits: [all], end: Offset(.dictionary(["version": .int(1), "done": .bool(true)])))
    }
    let state = self.state.withLock { $0 }
    if state.isFrozen && state.frozenEnd == nil { return nil }
    let start = try offset.map { try SQLiteKey.values($0.json["after"], count: state.keys.count) }
    let rows = min(configuration.maxRowsPerBatch, limit.rows ?? .max)
    let relation = try SQLiteRelation(configuration)
    guard
      let end = try relation.end(state.keys, after: start, upTo: state.frozenEnd, rows: max(rows, 1), now: clock.now())
    else {
      return nil
    }
    let splits = SQLiteKey.ranges(after: start, upTo: end, parts: limit.parallelism).map { range in
      SourceSplit(
        name: configuration.name,
        payload: .dictionary([
          "keys": .array(state.keys.map { .string($0) }), "after": range.after.map { SQLiteKey.json($0) } ?? .null,
          "upTo": SQLiteKey.json(range.upTo),
        ]))
    }
    return SourcePlan(splits: splits, end: Offset(.dictionary(["version": .int(1), "after": SQLiteKey.json(end)])))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    if let end = plan.end { return end }
    guard let last = plan.splits.last, let end = last.payload["upTo"] else {
      return Offset(.dictionary(["version": .int(1), "done": .bool(true)]))
    }
    return Offset(.dictionary(["version": .int(1), "after": end]))
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    let fields = columns.map { schema.fields[$0] }
    let relation = try SQLiteRelation(configuration)
    if split.payload["all"]?.bool == true {
      return try SQLiteReader(try relation.select(fields, keys: [], after: nil, upTo: nil), fields, configuration)
    }
    let keys = (split.payload["keys"]?.array ?? []).compactMap(\.string)
    let after = split.payload["after"].flatMap { $0 == .null ? nil : $0 }
    let start = try after.map { try SQLiteKey.values($0, count: keys.count) }
    let end = try SQLiteKey.values(split.payload["upTo"], count: keys.count)
    return try SQLiteReader(try relation.select(fields, keys: keys, after: start, upTo: end), fields, configuration)
  }
}
