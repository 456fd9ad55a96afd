package import MillraceColumnar

/// CAST and TRY_CAST by Spark's ANSI rules.
package enum Cast {
  /// `expression` cast to `type`: itself if it has the type, a literal if it is NULL. `isTry` gives NULL for values that
  /// cannot be cast. Throws `DATATYPE_MISMATCH.CAST_…` where no cast exists.
  package static func bind(
    _ expression: Expression, to type: DataType, isTry: Bool = false, context: BindingContext
  ) throws -> Expression {
    let source = expression.type
    if source == type { return expression }
    if case .literal(.null, _) = expression { return .null(type) }
    if type.isDatetime, case .literal(.string(let text), .string) = expression,
      text.lowercased().filter({ !$0.isWhitespace }) == "epoch"
    {
      return .literal(.integer(0), type)
    }
    guard CastRules.canCast(source, to: type) else { throw CastRules.mismatch(source, type, isTry: isTry) }
    if !context.isAnsi && !isTry { return try lenient(expression, to: type, context) }
    let kernel = try CastKernel.make(source, type, CastKernel.Options(isTry: isTry, timeZone: context.timeZone))
    let canFail = CastRules.canFail(source, type)
    let dependsOnZone = source == .timestamp || type == .timestamp || source.isNested || source == .variant
    var function = BoundFunction(
      isTry ? "try_cast" : "cast", variant: "\(source.sql)\(dependsOnZone ? context.timeZone : "")", type: type,
      isNullable: expression.isNullable || isTry && canFail || source.isFractional && type.isDecimal
        || source == .variant || type == .calendarInterval || source == .string && type != .binary
        || (source.isFractional || source.isDecimal) && type.isIntegral,
      canFail: !isTry && canFail
    ) { arguments, _, _ in try kernel(arguments[0]) }
    function.nullStops = 1
    return .call(function, [expression])
  }

  /// A cast outside of ANSI mode: numbers wrap around or stop at the ends of an integral type, as in Java; what else cannot be cast is NULL.
  private static func lenient(
    _ expression: Expression, to type: DataType, _ context: BindingContext
  ) throws -> Expression {
    let source = expression.type
    let kernel =
      try CastKernel.lenient(source, type)
      ?? CastKernel.make(source, type, CastKernel.Options(isTry: true, timeZone: context.timeZone))
    let isExact = CastKernel.isTotal(source, type)
    var function = BoundFunction(
      "cast", variant: "\(source.sql)\(context.timeZone), not ANSI", type: type,
      isNullable: expression.isNullable || !isExact && (CastRules.canFail(source, type) || type.isDecimal),
      canFail: false
    ) { arguments, _, _ in try kernel(arguments[0]) }
    function.nullStops = 1
    return .call(function, [expression])
  }
}

/// Which casts exist, and which of them may fail on a value.
enum CastRules {
  static func canCast(_ source: DataType, to target: DataType) -> Bool {
    switch (source, target) {
    case _ where source == target: return true
    case (.variant, _): return VariantCast.canCast(to: target)
    case (_, .variant): return VariantConversion.canConvert(source, allowsObjects: false)
    case (.void, _), (_, .string): return true
    case (.string, .calendarInterval): return true
    case (.string, _): return !target.isNested && target != .void
    case (.boolean, _): return target.isNumeric
    case _ where source.isNumeric:
      if target.isNumeric || target == .boolean || target == .timestamp { return true }
      return isInterval(target) && !source.isFractional
    case _ where source.isDatetime:
      return target.isDatetime || source == .timestamp && target.isNumeric
    case (.dayTimeInterval, .dayTimeInterval), (.yearMonthInterval, .yearMonthInterval): return true
    case (.dayTimeInterval, _), (.yearMonthInterval, _): return target.isIntegral || target.isDecimal
    case (.array(let a, let aNull), .array(let b, let bNull)):
      return canCast(a, to: b) && (bNull || !aNull)
    case (.map(let aKey, let aValue, let aNull), .map(let bKey, let bValue, let bNull)):
      return canCast(aKey, to: bKey) && canCast(aValue, to: bValue) && (bNull || !aNull)
    case (.structure(let a), .structure(let b)):
      return a.count == b.count
        && zip(a, b).allSatisfy { canCast($0.type, to: $1.type) && ($1.isNullable || !$0.isNullable) }
    default: return false
    }
  }

