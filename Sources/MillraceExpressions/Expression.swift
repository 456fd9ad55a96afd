public import MillraceColumnar

/// A resolved, typed expression over attributes. Immutable; evaluated a batch at a time by `Evaluator`.
public indirect enum Expression: Sendable {
  case attribute(Attribute)
  case literal(Value, DataType)
  /// A function of evaluated arguments.
  case call(BoundFunction, [Expression])
  /// Three-valued AND; the right side sees only rows for which the left is not false.
  case and(Expression, Expression)
  /// Three-valued OR; the right side sees only rows for which the left is not true.
  case or(Expression, Expression)
  /// CASE WHEN: the value of the first branch whose condition is true, else `otherwise` (NULL literal if absent).
  /// A branch sees only its own rows. All values already have `type`.
  case conditional([Branch], otherwise: Expression, DataType)
  /// The first value that is not null; later arguments see only rows where all before are null. All have `type`.
  case coalesce([Expression], DataType)
  /// A function of arrays or maps that evaluates lambda bodies.
  case higherOrder(BoundHigherOrder, [Expression], [Lambda])
  /// The value of a scalar subquery, put in as a literal before execution.
  case subqueryResult(id: Int, DataType)

  /// One WHEN … THEN of a CASE.
  public struct Branch: Sendable {
    /// A BOOLEAN; NULL counts as false.
    public var condition: Expression
    /// The branch's result, of the CASE's common type. It fails only for rows that take the branch.
    public var value: Expression
    /// Makes a branch.
    public init(_ condition: Expression, _ value: Expression) {
      self.condition = condition
      self.value = value
    }
  }

  /// Whether this is a NULL that is known before any row is.
  package var isNullLiteral: Bool { if case .literal(.null, _) = self { true } else { false } }

  /// NULL of a type.
  public static func null(_ type: DataType) -> Expression { .literal(.null, type) }

  /// The type of the result.
  public var type: DataType {
    switch self {
    case .attribute(let attribute): attribute.type
    case .literal(_, let type), .conditional(_, _, let type), .coalesce(_, let type), .subqueryResult(_, let type): type
    case .call(let function, _): function.type
    case .higherOrder(let function, _, _): function.type
    case .and, .or: .boolean
    }
  }

  /// Whether the result may be null.
  public var isNullable: Bool {
    switch self {
    case .attribute(let attribute): attribute.isNullable
    case .literal(let value, _): value.isNull
    case .call(let function, _): function.isNullable
    case .higherOrder(let function, _, _): function.isNullable
    case .and(let left, let right), .or(let left, let right): left.isNullable || right.isNullable
    case .conditional(let branches, let otherwise, _): otherwise.isNullable || branches.contains { $0.value.isNullable }
    case .coalesce(let arguments, _): arguments.allSatisfy(\.isNullable)
    case .subqueryResult: true
    }
  }

  /// Whether evaluation may raise an error, which decides if rows that do not count may be evaluated along.
  public var canFail: Bool {
    if case .call(let function, _) = self, function.canFail { return true }
    if case .higherOrder = self { return true }
    return children.contains(where: \.canFail)
  }

  /// Whether the result depends on the arguments alone.
  public var isDeterministic: Bool {
    if case .call(let function, _) = self, !function.isDeterministic { return false }
    return children.allSatisfy(\.isDeterministic)
  }

  /// Direct sub-expressions, lambda bodies included.
  public var children: [Expression] {
    switch self {
    case .attribute, .literal, .subqueryResult: []
    case .call(_, let arguments), .coalesce(let arguments, _): arguments
    case .and(let left, let right), .or(let left, let right): [left, right]
    case .conditional(let branches, let otherwise, _): branches.flatMap { [$0.condition, $0.value] } + [otherwise]
    case .higherOrder(_, let arguments, let lambdas): arguments + lambdas.map(\.body)
    }
  }

  /// The same expression with every direct child replaced.
  public func mapChildren(_ transform: (Expression) throws -> Expression) rethrows -> Expression {
    switch self {
    case .attribute, .literal, .subqueryResult: self
    case .call(let function, let arguments): .call(function, try arguments.map(transform))
    case .coalesce(let arguments, let type): .coalesce(try arguments.map(transform), type)
    case .and(let left, let right): .and(try transform(left), try transform(right))
    case .or(let left, let right): .or(try transform(left), try transform(right))
    case .conditional(let branches, let otherwise, let type):
      .conditional(
        try branches.map { Branch(try transform($0.condition), try transform($0.value)) },
        otherwise: try transform(otherwise), type)
    case .higherOrder(let function, let arguments, let lambdas):
      .higherOrder(
        function, try arguments.map(transform), try lambdas.map { Lambda($0.parameters, try transform($0.body)) })
    }
  }

  /// Rewrites bottom-up; `transform` gives nil to leave a node as it is.
  public func rewritten(_ transform: (Expression) throws -> Expression?) rethrows -> Expression {
    let inner = try mapChildren { try $0.rewritten(transform) }
    return try transform(inner) ?? inner
  }

  /// Ids of all attributes that are read, lambda parameters included.
  public var references: Set<Int> {
    var ids: Set<Int> = []
    collectReferences(into: &ids)
    return ids
  }

  private func collectReferences(into ids: inout Set<Int>) {
    if case .attribute(let attribute) = self { ids.insert(attribute.id) }
    for child in children { child.collectReferences(into: &ids) }
  }

  /// A text that is the same for two expressions exactly if they compute the same; used to find common sub-expressions.
  public var fingerprint: String { fingerprint([:]) }

  /// A text of a value that no other of its type has. Those that literals usually have are written out, since the names of cases are looked up
  /// in tables of the runtime.
  private static func fingerprint(_ value: Value) -> String {
    switch value {
    case .null: "null"
    case .boolean(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .decimal(let value): String(value)
    case .double(let value): String(value)
    case .interval(let value): "\(value.months) \(value.days) \(value.microseconds)"
    case .string(let value): "'\(value.utf8.count):\(value)"
    default: "\(value)"
    }
  }

  /// The same inside lambdas, whose parameters are told by their places: they are other attributes each time that a lambda is resolved.
  private func fingerprint(_ parameters: [Int: String]) -> String {
    switch self {
    case .attribute(let attribute): return parameters[attribute.id] ?? "#\(attribute.id)"
    case .literal(let value, let type): return "\(Self.fingerprint(value)):\(type)"
    case .subqueryResult(let id, _): return "subquery\(id)"
    case .higherOrder(let function, let arguments, let lambdas):
      let bodies = lambdas.map { lambda in
        var places = parameters
        for (index, parameter) in lambda.parameters.enumerated() {
          places[parameter.id] = "parameter\(parameters.count + index)"
        }
        return "\(lambda.parameters.count)->\(lambda.body.fingerprint(places))"
      }
      let inner = arguments.map { $0.fingerprint(parameters) } + bodies
      return "\(function.name)(\(inner.joined(separator: ",")))"
    default:
      let parts = children.map { $0.fingerprint(parameters) }
      let inner = (isCommutative ? parts.sorted() : parts).joined(separator: ",")
      switch self {
      case .call(let function, _): return "\(function.name)\(function.variant)(\(inner)):\(function.type)"
      case .and: return "and(\(inner))"
      case .or: return "or(\(inner))"
      case .conditional: return "case(\(inner))"
      case .coalesce: return "coalesce(\(inner))"
      default: return inner
      }
    }
  }
}

extension Expression {
  /// Whether the operands may change places.
  private var isCommutative: Bool {
    switch self {
    case .and, .or: true
    case .call(let function, _): ["+", "*", "&", "|", "^", "=", "<=>"].contains(function.name)
    default: false
    }
  }
}

/// A lambda `(x, i) -> body`; the parameters are attributes that only the body reads.
public struct Lambda: Sendable {
  /// The parameters in order, typed from the elements that will be passed.
  public var parameters: [Attribute]
  /// Computes the lambda's result; it may also read columns of the surrounding row.
  public var body: Expression
  /// Makes a lambda.
  public init(_ parameters: [Attribute], _ body: Expression) {
    self.parameters = parameters
    self.body = body
  }
}

/// What a scalar function computes from, one batch at a time.
public typealias Kernel =
  @Sendable (_ arguments: [ColumnVector], _ rowCount: Int, _ context: EvaluationContext) throws ->
  ColumnVector

/// A function with its argument and result types settled, ready to run.
public struct BoundFunction: Sendable {
  /// Lower-case name, for instance `regexp_extract`.
  public let name: String
  /// Tells apart functions of one name that compute differently beyond their argument and result types
  /// (a pattern or option compiled into the kernel that is not an argument any more).
  public let variant: String
  /// The type of the result column.
  public let type: DataType
  /// Whether the result can be NULL for some arguments.
  public let isNullable: Bool
  /// Whether the result depends on the arguments alone (not `rand()` or `uuid()`).
  public let isDeterministic: Bool
  /// Whether the kernel may throw for some input.
  public let canFail: Bool
  /// Computes the result; a constant result may be a constant vector. With no argument it must give `rowCount` rows.
  public let kernel: Kernel
  /// How many of the first arguments end a row where they are NULL: Spark computes no argument behind one, so that it cannot fail.
  var nullStops = 0
  /// The field that the function reads of the struct in its first argument, if it reads nothing else of it.
  var fieldRead: Int?
  /// For a function whose result is a struct: its kernel when only some fields are read. Children of other fields may hold anything.
  var kernelForFields: (@Sendable (_ fields: [Int]) -> Kernel)?

  /// Makes a bound function.
  public init(
    _ name: String, variant: String = "", type: DataType, isNullable: Bool = true, isDeterministic: Bool = true,
    canFail: Bool = false, kernel: @escaping Kernel
  ) {
    self.name = name
    self.variant = variant
    self.type = type
    self.isNullable = isNullable
    self.isDeterministic = isDeterministic
    self.canFail = canFail
    self.kernel = kernel
  }

  /// Whether the result is NULL because some arguments are, before any other is computed: the first one, or any where all of them stop.
  package func isNull(wherever nulls: [Bool]) -> Bool {
    guard let isFirst = nulls.first, nullStops > 0 else { return false }
    return isFirst || nullStops >= nulls.count && nulls.contains(true)
  }

  /// The same function when only some fields of its result are read.
  func reading(fields: [Int]) -> BoundFunction {
    guard let kernel = kernelForFields?(fields) else { return self }
    var function = BoundFunction(
      name, variant: variant, type: type, isNullable: isNullable, isDeterministic: isDeterministic, canFail: canFail,
      kernel: kernel)
    function.nullStops = nullStops
    return function
  }
}

/// A higher-order function. `evaluate` runs lambda `index` over flattened elements: `arguments[k]` are the values of
/// its parameter k, and `parents[j]` is the row of the outer batch that element j belongs to.
public struct BoundHigherOrder: Sendable {
  /// Runs one lambda body on element vectors of `count` rows.
  public typealias LambdaRunner = (_ lambda: Int, _ arguments: [ColumnVector], _ parents: Selection) throws ->
    ColumnVector

  /// Lower-case name, for instance `transform`.
  public let name: String
  /// The type of the result column.
  public let type: DataType
  /// Whether the result can be NULL for some arguments.
  public let isNullable: Bool
  /// Computes the result from evaluated arguments and lambda runs.
  public let kernel:
    @Sendable (_ arguments: [ColumnVector], _ rowCount: Int, _ run: LambdaRunner) throws -> ColumnVector

  /// Makes a bound higher-order function.
  public init(
    _ name: String, type: DataType, isNullable: Bool = true,
    kernel: @escaping @Sendable ([ColumnVector], Int, LambdaRunner) throws -> ColumnVector
  ) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
    self.kernel = kernel
  }
}

/// What a batch's evaluation may know beside its rows.
public struct EvaluationContext: Sendable {
  /// Microseconds since the epoch that `current_timestamp()` gives; the same on a replay of the batch.
  public var batchTimestamp: Int64
  /// Seed of the batch for `rand()` and its kin.
  public var seed: UInt64
  /// Index of the input partition.
  public var partition: Int

  /// Makes a context.
  public init(batchTimestamp: Int64 = 0, seed: UInt64 = 0, partition: Int = 0) {
    self.batchTimestamp = batchTimestamp
    self.seed = seed
    self.partition = partition
  }
}
