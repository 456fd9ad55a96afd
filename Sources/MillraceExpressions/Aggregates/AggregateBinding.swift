import MillraceColumnar

/// Checks that every binder of an aggregate makes.
enum AggregateBinding {
  /// Throws unless the number of arguments is among those allowed.
  static func checkCount(_ name: String, _ arguments: [Expression], _ allowed: ClosedRange<Int>) throws {
    guard !allowed.contains(arguments.count) else { return }
    let wanted =
      allowed.lowerBound == allowed.upperBound
      ? "\(allowed.lowerBound)" : "\(allowed.lowerBound) to \(allowed.upperBound)"
    throw MillraceError(
      "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "\(name) takes \(wanted) arguments but got \(arguments.count)")
  }

  /// The error for an argument of a type that the function does not take.
  static func mismatch(_ name: String, _ argument: Expression, _ position: Int, _ wanted: String) -> MillraceError {
    MillraceError(
      "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
      "argument \(position) of \(name) must be \(wanted), but is \(argument.type.sql)", hint: "cast the argument")
  }

  /// The value of a literal argument such as a percentage.
  static func constant(_ name: String, _ argument: Expression, _ position: Int) throws -> Value {
    guard argument.references.isEmpty, argument.isDeterministic else {
      throw MillraceError(
        "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "argument \(position) of \(name) must be a constant",
        hint: "pass a literal")
    }
    let batch = RecordBatch(rowCount: 1, columns: [])
    return try Evaluator([argument], input: []).evaluate(batch, EvaluationContext())[0].value(0)
  }

  /// A number as a double; decimals are scaled by their type.
  static func double(_ value: Value, _ type: DataType) -> Double? {
    switch (value, type) {
    case (.integer(let number), _): return Double(number)
    case (.double(let number), _): return number
    case (.decimal(let number), .decimal(_, let scale)): return Double(number) / Double(DecimalMath.powers[scale])
    default: return nil
    }
  }

  /// A numeric argument of a sum or an average, which a TIMESTAMP is too: seconds since 1970 as DOUBLE.
  static func summand(_ name: String, _ argument: Expression) throws -> Expression {
    argument.type == .timestamp
      ? try argument.cast(to: .double, BindingContext()) : try number(name, argument, 1)
  }

  /// The argument; strings and untyped NULLs are cast to DOUBLE.
  static func numberIfText(_ argument: Expression) throws -> Expression {
    argument.type == .string || argument.type == .void
      ? try argument.cast(to: .double, BindingContext()) : argument
  }

  /// A numeric argument; strings are cast to DOUBLE.
  static func number(
    _ name: String, _ argument: Expression, _ position: Int, _ context: BindingContext = BindingContext()
  ) throws -> Expression {
    if argument.type.isNumeric || argument.type == .void { return argument }
    if argument.type == .string { return try argument.cast(to: .double, context) }
    throw mismatch(name, argument, position, "a number")
  }
}
