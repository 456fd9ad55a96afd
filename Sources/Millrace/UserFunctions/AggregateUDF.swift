import MillraceColumnar
import MillraceExpressions

/// An aggregate function of one argument:
///
/// ```swift
/// let longest = udaf("longest", zero: "") { (state: inout String, text: String) in
///   if text.count > state.count { state = text }
/// } merge: { state, other in
///   if other.count > state.count { state = other }
/// } finish: { $0 }
/// ```
///
/// `update` takes a row into a group's state, `merge` the state of other rows that came later, and `finish` gives the result. Merging
/// `zero` must change nothing. Rows in which an argument is NULL are left out, unless the parameter is an `Optional`. Say
/// `isOrderSensitive: false` if the result does not depend on the order of rows (an exact sum does not, a sum of DOUBLEs does): more work
/// is then done in parallel. The closures are called from several threads at once. What they throw becomes `FAILED_EXECUTE_UDF`.
public func udaf<State: AggregateState, A: SQLValue, Result: SQLValue>(
  _ name: String, zero: State, isOrderSensitive: Bool = true,
  update: @escaping @Sendable (inout State, A) throws -> Void,
  merge: @escaping @Sendable (inout State, State) throws -> Void,
  finish: @escaping @Sendable (State) throws -> Result
) -> UserDefinedFunction {
  AggregateUDF(
    name: name, arguments: [A.sqlType], acceptsNull: [A.acceptsNull], isOrderSensitive: isOrderSensitive, zero: zero,
    update: { try update(&$0, A.read($1[0], $2)) }, merge: merge, finish: finish
  ).function
}

/// An aggregate function of two arguments.
public func udaf<State: AggregateState, A: SQLValue, B: SQLValue, Result: SQLValue>(
  _ name: String, zero: State, isOrderSensitive: Bool = true,
  update: @escaping @Sendable (inout State, A, B) throws -> Void,
  merge: @escaping @Sendable (inout State, State) throws -> Void,
  finish: @escaping @Sendable (State) throws -> Result
) -> UserDefinedFunction {
  AggregateUDF(
    name: name, arguments: [A.sqlType, B.sqlType], acceptsNull: [A.acceptsNull, B.acceptsNull],
    isOrderSensitive: isOrderSensitive, zero: zero,
    update: { try update(&$0, A.read($1[0], $2), B.read($1[1], $2)) }, merge: merge, finish: finish
  ).function
}

/// An aggregate function of three arguments.
public func udaf<State: AggregateState, A: SQLValue, B: SQLValue, C: SQLValue, Result: SQLValue>(
  _ name: String, zero: State, isOrderSensitive: Bool = true,
  update: @escaping @Sendable (inout State, A, B, C) throws -> Void,
  merge: @escaping @Sendable (inout State, State) throws -> Void,
  finish: @escaping @Sendable (State) throws -> Result
) -> UserDefinedFunction {
  AggregateUDF(
    name: name, arguments: [A.sqlType, B.sqlType, C.sqlType],
    acceptsNull: [A.acceptsNull, B.acceptsNull, C.acceptsNull], isOrderSensitive: isOrderSensitive, zero: zero,
    update: { try update(&$0, A.read($1[0], $2), B.read($1[1], $2), C.read($1[2], $2)) }, merge: merge, finish: finish
  ).function
}

/// A typed aggregate as a function of the registry.
private struct AggregateUDF<State: AggregateState, Result: SQLValue>: Sendable {
  var name: String
  var arguments: [DataType]
  var acceptsNull: [Bool]
  var isOrderSensitive: Bool
  var zero: State
  var update: @Sendable (inout State, [ColumnVector], Int) throws -> Void
  var merge: @Sendable (inout State, State) throws -> Void
  var finish: @Sendable (State) throws -> Result

  var function: UserDefinedFunction {
    let call = "\(name)(\(arguments.map(\.sql).joined(separator: ", ")))"
    let aggregate = AggregateFunction(
      names: [name.lowercased()], summary: "An aggregate function of the program.", example: call
    ) { expressions, context in
      let inputs = try Arguments.coerce(
        name, expressions, arguments.map { .type($0) }, counts: arguments.count...arguments.count, context)
      var bound = BoundAggregate(
        name, arguments: inputs, type: Result.sqlType, isNullable: Result.acceptsNull,
        stateTypes: AggregateStateWriter.carriers(State.stateTypes), isOrderSensitive: isOrderSensitive
      ) { TypedAccumulator(self) }
      bound.stateLayout = State.stateTypes.map(\.sql).joined(separator: ", ")
      return bound
    }
    return UserDefinedFunction(name, .aggregate(aggregate))
  }
}

/// The states of a typed aggregate, one for each group.
private final class TypedAccumulator<State: AggregateState, Result: SQLValue>: SelectiveAccumulator {
  private let definition: AggregateUDF<State, Result>
  private let strict: [Int]
  private var groups: [State] = []

  init(_ definition: AggregateUDF<State, Result>) {
    self.definition = definition
    strict = definition.acceptsNull.indices.filter { !definition.acceptsNull[$0] }
  }

  func reserve(groupCount: Int) {
    guard groupCount > groups.count else { return }
    groups += repeatElement(definition.zero, count: groupCount - groups.count)
  }

  func update(groups numbers: UnsafePointer<UInt32>, rowCount: Int, arguments: [ColumnVector]) throws {
    let checked = strict.map { arguments[$0] }.filter(\.mayHaveNulls)
    for row in 0..<rowCount where !checked.contains(where: { $0.isNull(row) }) {
      do {
        try definition.update(&groups[Int(numbers[row])], arguments, row)
      } catch {
        throw UserDefinedFunction.failure(definition.name, " in update", row, arguments, error)
      }
    }
  }

  func merge(groups numbers: UnsafePointer<UInt32>, rowCount: Int, states: [ColumnVector]) throws {
    for row in 0..<rowCount {
      do {
        var reader = AggregateStateReader(states, row: row)
        try definition.merge(&groups[Int(numbers[row])], try State(from: &reader))
      } catch {
        throw UserDefinedFunction.failure(definition.name, " in merge", row, states, error)
      }
    }
  }

  func states(groupCount: Int) throws -> [ColumnVector] {
    reserve(groupCount: groupCount)
    return states(groupCount) { $0 }
  }

  func states(of numbers: UnsafePointer<UInt32>, count: Int) -> [ColumnVector] {
    states(count) { Int(truncatingIfNeeded: numbers[$0]) }
  }

  private func states(_ count: Int, _ group: (Int) -> Int) -> [ColumnVector] {
    let builders = AggregateStateWriter.carriers(State.stateTypes).map { ColumnBuilder($0, capacity: count) }
    for row in 0..<count {
      var writer = AggregateStateWriter(builders)
      groups[group(row)].write(to: &writer)
      writer.finish()
    }
    return builders.map { $0.finish() }
  }

  func finish(groupCount: Int) throws -> ColumnVector {
    reserve(groupCount: groupCount)
    let builder = ColumnBuilder(Result.sqlType, capacity: groupCount)
    for group in 0..<groupCount {
      do {
        try definition.finish(groups[group]).append(to: builder)
      } catch {
        throw UserDefinedFunction.failure(definition.name, " in finish", group, [], error)
      }
    }
    return builder.finish()
  }
}
