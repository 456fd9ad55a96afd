import MillraceCore

/// What a program says of one of its connectors.
struct ProgramSpec: Sendable {
  /// As every connector has it.
  var connector: ConnectorSpec
  /// Columns of the source's rows; nil: its records are lines that the pipeline decodes.
  var columns: Schema?
  /// Whether the source can give records again by their positions.
  var isReplayable = true
  var guarantee = SinkGuarantee.atLeastOnce
  var outputModes = Set(OutputMode.allCases)
  /// Whether the sink can refuse single rows.
  var rejectsRows = false

  /// The connectors in an answer to `spec`.
  static func read(_ answer: JSON, of program: Program, columns: (String) throws -> Schema) throws -> [ProgramSpec] {
    let reader = SpecReader(program: program)
    let version = answer["protocol"]
    guard version == .int(Program.protocolVersion) else {
      throw MillraceError(
        "PROGRAM_PROTOCOL",
        "the program '\(program.text)' speaks version \(version?.text ?? "(none)") of the protocol",
        hint: "version \(Program.protocolVersion) is spoken here")
    }
    guard let list = answer["connectors"]?.array, !list.isEmpty else {
      throw reader.fault("it names no connectors", "answer 'spec' with an array 'connectors'")
    }
    let specs = try list.map { try reader.connector($0, columns) }
    let names = specs.map(\.connector.name)
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw reader.fault("it has two connectors '\(twice)'", nil)
    }
    return specs
  }
}

/// Reads what a program says of its connectors; everything else than the protocol has is refused.
private struct SpecReader {
  let program: Program

  func fault(_ what: String, _ hint: String?) -> MillraceError {
    MillraceError("PROGRAM_SPEC", "the description that '\(program.text)' gives of itself: \(what)", hint: hint)
  }

  private func check(_ json: JSON, _ owner: String, keys: [String]) throws {
    guard let members = json.members else { throw fault("\(owner) is no object", nil) }
    for member in members where !keys.contains(member.key) {
      let nearest = NearestName.of(member.key, among: keys)
      throw fault(
        "\(owner) has the key '\(member.key)'",
        nearest.map { "did you mean '\($0)'?" } ?? "keys are: \(keys.joined(separator: ", "))")
    }
  }

  private func text(_ json: JSON, _ key: String, _ owner: String) throws -> String {
    guard let text = json[key]?.string, !text.isEmpty else { throw fault("\(owner) has no text '\(key)'", nil) }
    return text
  }

  private func word<Word: RawRepresentable & CaseIterable>(_ json: JSON?, _ owner: String, _ type: Word.Type) throws
    -> Word?
  where Word.RawValue == String {
    guard let json else { return nil }
    guard let text = json.string, let word = Word(rawValue: text) else {
      throw fault("\(owner) is \(json.text)", "one of: \(type.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return word
  }

  func connector(_ json: JSON, _ columns: (String) throws -> Schema) throws -> ProgramSpec {
    try check(json, "a connector", keys: ["name", "summary", "maturity", "source", "sink"])
    let name = try text(json, "name", "a connector")
    guard let first = name.utf8.first, (0x61...0x7A).contains(first),
      name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F })
    else { throw fault("a connector is named '\(name)'", "names are of small letters, digits, '-' and '_'") }
    let owner = "the connector '\(name)'"
    var spec = ConnectorSpec(
      name: name, summary: try text(json, "summary", owner), kinds: [],
      maturity: json["maturity"] == .string("stable") ? .stable : .preview)
    var result = ProgramSpec(connector: spec)
    if let source = json["source"] {
      try check(source, "the source of \(owner)", keys: ["options", "columns", "replayable"])
      spec.kinds.insert(.source)
      spec.sourceFields = try fields(source["options"], "the source of \(owner)")
      result.isReplayable = source["replayable"]?.bool ?? false
      if let ddl = source["columns"] {
        do { result.columns = try columns(ddl.string ?? "") } catch {
          throw fault("columns of \(owner): \(error)", "write them as in DDL: \"id BIGINT, name STRING\"")
        }
        if !result.isReplayable {
          throw fault(
            "\(owner) is not replayable and has columns", "leave 'columns' out: the pipeline decodes its records")
        }
      }
    }
    if let sink = json["sink"] {
      try check(sink, "the sink of \(owner)", keys: ["options", "guarantee", "outputModes", "rejectsRows"])
      spec.kinds.insert(.sink)
      spec.sinkFields = try fields(sink["options"], "the sink of \(owner)")
      if let text = sink["guarantee"] {
        guard let guarantee = text.string.flatMap(SinkGuarantee.init(rawValue:)) else {
          throw fault("the guarantee of \(owner) is \(text.text)", "one of: transactional, truncatable, at-least-once")
        }
        result.guarantee = guarantee
      }
      result.rejectsRows = sink["rejectsRows"]?.bool ?? false
      if let modes = sink["outputModes"]?.array {
        result.outputModes = Set(
          try modes.compactMap { try word($0, "an output mode of \(owner)", OutputMode.self) })
      }
    }
    if spec.kinds.isEmpty { throw fault("\(owner) is neither source nor sink", "give it the key 'source' or 'sink'") }
    result.connector = spec
    return result
  }

  private func fields(_ json: JSON?, _ owner: String) throws -> [OptionField] {
    let fields = try (json?.array ?? []).map { try field($0, owner) }
    let names = fields.map { $0.name.lowercased() }
    if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
      throw fault("\(owner) has the option '\(twice)' twice", "case does not count")
    }
    return fields
  }

  private func field(_ json: JSON, _ owner: String) throws -> OptionField {
    let keys = [
      "name", "type", "summary", "default", "required", "range", "choices", "secret", "example", "deprecatedFor",
    ]
    try check(json, "an option of \(owner)", keys: keys)
    let name = try text(json, "name", "an option of \(owner)")
    let title = "the option '\(name)' of \(owner)"
    var field = OptionField(name, try type(json, title), try text(json, "summary", title))
    field.defaultValue = json["default"].map(Self.plain)
    field.isRequired = json["required"]?.bool ?? false
    field.isSecret = json["secret"]?.bool ?? false
    field.example = json["example"].map(Self.plain)
    field.deprecatedFor = json["deprecatedFor"]?.string
    if let range = json["range"] {
      guard let ends = range.array, ends.count == 2, let low = ends[0].int, let high = ends[1].int, low <= high else {
        throw fault("the range of \(title) is \(range.text)", "two whole numbers: [1, 100]")
      }
      field.range = low...high
    }
    if let text = field.defaultValue {
      do { _ = try Options([name: text], fields: [field], of: title) } catch {
        throw fault("the default of \(title) does not fit it: \(error)", nil)
      }
    }
    return field
  }

  private func type(_ json: JSON, _ title: String) throws -> OptionType {
    if let choices = json["choices"]?.array { return .choice(choices.compactMap(\.string)) }
    switch json["type"]?.string ?? "string" {
    case "string": return .string
    case "integer": return .integer
    case "number": return .number
    case "boolean": return .boolean
    case "duration": return .duration
    case "bytes": return .byteCount
    case "path": return .path
    case "list": return .list(.string)
    case let other:
      throw fault(
        "\(title) is of type '\(other)'",
        "one of: string, integer, number, boolean, duration, bytes, path, list; or leave it out and give 'choices'")
    }
  }

  /// A value as users write it.
  private static func plain(_ json: JSON) -> String { json.string ?? json.text }
}
