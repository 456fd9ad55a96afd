public import MillraceCore
import Synchronization

/// Streams to read from and tables to write to, in memory: for tests, examples and small programs.
///
/// Make a hub, give `MemoryConnector(hub)` to the engine, add rows to its streams and look at its tables. Streams and tables
/// outlive the queries on them, so a query can be stopped and started again.
public final class MemoryHub: Sendable {
  /// The hub of the connector that a program gets by default.
  public static let shared = MemoryHub()

  struct State: Sendable {
    var streams: [String: MemoryStream] = [:]
    var tables: [String: MemoryTable] = [:]
    var counts: [ObjectIdentifier: Int64] = [:]
    /// Rows that sources may offer in the present round, and the sources that have planned in it. Rows that arrive while
    /// some sources of a query have planned and others have not wait for the next round, so that a batch sees all of an
    /// addition to several streams or nothing of it.
    var visible: [ObjectIdentifier: Int64] = [:]
    var planned: Set<ObjectIdentifier> = []
    var isRoundOver = true
  }

  let state = Mutex(State())

  /// An empty hub.
  public init() {}

  /// The stream of a name, made on first use; throws `MEMORY_STREAM_SCHEMA` when it exists with other columns.
  @discardableResult
  public func stream(_ name: String, schema: Schema) throws -> MemoryStream {
    let found = state.withLock { state in
      if let stream = state.streams[name] { return stream }
      let stream = MemoryStream(name: name, schema: schema, hub: self)
      state.streams[name] = stream
      return stream
    }
    if found.schema != schema {
      throw MillraceError(
        "MEMORY_STREAM_SCHEMA", "memory stream '\(name)' has the columns \(found.schema.ddl), not \(schema.ddl)",
        hint: "use another name, or a new MemoryHub")
    }
    return found
  }

  /// The stream of a name, if there is one.
  public func stream(_ name: String) -> MemoryStream? { state.withLock { $0.streams[name] } }

  /// Names of all streams.
  public var streamNames: [String] { state.withLock { $0.streams.keys.sorted() } }

  /// The table of a name, made on first use.
  public func table(_ name: String) -> MemoryTable {
    state.withLock { state in
      if let table = state.tables[name] { return table }
      let table = MemoryTable(name: name)
      state.tables[name] = table
      return table
    }
  }

  /// Adds rows to several streams at once: a batch of a query on them has all of these rows or none.
  public func addData(_ rows: [(stream: MemoryStream, rows: [[Value]])]) {
    let batches = rows.map { (stream: $0.stream, batch: RecordBatch.of($0.rows, schema: $0.stream.schema)) }
    add(batches)
  }

  func add(_ batches: [(stream: MemoryStream, batch: RecordBatch)]) {
    state.withLock { state in
      for (stream, batch) in batches where batch.rowCount > 0 {
        stream.append(batch)
        state.counts[ObjectIdentifier(stream), default: 0] += Int64(batch.rowCount)
      }
    }
  }

  /// How many rows of a stream a source may offer now.
  func visibleRows(of stream: MemoryStream, to source: MemorySource) -> Int64 {
    state.withLock { state in
      if state.isRoundOver || state.planned.contains(ObjectIdentifier(source)) {
        state.visible = state.counts
        state.planned = []
        state.isRoundOver = false
      }
      state.planned.insert(ObjectIdentifier(source))
      return state.visible[ObjectIdentifier(stream), default: 0]
    }
  }

  /// A source starts: what others planned before belongs to another run.
  func endRound() { state.withLock { $0.isRoundOver = true } }
}
