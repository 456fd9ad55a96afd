/// What a connector is and takes. The one origin of validation, JSON schema, reference pages, command-line help and `explain`.
public struct ConnectorSpec: Sendable {
  /// The word behind `format` in a pipeline.
  public var name: String
  /// One sentence.
  public var summary: String
  /// What the connector can make; a request for any other kind is refused by name.
  public var kinds: Set<Kind>
  /// How far the connector can be trusted; shown by `millrace list` and in the reference.
  public var maturity: Maturity
  /// Options of the source; empty when it is none.
  public var sourceFields: [OptionField]
  /// Options of the sink; empty when it is none.
  public var sinkFields: [OptionField]
  /// Options of the state store; empty when it is none.
  public var stateStoreFields: [OptionField]

  /// What a connector can be.
  public enum Kind: String, Sendable, Hashable {
    /// Gives a query its input.
    case source
    /// Takes a query's results.
    case sink
    /// Keeps the state of operators.
    case stateStore = "state store"
  }

  /// How far it can be trusted.
  public enum Maturity: String, Sendable {
    /// Its options, and what it writes, stay readable by later versions.
    case stable
    /// May still change in ways that old files do not survive.
    case preview
  }

  /// Makes a spec.
  public init(
    name: String, summary: String, kinds: Set<Kind>, maturity: Maturity = .stable, sourceFields: [OptionField] = [],
    sinkFields: [OptionField] = [], stateStoreFields: [OptionField] = []
  ) {
    self.name = name
    self.summary = summary
    self.kinds = kinds
    self.maturity = maturity
    self.sourceFields = sourceFields
    self.sinkFields = sinkFields
    self.stateStoreFields = stateStoreFields
  }
}

/// One option of a connector or format.
public struct OptionField: Sendable {
  /// The option's name as users write it (`maxFilesPerTrigger`); matching ignores case, as in Spark.
  public var name: String
  /// What the text must look like and how `Options` reads it.
  public var type: OptionType
  /// One sentence.
  public var summary: String
  /// What holds when the option is absent, as text; nil if nothing does.
  public var defaultValue: String?
  /// Whether leaving the option out is an error.
  public var isRequired: Bool
  /// Smallest and largest number, count of bytes or microseconds.
  public var range: ClosedRange<Int64>?
  /// Whether the value prints as `***`.
  public var isSecret: Bool
  /// A value that makes sense, for help and reference pages; nil where the default says enough.
  public var example: String?
  /// Name of the option that replaced this one.
  public var deprecatedFor: String?

  /// Makes a field.
  public init(
    _ name: String, _ type: OptionType, _ summary: String, default defaultValue: String? = nil,
    isRequired: Bool = false,
    range: ClosedRange<Int64>? = nil, isSecret: Bool = false, example: String? = nil, deprecatedFor: String? = nil
  ) {
    self.name = name
    self.type = type
    self.summary = summary
    self.defaultValue = defaultValue
    self.isRequired = isRequired
    self.range = range
    self.isSecret = isSecret
    self.example = example
    self.deprecatedFor = deprecatedFor
  }
}

/// The type of an option's value.
public indirect enum OptionType: Sendable, Hashable {
  /// Any text.
  case string
  /// A whole number.
  case integer
  /// `true` or `false`.
  case boolean
  /// A number with or without a fraction.
  case number
  /// `"10 seconds"`, `"500 ms"`, `"1 hour"`.
  case duration
  /// `"64 MiB"`, `"10 MB"`, or a plain number of bytes.
  case byteCount
  /// One of several words.
  case choice([String])
  /// A path or glob.
  case path
  /// Several values; in a string they are separated by commas.
  case list(OptionType)
}

/// Option values as given, names without case. Typed getters apply the field's default and throw
/// `OPTION_WRONG_TYPE`, `OPTION_OUT_OF_RANGE` or `OPTION_MISSING`.
public struct Options: Sendable {
  private var values: [String: String] = [:]
  private let fields: [String: OptionField]

