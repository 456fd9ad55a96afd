import MillraceColumnar

/// Sums and differences with dates, times and intervals as Spark shows them in the names of columns. What an operand is must be told from how
/// it is written, since names are made before anything is resolved.
extension SQLWriter {
  /// Writes `date_add(d, 1)` for `d + 1` and `t + INTERVAL …` without parentheses; false for other arithmetic.
  func shownDateArithmetic(_ symbol: BinaryOperator, _ left: SQLExpression, _ right: SQLExpression) -> Bool {
    guard symbol == .add || symbol == .subtract else { return false }
    var (left, right) = (left, right)
    var kinds = (timeKind(left), timeKind(right))
    if symbol == .add, kinds.1 == .date || kinds.1 == .timestamp || kinds.0 == .interval && kinds.1 != .interval {
      swap(&left, &right)
      kinds = (kinds.1, kinds.0)
    }
    switch kinds {
    case (.date, nil) where right.isUntypedNull, (.timestamp, nil) where right.isUntypedNull:
      if symbol == .subtract { return false }
      shown("", [left], " + NULL")
    // What is added to a date and is no interval is a number of days.
    case (.date, .number), (.date, nil): shown(symbol == .add ? "date_add(" : "date_sub(", [left, right], ")")
    case (.date, .interval) where isOfDays(right):
      write("date_add(")
      expression(left)
      write(symbol == .add ? ", extractansiintervaldays(" : ", (- extractansiintervaldays(")
      expression(right)
      write(symbol == .add ? "))" : ")))")
    case (.date, .interval), (.timestamp, .interval), (.number, .interval), (nil, .interval):
      // One of months is added to nothing but dates and times; others are, as Spark sees it, added to times whatever stands there.
      if isOfMonths(right), kinds.0 == nil || kinds.0 == .number { return false }
      shown("", [left], " \(symbol.rawValue) ")
      expression(right)
    default: return false
    }
    return true
  }

  /// Whether an operand is an interval.
  func isInterval(_ operand: SQLExpression) -> Bool { timeKind(operand) == .interval }

  private func isOfMonths(_ operand: SQLExpression) -> Bool {
    switch operand.kind {
    case .literal(_, .yearMonthInterval), .typedLiteral(.yearMonthInterval, _), .cast(_, .yearMonthInterval, _): true
    case .column(let parts): if case .yearMonthInterval? = columns.type(parts) { true } else { false }
    case .unary(_, let inner): isOfMonths(inner)
    case .call(let call): call.name.last?.lowercased() == "make_ym_interval"
    default: false
    }
  }

  /// Whether an operand is an interval of days and nothing else, which Spark adds to a date as a number.
  private func isOfDays(_ operand: SQLExpression) -> Bool {
    switch operand.kind {
    case .literal(_, let type), .typedLiteral(let type, _), .cast(_, let type, _):
      type == .dayTimeInterval(from: .day, to: .day)
    case .column(let parts): columns.type(parts) == .dayTimeInterval(from: .day, to: .day)
    default: false
    }
  }

  fileprivate enum TimeKind { case date, timestamp, interval, number }

  /// What an operand of + or - is, as far as it can be told without resolving it.
  private func timeKind(_ operand: SQLExpression) -> TimeKind? {
    switch operand.kind {
    case .literal(_, let type), .typedLiteral(let type, _), .cast(_, let type, _): return timeKind(of: type)
    case .column(let parts):
      return if let type = columns.type(parts) { timeKind(of: type) } else { TimeFunctions.kind(of: parts) }
    case .field(let base, _) where base.isTimeWindow: return .timestamp
    case .field, .element: return knownType(of: operand).flatMap { timeKind(of: $0) }
    case .caseWhen(_, let branches, let otherwise):
      return timeKind(ofAny: branches.map(\.result) + (otherwise.map { [$0] } ?? []))
    case .unary(_, let inner): return timeKind(inner)
    case .binary(.multiply, let left, let right), .binary(.divide, let left, let right):
      return isInterval(left) || isInterval(right) ? .interval : nil
    case .binary(.subtract, let left, let right) where timeKind(left) != nil && timeKind(left) == timeKind(right):
      return timeKind(left) == .number ? nil : .interval
    case .binary(.add, let left, let right), .binary(.subtract, let left, let right):
      return switch (timeKind(left), timeKind(right)) {
      case (.date, .number), (.number, .date): .date
      case (.timestamp, .interval), (.interval, .timestamp): .timestamp
      case (.interval, .interval): .interval
      // A day-time interval may make a timestamp of a date; both are shown alike.
      case (.date, .interval), (.interval, .date): .date
      default: nil
      }
    case .call(let call): return timeKind(call)
    default: return nil
    }
  }

