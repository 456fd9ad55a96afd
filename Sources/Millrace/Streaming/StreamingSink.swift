import MillraceColumnar
public import MillraceCore
import MillraceFormats
public import MillracePlan
import MillraceStreaming

/// One result of a streaming query as a user asks for it: a query, how its rows come out, and where they go.
public struct StreamingSink: Sendable {
  /// The sink's name.
  public var name: String
  /// The analyzed query whose result rows go to this sink.
  public var query: AnalyzedQuery
  /// Whether the sink gets new rows (append), changed rows (update) or the whole result (complete) in each batch.
  public var outputMode: OutputMode
  /// The connector's name.
  public var format: String
  /// The connector's own options as written, by name; checked against its `ConnectorSpec` before the query starts.
  public var options: [String: String]
  /// Encoder of a byte sink and its settings; nil: what the format implies, else `json`.
  public var encode: String?
  /// Settings of the encoder as written, by name; checked against its `EncoderFormat`.
  public var encodeOptions: [String: String] = [:]
  /// The sink itself where a program gave one instead of a connector's name.
  var program: Program?

  /// A sink that a program brings along.
  struct Program: Sendable {
    /// What it is called in messages, for instance `foreachBatch`.
    var name: String
    /// Whether it can take rows as they come, without batches.
    var isContinuous: Bool
    /// Makes the sink for one query.
    var make: @Sendable (SinkRequest) throws -> any RowSink
  }

  /// A sink of a query.
  public init(
    name: String, query: AnalyzedQuery, outputMode: OutputMode = .append, format: String,
    options: [String: String] = [:]
  ) {
    self.name = name
    self.query = query
    self.outputMode = outputMode
    self.format = format
    self.options = options
  }

  /// Checks the sink against the connector's and encoder's specs and makes it, without touching the world.
  func bind(_ session: SparkSession) throws -> SinkBinding {
    if let program { return try bind(program, session) }
    let connector = try session.connectors.connector(format)
    let spec = connector.spec
    guard spec.kinds.contains(.sink) else {
      throw MillraceError("CONNECTOR_NOT_A_SINK", "'\(spec.name)' is not a sink")
    }
    let implied = SourceDefinition.decoderOfFormat[spec.name]
    var connectorOptions = options
    var encodeOptions = self.encodeOptions
    if implied != nil, encode == nil, let encoder = try? FormatRegistry.encoder(implied ?? "") {
      let own = Set(spec.sinkFields.map { $0.name.lowercased() })
      for field in encoder.fields where !own.contains(field.name.lowercased()) {
        if let key = connectorOptions.keys.first(where: { $0.lowercased() == field.name.lowercased() }) {
          encodeOptions[field.name] = connectorOptions.removeValue(forKey: key)
        }
      }
    }
    let checked = try Options(connectorOptions, fields: spec.sinkFields, of: "the sink '\(name)' (\(spec.name))")
    let schema = query.plan.schema
    let kind = try connector.makeSink(
      SinkRequest(
        name: name, options: checked, schema: schema, outputMode: outputMode, environment: session.environment))
    guard kind.sink.outputModes.contains(outputMode) else {
      let modes = kind.sink.outputModes.map(\.rawValue).sorted().joined(separator: ", ")
      throw MillraceError(
        "STREAMING_OUTPUT_MODE.UNSUPPORTED_DATASOURCE",
        "the sink '\(name)' (\(spec.name)) does not take output mode \(outputMode.rawValue)",
        hint: "it takes: \(modes)")
    }
    guard case .bytes = kind else {
      if let encode {
        throw MillraceError(
          "ENCODE_NOT_APPLICABLE", "the sink '\(name)' takes rows, and 'encode' is '\(encode)'",
          hint: "leave 'encode' out")
      }
      return SinkBinding(name: name, kind: kind, schema: schema)
    }
    let format = try FormatRegistry.encoder(encode ?? implied ?? "json")
    let encoding = try format.make(
      try Options(encodeOptions, fields: format.fields, of: "the encoder '\(format.name)' of '\(name)'"))
    _ = try encoding.makeEncoder(schema)
    return SinkBinding(name: name, kind: kind, schema: schema, encoding: encoding)
  }

  private func bind(_ program: Program, _ session: SparkSession) throws -> SinkBinding {
    let schema = query.plan.schema
    // A program has no options: what was set is a mistake.
    let request = SinkRequest(
      name: name, options: try Options(options, fields: [], of: "the sink '\(name)' (\(program.name))"),
      schema: schema, outputMode: outputMode, environment: session.environment)
    return SinkBinding(name: name, kind: .rows(try program.make(request)), schema: schema)
  }
}

/// What a query promises about each row of its results.
public enum DeliveryGuarantee: String, Sendable, Comparable, CaseIterable {
  /// A crash may lose rows: they came from a source that cannot give them again, and were kept in memory only.
  case atMostOnce = "at-most-once"
  /// A crash may repeat rows.
  case atLeastOnce = "at-least-once"
  /// Each row has its effect once, whatever happens.
  case exactlyOnce = "exactly-once"

  /// Weaker before stronger, in the order of the cases.
  public static func < (left: Self, right: Self) -> Bool { left.strength < right.strength }

  private var strength: Int {
    switch self {
    case .atMostOnce: 0
    case .atLeastOnce: 1
    case .exactlyOnce: 2
    }
  }
}
