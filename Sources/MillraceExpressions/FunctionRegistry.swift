public import MillraceColumnar

/// An argument of a function call before the function is chosen.
public enum FunctionArgument: Sendable {
  case expression(Expression)
  /// A lambda whose body can be resolved once the types of its parameters are known.
  case lambda(parameterCount: Int, bind: @Sendable (_ types: [(DataType, isNullable: Bool)]) throws -> Lambda)
}

/// What binding may ask about the session.
public struct BindingContext: Sendable {
  /// Name of the session time zone, for instance `UTC` or `Europe/Berlin`.
  public var timeZone: String
  /// Spark's ANSI mode: errors instead of nulls and wrap-around.
  public var isAnsi: Bool
  /// Reads a type or the columns of a struct as DDL, for instance `ARRAY<INT>` or `a INT, b STRING`. Functions such as `from_json`
  /// need it, but this module does not know SQL; nil where no SQL is at hand.
  public var parseSchema: (@Sendable (_ text: String) throws -> DataType)?

  /// Makes a context; the defaults are those of the conformance oracle.
  public init(
    timeZone: String = "UTC", isAnsi: Bool = true, parseSchema: (@Sendable (_ text: String) throws -> DataType)? = nil
  ) {
    self.timeZone = timeZone
    self.isAnsi = isAnsi
    self.parseSchema = parseSchema
  }
}

/// A scalar function by name: documentation, and how a call is checked, coerced and turned into an expression.
public struct ScalarFunction: Sendable {
  /// Names in lower case; the first is canonical.
  public let names: [String]
  /// One sentence.
  public let summary: String
  /// A call that the documentation test runs, for instance `upper('abc')`.
  public let example: String
  /// Checks arity and types, inserts casts and gives the expression. Throws `WRONG_NUM_ARGS.WITHOUT_SUGGESTION`,
  /// `DATATYPE_MISMATCH.…` and so on as Spark.
  public let bind: @Sendable (_ arguments: [FunctionArgument], _ context: BindingContext) throws -> Expression

  /// A function that may take lambdas.
  public init(
    _ names: String..., summary: String, example: String,
    bindArguments: @escaping @Sendable ([FunctionArgument], BindingContext) throws -> Expression
  ) {
    self.names = names
    self.summary = summary
    self.example = example
    bind = bindArguments
  }

  /// A function of plain expressions.
  public init(
    _ names: String..., summary: String, example: String,
    bind: @escaping @Sendable ([Expression], BindingContext) throws -> Expression
  ) {
    self.init(names: names, summary: summary, example: example, bind: bind)
  }

  /// A function of plain expressions with names from elsewhere.
  public init(
    names: [String], summary: String, example: String,
    bind: @escaping @Sendable ([Expression], BindingContext) throws -> Expression
  ) {
    let name = names[0]
    self.names = names
    self.summary = summary
    self.example = example
    self.bind = { arguments, context in
      let expressions = try arguments.map { argument in
        guard case .expression(let expression) = argument else {
          throw MillraceError(
            "INVALID_LAMBDA_FUNCTION_CALL.NON_HIGHER_ORDER_FUNCTION", "a lambda was passed to \(name)")
        }
        return expression
      }
      return try bind(expressions, context)
    }
  }
}

/// All functions a query can name. A value: sessions add their own to a copy.
public struct FunctionRegistry: Sendable {
  private var scalars: [String: ScalarFunction] = [:]
  private var aggregates: [String: AggregateFunction] = [:]

  /// An empty registry.
  public init() {}

  /// The functions that Millrace ships.
  public static let builtin: FunctionRegistry = {
    var registry = FunctionRegistry()
    for family in BuiltinFunctions.scalarFamilies { for function in family { registry.register(function) } }
    for family in BuiltinFunctions.aggregateFamilies { for function in family { registry.register(function) } }
    return registry
  }()

  /// Adds or replaces a scalar function.
  public mutating func register(_ function: ScalarFunction) {
    for name in function.names { scalars[name] = function }
  }

  /// Adds or replaces an aggregate function.
  public mutating func register(_ function: AggregateFunction) {
    for name in function.names { aggregates[name] = function }
  }

  /// The scalar function of a name in any case.
  public func scalar(_ name: String) -> ScalarFunction? { scalars[name.lowercased()] }

  /// The aggregate function of a name in any case.
  public func aggregate(_ name: String) -> AggregateFunction? { aggregates[name.lowercased()] }

  /// Canonical names of all functions, sorted.
  public var names: [String] { Set(scalars.keys).union(aggregates.keys).sorted() }
}
