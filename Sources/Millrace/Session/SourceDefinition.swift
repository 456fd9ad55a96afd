public import MillraceColumnar
public import MillraceCore
public import MillraceExecution
public import MillraceFormats
import MillraceSQL
import MillraceStreaming

/// A source as a session knows it: enough to plan queries over it, and to make the source anew for each query that runs.
public struct SourceDefinition: Sendable {
  /// Name in queries.
  public var name: String
  /// Word behind `format`.
  public var format: String
  /// All columns that queries can read, in the source's own order; every scan of this source has just these.
  public var schema: Schema
  /// Whether queries can also read `_metadata`, which stands behind the columns of `schema` then.
  public var namesFiles = false
  /// Whether queries over the source run until they are stopped; false for a table, which is read to its end.
  public var isStreaming: Bool
  /// Whether the source itself can give its rows again to a new process; false for a socket, whose bytes are only in the
  /// query's checkpoint.
  public var isReplayable: Bool
  /// Whether a source that is not replayable may give records again after a crash, so that a query over it is at-least-once.
  public var mayRepeat = false
  /// Whether a source that is not replayable loses what a crash finds between the sender and the query's checkpoint, since nobody tells the
  /// sender what is durable.
  public var mayLose = false
  /// Names of the streaming sources that must have come to their end before this one is read. Those are never read again then, so
  /// that no row comes twice.
  public var startAfter: [String] = []
  /// How fast a replay of the source follows its event times; nil: the query's clock is the real one.
  public var replaySpeed: ReplaySpeed?
  /// What becomes of records that cannot be decoded.
  public var badRecords = BadRecordSettings()
  /// When a table that streams are joined with is read anew.
  public var reload = TableReload.eachBatch
  /// How the columns were inferred; nil: they are declared, or the format's own.
  public var inference: SchemaInference?
  /// Makes the source for one query.
  public var bind: @Sendable (SourceSetup) throws -> ScanBinding

  /// Makes a definition.
  public init(
    name: String, format: String, schema: Schema, isStreaming: Bool, isReplayable: Bool = true,
    bind: @escaping @Sendable (SourceSetup) throws -> ScanBinding
  ) {
    self.name = name
    self.format = format
    self.schema = schema
    self.isStreaming = isStreaming
    self.isReplayable = isReplayable
    self.bind = bind
  }
}

/// What a query gives a source that is made for it.
public struct SourceSetup: Sendable {
  /// The query's checkpoint, nil without one.
  public var checkpoint: String?
  /// Files and clock that the source is to use; the live ones unless a test put others there.
  public var environment: Environment
  /// Whether the query's trigger is continuous, so that nothing durable may be waited for before rows go on.
  public var isContinuous: Bool
  /// The query's clock, where it is that of a replay.
  public var replayClock: ReplayClock?

  /// Makes a setup.
  public init(
    checkpoint: String? = nil, environment: Environment = .live, isContinuous: Bool = false,
    replayClock: ReplayClock? = nil
  ) {
    self.checkpoint = checkpoint
    self.environment = environment
    self.isContinuous = isContinuous
    self.replayClock = replayClock
  }
}

/// What a user says about a source, before it is checked.
public struct SourceOptions: Sendable {
  /// The connector's name (`socket`, `gzip-file`, …) or a file format (`json`, `csv`, `text`), ignoring case.
  public var format: String
  /// The connector's own options as written, by name; checked against its `ConnectorSpec` when the source is made.
  public var options: [String: String] = [:]
  /// The columns that the user declared; nil: those that the decoder or the connector has by itself.
  public var schema: Schema?
  /// Whether the columns are to be inferred from the data where none are declared.
  public var inference: SchemaInference?
  /// Decoder of a byte source and its settings; nil: what the format implies, else `text`.
  public var decode: String?
  /// Settings of the decoder as written, by name; checked against its `DecoderFormat`.
  public var decodeOptions: [String: String] = [:]
  /// What becomes of records that cannot be decoded; nil: their columns are NULL, as in Spark's PERMISSIVE mode.
  public var badRecords: BadRecordPolicy?
  /// Most bad records of one batch; with more the query fails.
  public var maxBadRecords: Int64?
  /// Largest share of bad records in a batch, from 0 to 1; with more the query fails.
  public var maxBadRatio: Double?