  private func timeKind(_ call: FunctionCall) -> TimeKind? {
    let name = call.name.last?.lowercased() ?? ""
    if let kind = TimeFunctions.kind(of: [name]) { return kind }
    guard let first = TimeFunctions.likeArguments[name] else { return nil }
    return timeKind(ofAny: call.arguments.dropFirst(first).compactMap(\.expression))
  }

  /// What values of one type are, as far as one of them tells.
  private func timeKind(ofAny operands: [SQLExpression]) -> TimeKind? {
    for operand in operands {
      if let kind = timeKind(operand) { return kind }
    }
    return nil
  }

  private func timeKind(of type: DataType) -> TimeKind? {
    switch type {
    case .date: .date
    case .timestamp, .timestampNTZ: .timestamp
    case .dayTimeInterval, .yearMonthInterval, .calendarInterval: .interval
    case .byte, .short, .integer, .long: .number
    default: nil
    }
  }
}

/// Functions whose results are dates, times or intervals.
private enum TimeFunctions {
  /// What a function gives that has but one type, whether it is written with parentheses or without.
  static func kind(of parts: [String]) -> SQLWriter.TimeKind? {
    guard parts.count == 1 else { return nil }
    let name = parts[0].lowercased()
    return dates.contains(name) ? .date : times.contains(name) ? .timestamp : intervals.contains(name) ? .interval : nil
  }

  private static let dates: Set<String> = [
    "date", "date_add", "date_sub", "to_date", "try_to_date", "current_date", "curdate", "last_day", "next_day",
    "add_months", "make_date", "trunc", "date_from_unix_date",
  ]
  private static let times: Set<String> = [
    "timestamp", "to_timestamp", "to_timestamp_ltz", "to_timestamp_ntz", "try_to_timestamp", "make_timestamp",
    "make_timestamp_ltz", "make_timestamp_ntz", "try_make_timestamp", "date_trunc", "timestamp_seconds",
    "timestamp_millis", "timestamp_micros", "timestampadd", "now", "current_timestamp", "localtimestamp",
    "from_utc_timestamp", "to_utc_timestamp", "convert_timezone", "window_time", "time_bucket",
  ]
  private static let intervals: Set<String> = ["make_interval", "make_dt_interval", "make_ym_interval"]

  /// Functions whose result has the type of their arguments, and which is the first of those.
  static let likeArguments = [
    "coalesce": 0, "nvl": 0, "ifnull": 0, "nullif": 0, "nvl2": 1, "if": 1, "iff": 1, "greatest": 0, "least": 0,
    "min": 0, "max": 0, "first": 0, "last": 0, "first_value": 0, "last_value": 0, "any_value": 0, "nth_value": 0,
    "lag": 0, "lead": 0, "max_by": 0, "min_by": 0, "mode": 0, "abs": 0,
    "negative": 0, "positive": 0, "sum": 0,
  ]
}

extension SQLExpression {
  /// Whether this is NULL as it stands.
  fileprivate var isUntypedNull: Bool { if case .literal(.null, _) = kind { true } else { false } }

  /// Whether this is a window of time, whose fields are its start and its end.
  fileprivate var isTimeWindow: Bool {
    guard case .call(let call) = kind, let name = call.name.last?.lowercased() else { return false }
    return name == "window" || name == "session_window"
  }
}
