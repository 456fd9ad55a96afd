import MillraceCore
import Synchronization

/// The writing connection of one query to one database, shared by all sinks of the query that write there.
///
/// A database takes one writer at a time, and the sinks of a query are begun before the first of them commits: with a connection
/// each, the second would wait for the first for ever. So their rows and their entries in `_millrace_commits` go into one
/// transaction, which is committed by the last sink. A sink that commits earlier is not durable yet when its `commit` returns;
/// that is right because the batch counts only when all its sinks have committed. Used by the query's control thread, and for rows by
/// the one that writes them while it computes, never by both at a time.
final class SQLiteWriter: @unchecked Sendable {
  private struct Key: Hashable {
    var query: String
    var device: UInt64
    var inode: UInt64
  }

  private struct Entry {
    weak var writer: SQLiteWriter?
  }

  private static let writers = Mutex<[Key: Entry]>([:])

  let database: SQLiteDatabase
  /// Sinks that have begun the present transaction and not committed.
  private var pending: Set<String> = []

  private init(_ database: SQLiteDatabase) { self.database = database }

  /// The query's connection to the database, opened if it is the first.
  static func open(_ configuration: SQLiteSinkConfiguration, query: String, environment: Environment) throws
    -> SQLiteWriter
  {
    let path = configuration.path
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try environment.files.createDirectory(String(path[..<slash]))
    }
    let database = try SQLiteDatabase(path, .sink, busyTimeout: configuration.busyTimeout)
    // The file exists after the first read. It must not be opened by other means than SQLite's: closing it again would drop
    // the locks that this process holds on it.
    _ = try database.rows("SELECT count(*) FROM sqlite_schema")
    guard let file = try environment.files.status(path) else {
      throw MillraceError(
        "SINK_CANNOT_OPEN", "'\(path)' vanished while it was opened", fault: .external, isRetryable: true)
    }
    let key = Key(query: query, device: file.device, inode: file.inode)
    return try writers.withLock { writers in
      if let writer = writers[key]?.writer { return writer }
      try configuration.apply(to: database)
      let writer = SQLiteWriter(database)
      writers = writers.filter { $0.value.writer != nil }
      writers[key] = Entry(writer: writer)
      return writer
    }
  }

  /// A sink begins a batch. If it had begun one already, that attempt is undone.
  func begin(_ sink: String) throws {
    if pending.contains(sink) { rollback() }
    if !database.isInTransaction {
      pending = []
      try database.execute("BEGIN IMMEDIATE")
    }
    pending.insert(sink)
  }

  /// A sink is done with its batch; the last one makes all durable.
  func commit(_ sink: String) throws {
    pending.remove(sink)
    if pending.isEmpty { try database.execute("COMMIT") }
  }

  /// A sink ends: what it has begun is undone.
  func leave(_ sink: String) {
    if pending.contains(sink) { rollback() }
  }

  /// Undoes the present transaction for all sinks.
  func rollback() {
    pending = []
    if database.isInTransaction { try? database.execute("ROLLBACK") }
  }
}

extension SQLiteSinkConfiguration {
  /// Sets the connection up and reads back what matters for durability.
  func apply(to database: SQLiteDatabase) throws {
    try database.execute("PRAGMA page_size = \(pageSize)")
    let isNew = try database.rows("PRAGMA page_count").first?.first?.integer == 0
    // What is not there yet cannot be damaged.
    if isNew && settlesLater { try database.execute("PRAGMA synchronous = NORMAL") }
    let mode = try database.rows("PRAGMA journal_mode = \(journalMode)").first?.first?.text ?? ""
    if mode.uppercased() != journalMode {
      throw MillraceError(
        "SINK_FAILED", "'\(path)' keeps journal mode '\(mode)' instead of \(journalMode)",
        hint: "its file system may not support it: set journalMode to DELETE", fault: .external)
    }
    try synchronize(database)
    try database.execute("PRAGMA cache_size = -\(max(cacheSize >> 10, 64))")
    try database.execute("PRAGMA temp_store = MEMORY")
    // Pages that were written go into the database itself when there are many, so that those that are written again and again go
    // once; a large batch leaves no large file behind.
    let page = try database.rows("PRAGMA page_size").first?.first?.integer ?? 4096
    try database.execute("PRAGMA wal_autocheckpoint = \(max(checkpointSize / page, 1))")
    try database.execute("PRAGMA journal_size_limit = \(checkpointSize * 4)")
  }

  /// Makes tables. Where a write-ahead log allows it, they become durable with the first batch.
  func settle<Result>(in database: SQLiteDatabase, _ body: () throws -> Result) throws -> Result {
    guard settlesLater && !database.isInTransaction else { return try body() }
    try database.execute("PRAGMA synchronous = NORMAL")
    let result = try body()
    try synchronize(database)
    return result
  }

  private var settlesLater: Bool { journalMode == "WAL" && ["FULL", "EXTRA"].contains(synchronous) }

  private func synchronize(_ database: SQLiteDatabase) throws {
    try database.execute("PRAGMA synchronous = \(synchronous)")
    let levels = ["OFF", "NORMAL", "FULL", "EXTRA"]
    let level = try database.rows("PRAGMA synchronous").first?.first?.integer ?? -1
    if Int(level) != levels.firstIndex(of: synchronous) {
      throw MillraceError("SINK_FAILED", "'\(path)' does not take synchronous \(synchronous)", fault: .external)
    }
  }
}
