package import MillraceColumnar

/// Checks and casts that function binders share.
package enum Arguments {
  /// Throws `WRONG_NUM_ARGS.WITHOUT_SUGGESTION` unless the count lies in the range.
  package static func expectCount(_ name: String, _ arguments: [Expression], _ counts: ClosedRange<Int>) throws {
    guard !counts.contains(arguments.count) else { return }
    let upper =
      counts.upperBound == Int.max ? "at least \(counts.lowerBound)" : "\(counts.lowerBound) to \(counts.upperBound)"
    throw MillraceError(
      "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
      "`\(name)` takes \(counts.count == 1 ? "\(counts.lowerBound)" : upper) arguments but got \(arguments.count)")
  }

  /// The same for exactly `count` arguments.
  package static func expectCount(_ name: String, _ arguments: [Expression], _ count: Int) throws {
    try expectCount(name, arguments, count...count)
  }

  /// The arguments cast to what the function expects. The last expectation holds for all that follow.
  /// Throws `WRONG_NUM_ARGS.WITHOUT_SUGGESTION` unless `counts` (default: one per expectation) holds, and
  /// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` for an argument that cannot be cast implicitly.
  package static func coerce(
    _ name: String, _ arguments: [Expression], _ expected: [ExpectedType], counts: ClosedRange<Int>? = nil,
    _ context: BindingContext
  ) throws -> [Expression] {
    try expectCount(name, arguments, counts ?? expected.count...expected.count)
    guard let last = expected.last else { return arguments }
    return try arguments.enumerated().map { index, argument in
      let wanted = index < expected.count ? expected[index] : last
      guard let type = wanted.coerced(argument.type) else {
        throw unexpectedType(name, index, argument.type, wanted)
      }
      return try argument.cast(to: type, context)
    }
  }

  /// All arguments cast to their common type, as `coalesce`, `array` and CASE branches want it, or without `promotesStrings`
  /// `greatest`. Throws `DATATYPE_MISMATCH.DATA_DIFF_TYPES` when there is none.
  package static func unify(
    _ name: String, _ arguments: [Expression], promotesStrings: Bool = true, _ context: BindingContext
  ) throws -> [Expression] {
    let types = arguments.map(\.type)
    let common = promotesStrings ? TypeCoercion.commonType(types) : TypeCoercion.commonTypeWithoutStrings(types)
    guard let type = common else {
      let types = arguments.map { "\"\($0.type.sql)\"" }.joined(separator: ", ")
      throw MillraceError(
        "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "the arguments of `\(name)` must have one type, but they have \(types)",
        hint: "cast them to one type")
    }
    return try arguments.map { try $0.cast(to: type, context) }
  }

  /// `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE` for the argument at `index` (from 0).
  package static func unexpectedType(_ name: String, _ index: Int, _ type: DataType, _ expected: ExpectedType)
    -> MillraceError
  {
    let ordinals = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]
    let ordinal = index < ordinals.count ? ordinals[index] : "\(index + 1)th"
    return MillraceError(
      "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
      "the \(ordinal) argument of `\(name)` must be \(expected.sql), but it is \"\(type.sql)\"")
  }

  /// The value of an argument that has to be constant, for instance a pattern or a scale. Expressions of constants are
  /// computed. Throws `DATATYPE_MISMATCH.NON_FOLDABLE_INPUT`.
  package static func constant(_ name: String, _ parameter: String, _ argument: Expression) throws -> Value {
    if case .literal(let value, _) = argument { return value }
    guard argument.references.isEmpty, argument.isDeterministic, !argument.containsSubquery else {
      throw MillraceError(
        "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "the argument \(parameter) of `\(name)` must be a constant")
    }
    return try argument.constantValue()
  }
}

extension Expression {
  /// Whether a scalar subquery's result is still to be put in.
  package var containsSubquery: Bool {
    if case .subqueryResult = self { return true }
    return children.contains(where: \.containsSubquery)
  }

  /// The value of an expression that reads no column.
  package func constantValue() throws -> Value {
    let evaluator = try Evaluator([self], input: [])
    let row = RecordBatch(rowCount: 1, columns: [])
    return try evaluator.evaluate(row, EvaluationContext())[0].value(0)
  }

  /// The expression as `type`: itself if it has it, NULL of the type for an untyped NULL, else a cast.
  package func cast(to type: DataType, _ context: BindingContext) throws -> Expression {
    try Cast.bind(self, to: type, context: context)
  }
}
