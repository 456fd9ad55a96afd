import MillraceColumnar
import MillraceCore
public import MillraceExpressions

/// `session_window(ts, gap)`: rows of a key that follow each other by at most the gap belong together.
///
/// Each row makes a session of its own, from its time to its time plus the gap; the aggregation merges sessions that touch.
public enum SessionWindow {
  /// Name of the function that makes a row's session; plans are matched by it.
  public static let structName = "session_window"

  /// Whether a grouping key is a session.
  public static func isSession(_ expression: Expression) -> Bool {
    if case .call(let function, _) = expression { function.name == structName } else { false }
  }

  /// A row's own session; rows without a time or with a gap that is not positive must be filtered before.
  static func expression(_ time: Expression, gap: Expression) -> Expression {
    let type = TimeWindow.structType(time.type)
    let function = BoundFunction(structName, type: type, isNullable: false) { arguments, count, _ in
      let start = arguments[0]
      let end = ColumnVector.map(start.type, start, arguments[1]) { (time: Int64, gap: Int64) in time &+ gap }
      return .structure(type.fields ?? [], [start.flattened(), end.flattened()], count: count)
    }
    return .call(function, [time, gap])
  }

  /// The gap in microseconds, from a text or an interval that may differ from row to row.
  static func microseconds(_ gap: Expression) throws -> Expression {
    let result: BoundFunction
    switch gap.type {
    case .string:
      result = BoundFunction("gap_microseconds", type: .long, canFail: true) { arguments, count, _ in
        try parsed(arguments[0], count)
      }
    case .dayTimeInterval:
      result = BoundFunction("gap_microseconds", type: .long) { arguments, _, _ in
        ColumnVector.map(.long, arguments[0]) { (micros: Int64) in micros }
      }
    default:
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "the gap of `session_window` must be a text such as '10 seconds' or an interval, but it is \(gap.type.sql)")
    }
    return .call(result, [gap])
  }

  private static func parsed(_ texts: ColumnVector, _ count: Int) throws -> ColumnVector {
    // Gaps repeat, so that each text is parsed once in a batch.
    var known: [String: Value] = [:]
    let builder = ColumnBuilder(.long)
    for row in 0..<count {
      guard case .string(let text) = texts.value(row) else {
        builder.append(.null)
        continue
      }
      if known[text] == nil {
        known[text] = try gap(text)
      }
      builder.append(known[text] ?? .null)
    }
    return builder.finish()
  }

  /// A text that is no interval is NULL, as in Spark; its row belongs to no session.
  private static func gap(_ text: String) throws -> Value {
    if let micros = DurationText.microseconds(text) { return .integer(micros) }
    var copy = text
    guard copy.withUTF8({ IntervalParser.parse(UnsafeRawBufferPointer($0)) }) == nil else {
      throw MillraceError(
        "CANNOT_PARSE_INTERVAL", "'\(text)' is no duration of fixed length", hint: "write for instance '10 seconds'")
    }
    return .null
  }
}
