public import MillraceCore

/// A complaint about a pipeline file, for a person and for a program.
public struct Diagnostic: Hashable, Sendable {
  /// Whether the file can be used all the same.
  public var severity: Severity
  /// Stable code, for instance `PIPELINE_UNKNOWN_KEY`.
  public var code: String
  /// What stands there and what is wrong with it; lower case, no full stop.
  public var message: String
  /// What the reader can do about it.
  public var hint: String?
  /// The file as the user named it.
  public var file: String
  /// Where in the file.
  public var place: Place

  /// How much a complaint weighs.
  public enum Severity: String, Hashable, Sendable {
    case error, warning
  }

  /// Makes a complaint.
  public init(
    _ code: String, _ message: String, hint: String? = nil, severity: Severity = .error, file: String, place: Place
  ) {
    self.severity = severity
    self.code = code
    self.message = message
    self.hint = hint
    self.file = file
    self.place = place
  }

  /// Its form for programs.
  public var json: JSON {
    var members: [JSON.Member] = [
      .init("severity", .string(severity.rawValue)), .init("code", .string(code)), .init("message", .string(message)),
    ]
    if let hint { members.append(.init("hint", .string(hint))) }
    members += [
      .init("file", .string(file)), .init("line", .int(Int64(place.line))), .init("column", .int(Int64(place.column))),
      .init("path", .string(place.path)),
    ]
    return .object(members)
  }
}

extension Diagnostic: CustomStringConvertible {
  /// `file:line:column: [CODE] path: message`, then the hint on a line of its own.
  public var description: String {
    var text = "\(file):\(place.line):\(place.column): "
    if severity == .warning { text += "warning: " }
    text += "[\(code)] "
    if !place.path.isEmpty { text += "\(place.path): " }
    text += message
    if let hint { text += "\n  hint: \(hint)" }
    return text
  }
}

/// Where something stands in a pipeline file.
public struct Place: Hashable, Sendable {
  /// The file as the user, or the file that includes it, named it; empty where only one file can be meant.
  public var file: String
  /// From 1.
  public var line: Int
  /// From 1, in bytes of UTF-8.
  public var column: Int
  /// Bytes before it.
  public var offset: Int
  /// The way to it from the top, for instance `pipelines.traffic.sinks.per-minute.options.keys[0]`; empty at the top.
  public var path: String

  /// Makes a place.
  public init(file: String = "", line: Int, column: Int, offset: Int = 0, path: String = "") {
    self.file = file
    self.line = line
    self.column = column
    self.offset = offset
    self.path = path
  }

  /// The path one key deeper; keys that are not plain words are quoted.
  static func path(_ path: String, key: String) -> String {
    let isPlain = !key.isEmpty && key.utf8.allSatisfy { $0 == 0x24 || $0 == 0x2D || $0 == 0x5F || isAlphanumeric($0) }
    if isPlain { return path.isEmpty ? key : "\(path).\(key)" }
    var quoted = ""
    JSON.quote(key, into: &quoted)
    return "\(path)[\(quoted)]"
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}

/// A pipeline file that cannot be used, with everything that was found.
public struct PipelineFileError: Error, CustomStringConvertible {
  /// All complaints, in the order of the file.
  public var diagnostics: [Diagnostic]

  /// Makes an error.
  public init(_ diagnostics: [Diagnostic]) { self.diagnostics = diagnostics }

  /// One complaint after the other.
  public var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
