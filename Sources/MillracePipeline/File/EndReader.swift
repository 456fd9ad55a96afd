import Millrace
import MillraceCore
import MillraceExecution
import MillraceFormats
import MillracePlan
import MillraceSQL

/// Reads entries under `sources`, `tables` and `sinks`: inline ends, and those that use a named connector.
struct EndReader {
  let catalog: PipelineCatalog
  /// Named connectors of the file.
  let named: [LocatedJSON.Member]
  let diagnostics: DiagnosticCollector

  /// What an entry is; decides which keys and options it takes.
  enum Role: String {
    case source, table, sink, deadLetter, lateRows

    var phrase: String {
      switch self {
      case .source, .table, .sink: "a \(rawValue)"
      case .deadLetter, .lateRows: "'\(rawValue)'"
      }
    }

    var kind: ConnectorSpec.Kind {
      switch self {
      case .source, .table: .source
      case .sink, .deadLetter, .lateRows: .sink
      }
    }

    var keys: [String] {
      switch self {
      case .source:
        [
          "use", "format", "options", "decode", "schema", "watermark", "startAfter", "onBadRecord", "maxBadRecords",
          "maxBadRatio",
        ]
      case .table:
        ["use", "format", "options", "decode", "schema", "onBadRecord", "maxBadRecords", "maxBadRatio", "reload"]
      case .sink: ["query", "outputMode", "use", "format", "options", "encode", "onBadRecord", "onEndOfInput"]
      case .deadLetter, .lateRows: ["use", "format", "options", "encode"]
      }
    }
  }

  /// The keys of a named connector.
  static let connectorKeys = ["format", "options", "decode", "encode", "schema"]

  static let watermarkKeys = ["column", "delay", "idleTimeout", "maxFutureSkew"]

  // MARK: Entries

  func source(_ member: LocatedJSON.Member, _ role: Role) -> SourceEntry? {
    guard let reader = entry(member, role) else { return nil }
    // All of it is read before the end is looked at, so that everything wrong is found at once.
    let (decode, watermark) = (decode(reader), watermark(reader))
    let inference = inference(reader)
    let schema = inference == nil ? reader.sql("schema", SQLParser.parseSchema)?.tree : nil
    let onBadRecord = reader.word("onBadRecord", BadRecordPolicy.self)
    let (most, ratio) = (reader.count("maxBadRecords"), reader.ratio("maxBadRatio"))
    let startAfter = reader.texts("startAfter")
    let reload = role == .table ? reload(reader) : nil
    guard let end = end(member, reader, role) else { return nil }
    return SourceEntry(
      end: end, decode: decode, schema: schema, schemaPlace: reader["schema"]?.place, inference: inference,
      watermark: watermark, startAfter: startAfter, onBadRecord: onBadRecord,
      onBadRecordPlace: reader["onBadRecord"]?.place, maxBadRecords: most.map { Int64($0) }, maxBadRatio: ratio,
      reload: reload)
  }