  /// The column with the event times, for a source that is read in their order and does not name it in its options.
  public var orderByColumn: String?

  /// Options of a format.
  public init(format: String) { self.format = format }
}

extension SourceDefinition {
  /// Formats of files whose name also names the decoder.
  static let decoderOfFormat = ["text": "text", "json": "json", "csv": "csv"]

  /// Checks the options against the connector's and decoder's specs without touching the world, unless columns are to be inferred.
  public init(
    name: String, _ wanted: SourceOptions, isStreaming: Bool, connectors: ConnectorRegistry, environment: Environment
  ) throws {
    var given = wanted
    let connector = try connectors.connector(given.format)
    let spec = connector.spec
    guard spec.kinds.contains(.source) else {
      throw MillraceError("CONNECTOR_NOT_A_SOURCE", "'\(spec.name)' is not a source")
    }
    let implied = SourceDefinition.decoderOfFormat[spec.name]
    var connectorOptions = given.options
    var decodeOptions = given.decodeOptions
    let decoderName = given.decode ?? implied
    if implied != nil, given.decode == nil, let decoder = try? FormatRegistry.decoder(implied ?? "") {
      // `header`, `sep` and the like are the decoder's when the format implies it.
      let own = Set(spec.sourceFields.map { $0.name.lowercased() })
      for field in decoder.fields where !own.contains(field.name.lowercased()) {
        if let key = connectorOptions.keys.first(where: { $0.lowercased() == field.name.lowercased() }) {
          decodeOptions[field.name] = connectorOptions.removeValue(forKey: key)
        }
      }
    }
    let owner = "the source '\(name)' (\(spec.name))"
    var options = try Options(connectorOptions, fields: spec.sourceFields, of: owner)
    let replay = try ReplaySettings(options, column: given.orderByColumn)
    // The merge has limits of its own, and wants whole files from the source.
    if replay != nil {
      options = try Options(ReplaySettings.without(connectorOptions), fields: spec.sourceFields, of: owner)
    }
    let request = SourceRequest(name: name, options: options, schema: given.schema, environment: environment)
    // Making the source once tells its kind and columns; making it does not touch the world.
    let probe = try connector.makeSource(request)
    if let inference = given.inference, given.schema == nil {
      let format = try FormatRegistry.decoder(decoderName ?? "text")
      // What was inferred from one file's header must not be read from another's columns.
      if format.fields.contains(where: { $0.name == "enforceSchema" }), decodeOptions["enforceSchema"] == nil {
        decodeOptions["enforceSchema"] = "false"
      }
      given.schema = try inference.schema(
        of: try connector.makeSource(request), name: name, format,
        Options(decodeOptions, fields: format.fields, of: "the decoder '\(format.name)' of '\(name)'"),
        given.badRecords ?? .null, environment)
    }
    let isInferred = wanted.schema == nil && given.inference != nil
    // A stream goes on when files have come and gone that would tell other columns.
    let partitions = try PartitionColumns(of: probe, options, isInferred: isInferred && !isStreaming)
    if isInferred { given.schema = given.schema?.without(partitions.schema) }
    let decoding = try SourceDefinition.decoding(
      for: probe, decoderName, decodeOptions, schema: given.schema, given.badRecords, of: name)
    let decoded = decoding?.schema ?? Schema()
    try partitions.check(besides: decoded, of: name)
    let settings = try SourceDefinition.settings(given, decodeOptions, name: name, isStreaming: isStreaming)
    let schema: Schema
    let isReplayable: Bool
    switch probe {
    case .rows(let source):
      (schema, isReplayable) = (source.schema, true)
      try SourceDefinition.checkRowSource(source, given, name: name)
    case .live where !isStreaming, .liveRecords where !isStreaming:
      throw MillraceError(
        "SOURCE_NOT_BOUNDED", "'\(spec.name)' has no end, and '\(name)' is read once to its end",
        hint: "read it as a stream")
    case .bytes: (schema, isReplayable) = (Schema(decoded.fields + partitions.schema.fields), true)
    case .live: (schema, isReplayable) = (decoded, false)
    case .liveRecords(let source):
      let columns = try OriginDecoding.schema(decoded, source.originColumns)
      (schema, isReplayable) = (columns, false)
    }
    let rules = try SourceDefinition.rules(of: probe, settings, isReplay: replay != nil, name: name)
    let timeColumn = try replay.map { try $0.timeColumn(in: schema, of: name) }
    let namesFiles = probe.namesFiles && !schema.names.contains { $0.lowercased() == FileMetadata.columnName }
    self.init(
      name: name, format: spec.name, schema: schema, isStreaming: isStreaming, isReplayable: isReplayable
    ) { [namesFiles] setup in
      var fresh = request
      fresh.environment = setup.environment
      let kind = try connector.makeSource(fresh)
      var decoding = decoding
      if probe.namesFiles, let own = decoding {
        decoding = FileColumnsDecoding(
          own, partitions: partitions, hasMetadata: namesFiles, outside: setup.checkpoint, setup.environment.files)
      }
      if let replay, let timeColumn, let decoding {
        var merged = try replay.binding(
          kind, decoding, timeColumn: timeColumn, name: name, isStreaming: isStreaming, clock: setup.replayClock)
        merged.badRecords = settings
        return merged
      }
      var binding = ScanBinding(
        name: name, input: try SourceDefinition.input(kind, decoding, setup, name: name), isStreaming: isStreaming)
      binding.badRecords = settings
      binding.records = rules
      if case .liveRecords(let source) = kind { binding.escapesRecords = source.escapesRecords }
      return binding
    }
    self.namesFiles = namesFiles
    if isStreaming { replaySpeed = replay?.speed }
    badRecords = settings
    if wanted.schema == nil { inference = given.inference }
    switch probe {
    case .bytes, .rows: break
    case .live: mayLose = true
    case .liveRecords(let source):
      mayRepeat = source.mayRepeat
      mayLose = !source.mayRepeat && !source.acknowledges
    }
  }

