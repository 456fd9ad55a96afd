package import MillraceCore
import MillracePlan
import Millrace
import MillraceFormats
import MillraceStreaming

/// The JSON schema of pipeline files, made from the specs of the connectors and formats: editors complete and check with it.
/// `${…}` references may stand in every string, so fields of other types take strings, too.
package struct PipelineSchema {
  private let catalog: PipelineCatalog

  package init(_ catalog: PipelineCatalog) { self.catalog = catalog }

  /// The schema as a JSON value.
  package var json: JSON {
    .dictionary([
      "$schema": .string("https://json-schema.org/draft/2020-12/schema"),
      "title": .string("Millrace pipeline file"),
      "type": .string("object"),
      "required": .array([.string("version"), .string("pipelines")]),
      "additionalProperties": .bool(false),
      "properties": .dictionary([
        "$schema": .dictionary(["type": .string("string")]),
        "version": .dictionary(["const": .int(1), "description": .string("version of the pipeline file")]),
        "include": Self.textOrTexts("files to read as well, relative to this one; names or patterns"),
        "connectors": Self.map(of: connector, "named ends, for entries that use them"),
        "plugins": Self.plugins,
        "pipelines": Self.map(of: pipeline, "what is read, what is asked, where it goes"),
        "control": Self.text("path of a socket at which millrace top and millrace tap ask a run what it does"),
        "tests": Self.tests,
      ]),
    ])
  }

  // MARK: Parts of a file

  /// Programs and shared libraries with connectors.
  private static var plugins: JSON {
    let program = object(
      required: ["process"],
      [
        .init("process", textOrTexts("a program and its arguments, which talks over standard input and output")),
        .init("timeout", text("longest time for an answer; \"30 seconds\" by default")),
        .init("environment", map(of: .dictionary(["type": .string("string")]), "variables that it gets in addition")),
      ])
    let library = object(
      required: ["library"], [.init("library", text("a shared library, relative to this file"))])
    return .dictionary([
      "type": .string("array"), "description": .string("connectors from outside; they are run"),
      "items": .dictionary(["anyOf": .array([.dictionary(["type": .string("string")]), program, library])]),
    ])
  }

  private var pipeline: JSON {
    let delivery: [JSON] = DeliveryWord.allCases.map { .string($0.rawValue) }
    return Self.object(
      required: ["sources", "sinks"],
      [
        .init(
          "sources",
          Self.map(
            of: end(.source, Self.sourceMembers(EndReader.Role.source, decode: codec(decoders))), "streaming inputs")),
        .init(
          "tables",
          Self.map(
            of: end(.table, Self.sourceMembers(EndReader.Role.table, decode: codec(decoders))),
            "inputs that do not change, for joins")),
        .init("views", Self.map(of: Self.text("a SELECT over sources, tables and views above"), "named queries")),
        .init("sinks", Self.map(of: end(.sink, sinkMembers), "outputs")),
        .init("trigger", Self.trigger),
        .init("settings", Self.settings),
        .init("checkpointLocation", Self.text("folder of the commit log and the state")),
        .init("stateStore", stateStore),
        .init(
          "delivery",
          .dictionary(["enum": .array(delivery), "description": .string("what the pipeline demands of its parts")])),
        .init("asyncCommit", Self.flag("a batch is committed while the next is computed")),
        .init(
          "maxEmitDelay",
          Self.text("how long rows that later ones replace may wait while more input does; 0 seconds: not at all")),
        .init("restart", Self.restart),
        .init(
          "onEndOfInput",
          Self.words(
            EndOfInput.allCases.map(\.rawValue),
            "whether windows that wait for more input come out when the trigger has read everything")),
        .init("deadLetter", end(.deadLetter, [.init("encode", codec(encoders))])),
        .init("lateRows", end(.lateRows, [.init("encode", codec(encoders))])),
        .init(
          "compatibility",
          Self.words(
            StreamingRules.Compatibility.allCases.map(\.rawValue), "`spark` refuses the queries that Spark refuses")),
      ])
  }

  /// Cases of `millrace test`.
  private static var tests: JSON {
    let rows: JSON = .dictionary([
      "type": .string("array"), "items": .dictionary(["type": .array([.string("object"), .string("string")])]),
    ])
    let batch = map(of: rows, "rows by source: objects, or raw records as strings")
    let objects: JSON = .dictionary(["type": .string("array"), "items": .dictionary(["type": .string("object")])])
    let expectation: JSON = .dictionary([
      "anyOf": .array([
        objects,
        object(required: ["rows"], [.init("rows", objects), .init("ordered", flag("whether the order counts"))]),
      ])
    ])
    let count: JSON = .dictionary(["type": .array([.string("integer"), .string("string")])])
    let test = object(
      required: ["name", "given", "expect"],
      [
        .init("name", text("what it shows")),
        .init("pipeline", text("the pipeline; not needed where there is only one")),
        .init(
          "given", .dictionary(["anyOf": .array([batch, .dictionary(["type": .string("array"), "items": batch])])])),
        .init("clock", textOrTexts("the time, or that of each batch")),
        .init("expect", map(of: expectation, "rows by sink")), .init("watermark", text("where it stands in the end")),
        .init("lateRows", count), .init("badRecords", count),
        .init("crashPoints", textOrTexts("where the case is killed and goes on; \"all\" for each there is")),
      ])
    return .dictionary([
      "type": .string("array"), "description": .string("cases for `millrace test`"), "items": test,
    ])
  }

  private static var settings: JSON {
    object(
      required: [],
      SettingsReader.known.map { setting in
        switch setting.form {
        case .timeZone: .init(setting.name, text(setting.summary))
        case .flag: .init(setting.name, flag(setting.summary))
        case .words(let words): .init(setting.name, Self.words(words, setting.summary))
        }
      })
  }

  /// A string or an array of strings.
  private static func textOrTexts(_ description: String) -> JSON {
    .dictionary([
      "anyOf": .array([
        .dictionary(["type": .string("string")]),
        .dictionary(["type": .string("array"), "items": .dictionary(["type": .string("string")])]),
      ]), "description": .string(description),
    ])
  }

  private static var restart: JSON {
    let conditions: [JSON] = RestartPolicy.Condition.allCases.map { .string($0.rawValue) }
    return object(
      required: ["on"],
      [
        .init(
          "on",
          .dictionary([
            "enum": .array(conditions), "description": .string("which failures are followed by a new start"),
          ])),
        .init(
          "maxAttempts",
          .dictionary([
            "type": .array([.string("integer"), .string("string")]),
            "description": .string("starts in a row that may fail; without it any number"),
          ])),
        .init(
          "backoff", text("pause before the first new start, doubled with each that fails; \"1 second\" by default")),
        .init("maxBackoff", text("the longest pause; \"1 minute\" by default")),
      ])
  }

  private static func words(_ words: [String], _ description: String) -> JSON {
    .dictionary(["enum": .array(words.map { .string($0) }), "description": .string(description)])
  }

  /// A name, or an object with the options of the store.
  private var stateStore: JSON {
    let specs = catalog.connectors.specs.filter { $0.kinds.contains(.stateStore) }
    let names: [JSON] = [.string("memory")] + specs.map { .string($0.name) }
    let objects: [JSON] = specs.map { spec in
      Self.object(
        required: ["format"],
        [
          .init("format", .dictionary(["const": .string(spec.name)])),
          .init("options", Self.options(spec.stateStoreFields)),
        ])
    }
    return .dictionary([
      "anyOf": .array([.dictionary(["enum": .array(names)])] + objects),
      "description": .string("what keeps the state of aggregations, deduplications and joins"),
    ])
  }

  private static var trigger: JSON {
    object(
      required: [],
      [
        .init("processingTime", text("a batch every so often, for instance \"1 second\"")),
        .init("availableNow", flag("all that is there now, then the end")),
        .init("once", flag("one batch, then the end")),
        .init("continuous", text("each row at once, an epoch every so often")),
      ])
  }

  /// DDL, `infer`, or an object.
  private static var schemaForm: JSON {
    .dictionary([
      "anyOf": .array([
        .dictionary(["type": .string("string")]),
        object(
          required: ["infer"], [.init("infer", number("integer", "most records from which columns are inferred"))]),
      ]),
      "description": .string("columns as DDL, for instance \"id BIGINT, name STRING\", or \"infer\""),
    ])
  }

  private static func sourceMembers(_ role: EndReader.Role, decode: JSON) -> [JSON.Member] {
    let watermark = object(
      required: ["column", "delay"],
      [
        .init("column", text("the column that holds the event's time")),
        .init("delay", text("how late rows may be, for instance \"10 minutes\"")),
        .init("idleTimeout", text("after so long without a row, other sources alone decide about the watermark")),
        .init("maxFutureSkew", text("rows further ahead of the batch's clock do not move the watermark")),
      ])
    var members: [JSON.Member] = [
      .init("decode", decode), .init("schema", schemaForm),
      .init(
        "onBadRecord",
        words(
          BadRecordPolicy.allCases.filter { $0 != .deadLetter || role == .source }.map(\.rawValue),
          "what happens to records that cannot be decoded")),
      .init("maxBadRecords", number("integer", "most records of one batch that cannot be decoded")),
      .init("maxBadRatio", number("number", "largest share of such records in a batch, from 0 to 1")),
    ]
    if role == .source {
      let names: JSON = .dictionary([
        "anyOf": .array([
          .dictionary(["type": .string("string")]),
          .dictionary(["type": .string("array"), "items": .dictionary(["type": .string("string")])]),
        ])
      ])
      members += [.init("watermark", watermark), .init("startAfter", names)]
    } else {
      members.append(
        .init(
          "reload", text("when it is read anew: \"eachBatch\" (default), \"never\", or a time such as \"10 minutes\"")))
    }
    return members
  }

  private var sinkMembers: [JSON.Member] {
    let modes: [JSON] = OutputMode.allCases.map { .string($0.rawValue) }
    return [
      .init("query", Self.text("the SELECT whose rows it gets")),
      .init("outputMode", .dictionary(["enum": .array(modes), "default": .string(OutputMode.append.rawValue)])),
      .init("encode", codec(encoders)),
      .init(
        "onBadRecord",
        Self.words(
          BadRecordPolicy.allCases.filter { $0 != .null }.map(\.rawValue),
          "what happens to single rows that the sink's target refuses")),
      .init(
        "onEndOfInput",
        Self.words(EndOfInput.allCases.map(\.rawValue), "what the pipeline's `onEndOfInput` says, for this sink alone")),
    ]
  }

  private var connector: JSON {
    let both = catalog.connectors.specs.map { spec in
      (
        spec,
        spec.sourceFields + spec.sinkFields.filter { field in !spec.sourceFields.contains { $0.name == field.name } }
      )
    }
    return entry(
      required: ["format"],
      [
        .init("decode", codec(decoders)), .init("encode", codec(encoders)),
        .init("schema", Self.schemaForm),
      ], options: both)
  }

  /// An entry under `sources`, `tables` or `sinks`.
  private func end(_ role: EndReader.Role, _ members: [JSON.Member]) -> JSON {
    let specs = catalog.connectors.specs.filter { $0.kinds.contains(role.kind) }
    var entry = entry(
      required: role == .sink ? ["query"] : [], [.init("use", Self.text("name of a connector of this file"))] + members,
      options: specs.map { ($0, role.kind == .sink ? $0.sinkFields : $0.sourceFields) })
    let either: [JSON] = ["format", "use"].map { .dictionary(["required": .array([.string($0)])]) }
    if case .object(var object) = entry {
      object.append(.init("anyOf", .array(either)))
      entry = .object(object)
    }
    return entry
  }

  /// What must be said where no named connector can bring it.
  private static func requirement(_ spec: ConnectorSpec, _ fields: [OptionField]) -> JSON? {
    let needed: [JSON] = fields.filter(\.isRequired).map { .string($0.name) }
    if needed.isEmpty { return nil }
    return .dictionary([
      "if": .dictionary([
        "properties": .dictionary(["format": .dictionary(["const": .string(spec.name)])]),
        "required": .array([.string("format")]), "not": .dictionary(["required": .array([.string("use")])]),
      ]),
      "then": .dictionary([
        "required": .array([.string("options")]),
        "properties": .dictionary(["options": .dictionary(["required": .array(needed)])]),
      ]),
    ])
  }

  /// `format`, `options` and more; the options depend on the format.
  private func entry(required: [String], _ more: [JSON.Member], options: [(spec: ConnectorSpec, fields: [OptionField])])
    -> JSON
  {
    let names: [JSON] = options.map { .string($0.spec.name) }
    let isEnd = more.contains { $0.key == "use" }
    let members: [JSON.Member] = [
      .init("format", .dictionary(["enum": .array(names), "description": .string("a connector")])),
      .init("options", .dictionary(["type": .string("object")])),
    ]
    let rules: [JSON] = options.map { option in
      let condition: JSON = .dictionary([
        "properties": .dictionary(["format": .dictionary(["const": .string(option.spec.name)])]),
        "required": .array([.string("format")]),
      ])
      let fields = Self.options(option.fields)
      return .dictionary(["if": condition, "then": .dictionary(["properties": .dictionary(["options": fields])])])
    }
    guard case .object(var object) = Self.object(required: required, members + more) else { return .null }
    let needed = isEnd ? options.compactMap { Self.requirement($0.spec, $0.fields) } : []
    if !rules.isEmpty { object.append(.init("allOf", .array(rules + needed))) }
    return .object(object)
  }

  // MARK: Formats

  private var decoders: [(name: String, fields: [OptionField])] { catalog.decoders.map { ($0.name, $0.fields) } }
  private var encoders: [(name: String, fields: [OptionField])] { catalog.encoders.map { ($0.name, $0.fields) } }

  /// A format's name, or an object with its settings.
  private func codec(_ formats: [(name: String, fields: [OptionField])]) -> JSON {
    let names: JSON = .dictionary(["enum": .array(formats.map { .string($0.name) })])
    let objects: [JSON] = formats.map { format in
      let name: JSON = .dictionary(["const": .string(format.name)])
      return Self.object(
        required: ["format"], [.init("format", name)] + format.fields.map { .init($0.name, Self.field($0)) })
    }
    return .dictionary(["anyOf": .array([names] + objects)])
  }

  // MARK: Pieces

  /// An object with the options of a connector; those whose names have parts are objects in it, and can be written flat as well.
  private static func options(_ fields: [OptionField]) -> JSON {
    var members: [JSON.Member] = []
    var parts: [(name: String, members: [JSON.Member])] = []
    for field in fields {
      members.append(.init(field.name, Self.field(field)))
      guard let dot = field.name.firstIndex(of: ".") else { continue }
      let owner = String(field.name[..<dot])
      let member = JSON.Member(String(field.name[field.name.index(after: dot)...]), Self.field(field))
      if let index = parts.firstIndex(where: { $0.name == owner }) {
        parts[index].members.append(member)
      } else {
        parts.append((owner, [member]))
      }
    }
    return object(required: [], members + parts.map { .init($0.name, object(required: [], $0.members)) })
  }

  private static func field(_ field: OptionField) -> JSON {
    var members: [JSON.Member] = []
    let string: JSON = .dictionary(["type": .string("string")])
    switch field.type {
    case .string, .duration, .path: members = [.init("type", .string("string"))]
    case .integer:
      var number: [JSON.Member] = [.init("type", .string("integer"))]
      if let range = field.range {
        number += [.init("minimum", .int(range.lowerBound)), .init("maximum", .int(range.upperBound))]
      }
      members = [.init("anyOf", .array([.object(number), string]))]
    case .number, .byteCount: members = [.init("type", .array([.string("number"), .string("string")]))]
    case .boolean: members = [.init("type", .array([.string("boolean"), .string("string")]))]
    case .choice(let words):
      members = [
        .init(
          "anyOf",
          .array([
            .dictionary(["enum": .array(words.map { .string($0) })]),
            .dictionary(["type": .string("string"), "pattern": .string("\\$\\{")]),
          ]))
      ]
    case .list: members = [.init("anyOf", .array([string, .dictionary(["type": .string("array")])]))]
    }
    members.append(.init("description", .string(field.summary)))
    if let text = field.defaultValue { members.append(.init("default", .string(text))) }
    if field.deprecatedFor != nil { members.append(.init("deprecated", .bool(true))) }
    return .object(members)
  }

  private static func text(_ description: String) -> JSON {
    .dictionary(["type": .string("string"), "description": .string(description)])
  }

  private static func number(_ type: String, _ description: String) -> JSON {
    .dictionary([
      "type": .array([.string(type), .string("string")]), "minimum": .int(0), "description": .string(description),
    ])
  }

  private static func flag(_ description: String) -> JSON {
    .dictionary(["type": .array([.string("boolean"), .string("string")]), "description": .string(description)])
  }

  private static func map(of value: JSON, _ description: String) -> JSON {
    .dictionary(["type": .string("object"), "description": .string(description), "additionalProperties": value])
  }

  private static func object(required: [String], _ properties: [JSON.Member]) -> JSON {
    var members: [JSON.Member] = [.init("type", .string("object")), .init("additionalProperties", .bool(false))]
    if !required.isEmpty { members.append(.init("required", .array(required.map { .string($0) }))) }
    members.append(.init("properties", .object(properties)))
    return .object(members)
  }
}
