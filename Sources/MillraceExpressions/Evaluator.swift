public import MillraceColumnar

/// Expressions compiled for batches with known columns. Equal sub-expressions are computed once per batch.
///
/// A value type without row state: one evaluator may serve several threads, each with its own batch.
public struct Evaluator: Sendable {
  /// Types of the results, in the order of the expressions.
  public let types: [DataType]
  /// Whether the same batch always gives the same results.
  public let isDeterministic: Bool
  private let nodes: [Node]
  private let roots: [Int]
  private let expressions: [Expression]
  private let input: [Attribute]
  /// Whether it is run by another one, on a part of the rows.
  private let isPart: Bool

  /// One step; operands are indices of earlier nodes.
  private indirect enum Node: Sendable {
    case column(Int)
    case literal(Value, DataType)
    case call(BoundFunction, [Int])
    /// Sub-programs that run on a part of the rows.
    case and(Int, Evaluator)
    case or(Int, Evaluator)
    case conditional([(condition: Evaluator, value: Evaluator)], otherwise: Evaluator, DataType)
    case coalesce([Evaluator], DataType)
    case higherOrder(BoundHigherOrder, [Int], [CompiledLambda])

    /// The nodes whose results this one takes.
    var operands: [Int] {
      switch self {
      case .call(_, let operands), .higherOrder(_, let operands, _): operands
      case .and(let left, _), .or(let left, _): [left]
      case .column, .literal, .conditional, .coalesce: []
      }
    }
  }

  /// A lambda body over its parameters followed by all columns of the outer batch.
  private struct CompiledLambda: Sendable {
    let body: Evaluator
  }

  /// Compiles `expressions` for batches whose columns are `input`, in that order.
  public init(_ expressions: [Expression], input: [Attribute]) throws {
    try self.init(expressions, input: input, isPart: false)
  }

  private init(_ expressions: [Expression], input: [Attribute], isPart: Bool) throws {
    self.expressions = expressions
    self.input = input
    self.isPart = isPart
    var compiler = Compiler(input: input)
    let roots = try expressions.map { try compiler.compile($0) }
    compiler.dropUnreadFields(roots: roots)
    self.roots = roots
    nodes = compiler.nodes
    types = expressions.map(\.type)
    isDeterministic = expressions.allSatisfy(\.isDeterministic)
  }

  /// The results for all rows of a batch.
  ///
  /// A column at a time is computed for all rows; Spark, which goes row by row, leaves out what stands behind a NULL. So where something
  /// fails, the batch is computed once more and such rows are left out. What is thrown in the end is what the first row fails with.
  public func evaluate(_ batch: RecordBatch, _ context: EvaluationContext) throws -> [ColumnVector] {
    do {
      return try results(batch, context)
    } catch  where !isPart {
      let careful = try Evaluator(expressions.map(\.leavingOutBehindNull), input: input, isPart: true)
      do {
        return try careful.results(batch, context)
      } catch {
        let first = careful.firstFailure(batch, context)
        // Where that is the same, it may name the row's place in the batch, which a part of the batch does not know.
        guard let first, (first as? MillraceError)?.code != (error as? MillraceError)?.code else { throw error }
        throw first
      }
    }
  }

  /// What the first row that fails does so with, found by halves; nil where no part of the rows fails by itself.
  private func firstFailure(_ batch: RecordBatch, _ context: EvaluationContext) -> (any Error)? {
    guard isDeterministic else { return nil }
    var rows = 0..<batch.rowCount
    var found: (any Error)?
    while rows.count > 1 {
      let half = rows.lowerBound..<(rows.lowerBound + rows.count / 2)
      if let error = failure(batch.gathered(.range(half)), context) {
        found = error
        rows = half
      } else {
        rows = half.upperBound..<rows.upperBound
      }
    }
    return failure(batch.gathered(.range(rows)), context) ?? found
  }

  private func failure(_ batch: RecordBatch, _ context: EvaluationContext) -> (any Error)? {
    do {
      _ = try results(batch, context)
      return nil
    } catch { return error }
  }

  private func results(_ batch: RecordBatch, _ context: EvaluationContext) throws -> [ColumnVector] {
    var results: [ColumnVector] = []
    results.reserveCapacity(nodes.count)
    for node in nodes {
      results.append(try Self.run(node, results, batch, context))
    }
    return roots.map { results[$0] }
  }

  /// The rows of a batch for which the first expression is true.
  public func select(_ batch: RecordBatch, _ context: EvaluationContext) throws -> Selection {
    Selection(whereTrue: try evaluate(batch, context)[0])
  }

  private static func run(
    _ node: Node, _ done: [ColumnVector], _ batch: RecordBatch, _ context: EvaluationContext
  ) throws -> ColumnVector {
    switch node {
    case .column(let index): return batch.columns[index]
    case .literal(let value, let type): return .constant(value, type: type, count: batch.rowCount)
    case .call(let function, let arguments):
      return try function.kernel(arguments.map { done[$0] }, batch.rowCount, context)
    case .and(let left, let right):
      return try Conditional.shortCircuit(done[left], right, batch, context, decisive: false)
    case .or(let left, let right):
      return try Conditional.shortCircuit(done[left], right, batch, context, decisive: true)
    case .conditional(let branches, let otherwise, let type):
      return try Conditional.firstMatch(branches, otherwise, type, batch, context)
    case .coalesce(let arguments, let type):
      return try Conditional.coalesce(arguments, type, batch, context)
    case .higherOrder(let function, let arguments, let lambdas):
      return try function.kernel(arguments.map { done[$0] }, batch.rowCount) { lambda, elements, parents in
        let outer = batch.columns.map { $0.gathered(parents) }
        let inner = RecordBatch(rowCount: parents.count, columns: elements + outer)
        return try lambdas[lambda].body.evaluate(inner, context)[0]
      }
    }
  }