  /// What the user says of bad records, Spark's option `mode` included.
  private static func settings(
    _ given: SourceOptions, _ decodeOptions: [String: String], name: String, isStreaming: Bool
  ) throws -> BadRecordSettings {
    let mode = decodeOptions.first { $0.key.lowercased() == "mode" }?.value
    let policy = given.badRecords ?? mode.flatMap { BadRecordPolicy(mode: $0.uppercased()) }
    if policy == .deadLetter, !isStreaming {
      throw MillraceError(
        "BAD_RECORDS_NOT_APPLICABLE", "the table '\(name)' is read anew for each batch, and has no dead letters",
        hint: "use null, skip or fail, or read it as a source")
    }
    if let ratio = given.maxBadRatio, !(0...1).contains(ratio) {
      throw MillraceError(
        "BAD_RECORDS_OUT_OF_RANGE", "maxBadRatio of '\(name)' is \(ratio)", hint: "it takes a number from 0 to 1")
    }
    return BadRecordSettings(policy, maxRecords: given.maxBadRecords, maxRatio: given.maxBadRatio)
  }

  /// How the source wants its bytes to be cut into records.
  private static func rules(
    of source: SourceKind, _ badRecords: BadRecordSettings, isReplay: Bool, name: String
  ) throws -> RecordRules {
    guard case .bytes(let source as any RecordRuleSource) = source else { return RecordRules() }
    let rules = source.recordRules
    if rules.onLongRecord == .deadLetter, badRecords.policy != .deadLetter {
      throw MillraceError(
        "OPTION_CONFLICT",
        "option 'onLongRecord' of '\(name)' is deadLetter, but other bad records are no dead letters",
        hint: "set onBadRecord to deadLetter, too")
    }
    // The merge knows the places of its rows only where each line is a record as it is written.
    guard isReplay else { return rules }
    var misfit: String?
    if rules.onLongRecord != nil || rules.maxRecordBytes != RecordRules.largestRecord { misfit = "maxRecordBytes" }
    if rules.encoding != .utf8 { misfit = "encoding" }
    if rules.grouping != nil { misfit = "multiline" }
    if let misfit {
      throw MillraceError(
        "OPTION_CONFLICT", "'\(name)' is read in the order of event times, which '\(misfit)' does not go with",
        hint: "leave 'orderBy' or '\(misfit)' out")
    }
    return RecordRules()
  }

