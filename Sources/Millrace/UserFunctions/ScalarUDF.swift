public import MillraceColumnar
import MillraceExpressions

/// Computes a column from columns, a batch at a time: the arguments with `rowCount` rows each, already of the declared types.
/// A column may hold one value for all rows (`isConstant`): read a row's value at `slot(row)`.
public typealias BatchFunction = @Sendable (_ arguments: [ColumnVector], _ rowCount: Int) throws -> ColumnVector

/// A scalar function that computes whole columns, for speed: `udf("double", [.long], returns: .long) { columns, count in … }`.
///
/// Arguments are cast to the declared types where SQL casts implicitly; NULLs come as they are. The function is called from several
/// threads at once. What it throws becomes `FAILED_EXECUTE_UDF` with the first row that fails by itself; a result of another type or
/// length is `UDF_RESULT_MISMATCH`. Say `deterministic: false` where equal arguments can give different results: then the function is
/// computed for each place that calls it, and conditions on it stay where they are.
public func udf(
  _ name: String, _ arguments: [DataType], returns type: DataType, deterministic: Bool = true,
  _ body: @escaping BatchFunction
) -> UserDefinedFunction {
  ScalarUDF(name: name, arguments: arguments, type: type, isDeterministic: deterministic).function { _ in
    true
  } kernel: {
    columns, rowCount in
    let result: ColumnVector
    do {
      result = try body(columns, rowCount)
    } catch {
      throw ScalarUDF.located(error, name, columns, rowCount, body)
    }
    guard result.type.matches(type), result.count == rowCount else {
      throw MillraceError(
        "UDF_RESULT_MISMATCH",
        "the user-defined function `\(name)` gave \(result.count) rows of \(result.type.sql) for \(rowCount) rows of \(type.sql)",
        hint: "give one value of the declared type for each row")
    }
    return result
  }
}

/// A scalar function of one argument, called for each row: `udf("slug") { (title: String) in title.lowercased() }`.
///
/// An `Optional` parameter gets NULL as nil; with any other parameter NULL gives NULL and the function is not called. An `Optional` result
/// can be NULL. The function is called from several threads at once. What it throws becomes `FAILED_EXECUTE_UDF` with row and arguments.
public func udf<A: SQLValue, Result: SQLValue>(
  _ name: String, deterministic: Bool = true, _ body: @escaping @Sendable (A) throws -> Result
) -> UserDefinedFunction {
  ScalarUDF(name: name, arguments: [A.sqlType], type: Result.sqlType, isDeterministic: deterministic)
    .rowFunction([A.acceptsNull]) { columns, row in try body(A.read(columns[0], row)) }
}

/// A scalar function of two arguments, called for each row.
public func udf<A: SQLValue, B: SQLValue, Result: SQLValue>(
  _ name: String, deterministic: Bool = true, _ body: @escaping @Sendable (A, B) throws -> Result
) -> UserDefinedFunction {
  ScalarUDF(name: name, arguments: [A.sqlType, B.sqlType], type: Result.sqlType, isDeterministic: deterministic)
    .rowFunction([A.acceptsNull, B.acceptsNull]) { columns, row in
      try body(A.read(columns[0], row), B.read(columns[1], row))
    }
}

/// A scalar function of three arguments, called for each row.
public func udf<A: SQLValue, B: SQLValue, C: SQLValue, Result: SQLValue>(
  _ name: String, deterministic: Bool = true, _ body: @escaping @Sendable (A, B, C) throws -> Result
) -> UserDefinedFunction {
  ScalarUDF(
    name: name, arguments: [A.sqlType, B.sqlType, C.sqlType], type: Result.sqlType, isDeterministic: deterministic
  )
  .rowFunction([A.acceptsNull, B.acceptsNull, C.acceptsNull]) { columns, row in
    try body(A.read(columns[0], row), B.read(columns[1], row), C.read(columns[2], row))
  }
}

/// Turns a program into a function of the registry.
private struct ScalarUDF {
  var name: String
  var arguments: [DataType]
  var type: DataType
  var isDeterministic: Bool

  /// `isNullable` tells from the arguments whether the result can be NULL.
  func function(isNullable: @escaping @Sendable ([Expression]) -> Bool, kernel: @escaping BatchFunction)
    -> UserDefinedFunction
  {
    let definition = self
    let variant = UserDefinedFunction.variant()
    let call = "\(name)(\(arguments.map(\.sql).joined(separator: ", ")))"
    let scalar = ScalarFunction(
      names: [name.lowercased()], summary: "A function of the program.", example: call
    ) { expressions, context in
      let inputs = try Arguments.coerce(
        definition.name, expressions, definition.arguments.map { .type($0) }, counts: definition.counts, context)
      let bound = BoundFunction(
        definition.name, variant: variant, type: definition.type, isNullable: isNullable(inputs),
        isDeterministic: definition.isDeterministic, canFail: true
      ) { columns, rowCount, _ in try kernel(columns, rowCount) }
      return .call(bound, inputs)
    }
    return UserDefinedFunction(name, .scalar(scalar))
  }

  private var counts: ClosedRange<Int> { arguments.count...arguments.count }

  /// A function that is called for each row in which no argument is NULL that must not be.
  func rowFunction<Result: SQLValue>(
    _ acceptsNull: [Bool], _ body: @escaping @Sendable (_ columns: [ColumnVector], _ row: Int) throws -> Result
  ) -> UserDefinedFunction {
    let (name, type) = (self.name, self.type)
    let strict = acceptsNull.indices.filter { !acceptsNull[$0] }
    return function { inputs in
      Result.acceptsNull || strict.contains { inputs[$0].isNullable }
    } kernel: { columns, rowCount in
      let checked = strict.map { columns[$0] }.filter(\.mayHaveNulls)
      let builder = ColumnBuilder(type, capacity: rowCount)
      for row in 0..<rowCount {
        if checked.contains(where: { $0.isNull(row) }) {
          builder.appendNull()
          continue
        }
        do {
          try body(columns, row).append(to: builder)
        } catch {
          throw UserDefinedFunction.failure(name, "", row, columns, error)
        }
      }
      return builder.finish()
    }
  }

  /// The error of a whole batch as that of its first row that fails by itself.
  static func located(
    _ error: any Error, _ name: String, _ columns: [ColumnVector], _ rowCount: Int, _ body: BatchFunction
  ) -> MillraceError {
    for row in 0..<rowCount {
      do {
        _ = try body(columns.map { $0.gathered(.range(row..<row + 1)) }, 1)
      } catch {
        return UserDefinedFunction.failure(name, "", row, columns, error)
      }
    }
    return MillraceError(
      "FAILED_EXECUTE_UDF", "the user-defined function `\(name)` failed for a batch of \(rowCount) rows", cause: error)
  }
}
