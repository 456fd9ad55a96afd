import MillraceCore

/// What a running `millrace run` can be asked, a line of JSON each; the answers are lines, too.
enum ControlRequest: Equatable {
  /// What the pipelines do; one line.
  case status
  /// Rows as they go by, until the one who asks goes away.
  case tap(TapRequest)

  /// Largest line of a request.
  static let sizeLimit = 64 << 10

  var json: JSON {
    switch self {
    case .status: return .dictionary(["ask": .string("status")])
    case .tap(let request):
      return .dictionary([
        "ask": .string("tap"), "components": .array(request.patterns.map { .string($0) }),
        "limit": .int(Int64(request.limit)), "interval": .int(request.interval),
      ])
    }
  }

  /// Reads a line.
  init(_ line: String) throws {
    let json = try JSON(parsing: line)
    switch json["ask"]?.string {
    case "status": self = .status
    case "tap":
      guard let patterns = json["components"]?.array?.compactMap(\.string), let limit = json["limit"]?.int,
        let interval = json["interval"]?.int, limit > 0, interval > 0
      else { throw Self.unknown(line) }
      self = .tap(TapRequest(patterns: patterns, limit: Int(clamping: limit), interval: interval))
    default: throw Self.unknown(line)
    }
  }

  private static func unknown(_ line: String) -> MillraceError {
    MillraceError(
      "CONTROL_REQUEST_UNKNOWN", "this run does not understand '\(line.prefix(100))'",
      hint: "the command and the run may be of different releases")
  }
}

extension MillraceError {
  /// The error as an answer.
  var controlJSON: JSON {
    .dictionary([
      "error": .dictionary([
        "code": .string(code), "message": .string(message), "hint": hint.map { .string($0) } ?? .null,
      ])
    ])
  }

  /// The error of an answer; nil if it is none.
  init?(controlJSON json: JSON) {
    guard let error = json["error"], let code = error["code"]?.string, let message = error["message"]?.string else {
      return nil
    }
    self.init(code, message, hint: error["hint"]?.string)
  }
}
