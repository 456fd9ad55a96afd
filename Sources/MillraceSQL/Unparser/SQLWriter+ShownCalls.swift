import MillraceColumnar

/// Function calls as Spark shows them in the names of columns: by the name that the function calls itself, with the
/// arguments that it took by default, or in a form of their own.
extension SQLWriter {
  @inline(never)
  func shownCall(_ call: FunctionCall) {
    if call.name.last?.lowercased() == "mode", shownMode(call) { return }
    if shownInOwnForm(call) { return clauses(of: call) }
    let written = call.name.joined(separator: ".").lowercased()
    // Spark names the column of a cast that is written as a function after what is cast.
    if call.arguments.count == 1, SQLExpression.castFunctions[written] != nil {
      return list(call.arguments) { $0.argument($1) }
    }
    write(ShownFunction.name(of: call, written))
    write("(")
    if call.isDistinct { write("DISTINCT ") }
    shownArguments(of: call, written)
    write(")")
    clauses(of: call)
  }

  private func shownArguments(of call: FunctionCall, _ name: String) {
    // Spark rewrites count(*) to count(1).
    if case .star(qualifier: [], except: [])? = call.arguments.first?.expression?.kind, name == "count" {
      return write("1")
    }
    let arguments = call.arguments.prefix(ShownFunction.hiddenFrom[name] ?? .max)
    list(arguments) { $0.argument($1) }
    var defaults = ShownFunction.defaults[name]?[call.arguments.count] ?? []
    if defaults == [" "], let padded = call.arguments.first?.expression, knownType(of: padded) == .binary {
      defaults = ["X'00'"]
    }
    if arguments.isEmpty { return write(defaults.joined(separator: ", ")) }
    for text in defaults { write(", " + text) }
  }

  /// Calls that Spark shows in a form of their own; true when one was written.
  @inline(never)
  private func shownInOwnForm(_ call: FunctionCall) -> Bool {
    let values = call.arguments.compactMap(\.expression)
    guard call.name.count == 1, values.count == call.arguments.count, !call.isDistinct else { return false }
    let name = call.name[0].lowercased()
    switch (name, values.count) {
    case ("if", 3), ("iff", 3): shown("(IF(", values, "))")
    case ("isnull", 1): shown("(", values, " IS NULL)")
    case ("isnotnull", 1): shown("(", values, " IS NOT NULL)")
    case ("positive", 1): shown("(+ ", values, ")")
    case ("like", 2), ("like", 3):
      shown("", Array(values[..<1]), " LIKE ")
      expression(values[1])
    case ("extract", 2), ("datepart", 2):
      guard let field = call.extractedField else { return false }
      shown("\(name)(\(field) FROM ", [values[1]], ")")
    case ("trim", 2), ("ltrim", 2), ("rtrim", 2):
      let side = ["ltrim": "LEADING", "rtrim": "TRAILING"][name] ?? "BOTH"
      shown("TRIM(\(side) ", Array(values[..<1]), " FROM ")
      shown("", [values[1]], ")")
    case ("assert_true", 1):
      shown("assert_true(", values, ", '")
      shown("", values, "' is not true!)")
    case ("window", 1...), ("session_window", 1...): write(name)
    case ("log", 1): shown("LOG(E(), ", values, ")")
    case ("convert_timezone", 2): shown("convert_timezone(current_timezone(), ", values, ")")
    case ("from_json", 2...) where isMapSchema(values[1]): write("entries")
    default: return false
    }
    return true
  }

  /// Whether a schema is that of a map, whose column Spark names after the field that it reads.
  private func isMapSchema(_ schema: SQLExpression) -> Bool {
    guard case .literal(.string(let text), .string) = schema.kind else { return false }
    return text.lowercased().drop { $0 == " " }.hasPrefix("map<")
  }

  private func shown(_ before: String, _ values: [SQLExpression], _ after: String) {
    write(before)
    list(values)
    write(after)
  }

  /// `mode` names the order that decides ties: descending, as Spark writes it, where the smallest value is wanted.
  private func shownMode(_ call: FunctionCall) -> Bool {
    let values = call.arguments.compactMap(\.expression)
    let ordered = call.withinGroup.first
    guard values.count == 2 || ordered != nil, let value = ordered?.expression ?? values.first else { return false }
    let isSmallest = ordered?.isAscending ?? (values[1].kind == .literal(.boolean(true), .boolean))
    if ordered == nil, !isSmallest {
      shown("mode(", [value], ")")
    } else {
      shown("mode() WITHIN GROUP (ORDER BY ", [value], isSmallest ? " DESC)" : ")")
    }
    return true
  }

  // MARK: Dates and times

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
      return if let type = columns.type(parts) { timeKind(of: type) } else { ShownFunction.kind(of: parts) }
    case .field(let base, _) where base.isTimeWindow: return .timestamp
    case .field, .element: return knownType(of: operand).flatMap { timeKind(of: $0) }
    case .caseWhen(_, let branches, let otherwise):
      return timeKind(ofAny: branches.map(\.result) + (otherwise.map { [$0] } ?? []))
    case .unary(_, let inner): return timeKind(inner)
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
    if let kind = ShownFunction.kind(of: [name]) { return kind }
    guard let first = ShownFunction.likeArguments[name] else { return nil }
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

/// Spark's names of functions in column names, where they are not the name that was written.
private enum ShownFunction {
  /// The name that a call is shown by.
  static func name(of call: FunctionCall, _ written: String) -> String {
    if upperCase.contains(written) { return written.uppercased() }
    if ["ceil", "floor"].contains(written), call.arguments.count == 1 { return written.uppercased() }
    if call.arguments.count == 3, let shown = withUnit[written] { return shown }
    if call.ignoresNulls == true, call.window != nil, let shown = ignoringNulls[written] { return shown }
    if written == "string_agg", !call.withinGroup.isEmpty { return "listagg" }
    if ["to_char", "to_varchar"].contains(written) { return formatting(call) }
    return others[written] ?? written
  }