  /// Values checked against `fields`: unknown names are refused with the nearest known one (`OPTION_UNKNOWN`), and so are two
  /// spellings of one name (`OPTION_REPEATED`), required options that are absent, and values that are not of their field's type.
  /// `owner` names the connector or format in messages.
  public init(_ values: [String: String], fields: [OptionField], of owner: String) throws {
    self.fields = Dictionary(fields.map { ($0.name.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
    for (name, value) in values {
      guard self.fields[name.lowercased()] != nil else {
        let nearest = NearestName.of(name, among: fields.map(\.name))
        throw MillraceError(
          "OPTION_UNKNOWN", "\(owner) has no option '\(name)'",
          hint: nearest.map { "did you mean '\($0)'?" } ?? "options are: \(fields.map(\.name).joined(separator: ", "))")
      }
      if self.values.updateValue(value, forKey: name.lowercased()) != nil {
        throw MillraceError(
          "OPTION_REPEATED", "\(owner) has the option '\(name.lowercased())' twice",
          hint: "give it once; names ignore case")
      }
    }
    for field in fields where field.isRequired && self.values[field.name.lowercased()] == nil {
      throw MillraceError("OPTION_MISSING", "\(owner) needs the option '\(field.name)'", hint: field.summary)
    }
    for field in fields { try check(field) }
  }

  private func check(_ field: OptionField) throws {
    guard string(field.name) != nil else { return }
    switch field.type {
    case .integer: _ = try int(field.name)
    case .boolean: _ = try bool(field.name)
    case .duration: _ = try duration(field.name)
    case .byteCount: _ = try byteCount(field.name)
    case .choice(let words):
      if let text = string(field.name), !words.contains(text) {
        throw MillraceError(
          "OPTION_OUT_OF_RANGE", "option '\(field.name)' is \(shown(text, field.name))",
          hint: "one of: \(words.joined(separator: ", "))"
        )
      }
    case .number:
      if let text = string(field.name), Double(text) == nil { throw wrongType(field.name, text, "a number") }
    case .string, .path, .list: break
    }
  }

  /// The text of an option or its default.
  public func string(_ name: String) -> String? {
    values[name.lowercased()] ?? fields[name.lowercased()]?.defaultValue
  }

  /// Whether the option was given.
  public func isGiven(_ name: String) -> Bool { values[name.lowercased()] != nil }

  /// The text of a required option.
  public func required(_ name: String) throws -> String {
    guard let text = string(name) else { throw MillraceError("OPTION_MISSING", "the option '\(name)' is needed") }
    return text
  }

  /// An integer option.
  public func int(_ name: String) throws -> Int64? {
    guard let text = string(name) else { return nil }
    guard let number = Int64(text) else { throw wrongType(name, text, "a whole number") }
    return try inRange(name, number)
  }

  /// A boolean option.
  public func bool(_ name: String) throws -> Bool? {
    guard let text = string(name) else { return nil }
    switch text.lowercased() {
    case "true": return true
    case "false": return false
    default: throw wrongType(name, text, "true or false")
    }
  }

  /// A duration in microseconds.
  public func duration(_ name: String) throws -> Int64? {
    guard let text = string(name) else { return nil }
    guard let micros = DurationText.microseconds(text) else {
      throw wrongType(name, text, "a duration such as '10 seconds'")
    }
    return try inRange(name, micros)
  }

  /// A number of bytes.
  public func byteCount(_ name: String) throws -> Int64? {
    guard let text = string(name) else { return nil }
    guard let bytes = ByteCountText.bytes(text) else { throw wrongType(name, text, "a size such as '64 MiB'") }
    return try inRange(name, bytes)
  }

  /// A list option: the values between commas, blanks cut.
  public func list(_ name: String) -> [String] {
    (string(name) ?? "").split(separator: ",").map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
  }

  private func wrongType(_ name: String, _ text: String, _ wanted: String) -> MillraceError {
    MillraceError("OPTION_WRONG_TYPE", "option '\(name)' is \(shown(text, name))", hint: "it takes \(wanted)")
  }

  /// The value for messages: `***` where the field is secret.
  private func shown(_ text: String, _ name: String) -> String {
    fields[name.lowercased()]?.isSecret == true ? "***" : "'\(text)'"
  }

  private func inRange(_ name: String, _ number: Int64) throws -> Int64 {
    if let range = fields[name.lowercased()]?.range, !range.contains(number) {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE",
        "option '\(name)' is \(fields[name.lowercased()]?.isSecret == true ? "***" : String(number))",
        hint: "from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}
