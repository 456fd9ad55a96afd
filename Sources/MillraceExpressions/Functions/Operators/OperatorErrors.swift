import MillraceColumnar

/// Errors of operators, with Spark's conditions.
enum OperatorErrors {
  static let divideByZero = MillraceError(
    "DIVIDE_BY_ZERO", "division by zero", hint: "use try_divide to get NULL instead")
  static let remainderByZero = MillraceError(
    "REMAINDER_BY_ZERO", "remainder by zero", hint: "use try_mod to get NULL instead")

  /// Overflow of an integer type; TINYINT and SMALLINT have a condition of their own.
  static func overflow(_ operation: String, _ type: DataType) -> MillraceError {
    let isSmall = type == .byte || type == .short
    return MillraceError(
      isSmall ? "BINARY_ARITHMETIC_OVERFLOW" : "ARITHMETIC_OVERFLOW", "\(operation) does not fit into \(type.sql)",
      hint: "cast to a wider type, or use the function's try_ form to get NULL instead")
  }

  static func intervalOverflow(_ operation: String) -> MillraceError {
    MillraceError("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION", "\(operation) does not fit into an interval")
  }

  static func datetimeOverflow(_ operation: String) -> MillraceError {
    MillraceError("DATETIME_OVERFLOW", "\(operation) is beyond the range of dates")
  }

  /// A date or an interval with something that cannot be added to it.
  static func unexpected(_ op: String, _ left: Expression, _ right: Expression, _ wanted: String) -> MillraceError {
    MillraceError(
      "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
      "`\(op)` takes \(wanted), but the operands are \"\(left.type.sql)\" and \"\(right.type.sql)\"")
  }

  /// `BINARY_OP_DIFF_TYPES` for operands that have no common type, `BINARY_OP_WRONG_TYPE` for a common type that the
  /// operator does not take, which they may also become (`isOneType`).
  static func mismatch(
    _ op: String, _ left: Expression, _ right: Expression, _ wanted: String, isOneType: Bool = false
  ) -> MillraceError {
    let types = "\"\(left.type.sql)\" and \"\(right.type.sql)\""
    // A string becomes a boolean or binary value beside one.
    let promotes = [left.type, right.type].contains(.string) && TypeCoercion.commonType(left.type, right.type) != nil
    if isOneType || promotes || left.type == right.type {
      return MillraceError(
        "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE", "`\(op)` takes \(wanted), but the operands are \(types)")
    }
    return MillraceError(
      "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES", "the operands of `\(op)` must have one type, but they are \(types)",
      hint: "cast one of them")
  }
}
