import MillraceColumnar

extension Parser {
  /// A type as in CAST or a schema.
  func dataType() throws(Failed) -> DataType {
    let outer = try enter(2)
    defer { leave(outer, 2) }
    guard atName() else { throw unexpected("a type") }
    let first = token
    let name = try name("a type").uppercased()
    switch name {
    case "ARRAY": return try arrayType(first)
    case "MAP": return try mapType(first)
    case "STRUCT": return try structType(first)
    case "DECIMAL", "DEC", "NUMERIC": return try decimalType(first)
    case "INTERVAL": return try intervalType()
    case "CHAR", "CHARACTER", "VARCHAR": return try characterType(name, first)
    default: return try atomicType(name, first)
    }
  }

  private func atomicType(_ name: String, _ first: Token) throws(Failed) -> DataType {
    if name == "TIME" { throw fail("UNSUPPORTED_TIME_TYPE", "the type TIME is not supported", at: first) }
    guard let type = Self.atomicTypes[name] else {
      throw fail("UNSUPPORTED_DATATYPE", "'\(text(first))' is not a type", hint: typeHint(name), at: first)
    }
    if at(.leftParen) { throw fail("UNSUPPORTED_DATATYPE", "\(name) takes no parameters", at: first) }
    if type == .string, accept(.collate) {
      let collation = try nameParts("a collation").joined(separator: ".")
      if collation.uppercased() != "UTF8_BINARY" {
        throw fail(
          "COLLATION_INVALID_NAME", "the collation \(collation) is not supported", hint: "use UTF8_BINARY", at: first)
      }
    }
    return type
  }

  private static let atomicTypes: [String: DataType] = [
    "BOOLEAN": .boolean, "TINYINT": .byte, "BYTE": .byte, "SMALLINT": .short, "SHORT": .short, "INT": .integer,
    "INTEGER": .integer, "BIGINT": .long, "LONG": .long, "FLOAT": .float, "REAL": .float, "DOUBLE": .double,
    "DATE": .date, "TIMESTAMP": .timestamp, "TIMESTAMP_LTZ": .timestamp, "TIMESTAMP_NTZ": .timestampNTZ,
    "STRING": .string, "BINARY": .binary, "VOID": .void, "VARIANT": .variant,
  ]

  private func typeHint(_ name: String) -> String {
    switch name {
    case "TEXT", "NVARCHAR": "use STRING"
    case "INT64", "INT8", "UINT64": "use BIGINT"
    case "INT32", "UINT32": "use INT"
    case "BOOL": "use BOOLEAN"
    case "DATETIME": "use TIMESTAMP or TIMESTAMP_NTZ"
    case "BYTES", "BLOB", "VARBINARY": "use BINARY"
    case "NUMBER": "use DECIMAL(precision, scale)"
    default:
      "use BOOLEAN, TINYINT, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, DECIMAL(p, s), STRING, BINARY, DATE, TIMESTAMP, "
        + "TIMESTAMP_NTZ, ARRAY<…>, MAP<…, …> or STRUCT<name: …>"
    }
  }

  private func arrayType(_ first: Token) throws(Failed) -> DataType {
    try openType("ARRAY", "ARRAY<INT>", first)
    let element = try dataType()
    try closeType()
    return .array(element)
  }

  private func mapType(_ first: Token) throws(Failed) -> DataType {
    try openType("MAP", "MAP<STRING, INT>", first)
    let key = try dataType()
    try expect(.comma)
    let value = try dataType()
    try closeType()
    return .map(key, value)
  }

  private func structType(_ first: Token) throws(Failed) -> DataType {
    if accept(.notEqual) { return .structure([]) }
    try openType("STRUCT", "STRUCT<a: INT, b: STRING>", first)
    if at(.greater) {
      advance()
      return .structure([])
    }
    let fields = try schemaFields()
    try closeType()
    return .structure(fields)
  }

  private func openType(_ name: String, _ example: String, _ first: Token) throws(Failed) {
    guard accept(.less) else {
      throw fail(
        "INCOMPLETE_TYPE_DEFINITION.\(name)", "\(name) lacks its parameters", hint: "write for instance \(example)",
        at: first)
    }
  }