  private struct Compiler {
    let input: [Attribute]
    var positions: [Int: Int] = [:]
    var nodes: [Node] = []
    var known: [String: Int] = [:]

    init(input: [Attribute]) {
      self.input = input
      for (index, attribute) in input.enumerated() where positions[attribute.id] == nil {
        positions[attribute.id] = index
      }
    }

    mutating func compile(_ expression: Expression) throws -> Int {
      let key = expression.fingerprint
      if let index = known[key] { return index }
      let node = try makeNode(expression)
      nodes.append(node)
      if expression.isDeterministic { known[key] = nodes.count - 1 }
      return nodes.count - 1
    }

    /// Structs of which single fields are read, all by calls of this evaluator, get those only.
    mutating func dropUnreadFields(roots: [Int]) {
      for index in nodes.indices where !roots.contains(index) {
        guard case .call(let function, let arguments) = nodes[index], function.kernelForFields != nil else { continue }
        if let fields = fieldsRead(of: index) { nodes[index] = .call(function.reading(fields: fields), arguments) }
      }
    }

    /// The fields of a struct that the nodes behind it read, in their order; nil if one needs the struct as a whole.
    private func fieldsRead(of index: Int) -> [Int]? {
      var fields: Set<Int> = []
      for node in nodes[(index + 1)...] where node.operands.contains(index) {
        guard case .call(let reader, let arguments) = node, let field = reader.fieldRead, arguments[0] == index,
          !arguments.dropFirst().contains(index)
        else { return nil }
        fields.insert(field)
      }
      return fields.sorted()
    }

    /// What runs on a part of the rows.
    private func part(_ expressions: [Expression], before parameters: [Attribute] = []) throws -> Evaluator {
      try Evaluator(expressions, input: parameters + input, isPart: true)
    }

    private mutating func makeNode(_ expression: Expression) throws -> Node {
      switch expression {
      case .attribute(let attribute):
        guard let position = positions[attribute.id] else {
          throw MillraceError(
            "INTERNAL_ERROR",
            "column \(attribute.name)#\(attribute.id) is not among \(input.map { "\($0.name)#\($0.id)" })",
            fault: .bug)
        }
        return .column(position)
      case .literal(let value, let type): return .literal(value, type)
      case .call(let function, let arguments):
        let operands = try arguments.map { try compile($0) }
        return .call(function, operands)
      case .and(let left, let right): return .and(try compile(left), try part([right]))
      case .or(let left, let right): return .or(try compile(left), try part([right]))
      case .conditional(let branches, let otherwise, let type):
        return .conditional(
          try branches.map { (condition: try part([$0.condition]), value: try part([$0.value])) },
          otherwise: try part([otherwise]), type)
      case .coalesce(let arguments, let type): return .coalesce(try arguments.map { try part([$0]) }, type)
      case .higherOrder(let function, let arguments, let lambdas):
        let operands = try arguments.map { try compile($0) }
        return .higherOrder(
          function, operands, try lambdas.map { CompiledLambda(body: try part([$0.body], before: $0.parameters)) })
      case .subqueryResult:
        throw MillraceError(
          "INTERNAL_ERROR", "a scalar subquery was not replaced by its result before execution", fault: .bug)
      }
    }
  }
}

extension Expression {
  /// The same with calls that compute an argument which can fail only where the arguments in front of it are not NULL.
  fileprivate var leavingOutBehindNull: Expression {
    rewritten { part in
      guard case .call(let function, let arguments) = part, function.nullStops > 0,
        arguments.dropFirst().contains(where: \.canFail)
      else { return nil }
      if function.name == "in", let matches = try? comparisons(arguments) { return matches }
      let before = arguments.dropLast().prefix(function.nullStops).filter { $0.isNullable || $0.canFail }
      guard let first = before.first, before.contains(where: \.isNullable) else { return nil }
      let isPresent = before.dropFirst().reduce(BuiltinOperators.isComputedNotNull(first)) {
        .and($0, BuiltinOperators.isComputedNotNull($1))
      }
      return .conditional([Branch(isPresent, part)], otherwise: .null(function.type), function.type)
    }
  }

  /// `value IN (a, b)` as comparisons, of which one that is true ends the search, as one with NULL does before any.
  private func comparisons(_ arguments: [Expression]) throws -> Expression {
    let matches = try arguments.dropFirst().map { try BuiltinOperators.equal(arguments[0], $0, BindingContext()) }
    let any = matches.dropFirst().reduce(matches[0]) { .or($0, $1) }
    if !arguments[0].isNullable { return any }
    return .conditional([Branch(BuiltinOperators.isNotNull(arguments[0]), any)], otherwise: .null(.boolean), .boolean)
  }
}