  private static let upperCase: Set<String> = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "cot", "csc", "degrees", "e",
    "exp", "expm1", "hypot", "log", "log10", "log1p", "log2", "pi", "power", "radians", "sec", "signum", "sin", "sinh",
    "sqrt", "tan", "tanh", "rlike", "regexp", "regexp_like", "rank", "dense_rank", "percent_rank",
  ]
  private static let withUnit = [
    "dateadd": "timestampadd", "date_add": "timestampadd", "datediff": "timestampdiff", "date_diff": "timestampdiff",
  ]
  private static let ignoringNulls = ["first_value": "first", "last_value": "last"]
  private static let others = ["array_agg": "collect_list", "dateadd": "date_add"]

  /// `to_char` is shown as the function that formats its argument.
  private static func formatting(_ call: FunctionCall) -> String {
    let written = call.name.last?.lowercased() ?? ""
    switch call.arguments.first?.expression?.kind {
    case .typedLiteral: return "date_format"
    case .literal(.binary, _): break
    case .call(let inner) where inner.name.last?.lowercased() == "encode" && written == "to_char": break
    case .call(let inner) where inner.name.last?.lowercased() == "encode": return written
    default: return "to_char"
    }
    guard case .literal(.string(let format), _)? = call.arguments.last?.expression?.kind else { return "decode" }
    return ["base64", "hex"].contains(format.lowercased()) ? format.lowercased() : "decode"
  }

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
    "lag": 0, "lead": 0, "max_by": 0, "min_by": 0, "mode": 0,
  ]

  /// How many arguments are shown where not all are.
  static let hiddenFrom = [
    "from_json": 1, "from_csv": 1, "to_json": 1, "to_csv": 1, "first": 1, "last": 1, "first_value": 1, "last_value": 1,
    "any_value": 1, "approx_count_distinct": 1, "try_make_timestamp": 6,
    "variant_get": 2, "try_variant_get": 2, "rank": 0, "dense_rank": 0, "percent_rank": 0,
  ]

  /// The arguments that Spark adds, by the number of those that are written.
  static let defaults: [String: [Int: [String]]] = [
    "from_unixtime": [1: ["yyyy-MM-dd HH:mm:ss"]], "unix_timestamp": [1: ["yyyy-MM-dd HH:mm:ss"]],
    "to_unix_timestamp": [1: ["yyyy-MM-dd HH:mm:ss"]], "months_between": [2: ["true"]], "split": [2: ["-1"]],
    "lpad": [2: [" "]], "rpad": [2: [" "]], "replace": [2: [""]], "overlay": [3: ["-1"]],
    "mask": [1: ["X", "x", "n", "NULL"], 2: ["x", "n", "NULL"], 3: ["n", "NULL"], 4: ["NULL"]],
    "str_to_map": [1: [",", ":"], 2: [":"]], "locate": [2: ["1"]], "position": [2: ["1"]], "round": [1: ["0"]],
    "bround": [1: ["0"]], "regexp_replace": [3: ["1"]], "regexp_extract": [2: ["1"]], "regexp_extract_all": [2: ["1"]],
    "regexp_instr": [2: ["0"]], "percentile": [2: ["1"]], "percentile_approx": [2: ["10000"]],
    "approx_percentile": [2: ["10000"]], "lag": [1: ["1", "NULL"], 2: ["NULL"]],
    "lead": [1: ["1", "NULL"], 2: ["NULL"]],
    "listagg": [1: ["NULL"]], "string_agg": [1: ["NULL"]], "substring": [2: ["2147483647"]],
    "substr": [2: ["2147483647"]], "sort_array": [1: ["true"]], "array_sort": [1: [naturalOrder]],
    "make_interval": byCount(["0", "0", "0", "0", "0", "0", "0.000000"]),
    "make_dt_interval": byCount(["0", "0", "0", "0.000000"]), "make_ym_interval": byCount(["0", "0"]),
    "aggregate": [3: [identity]], "reduce": [3: [identity]],
  ]

  /// The defaults of a function all of whose arguments have one, by how many are written.
  private static func byCount(_ values: [String]) -> [Int: [String]] {
    Dictionary(uniqueKeysWithValues: values.indices.map { ($0, Array(values[$0...])) })
  }

  private static let variable = "namedlambdavariable()"
  private static let identity = "lambdafunction(\(variable), \(variable))"
  /// The comparison that `array_sort` uses by default, as Spark spells it out: nulls last.
  private static let naturalOrder: String = {
    let order = [
      ("\(variable) IS NULL", "1"), ("\(variable) IS NULL", "-1"), ("\(variable) < \(variable)", "-1"),
      ("\(variable) > \(variable)", "1"),
    ]
    let nested = order.reversed().reduce("0") { rest, step in "(IF((\(step.0)), \(step.1), \(rest)))" }
    let both = "(IF(((\(variable) IS NULL) AND (\(variable) IS NULL)), 0, \(nested)))"
    return "lambdafunction(\(both), \(variable), \(variable))"
  }()
}

extension SQLExpression {
  /// Whether this is a window of time, whose fields are its start and its end.
  fileprivate var isTimeWindow: Bool {
    guard case .call(let call) = kind, let name = call.name.last?.lowercased() else { return false }
    return name == "window" || name == "session_window"
  }
}