  /// Takes one `>`, which may be the beginning of a longer symbol.
  private func closeType() throws(Failed) {
    guard case .symbol(let symbol) = kind, let rest = symbol.afterClosing else {
      throw unexpected("> to close the type")
    }
    if let rest { split(into: .symbol(rest)) } else { advance() }
  }

  private func decimalType(_ first: Token) throws(Failed) -> DataType {
    guard accept(.leftParen) else { return .userDecimal }
    let precision = try wholeNumber()
    let scale = accept(.comma) ? try wholeNumber() : 0
    try expect(.rightParen)
    if precision > 38 {
      throw fail(
        "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "a DECIMAL has at most 38 digits, not \(precision)", at: first)
    }
    if scale > precision || precision == 0 {
      throw fail(
        "DECIMAL_SCALE_EXCEEDS_PRECISION", "the scale \(scale) of a DECIMAL is greater than its precision \(precision)",
        at: first)
    }
    return .decimal(precision: precision, scale: scale)
  }

  private func characterType(_ name: String, _ first: Token) throws(Failed) -> DataType {
    guard accept(.leftParen) else {
      throw fail("DATATYPE_MISSING_SIZE", "\(name) lacks its length", hint: "write \(name)(10), or STRING", at: first)
    }
    _ = try wholeNumber()
    try expect(.rightParen)
    // Spark keeps the length only in table definitions; elsewhere such a value is a STRING.
    return .string
  }

  /// `INTERVAL`, `INTERVAL DAY`, `INTERVAL YEAR TO MONTH`.
  private func intervalType() throws(Failed) -> DataType {
    guard let first = acceptIntervalField() else { return .calendarInterval }
    let start = token
    let last = accept(.to) ? acceptIntervalField() : first
    if let last {
      if let from = yearMonth(first), let to = yearMonth(last), from.rawValue <= to.rawValue {
        return .yearMonthInterval(from: from, to: to)
      }
      if let from = dayTime(first), let to = dayTime(last), from <= to { return .dayTimeInterval(from: from, to: to) }
    }
    throw fail(
      "PARSE_SYNTAX_ERROR", "the interval type has fields that do not go together",
      hint: "use YEAR TO MONTH, or DAY, HOUR, MINUTE TO a smaller one down to SECOND", at: start)
  }

  private func acceptIntervalField() -> IntervalBuilder.Unit? {
    guard case .word = kind, let unit = IntervalBuilder.Unit(text(token)),
      yearMonth(unit) != nil || dayTime(unit) != nil
    else { return nil }
    advance()
    return unit
  }

  private func yearMonth(_ unit: IntervalBuilder.Unit) -> DataType.YearMonthField? {
    unit == .year ? .year : unit == .month ? .month : nil
  }

  private func dayTime(_ unit: IntervalBuilder.Unit) -> DataType.DayTimeField? {
    switch unit {
    case .day: .day
    case .hour: .hour
    case .minute: .minute
    case .second: .second
    default: nil
    }
  }

  /// An integer without sign.
  func wholeNumber() throws(Failed) -> Int {
    guard kind == .number(.integer), let value = Int(text(token)) else { throw unexpected("a whole number") }
    advance()
    return value
  }

  // MARK: Fields

  /// `name[:] type [NOT NULL] [DEFAULT …] [COMMENT '…'], …`. Comments and defaults are read and left out.
  func schemaFields() throws(Failed) -> [StructField] {
    var fields: [StructField] = []
    repeat {
      let name = try name("a column's name")
      _ = accept(.colon)
      let type = try dataType()
      var isNullable = true
      while true {
        if accept(.not, .null) {
          isNullable = false
        } else if accept(.default) {
          _ = try valueExpression()
        } else if accept(.comment) {
          _ = try stringConstant("a comment")
        } else {
          break
        }
      }
      fields.append(StructField(name, type, isNullable: isNullable))
    } while accept(.comma)
    return fields
  }
}
