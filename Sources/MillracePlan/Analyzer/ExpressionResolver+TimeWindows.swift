import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

extension ExpressionResolver {
  func timeWindow(_ function: FunctionCall, _ name: String) throws -> Expression {
    if name == "session_window" {
      guard let collector else {
        throw MillraceError("UNSUPPORTED_EXPR_FOR_OPERATOR", "session_window() cannot stand here")
      }
      let arguments = try function.arguments.compactMap(\.expression).map { try resolve($0) }
      guard arguments.count == 2 else {
        throw MillraceError(
          "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`session_window` takes 2 arguments but got \(arguments.count)")
      }
      return try collector.sessionWindow(
        try windowedTime(arguments[0], name), gap: try SessionWindow.microseconds(arguments[1]))
    }
    guard let collector else { throw MillraceError("UNSUPPORTED_EXPR_FOR_OPERATOR", "window() cannot stand here") }
    let (time, window) = try timeWindowArguments(function)
    return try collector.timeWindow(time, window)
  }

  /// The instant by which a row falls into windows.
  private func windowedTime(_ argument: Expression, _ name: String) throws -> Expression {
    if let fields = argument.type.fields, fields.map(\.name) == ["start", "end"] {
      // A window of windows counts by the inner window's last instant.
      return try windowTime(of: argument)
    }
    if argument.type.isTimestamp { return argument }
    guard argument.type == .date || argument.type == .string || argument.type == .void else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "the first argument of `\(name)` must be a TIMESTAMP, but it is \(argument.type.sql)")
    }
    return try argument.cast(to: .timestamp, analyzer.context)
  }

  private func timeWindowArguments(_ function: FunctionCall) throws -> (Expression, TimeWindow) {
    let arguments = function.arguments.compactMap(\.expression)
    guard (2...4).contains(arguments.count) else {
      throw MillraceError(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "`window` takes 2 to 4 arguments but got \(arguments.count)")
    }
    let time = try windowedTime(try resolve(arguments[0]), "window")
    let lengths = try arguments.dropFirst().map { try duration($0) }
    let slide = lengths.count > 1 ? lengths[1] : lengths[0]
    return (time, try TimeWindow(duration: lengths[0], slide: slide, offset: lengths.count > 2 ? lengths[2] : 0))
  }

  private func duration(_ sql: SQLExpression) throws -> Int64 {
    let value = try resolve(sql).constantValue()
    if case .string(let text) = value {
      guard let micros = DurationText.microseconds(text) else {
        throw MillraceError(
          "CANNOT_PARSE_INTERVAL", "'\(text)' is no duration of fixed length", hint: "write for instance '10 seconds'")
      }
      return micros
    }
    guard let micros = value.intervalMicroseconds else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "a window's duration must be a text such as '10 seconds'")
    }
    return micros
  }

  func windowTime(_ function: FunctionCall) throws -> Expression {
    let arguments = try function.arguments.compactMap(\.expression).map { try resolve($0) }
    guard arguments.count == 1, arguments[0].type.fields?.map(\.name) == ["start", "end"] else {
      throw MillraceError("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "`window_time` takes a window")
    }
    return try windowTime(of: arguments[0])
  }

  /// The last instant of a window: its end less a microsecond.
  private func windowTime(of window: Expression) throws -> Expression {
    let end = try CollectionAccess.fieldAccess(window, "end", analyzer.context)
    let last = BoundFunction("window_time", type: end.type, isNullable: end.isNullable) { arguments, _, _ in
      ColumnVector.map(arguments[0].type, arguments[0]) { (time: Int64) in time &- 1 }
    }
    return .call(last, [end])
  }
}
