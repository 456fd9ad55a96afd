import ArgumentParser
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats
import MillracePipeline
import MillraceSQL

/// `millrace sql`.
struct SQLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql", abstract: "Runs a SQL query over files, gzip included, and prints its rows.",
    discussion: """
      The ending of a file's name tells its format: .json, .jsonl and .ndjson are JSON lines, .csv has names in its first line, \
      anything else is text with one column, value; .gz may follow. NAME:FORMAT=FILE names the format. Columns that are not \
      declared are inferred from the first records. NAME=FILE.db is the table NAME of a SQLite database, NAME=FILE.db?table=OTHER \
      another of its tables. \
      state:CHECKPOINT is what the operators of a query keep (key, value, partition_id; see millrace state --help), and \
      state-metadata:CHECKPOINT a list of them.

      Examples:
        millrace sql "SELECT 1 + 1"
        millrace sql "SELECT status, count(*) AS n FROM r GROUP BY status ORDER BY n DESC" \\
          --table "r:combined=docs/examples/logs/access.log.*.gz"
        millrace sql "SELECT * FROM e WHERE kind = 'buy'" --table e=events.json.gz --schema "e=kind STRING, price DOUBLE"
        millrace sql "SELECT count(*) FROM traffic" --table traffic=out/traffic.db
        millrace sql "SELECT key.status, value.count FROM s" --table "s=state:out/checkpoints/traffic?operator=0&version=3"
        millrace sql --explain "SELECT value FROM t WHERE value LIKE 'a%'" --table t=words.txt
        millrace sql --analyze "SELECT count(*) FROM t" --table t=words.txt    (runs it and shows where the time went)
      """)

  @Argument(help: "The query.")
  var query: String

  @Option(
    name: .customLong("table"), parsing: .singleValue,
    help: ArgumentHelp("A file, or a glob in quotes, as a table.", valueName: "name=file"))
  var tables: [String] = []

  @Option(
    name: .customLong("schema"), parsing: .singleValue,
    help: ArgumentHelp("The columns of a table.", valueName: "name=ddl"))
  var schemas: [String] = []

  @Flag(help: "Print the plan instead of running it.")
  var explain = false

  @Flag(help: "Run the query and print what its operators did instead of its rows.")
  var analyze = false

  @OptionGroup var output: JSONOption

  func validate() throws {
    for text in tables { _ = try TableArgument(text) }
    for text in schemas { _ = try TableArgument.pair(text, "--schema", "name=ddl") }
  }

  func run() throws {
    let context = CommandContext.current
    let session = SparkSession(connectors: context.catalog.ownConnectors, environment: context.environment)
    for function in context.catalog.functions { session.register(function) }
    let schemas = try self.schemas.map { try TableArgument.pair($0, "--schema", "name=ddl") }
    for text in tables {
      let table = try TableArgument(text)
      let schema = schemas.first { $0.name == table.name }?.value
      session.register(try table.definition(schema: schema, in: session))
    }
    let frame = try analyzed(session)
    if explain {
      Terminal.print(try frame.explain())
      return
    }
    if analyze {
      let profile = try QueryResult.running { try frame.profile() }
      Terminal.print(output.isJSON ? profile.json.prettyText : profile.text)
      return
    }
    try QueryResult.print(frame, isJSON: output.isJSON)
  }

  /// The query, resolved; where it names a table and none was given, that is most likely what is missing.
  private func analyzed(_ session: SparkSession) throws -> DataFrame {
    do {
      return try session.execute(statement: query)
    } catch var error as MillraceError where error.code == "TABLE_OR_VIEW_NOT_FOUND" && tables.isEmpty {
      error.hint = "say which file it is: --table name=file"
      throw error
    }
  }
}

/// `NAME=FILE` or `NAME:FORMAT=FILE`.
struct TableArgument {
  var name: String
  var format: String?
  var file: String

  init(_ text: String) throws {
    let pair = try Self.pair(text, "--table", "name=file")
    let parts = pair.name.split(separator: ":", maxSplits: 1)
    name = String(parts[0])
    format = parts.count > 1 ? String(parts[1]) : nil
    file = pair.value
  }

  /// The halves around the first `=`.
  static func pair(_ text: String, _ option: String, _ form: String) throws -> (name: String, value: String) {
    let parts = text.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { throw ValidationError("\(option) takes \(form), not '\(text)'") }
    return (String(parts[0]), String(parts[1]))
  }

  private static func schema(_ ddl: String) throws -> Schema {
    do {
      return try SQLParser.parseSchema(ddl)
    } catch {
      throw MillraceError(error)
    }
  }

  /// The table of a SQLite database that is meant; nil where the file's name is none of one.
  private var databaseTable: (path: String, name: String)? {
    let parts = file.split(separator: "?", maxSplits: 1)
    guard let path = parts.first, [".db", ".sqlite", ".sqlite3"].contains(where: { path.hasSuffix($0) }) else {
      return nil
    }
    let table = parts.count > 1 && parts[1].hasPrefix("table=") ? String(parts[1].dropFirst(6)) : name
    return (String(path), table)
  }

  /// The file as a bounded source.
  func definition(schema: String?, in session: SparkSession) throws -> SourceDefinition {
    if let state = try StateArgument(file) { return try state.definition(name: name, in: session) }
    if format == nil, let table = databaseTable {
      var given = SourceOptions(format: "sqlite")
      given.options = ["path": table.path, "table": table.name, "incremental": "none"]
      given.schema = try schema.map { try Self.schema($0) }
      return try SourceDefinition(
        name: name, given, isStreaming: false, connectors: session.connectors, environment: session.environment)
    }
    let isPacked = file.hasSuffix(".gz")
    let plain = isPacked ? String(file.dropLast(3)) : file
    var format = self.format ?? "text"
    if self.format == nil {
      let endings = [".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv"]
      format = endings.first { plain.hasSuffix($0.key) }?.value ?? "text"
    }
    var given = SourceOptions(format: isPacked ? "gzip-file" : "text")
    given.options = ["path": file]
    given.decode = format
    if format == "csv" { given.decodeOptions = ["header": "true"] }
    given.schema = try schema.map { try Self.schema($0) }
    let decoder = try FormatRegistry.decoder(format)
    if decoder.infer != nil, decoder.ownSchema == nil { given.inference = SchemaInference() }
    return try SourceDefinition(
      name: name, given, isStreaming: false, connectors: session.connectors, environment: session.environment)
  }
}