  /// When a table is read anew: a word, or a time.
  private func reload(_ reader: ObjectReader) -> TableReload? {
    guard let text = reader.text("reload") else { return nil }
    switch text.text.lowercased() {
    case "never": return .never
    case "eachbatch": return .eachBatch
    default:
      if let interval = DurationText.microseconds(text.text), interval > 0 { return .interval(interval) }
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "'reload' is '\(text.text)'",
        hint: "it takes never, eachBatch, or a time such as '10 minutes'", at: text.place)
      return nil
    }
  }

  func sink(_ member: LocatedJSON.Member) -> SinkEntry? {
    guard let reader = entry(member, .sink) else { return nil }
    let query = reader.sql("query", SQLParser.parseQuery)
    if reader["query"] == nil { reader.reportMissing("query", "a sink", hint: "the SELECT whose rows it gets") }
    let mode = reader.word("outputMode", OutputMode.self) ?? .append
    let encode = encode(reader)
    guard let end = end(member, reader, .sink), let query else { return nil }
    return SinkEntry(
      end: end, query: query.text, syntax: query.tree, outputMode: mode,
      outputModePlace: reader["outputMode"]?.place ?? member.place,
      encode: encode, onBadRecord: reader.word("onBadRecord", BadRecordPolicy.self),
      onBadRecordPlace: reader["onBadRecord"]?.place, onEndOfInput: reader.word("onEndOfInput", EndOfInput.self))
  }

  /// The entry under `deadLetter` or `lateRows` of a pipeline.
  func side(_ role: Role, of pipeline: ObjectReader) -> SideEntry? {
    guard let node = pipeline[role.rawValue] else { return nil }
    let member = LocatedJSON.Member(key: role.rawValue, place: node.place, value: node)
    guard let reader = entry(member, role) else { return nil }
    let encode = encode(reader)
    return end(member, reader, role).map { SideEntry(end: $0, encode: encode) }
  }

  /// A state store: its name, or an object with `format` and `options`.
  func stateStore(_ node: LocatedJSON?) -> StateStoreEntry? {
    guard let node else { return nil }
    var name = node
    var given: [LocatedJSON.Member] = []
    if node.members != nil {
      guard let reader = ObjectReader(node, "a state store", keys: ["format", "options"], diagnostics) else {
        return nil
      }
      guard let format = reader["format"] else {
        reader.reportMissing("format", "a state store", hint: "for instance \"sqlite\"")
        return nil
      }
      if let options = reader["options"], options.members == nil {
        diagnostics.report(
          "PIPELINE_WRONG_TYPE", "'options' is \(options.kind)", hint: "it takes an object", at: options.place)
        return nil
      }
      name = format
      given = reader["options"]?.members ?? []
    }
    guard let text = name.string else {
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "'stateStore' is \(name.kind)",
        hint: "it takes a name, or an object with the keys 'format' and 'options'", at: name.place)
      return nil
    }
    do {
      let spec = try StateStoreChoice.spec(text, catalog.connectors)
      let reader = OptionReader(
        owner: "the state store '\(spec.name)'", fields: spec.fields, diagnostics: diagnostics)
      return reader.options(given, at: node.place).map {
        StateStoreEntry(choice: StateStoreChoice(spec.name, options: $0.values), place: name.place)
      }
    } catch {
      diagnostics.report(error as? MillraceError ?? MillraceError("PIPELINE_FAILED", "\(error)"), at: name.place)
      return nil
    }
  }

  /// Checks a named connector as far as it goes alone; what is missing may come from the entry that uses it.
  func checkConnector(_ member: LocatedJSON.Member) {
    guard let reader = ObjectReader(member.value, "a connector", keys: Self.connectorKeys, diagnostics) else { return }
    _ = decode(reader)
    _ = encode(reader)
    if inference(reader) == nil { _ = reader.sql("schema", SQLParser.parseSchema) }
    guard let format = reader.text("format"), let spec = spec(of: format) else { return }
    let fields =
      spec.sourceFields + spec.sinkFields.filter { field in !spec.sourceFields.contains { $0.name == field.name } }
    let optional = fields.map { field in
      var field = field
      field.isRequired = false
      return field
    }
    let checker = OptionReader(owner: "the connector '\(spec.name)'", fields: optional, diagnostics: diagnostics)
    _ = checker.options(reader["options"]?.members ?? [], at: member.place)
  }

  // MARK: Parts

  /// The entry with what it uses.
  private func entry(_ member: LocatedJSON.Member, _ role: Role) -> ObjectReader? {
    guard let reader = ObjectReader(member.value, role.phrase, keys: role.keys, diagnostics) else { return nil }
    guard let use = reader.text("use") else { return reader }
    guard let used = named.first(where: { $0.key == use.text }) else {
      diagnostics.report(
        "PIPELINE_NOT_FOUND", "there is no connector named '\(use.text)'",
        hint: Hint.nearest(to: use.text, among: named.map(\.key), otherwise: "the file's connectors are")
          ?? "define it under \"connectors\", or write \"format\" in place of \"use\"",
        at: use.place)
      return nil
    }
    guard let members = used.value.members else { return nil }
    for misfit in members where Self.connectorKeys.contains(misfit.key) && !role.keys.contains(misfit.key) {
      diagnostics.report(
        "PIPELINE_UNKNOWN_KEY", "the connector '\(use.text)' has '\(misfit.key)', which \(role.phrase) does not take",
        hint: "move '\(misfit.key)' to the entries that take it", at: use.place)
    }
    let known = members.filter { role.keys.contains($0.key) && Self.connectorKeys.contains($0.key) }
    let base = LocatedJSON(value: .object(known), place: used.value.place)
    return ObjectReader(
      base.extended(by: member.value), role.phrase, keys: (base.extended(by: member.value).members ?? []).map(\.key),
      diagnostics)
  }

  private func end(_ member: LocatedJSON.Member, _ reader: ObjectReader, _ role: Role) -> EndEntry? {
    if reader["format"] == nil {
      reader.reportMissing("format", role.phrase, hint: "or the key 'use' with the name of a connector of this file")
    }
    guard let format = reader.text("format"), let spec = spec(of: format) else { return nil }
    guard spec.kinds.contains(role.kind) else {
      diagnostics.report(
        "PIPELINE_WRONG_KIND", "the connector '\(spec.name)' is no \(role.kind.rawValue)", hint: others(role.kind),
        at: format.place)
      return nil
    }
    if let options = reader["options"], options.members == nil {
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "'options' is \(options.kind)", hint: "it takes an object", at: options.place)
      return nil
    }
    let optionReader = OptionReader(
      owner: "the \(role.kind.rawValue) '\(spec.name)'",
      fields: fields(of: spec, role, hasCodec: reader[role.kind == .sink ? "encode" : "decode"] != nil),
      diagnostics: diagnostics)
    guard
      let result = optionReader.options(reader["options"]?.members ?? [], at: reader["options"]?.place ?? member.place)
    else { return nil }
    return EndEntry(
      name: member.key, place: member.place, format: spec.name, formatPlace: format.place, options: result.options,
      values: result.values, shownOptions: result.shown)
  }

  /// The connector's fields, and those of the format that bears its name unless the entry names a format itself:
  /// `"format": "csv"` takes `header` among its options.
  private func fields(of spec: ConnectorSpec, _ role: Role, hasCodec: Bool) -> [OptionField] {
    let own = role.kind == .sink ? spec.sinkFields : spec.sourceFields
    let implied = role.kind == .sink ? catalog.encoderFields(spec.name) : catalog.decoderFields(spec.name)
    guard !hasCodec, let implied else { return own }
    return own + implied.filter { field in !own.contains { $0.name == field.name } }
  }

  private func spec(of format: LocatedText) -> ConnectorSpec? {
    do {
      return try catalog.connectors.connector(format.text).spec
    } catch {
      diagnostics.report(
        error as? MillraceError ?? MillraceError("DATA_SOURCE_NOT_FOUND", "\(error)"), at: format.place)
      return nil
    }
  }

  private func others(_ kind: ConnectorSpec.Kind) -> String {
    let names = catalog.connectors.specs.filter { $0.kinds.contains(kind) }.map(\.name)
    return "\(kind.rawValue)s are: \(names.joined(separator: ", "))"
  }

  private func watermark(_ reader: ObjectReader) -> WatermarkEntry? {
    guard let node = reader["watermark"],
      let watermark = ObjectReader(node, "a watermark", keys: Self.watermarkKeys, diagnostics)
    else { return nil }
    if watermark["column"] == nil {
      watermark.reportMissing("column", "a watermark", hint: "the column that holds the event's time")
    }
    if watermark["delay"] == nil {
      watermark.reportMissing("delay", "a watermark", hint: "how late rows may be, for instance \"10 minutes\"")
    }
    guard let column = watermark.text("column"), let delay = watermark.duration("delay") else { return nil }
    let settings = WatermarkSettings(
      delay: delay, idleTimeout: watermark.duration("idleTimeout"), maxFutureSkew: watermark.duration("maxFutureSkew"))
    return WatermarkEntry(column: column.text, settings: settings, place: column.place)
  }

  /// `"infer"`, or `{"infer": 50000}` with the most records that are looked at; nil for declared columns.
  private func inference(_ reader: ObjectReader) -> SchemaInference? {
    guard let node = reader["schema"] else { return nil }
    if node.string?.lowercased() == "infer" { return SchemaInference() }
    guard node.members != nil, let object = ObjectReader(node, "a schema", keys: ["infer"], diagnostics) else {
      return nil
    }
    guard let records = object.count("infer"), records > 0 else {
      diagnostics.report(
        "PIPELINE_WRONG_VALUE", "the schema does not say how many records are looked at",
        hint: "write \"schema\": \"infer\", or { \"infer\": 50000 }", at: node.place)
      return SchemaInference()
    }
    return SchemaInference(records: records)
  }

  private func decode(_ reader: ObjectReader) -> CodecEntry? {
    codec(reader, "decode", of: "the decoder", fields: catalog.decoderFields, names: catalog.decoders.map(\.name))
  }

  private func encode(_ reader: ObjectReader) -> CodecEntry? {
    codec(reader, "encode", of: "the encoder", fields: catalog.encoderFields, names: catalog.encoders.map(\.name))
  }

  /// `"csv"`, or `{"format": "csv", "header": true}`.
  private func codec(
    _ reader: ObjectReader, _ key: String, of owner: String, fields: (String) -> [OptionField]?, names: [String]
  ) -> CodecEntry? {
    guard let node = reader[key] else { return nil }
    var members: [LocatedJSON.Member] = []
    var name = node
    if let given = node.members {
      guard let format = node["format"] else {
        diagnostics.report(
          "PIPELINE_MISSING_KEY", "'\(key)' needs the key 'format'", hint: "one of: \(names.joined(separator: ", "))",
          at: node.place)
        return nil
      }
      name = format
      members = given.filter { $0.key != "format" }
    }
    guard let text = name.string else {
      diagnostics.report(
        "PIPELINE_WRONG_TYPE", "'\(key)' is \(name.kind)",
        hint: "it takes a format's name, or an object with the key 'format' and its settings", at: name.place)
      return nil
    }
    guard let fields = fields(text) else {
      diagnostics.report(
        "PIPELINE_UNKNOWN_FORMAT", "there is no format '\(text)' to \(key)",
        hint: Hint.nearest(to: text, among: names, otherwise: "formats are"),
        at: name.place)
      return nil
    }
    let optionReader = OptionReader(owner: "\(owner) '\(text)'", fields: fields, diagnostics: diagnostics)
    return optionReader.options(members, at: node.place).map {
      CodecEntry(name: text, options: $0.options, values: $0.values, place: name.place)
    }
  }
}
