import MillraceColumnar
import MillraceExpressions
import Synchronization

/// A function written in Swift that queries call by name: made by `udf` or `udaf`, registered with a session or given to the command.
///
/// It is a value: one function can be registered with several sessions. `f(col("a"))` is a column that calls it.
public struct UserDefinedFunction: Sendable {
  enum Kind: Sendable {
    case scalar(ScalarFunction)
    case aggregate(AggregateFunction)
  }

  /// The name by which queries call it; they may write it in any case.
  public let name: String
  let kind: Kind

  init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }

  /// A call. The session must know the function when the column is used.
  public func callAsFunction(_ arguments: any ColumnConvertible...) -> Column { call(name, arguments.map(\.column)) }

  // MARK: Errors

  /// What a function threw, with its name and arguments.
  static func failure(
    _ name: String, _ step: String, _ row: Int, _ columns: [ColumnVector], _ cause: any Error
  ) -> MillraceError {
    let values = columns.map { ValueText.describe($0.value(row)) }.joined(separator: ", ")
    return MillraceError(
      "FAILED_EXECUTE_UDF",
      "the user-defined function `\(name)` failed\(step) at row \(row) of a batch, for (\(values))",
      hint: "handle the value in the function, or keep it away with a filter", cause: cause)
  }

  /// Tells apart functions of one name, so that equal calls of different functions are not computed once.
  static func variant() -> String { "#\(counter.wrappingAdd(1, ordering: .relaxed).newValue)" }

  private static let counter = Atomic<Int>(0)
}

/// Registers functions written in Swift: `spark.udf.register("slug") { (title: String) in title.lowercased() }`.
public struct UDFRegistration: Sendable {
  let session: SparkSession

  /// Makes a function known to the session's queries under its name, in the place of one that has it already.
  @discardableResult
  public func register(_ function: UserDefinedFunction) -> UserDefinedFunction {
    session.register(function)
    return function
  }

  /// Registers a function of one argument, called row by row; as the function `udf` makes it.
  @discardableResult
  public func register<A: SQLValue, Result: SQLValue>(
    _ name: String, deterministic: Bool = true, _ body: @escaping @Sendable (A) throws -> Result
  ) -> UserDefinedFunction {
    register(udf(name, deterministic: deterministic, body))
  }

  /// Registers a function of two arguments, called row by row.
  @discardableResult
  public func register<A: SQLValue, B: SQLValue, Result: SQLValue>(
    _ name: String, deterministic: Bool = true, _ body: @escaping @Sendable (A, B) throws -> Result
  ) -> UserDefinedFunction {
    register(udf(name, deterministic: deterministic, body))
  }

  /// Registers a function of three arguments, called row by row.
  @discardableResult
  public func register<A: SQLValue, B: SQLValue, C: SQLValue, Result: SQLValue>(
    _ name: String, deterministic: Bool = true, _ body: @escaping @Sendable (A, B, C) throws -> Result
  ) -> UserDefinedFunction {
    register(udf(name, deterministic: deterministic, body))
  }
}

extension SparkSession {
  /// Registers functions written in Swift.
  public var udf: UDFRegistration { UDFRegistration(session: self) }

  /// Makes a function known to the session's queries under its name.
  public func register(_ function: UserDefinedFunction) {
    switch function.kind {
    case .scalar(let scalar): register(scalar)
    case .aggregate(let aggregate): register(aggregate)
    }
  }
}
