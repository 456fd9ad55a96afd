import MillraceColumnar
import MillraceCore
import MillraceFormats
import MillraceStreaming

/// Where rows go: a connector with its options, and how rows become bytes. What a sink of a query and those beside it have in common.
public struct SinkEnd: Sendable {
  /// The connector's name.
  public var format: String
  /// The connector's own options as written, by name; checked against its `ConnectorSpec` before the query starts.
  public var options: [String: String]
  /// Encoder of a byte sink; nil: what the format implies, else `json`.
  public var encode: String?
  /// Settings of the encoder as written, by name; checked against its `EncoderFormat`.
  public var encodeOptions: [String: String]

  /// Names a connector.
  public init(
    format: String, options: [String: String] = [:], encode: String? = nil, encodeOptions: [String: String] = [:]
  ) {
    self.format = format
    self.options = options
    self.encode = encode
    self.encodeOptions = encodeOptions
  }

  /// Checks the end against the connector's and encoder's specs and makes the sink, without touching the world.
  func bind(name: String, schema: Schema, outputMode: OutputMode, _ session: SparkSession) throws -> SinkBinding {
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
    guard case .bytes(let sink) = kind else {
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
    _ = try encoding.makeEncoder(try sink.writtenSchema(of: schema))
    return SinkBinding(name: name, kind: kind, schema: schema, encoding: encoding)
  }
}
