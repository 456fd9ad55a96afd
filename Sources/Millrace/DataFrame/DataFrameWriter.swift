import MillraceColumnar
import MillraceCore
import MillraceStreaming

/// Writes all rows of a bounded query: `df.write.format("json").mode("overwrite").save("out/rows")`.
///
/// The sinks are those of streams, and get the rows as one batch. What is wrong with modes and options is reported by `save`.
public struct DataFrameWriter: Sendable {
  private let frame: DataFrame
  private var format = "json"
  private var mode: Result<SaveMode, any Error> = .success(.errorIfExists)
  private var settings: [String: String] = [:]
  private var encoder: String?
  private var encodeOptions: [String: String] = [:]

  init(_ frame: DataFrame) { self.frame = frame }

  private func with(_ change: (inout DataFrameWriter) -> Void) -> DataFrameWriter {
    var copy = self
    change(&copy)
    return copy
  }

  /// The connector's name; `json` unless set.
  public func format(_ name: String) -> DataFrameWriter { with { $0.format = name } }
  /// What becomes of data that is there.
  public func mode(_ mode: SaveMode) -> DataFrameWriter { with { $0.mode = .success(mode) } }
  /// The same by Spark's word: append, overwrite, errorifexists or ignore.
  public func mode(_ word: String) -> DataFrameWriter { with { $0.mode = Result { try SaveMode(spark: word) } } }

  /// An option of the sink. Names ignore case.
  public func option(_ key: String, _ value: String) -> DataFrameWriter { with { $0.settings.set(option: key, value) } }
  /// An option of the sink.
  public func option(_ key: String, _ value: Bool) -> DataFrameWriter { option(key, String(value)) }
  /// An option of the sink.
  public func option(_ key: String, _ value: Int) -> DataFrameWriter { option(key, String(value)) }
  /// An option of the sink.
  public func option(_ key: String, _ value: Int64) -> DataFrameWriter { option(key, String(value)) }
  /// An option of the sink.
  public func option(_ key: String, _ value: Double) -> DataFrameWriter { option(key, String(value)) }
  /// Several options of the sink.
  public func options(_ values: [String: String]) -> DataFrameWriter {
    values.reduce(self) { $0.option($1.key, $1.value) }
  }
  /// The encoder of a byte sink, for instance `json`, with its settings.
  public func encode(_ name: String, _ options: [String: String] = [:]) -> DataFrameWriter {
    with {
      $0.encoder = name
      $0.encodeOptions = options
    }
  }

  // MARK: Saving

  /// Writes the rows.
  ///
  /// With a path the modes look at what is there: a file, or a folder with files. Of sinks without one, such as `sqlite`, only `append` can be
  /// done; other modes are refused (`UNSUPPORTED_SAVE_MODE`).
  public func save() async throws {
    let mode = try self.mode.get()
    var sink = StreamingSink(
      name: format, query: try frame.analyzed(), outputMode: .append, format: format, options: settings)
    sink.encode = encoder
    sink.encodeOptions = encodeOptions
    let connector = try frame.session.connectors.connector(format).spec
    let files = frame.session.environment.files
    guard connector.sinkFields.contains(where: { $0.name == "path" }), !Self.keepsTables(connector.name) else {
      if mode != .append, !["console", "memory", "socket"].contains(connector.name) {
        throw MillraceError(
          "UNSUPPORTED_SAVE_MODE", "'\(connector.name)' cannot tell whether there are rows already",
          hint: "say mode(\"append\")")
      }
      return try write(sink)
    }
    let path = settings.first { $0.key.lowercased() == "path" }?.value
    if let path, try Self.exists(path, files) {
      switch mode {
      case .append: break
      case .ignore: return
      case .errorIfExists:
        throw MillraceError(
          "PATH_ALREADY_EXISTS", "there is something at '\(path)' already",
          hint: "use mode(\"append\") or mode(\"overwrite\")")
      case .overwrite:
        // The rows may come from what is to go.
        let rows = try frame.batches()
        try files.removeTree(path)
        return try write(sink, rows)
      }
    }
    try write(sink)
  }

  /// Writes the rows to a path.
  public func save(_ path: String) async throws { try await option("path", path).save() }
  /// Writes CSV files.
  public func csv(_ path: String) async throws { try await format("csv").save(path) }
  /// Writes JSON files, an object a line.
  public func json(_ path: String) async throws { try await format("json").save(path) }
  /// Writes text files of a single string column.
  public func text(_ path: String) async throws { try await format("text").save(path) }

  /// Keeps the rows as a table of the session, which ends with it.
  public func saveAsTable(_ name: String) async throws {
    let session = frame.session
    let isThere = session.tableNames.contains { $0.lowercased() == name.lowercased() }
    switch try mode.get() {
    case .ignore where isThere: return
    case .errorIfExists where isThere:
      throw MillraceError(
        "TABLE_OR_VIEW_ALREADY_EXISTS", "the table `\(name)` exists already",
        hint: "use mode(\"append\") or mode(\"overwrite\")")
    case .append where isThere: try await insertInto(name)
    case .append, .errorIfExists, .ignore, .overwrite: try register(name, try frame.schema, try frame.batches())
    }
  }

  /// Adds the rows to a table of the session, column by column in order.
  public func insertInto(_ name: String) async throws {
    let table = try await frame.session.table(name)
    let whole = table.union(frame)
    try register(name, try whole.schema, try whole.batches())
  }

  private func register(_ name: String, _ schema: Schema, _ batches: [RecordBatch]) throws {
    let rows = RecordBatch.concatenated(batches)
    frame.session.register(
      table: name, schema: schema, rows: rows.rowCount == 0 ? .of([], schema: schema) : rows)
  }

  private func write(_ sink: StreamingSink, _ rows: [RecordBatch]? = nil) throws {
    let binding = try sink.bind(frame.session)
    try BoundedWrite.run(binding, try rows ?? frame.batches())
  }

  /// Whether what lies at a path is a database with tables of its own.
  private static func keepsTables(_ connector: String) -> Bool { connector == "sqlite" }

  private static func exists(_ path: String, _ files: any FileSystem) throws -> Bool {
    guard let status = try files.status(path) else { return false }
    return try !status.isDirectory || !files.list(path).isEmpty
  }
}
