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
      return write(call.isDistinct ? columns.all().joined(separator: ", ") : "1")
    }
    // `to_char(x, 'hex')` is shown as `hex(x)`.
    let isCoding = ["base64", "hex"].contains(ShownFunction.name(of: call, name))
    let arguments = call.arguments.prefix(isCoding ? 1 : ShownFunction.hiddenFrom[name] ?? .max)
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

  /// Writes values between two texts.
  func shown(_ before: String, _ values: [SQLExpression], _ after: String) {
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
}

/// Spark's names of functions in column names, where they are not the name that was written.
private enum ShownFunction {
  /// The name that a call is shown by.
  static func name(of call: FunctionCall, _ written: String) -> String {
    if upperCase.contains(written) { return written.uppercased() }
    if ["ceil", "floor"].contains(written), call.arguments.count == 1 { return written.uppercased() }
    if call.arguments.count == 3, let shown = withUnit[written] { return shown }
    if call.ignoresNulls == true, let shown = ignoringNulls[written] { return shown }
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
  private static let others = [
    "array_agg": "collect_list", "dateadd": "date_add", "current_database": "current_schema",
  ]

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

  /// How many arguments are shown where not all are.
  static let hiddenFrom = [
    "from_json": 1, "from_csv": 1, "to_json": 1, "to_csv": 1, "schema_of_json": 1, "schema_of_csv": 1, "shuffle": 1,
    "first": 1, "last": 1, "first_value": 1, "last_value": 1, "any_value": 1, "approx_count_distinct": 1,
    "try_make_timestamp": 6, "variant_get": 2, "try_variant_get": 2, "rank": 0, "dense_rank": 0, "percent_rank": 0,
  ]

  /// The arguments that Spark adds, by the number of those that are written.
  static let defaults: [String: [Int: [String]]] = [
    "from_unixtime": [1: ["yyyy-MM-dd HH:mm:ss"]], "unix_timestamp": [1: ["yyyy-MM-dd HH:mm:ss"]],
    "to_unix_timestamp": [1: ["yyyy-MM-dd HH:mm:ss"]], "months_between": [2: ["true"]], "split": [2: ["-1"]],
    "lpad": [2: [" "]], "rpad": [2: [" "]], "replace": [2: [""]], "overlay": [3: ["-1"]],
    "mask": [1: ["X", "x", "n", "NULL"], 2: ["x", "n", "NULL"], 3: ["n", "NULL"], 4: ["NULL"]],
    "str_to_map": [1: [",", ":"], 2: [":"]],
    "sentences": [1: ["", ""], 2: [""]], "locate": [2: ["1"]], "position": [2: ["1"]], "round": [1: ["0"]],
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
