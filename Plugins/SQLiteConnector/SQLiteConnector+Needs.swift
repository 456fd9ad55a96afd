public import MillraceCore

extension SQLiteConnector: CheckableConnector {
  /// The table or query, with the columns that were declared.
  public func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    let configuration = try SQLiteSourceConfiguration(request.options)
    let schema = request.schema
    let clock = request.environment.clock
    return [
      ResourceNeed("\(configuration.name) in '\(configuration.path)' can be read") {
        try SQLiteSource(configuration, schema: schema, clock: clock).start(after: nil)
      }
    ]
  }

  /// The database's file, and the table: that it takes the query's columns, or can be made.
  public func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] {
    let configuration = try SQLiteSinkConfiguration(
      request.options, schema: request.schema, outputMode: request.outputMode)
    let files = request.environment.files
    let (path, name, schema) = (
      configuration.path, configuration.table, configuration.tableSchema(request.schema)
    )
    // Sinks for several tables can share a database.
    var file = ResourceNeed.writableFile(path, in: files)
    file.claim = nil
    let needsKeys = request.outputMode == .update && configuration.keys.isEmpty
    let claim = "table '\(name.lowercased())' in '\(ResourceNeed.normalized(path))'"
    let table = ResourceNeed("table '\(name)' in '\(path)' takes the rows", claim: claim) {
      guard try files.status(path) != nil else {
        if configuration.createsTable, needsKeys { throw Self.keysMissing(name, configuration) }
        if configuration.createsTable { return }
        throw MillraceError(
          "SINK_TABLE_NOT_FOUND", "'\(path)' does not exist, and its table is not to be made",
          hint: "set createTable to true to have it made")
      }
      let database = try SQLiteDatabase(path, .sink, busyTimeout: configuration.busyTimeout, isReadOnly: true)
      let table = SQLiteTable(database: database, name: name)
      let columns = try table.columns()
      if !columns.isEmpty {
        // What the table lacks is added when the pipeline runs.
        let present = schema.fields.filter { field in
          !configuration.evolves || columns.contains { $0.name.lowercased() == field.name.lowercased() }
        }
        return try table.check(columns, take: Schema(present))
      }
      if !configuration.createsTable { try table.notFound() }
      if needsKeys { throw Self.keysMissing(name, configuration) }
    }
    return [file, table]
  }

  private static func keysMissing(_ table: String, _ configuration: SQLiteSinkConfiguration) -> MillraceError {
    MillraceError(
      "SINK_KEYS_MISSING",
      "\(configuration.modeInWords) must know which row to replace, and table '\(table)' does not exist yet",
      hint: "set the option 'keys' to the columns that the query groups by")
  }
}
