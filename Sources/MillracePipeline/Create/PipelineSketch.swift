import Millrace
import MillraceCore
import MillraceFormats

/// Writes the first draft of a pipeline file: a source, what reads its bytes, a query and a sink, with all their options and a word on
/// each. What must be said is filled in with an example, what can be said stands in comments.
package struct PipelineSketch {
  private let catalog: PipelineCatalog
  private let source: ConnectorSpec
  private let decoder: DecoderFormat?
  private let sink: ConnectorSpec
  private let shape: Shape
  /// Whether the sink takes bytes.
  private let takesBytes: Bool

  /// What a source gives.
  fileprivate enum Shape {
    /// Bytes that a decoder reads; the connector of a format's name brings its own.
    case bytes(hasOwnDecoder: Bool)
    case rows
  }

  /// A draft for `SOURCE/DECODER/SINK`, or with `sql` in the middle for what the source gives by itself.
  package init(_ words: String, _ catalog: PipelineCatalog) throws {
    let parts = words.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3, !parts.contains("") else {
      throw MillraceError(
        "CREATE_WORDS", "'\(words)' is not SOURCE/DECODER/SINK",
        hint: "for instance gzip-file/combined/sqlite, or with sql in the middle: socket/sql/rotating-file")
    }
    self.catalog = catalog
    let connector = try catalog.connectors.connector(parts[0])
    source = try Self.kind(connector.spec, .source)
    let sinkConnector = try catalog.connectors.connector(parts[2])
    sink = try Self.kind(sinkConnector.spec, .sink)
    shape = try Self.shape(of: connector)
    takesBytes = try Self.takesBytes(sinkConnector)
    decoder = try Self.decoder(parts[1], of: source, shape, catalog)
  }

  private static func kind(_ spec: ConnectorSpec, _ kind: ConnectorSpec.Kind) throws -> ConnectorSpec {
    if spec.kinds.contains(kind) { return spec }
    throw MillraceError(
      "PIPELINE_WRONG_KIND", "the connector '\(spec.name)' is no \(kind.rawValue)", hint: "millrace list has all")
  }

  private static func decoder(
    _ word: String, of source: ConnectorSpec, _ shape: Shape, _ catalog: PipelineCatalog
  ) throws -> DecoderFormat? {
    if word == "sql" { return nil }
    guard let decoder = catalog.decoders.first(where: { $0.name == word }) else {
      throw MillraceError(
        "PIPELINE_UNKNOWN_FORMAT", "there is no format '\(word)' to decode",
        hint: Hint.nearest(to: word, among: catalog.decoders.map(\.name) + ["sql"], otherwise: "formats are"))
    }
    guard case .bytes = shape else {
      throw MillraceError(
        "DECODE_NOT_APPLICABLE", "the source '\(source.name)' gives rows, which need no decoding",
        hint: "write sql in the middle")
    }
    return decoder
  }

  // MARK: What the connectors are

  /// Options that most say, though there is another way to say where something is.
  private static let place: Set<String> = ["host", "port"]

  private static func shape(of connector: any Connector) throws -> Shape {
    let fields = connector.spec.sourceFields
    let values = Dictionary(
      fields.filter { $0.isRequired || $0.name == "table" || place.contains($0.name) }.map { ($0.name, plain($0)) },
      uniquingKeysWith: { $1 })
    let request = SourceRequest(
      name: "input", options: try Options(values, fields: fields, of: connector.spec.name),
      schema: Schema([StructField("value", .string)]))
    switch try connector.makeSource(request) {
    case .rows: return .rows
    case .bytes, .live, .liveRecords:
      return .bytes(hasOwnDecoder: ["text", "json", "csv"].contains(connector.spec.name))
    }
  }

  private static func takesBytes(_ connector: any Connector) throws -> Bool {
    let fields = connector.spec.sinkFields
    let values = Dictionary(
      fields.filter { $0.isRequired || place.contains($0.name) }.map { ($0.name, plain($0)) },
      uniquingKeysWith: { $1 })
    let request = SinkRequest(
      name: "output", options: try Options(values, fields: fields, of: connector.spec.name),
      schema: Schema([StructField("value", .string)]), outputMode: .append)
    if case .bytes = try connector.makeSink(request) { return true }
    return false
  }

  /// A value that the field takes.
  private static func plain(_ field: OptionField) -> String {
    if let text = field.example ?? field.defaultValue { return text }
    switch field.type {
    case .string, .path: return field.name
    case .integer: return String(field.range?.lowerBound ?? 1)
    case .boolean: return "true"
    case .number: return "1"
    case .duration: return "10 seconds"
    case .byteCount: return "64 MiB"
    case .choice(let words): return words.first ?? ""
    case .list: return field.name
    }
  }

  // MARK: The text

  /// The draft; `name` is the pipeline's.
  package func text(name: String = "my-pipeline") throws -> String {
    var lines = [
      "{", #""version": 1,"#,
      #"// "control": "out/control.sock",  where millrace top and millrace tap ask a run what it does"#, "",
      #""pipelines": {"#, #""\#(name)": {"#, #""sources": {"#,
    ]
    lines += ["// \(source.summary)", #""input": {"#, #""format": "\#(source.name)","#]
    lines += options(source.sourceFields, always: shape.isRows ? ["table"] : [])
    lines += reading
    lines += ["},", "},", "", #""sinks": {"#, "// \(sink.summary)", #""output": {"#]
    lines += query
    lines.append(#""format": "\#(sink.name)","#)
    lines += options(sink.sinkFields)
    lines += writing
    lines += ["},", "},"]
    lines += running(name)
    lines += ["},", "},", "}"]
    return try PipelineFormatter.format(Array(lines.joined(separator: "\n").utf8), file: name)
  }

  /// `options` with what is required, and the others in comments.
  private func options(_ fields: [OptionField], always: Set<String> = []) -> [String] {
    if fields.isEmpty { return [] }
    let current = fields.filter { $0.deprecatedFor == nil }
    let needed = current.filter { $0.isRequired || always.contains($0.name) || Self.place.contains($0.name) }
    let others = current.filter { field in !needed.contains { $0.name == field.name } }
    var lines = [#""options": {"#]
    for field in needed { lines += ["// \(field.remarks)", "\(Self.member(field)),"] }
    for field in others { lines += ["// \(Self.member(field)),  \(field.remarks)"] }
    return lines + ["},"]
  }

  private static func member(_ field: OptionField) -> String {
    let text = plain(field)
    var value = ""
    switch field.type {
    case .integer, .boolean, .number: value = text
    case .list:
      value = "[" + text.split(separator: ",").map { quoted(String($0)) }.joined(separator: ", ") + "]"
    case .string, .path, .duration, .byteCount, .choice: value = quoted(text)
    }
    return "\(quoted(field.name)): \(value)"
  }

  private static func quoted(_ text: String) -> String {
    var out = ""
    JSON.quote(text, into: &out)
    return out
  }

  /// How the source's bytes become rows.
  private var reading: [String] {
    var lines: [String] = []
    if let decoder, !(shape.hasOwnDecoder && decoder.name == source.name) {
      lines.append("// \(decoder.summary)")
      let needed = decoder.fields.filter(\.isRequired)
      let settings = needed.map { ", \(Self.member($0))" }.joined()
      lines.append(
        needed.isEmpty ? #""decode": "\#(decoder.name)","# : #""decode": { "format": "\#(decoder.name)"\#(settings) },"#
      )
      for field in decoder.fields where !field.isRequired && field.deprecatedFor == nil {
        lines.append("// in an object, { \"format\": \"\(decoder.name)\", … }: \(Self.member(field)): \(field.remarks)")
      }
    }
    if needsSchema { lines += ["// the columns, as Spark DDL", #""schema": "\#(Self.schema)","#] }
    if !shape.isRows {
      lines.append("// \"onBadRecord\": \"skip\",  or \"fail\"; what cannot be read is NULL otherwise")
    }
    let time = columns.first { ["time", "timestamp"].contains($0) } ?? "time"
    lines.append(
      "// \"watermark\": { \"column\": \"\(time)\", \"delay\": \"10 minutes\" },  lets windows end; rows that come later are left out"
    )
    return lines
  }

  private static let schema = "id BIGINT, name STRING, time TIMESTAMP"

  private var needsSchema: Bool {
    if shape.isRows { return !["rate", "rate-micro-batch"].contains(source.name) }
    let format = decoder?.name ?? (shape.hasOwnDecoder ? source.name : "text")
    return catalog.decoders.first { $0.name == format }?.ownSchema == nil
      && !(decoder?.fields.contains(where: \.isRequired) ?? false)
  }

  /// Columns that are known by now.
  private var columns: [String] {
    if needsSchema { return ["id", "name", "time"] }
    let format = decoder?.name ?? (shape.hasOwnDecoder ? source.name : "text")
    if shape.isRows { return [] }
    return catalog.decoders.first { $0.name == format }?.ownSchema?.names ?? []
  }

  private var query: [String] {
    let chosen = columns.count > 1 ? columns.map { "`\($0)`" }.joined(separator: ", ") : "*"
    return [
      "// any SELECT, with WHERE, JOIN, GROUP BY window(time, '1 minute'), …",
      #""query": "SELECT \#(chosen) FROM input","#,
      #"// "outputMode": "update",  for queries with GROUP BY: rows that changed; "complete": all rows each time"#,
    ]
  }

  private var writing: [String] {
    guard takesBytes else { return [] }
    let names = catalog.encoders.map(\.name).joined(separator: ", ")
    return ["// \"encode\": \"json\",  or one of: \(names)"]
  }

  private func running(_ name: String) -> [String] {
    [
      "", "// where the pipeline goes on after a stop or a crash",
      #""checkpointLocation": "out/checkpoints/\#(name)","#,
      #"// "trigger": { "availableNow": true },  what is there now, then the end; or { "processingTime": "10 seconds" }"#,
      #"// "delivery": "exactly-once",  a demand that is checked before the start"#,
    ]
  }
}

extension PipelineSketch.Shape {
  fileprivate var isRows: Bool { if case .rows = self { true } else { false } }
  fileprivate var hasOwnDecoder: Bool { if case .bytes(true) = self { true } else { false } }
}