  private static func isInterval(_ type: DataType) -> Bool {
    switch type {
    case .dayTimeInterval, .yearMonthInterval: true
    default: false
    }
  }

  /// Whether some value of `source` has no counterpart in `target`.
  static func canFail(_ source: DataType, _ target: DataType) -> Bool {
    switch (source, target) {
    case (.variant, _): return target != .variant
    case (.void, _), (_, .string), (_, .variant),
      (_, .boolean) where source != .string:
      return false
    case (.string, _): return target != .binary && target != .calendarInterval
    case (.array(let a, _), .array(let b, _)): return canFail(a, b)
    case (.map(let aKey, let aValue, _), .map(let bKey, let bValue, _)):
      return canFail(aKey, bKey) || canFail(aValue, bValue)
    case (.structure(let a), .structure(let b)): return zip(a, b).contains { canFail($0.type, $1.type) }
    default: break
    }
    if source.isDatetime && target.isDatetime { return false }
    if target.isFractional { return false }
    if case .decimal(let precision, let scale) = target, source.isIntegral {
      return !DecimalRules.holds(precision, scale, integral: source)
    }
    if source == .boolean { return target.isDecimal }
    if source.isIntegral && target.isIntegral { return source.physical.stride > target.physical.stride }
    return true
  }

  /// The analysis error for a cast that does not exist.
  static func mismatch(_ source: DataType, _ target: DataType, isTry: Bool) -> MillraceError {
    let message = "cannot cast \"\(source.sql)\" to \"\(target.sql)\""
    if source.isNumeric && target == .date {
      return MillraceError("DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION", message, hint: "use date_from_unix_date()")
    }
    if source == .date && target.isNumeric {
      return MillraceError("DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION", message, hint: "use unix_date()")
    }
    if !isTry && existsWithoutAnsi(source, target) {
      return MillraceError("DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION", message, hint: "ANSI mode does not allow it")
    }
    return MillraceError("DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION", message)
  }

  private static func existsWithoutAnsi(_ source: DataType, _ target: DataType) -> Bool {
    switch (source, target) {
    case (.boolean, .timestamp), (.date, .boolean), (.timestamp, .boolean): true
    case (_, .binary): source.isIntegral
    default: false
    }
  }

  // MARK: - Errors of values

  /// `CAST_INVALID_INPUT` for a text.
  static func invalidInput(_ bytes: UnsafeRawBufferPointer, _ target: DataType) -> MillraceError {
    invalidInput("'\(String(decoding: bytes, as: UTF8.self))'", .string, target)
  }

  /// `CAST_INVALID_INPUT` for a value that is already quoted.
  static func invalidInput(_ value: String, _ source: DataType, _ target: DataType) -> MillraceError {
    MillraceError(
      "CAST_INVALID_INPUT", "the value \(value) of the type \"\(source.sql)\" is no \"\(target.sql)\"",
      hint: "correct the value, or use try_cast to get NULL instead")
  }

  /// `CAST_OVERFLOW`.
  static func overflow(_ value: String, _ source: DataType, _ target: DataType) -> MillraceError {
    MillraceError(
      "CAST_OVERFLOW", "the value \(value) of the type \"\(source.sql)\" does not fit into \"\(target.sql)\"",
      hint: "use try_cast to get NULL instead")
  }

  /// `NUMERIC_OUT_OF_SUPPORTED_RANGE`.
  static func tooManyDigits(_ value: String) -> MillraceError {
    MillraceError(
      "NUMERIC_OUT_OF_SUPPORTED_RANGE", "the value \(value) has more than 38 digits before the point",
      hint: "use DOUBLE, or try_cast to get NULL instead")
  }

  /// `NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION`.
  static func outOfRange(_ value: String, _ target: DataType) -> MillraceError {
    MillraceError(
      "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", "the value \(value) does not fit into \(target.sql)",
      hint: "use a wider decimal, or try_cast to get NULL instead")
  }
}
