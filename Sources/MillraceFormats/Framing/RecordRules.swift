public import MillraceCore
import MillraceExpressions

/// How the bytes of a source are cut into records, beyond lines of UTF-8.
public struct RecordRules: Sendable {
  /// What puts lines together; nil: each line is a record.
  public var grouping: LineGrouping?
  /// How characters are written.
  public var encoding = CharacterEncoding.utf8
  /// Most bytes of a line without its end.
  public var maxRecordBytes = RecordRules.largestRecord
  /// What becomes of a longer line; nil: what the source's `onBadRecord` says, or the query fails.
  public var onLongRecord: LongLinePolicy?
  /// Whether a mark at the beginning of a file that says how it is written is no part of its first record.
  public var leavesOutMarks = false

  /// Longest record where nothing else is said.
  public static let largestRecord = 16 << 20

  /// Lines of UTF-8.
  public init() {}

  /// The rules for records that were written anew as UTF-8.
  public var forUTF8: RecordRules {
    var rules = self
    rules.encoding = .utf8
    return rules
  }
}

/// What becomes of a line that is longer than it may be. It is counted as a bad record in any case.
public enum LongLinePolicy: String, Sendable, CaseIterable {
  /// The query fails.
  case fail
  /// It is left out.
  case skip
  /// Its beginning is the record.
  case truncate
  /// It is left out, and its beginning is written to the dead letters.
  case deadLetter
}

/// A source of bytes whose records have rules of their own.
public protocol RecordRuleSource: ByteSource {
  /// The rules; always the same.
  var recordRules: RecordRules { get }
}

extension RecordRules {
  /// The options of sources of files that become rules.
  public static let fields: [OptionField] = [
    OptionField(
      "multiline.preset", .choice(LinePreset.allCases.map(\.rawValue)),
      "Lines that make one record: stack traces of java, python or go with the message before them, or what the container runtimes cri "
        + "and docker have cut.",
      example: "java"),
    OptionField(
      "multiline.start", .string,
      "Pattern of the lines that begin a record, in Java's dialect; the others belong to the record before them.",
      example: #"^\d{4}-\d\d-\d\d "#),
    OptionField(
      "multiline.continuation", .string, "Pattern of the lines that belong to the record before them.",
      example: #"^\s"#),
    OptionField(
      "multiline.continued", .string, "Pattern of the lines after which their record goes on.", example: #"\\$"#),
    OptionField("multiline.end", .string, "Pattern of the lines that end a record.", example: ";$"),
    OptionField(
      "multiline.maxLines", .integer, "Most lines of a record; what comes behind them is a record of its own.",
      default: "1000", range: 1...1 << 20),
    OptionField(
      "maxRecordBytes", .byteCount, "Longest record. Lines are put together to no more than that.", default: "16 MiB",
      range: 64...Int64(largestRecord)),
    OptionField(
      "onLongRecord", .choice(LongLinePolicy.allCases.map(\.rawValue)),
      "What becomes of a longer line: the query fails, it is left out, cut, or a dead letter. By default what onBadRecord says."
    ),
    OptionField(
      "encoding", .choice(CharacterEncoding.allCases.map(\.rawValue)), "How characters are written.", default: "utf-8"),
  ]

  /// The rules that options ask for, checked against `fields`. Throws `OPTION_CONFLICT` and what a pattern throws that is none.
  public init(_ options: Options) throws {
    self.init()
    leavesOutMarks = true
    maxRecordBytes = Int(try options.byteCount("maxRecordBytes") ?? Int64(Self.largestRecord))
    onLongRecord = options.string("onLongRecord").flatMap { LongLinePolicy(rawValue: $0) }
    encoding = options.string("encoding").flatMap { CharacterEncoding(rawValue: $0) } ?? .utf8
    if encoding.unit == 2 { maxRecordBytes &= ~1 }
    guard let rule = try Self.rule(options) else { return }
    grouping = LineGrouping(
      rule, maxLines: Int(try options.int("multiline.maxLines") ?? 1000), maxBytes: maxRecordBytes)
    if grouping?.joint != nil, encoding != .utf8 {
      throw MillraceError(
        "OPTION_CONFLICT", "logs of containers are UTF-8, and 'encoding' is '\(encoding.rawValue)'",
        hint: "leave 'encoding' out")
    }
  }

  private static let ruleNames = [
    "multiline.preset", "multiline.start", "multiline.continuation", "multiline.continued", "multiline.end",
  ]

  private static func rule(_ options: Options) throws -> LineGrouping.Rule? {
    let given = ruleNames.filter { options.isGiven($0) }
    guard let name = given.first, let text = options.string(name) else {
      let other = ["multiline.maxLines", "multiline.timeout"].first { options.isGiven($0) }
      if let other {
        throw MillraceError(
          "OPTION_CONFLICT", "'\(other)' is given, but nothing says which lines make a record",
          hint: "add one of: \(ruleNames.joined(separator: ", "))")
      }
      return nil
    }
    if given.count > 1 {
      throw MillraceError(
        "OPTION_CONFLICT", "'\(given[0])' and '\(given[1])' both say where records begin",
        hint: "give one of them; what is no continuation begins a record")
    }
    if let preset = LinePreset(rawValue: text), name == ruleNames[0] { return .preset(preset) }
    let pattern = try LinePattern(text)
    switch name {
    case "multiline.start": return .start(pattern)
    case "multiline.continuation": return .continuation(pattern)
    case "multiline.continued": return .continued(pattern)
    default: return .end(pattern)
    }
  }
}
