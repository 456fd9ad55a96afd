import Glibc
import MillraceCore
import MillraceFormats

/// The options of a source.
struct RotatingFileSourceConfiguration: Sendable {
  var path: String
  /// Patterns of files that are left alone.
  var excluded: [String]
  var startsAtEnd: Bool
  /// Microseconds.
  var rotateWait: Int64
  /// Microseconds; nil: for ever.
  var finalLineWait: Int64?
  var failsOnDataLoss: Bool
  var waitsForFile: Bool
  var maxOpenFiles: Int
  /// How lines become records.
  var rules: RecordRules
  /// How long a file must be quiet before its last record is read although more lines of it may come; microseconds.
  var multilineTimeout: Int64

  static let fields: [OptionField] =
    [
      OptionField(
        "path", .path,
        "The file that grows, or a pattern for several; files that rotation made of them are found beside them.",
        isRequired: true, example: "/var/log/nginx/access.log"),
      OptionField(
        "exclude", .list(.string),
        "Patterns of files that are left alone: of whole paths if they have a slash, of names if not.",
        example: "*.tmp,debug.log*"),
      OptionField(
        "startingPosition", .choice(["beginning", "end"]), "Where reading begins when there is no checkpoint yet.",
        default: "beginning"),
      OptionField(
        "rotateWait", .duration,
        "How long a rotated file must be quiet before its last line is read although it has no end, or it is let go if it has no name any more.",
        default: "2 seconds", range: 0...1 << 50),
      OptionField(
        "finalLineWait", .duration,
        "How long the newest file must be quiet before its last line is read although it has no end yet; for ever if not given.",
        range: 0...1 << 50),
      OptionField(
        "failOnDataLoss", .boolean, "Whether a file that vanished before it was read to its end is an error.",
        default: "true"),
      OptionField(
        "maxOpenFiles", .integer,
        "About how many files are kept open; the others are opened when something comes, which is too late if one was deleted meanwhile.",
        default: "1000", range: 1...1 << 20),
      OptionField("waitForFile", .boolean, "Whether to wait for a file that does not exist yet.", default: "false"),
      OptionField(
        "multiline.timeout", .duration,
        "How long a file must be quiet before its last record is read although more lines of it may come.",
        default: "5 seconds", range: 0...1 << 50),
    ] + RecordRules.fields

  init(_ options: Options) throws {
    path = try options.required("path")
    if path.isEmpty || path.utf8.contains(0) || path.hasSuffix("/") {
      throw MillraceError("OPTION_OUT_OF_RANGE", "option 'path' is '\(path)'", hint: "it takes a file or a pattern")
    }
    excluded = options.list("exclude")
    startsAtEnd = options.string("startingPosition") == "end"
    rotateWait = try options.duration("rotateWait") ?? 2_000_000
    finalLineWait = try options.duration("finalLineWait")
    failsOnDataLoss = try options.bool("failOnDataLoss") ?? true
    waitsForFile = try options.bool("waitForFile") ?? false
    maxOpenFiles = Int(try options.int("maxOpenFiles") ?? 1000)
    rules = try RecordRules(options)
    multilineTimeout = try options.duration("multiline.timeout") ?? 5_000_000
  }

  /// Whether a file is left alone.
  func excludes(_ path: String) -> Bool {
    if excluded.isEmpty { return false }
    let name = String(path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
    return excluded.contains { fnmatch($0, $0.contains("/") ? path : name, 0) == 0 }
  }

  /// Whether `path` is a pattern.
  var isPattern: Bool { path.contains { "*?[".contains($0) } }
}