  /// Refuses what only a decoder could heed.
  private static func checkRowSource(_ source: any RowSource, _ given: SourceOptions, name: String) throws {
    if let schema = given.schema, schema != source.schema {
      throw MillraceError(
        "SCHEMA_NOT_ALLOWED", "the source '\(name)' has columns of its own", hint: "leave the schema out")
    }
    if given.badRecords != nil || given.maxBadRecords != nil || given.maxBadRatio != nil {
      throw MillraceError(
        "BAD_RECORDS_NOT_APPLICABLE", "the source '\(name)' gives rows, which need no decoding",
        hint: "leave 'onBadRecord' out")
    }
  }

  private static func decoding(
    for kind: SourceKind, _ decoder: String?, _ options: [String: String], schema: Schema?, _ policy: BadRecordPolicy?,
    of name: String
  ) throws -> (any Decoding)? {
    if case .rows = kind {
      if let decoder {
        throw MillraceError(
          "DECODE_NOT_APPLICABLE", "the source '\(name)' gives rows, and 'decode' is '\(decoder)'",
          hint: "leave 'decode' out")
      }
      return nil
    }
    let format = try FormatRegistry.decoder(decoder ?? "text")
    return try format.make(
      try Options(options, fields: format.fields, of: "the decoder '\(format.name)' of '\(name)'"), schema,
      policy ?? .null)
  }

  private static func journalOptions(_ setup: SourceSetup) -> JournaledSource.Options {
    var options = JournaledSource.Options()
    options.syncsBehind = setup.isContinuous
    return options
  }

  private static func input(
    _ kind: SourceKind, _ decoding: (any Decoding)?, _ setup: SourceSetup, name: String
  ) throws -> ScanBinding.Input {
    switch kind {
    case .rows(let source): return .rows(source)
    case .bytes(let source):
      guard let decoding else {
        throw MillraceError("INTERNAL_ERROR", "the source '\(name)' has no decoder", fault: .bug)
      }
      return .bytes(source, decoding)
    case .live(let source):
      guard let decoding else {
        throw MillraceError("INTERNAL_ERROR", "the source '\(name)' has no decoder", fault: .bug)
      }
      let journaled = JournaledSource(
        source, name: name, checkpointLocation: setup.checkpoint, environment: setup.environment,
        options: journalOptions(setup))
      return .bytes(journaled, decoding)
    case .liveRecords(let source):
      guard let decoding else {
        throw MillraceError("INTERNAL_ERROR", "the source '\(name)' has no decoder", fault: .bug)
      }
      let journaled = JournaledSource(
        source, name: name, checkpointLocation: setup.checkpoint, environment: setup.environment,
        options: journalOptions(setup))
      if source.originColumns.isEmpty { return .bytes(journaled, decoding) }
      return .bytes(journaled, OriginDecoding(decoding, origins: source.originColumns, of: journaled))
    }
  }
}
