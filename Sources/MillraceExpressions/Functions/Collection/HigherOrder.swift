import MillraceColumnar

/// Functions that take lambdas.
enum HigherOrder {
  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "transform", summary: "The array of what the lambda makes of each element (and its position from 0).",
      example: "transform(array(1, 2), x -> x + 1)"
    ) { (arguments: [FunctionArgument], context: BindingContext) in
      let (array, lambda) = try arrayAndLambda("transform", arguments, 1...2, context)
      let type = DataType.array(element: lambda.body.type, containsNull: lambda.body.isNullable)
      return call("transform", [array], [lambda], type) { arguments, count, run in
        let flat = FlatLists(arguments[0], rowCount: count)
        let values = try run(0, parameters(lambda, flat), flat.parents)
        return ListColumn.make(type, flat.lists, [values.flattened()], validity: arguments[0].flattened().validity)
      }
    },
    ScalarFunction(
      "filter", summary: "The elements for which the lambda is true.", example: "filter(array(1, 2, 3), x -> x > 1)"
    ) { (arguments: [FunctionArgument], context: BindingContext) in
      let (array, lambda) = try arrayAndLambda("filter", arguments, 1...2, context)
      try expectBoolean("filter", lambda)
      let type = array.type
      return call("filter", [array], [lambda], type) { arguments, count, run in
        let flat = FlatLists(arguments[0], rowCount: count)
        let keep = try run(0, parameters(lambda, flat), flat.parents)
        return kept(flat, keep, type, arguments[0].flattened().validity)
      }
    },
    quantifier("exists", "Whether the lambda is true for some element.", decisive: true),
    quantifier("forall", "Whether the lambda is true for all elements.", decisive: false),
    ScalarFunction(
      "aggregate", "reduce",
      summary: "Folds an array: start value, what to make of the value so far and an element, and of the last value.",
      example: "aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x)"
    ) { (arguments: [FunctionArgument], context: BindingContext) in try Folding.bind(arguments, context) },
    ScalarFunction(
      "zip_with", summary: "The array of what the lambda makes of the n-th elements of two arrays.",
      example: "zip_with(array(1, 2), array(3, 4), (x, y) -> x + y)"
    ) { (arguments: [FunctionArgument], context: BindingContext) in try zipWith(arguments, context) },
    ScalarFunction(
      "array_sort", summary: "The elements in ascending order, NULLs last; or as a comparing lambda says.",
      example: "array_sort(array(3, 1, NULL, 2))"
    ) { (arguments: [FunctionArgument], context: BindingContext) in
      if arguments.count == 1 {
        let array = try CollectionBinding.asArray("array_sort", expression("array_sort", arguments[0]), 0, context)
        return try ArrayTransforms.sorted("array_sort", array, isAscending: true, nullsFirst: false)
      }
      return try ComparingSort.bind(arguments, context)
    },
  ]

  // MARK: Binding

  static func expression(_ name: String, _ argument: FunctionArgument) throws -> Expression {
    guard case .expression(let expression) = argument else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "`\(name)` was given a lambda where it takes a value")
    }
    return expression
  }

  static func expectCount(_ name: String, _ arguments: [FunctionArgument], _ counts: ClosedRange<Int>) throws {
    guard !counts.contains(arguments.count) else { return }
    throw MillraceError(
      "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
      "`\(name)` takes \(counts.lowerBound) to \(counts.upperBound) arguments but got \(arguments.count)")
  }

  /// The lambda of an argument, over parameters of the given types; fewer parameters than types are allowed down to `least`.
  static func lambda(
    _ name: String, _ argument: FunctionArgument, _ types: [(DataType, isNullable: Bool)], least: Int? = nil
  ) throws -> Lambda {
    guard case .lambda(let count, let bind) = argument else {
      throw MillraceError(
        "INVALID_LAMBDA_FUNCTION_CALL.PARAMETER_DOES_NOT_ACCEPT_LAMBDA_FUNCTION",
        "`\(name)` takes a lambda such as x -> x + 1")
    }
    guard (least ?? types.count)...types.count ~= count else {
      throw MillraceError(
        "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
        "the lambda of `\(name)` takes \(types.count) parameters but has \(count)")
    }
    return try bind(Array(types.prefix(count)))
  }

  private static func arrayAndLambda(
    _ name: String, _ arguments: [FunctionArgument], _ parameters: ClosedRange<Int>, _ context: BindingContext
  ) throws -> (Expression, Lambda) {
    try expectCount(name, arguments, 2...2)
    let array = try CollectionBinding.typedArray(name, expression(name, arguments[0]), 0)
    var types: [(DataType, isNullable: Bool)] = [(array.type.elementType ?? .void, true)]
    if parameters.upperBound > 1 { types.append((.integer, false)) }
    return (array, try lambda(name, arguments[1], types, least: parameters.lowerBound))
  }

  static func expectBoolean(_ name: String, _ lambda: Lambda) throws {
    guard lambda.body.type == .boolean || lambda.body.type == .void else {
      throw Arguments.unexpectedType(name, 1, lambda.body.type, .boolean)
    }
  }

  static func call(
    _ name: String, _ arguments: [Expression], _ lambdas: [Lambda], _ type: DataType,
    _ kernel: @escaping @Sendable ([ColumnVector], Int, BoundHigherOrder.LambdaRunner) throws -> ColumnVector
  ) -> Expression {
    .higherOrder(BoundHigherOrder(name, type: type, kernel: kernel), arguments, lambdas)
  }

  // MARK: Kernels

  /// Element, and position where the lambda asks for it.
  private static func parameters(_ lambda: Lambda, _ flat: FlatLists) -> [ColumnVector] {
    if lambda.parameters.count == 1 { return [flat.children[0]] }
    let buffer = MemoryBuffer(capacity: flat.count * 4)
    let positions = buffer.base.assumingMemoryBound(to: Int32.self)
    for list in flat.lists {
      for step in 0..<list.length { positions[Int(list.offset + step)] = step }
    }
    return [flat.children[0], ColumnVector(type: .integer, count: flat.count, values: buffer)]
  }

  /// The elements where `keep` is true.
  static func kept(_ flat: FlatLists, _ keep: ColumnVector, _ type: DataType, _ validity: Bitmap?) -> ColumnVector {
    let chosen = keep.type == .void ? Selection(capacity: 0) : Selection(whereTrue: keep)
    var lists: [ListView] = []
    lists.reserveCapacity(flat.lists.count)
    var next = 0
    for list in flat.lists {
      let start = next
      while next < chosen.count && Int(chosen.rows[next]) < list.range.upperBound { next += 1 }
      lists.append(ListView(offset: start, length: next - start))
    }
    return ListColumn.make(type, lists, flat.children.map { $0.flattened().gathered(chosen) }, validity: validity)
  }

  private static func quantifier(_ name: String, _ summary: String, decisive: Bool) -> ScalarFunction {
    ScalarFunction(
      name, summary: summary, example: "\(name)(array(1, 2), x -> x > 1)"
    ) { (arguments: [FunctionArgument], context: BindingContext) in
      let (array, lambda) = try arrayAndLambda(name, arguments, 1...1, context)
      try expectBoolean(name, lambda)
      return call(name, [array], [lambda], .boolean) { arguments, count, run in
        let flat = FlatLists(arguments[0], rowCount: count)
        let results = try run(0, flat.children, flat.parents)
        let bits = results.values(as: UInt8.self)
        let out = MemoryBuffer(capacity: count)
        let target = out.base.assumingMemoryBound(to: UInt8.self)
        var nulls = NullTracker(count: count)
        for row in 0..<count {
          var isDecided = false
          var hasNull = arguments[0].isNull(row)
          for index in flat.lists[row].range where !isDecided {
            if results.isNull(index) || results.type == .void {
              hasNull = true
            } else {
              isDecided = (bits[results.slot(index)] != 0) == decisive
            }
          }
          target[row] = isDecided == decisive ? 1 : 0
          if !isDecided && hasNull { nulls.setNull(row) }
        }
        return ColumnVector(type: .boolean, count: count, values: out, validity: nulls.validity)
      }
    }
  }

  private static func zipWith(_ arguments: [FunctionArgument], _ context: BindingContext) throws -> Expression {
    try expectCount("zip_with", arguments, 3...3)
    let arrays = try (0..<2).map {
      try CollectionBinding.typedArray("zip_with", expression("zip_with", arguments[$0]), $0)
    }
    let lambda = try lambda("zip_with", arguments[2], arrays.map { ($0.type.elementType ?? .void, true) })
    let type = DataType.array(element: lambda.body.type, containsNull: lambda.body.isNullable)
    return call("zip_with", arrays, [lambda], type) { arguments, count, run in
      let sources = arguments.map { Lists($0) }
      var picks: [[Int32]] = [[], []]
      var parents: [Int] = []
      var lists: [ListView] = []
      var nulls = NullTracker(count: count)
      for row in 0..<count {
        let start = parents.count
        if let a = sources[0][row], let b = sources[1][row] {
          for step in 0..<max(a.count, b.count) {
            picks[0].append(step < a.count ? Int32(truncatingIfNeeded: a.lowerBound + step) : -1)
            picks[1].append(step < b.count ? Int32(truncatingIfNeeded: b.lowerBound + step) : -1)
            parents.append(row)
          }
        } else {
          nulls.setNull(row)
        }
        lists.append(ListView(offset: start, length: parents.count - start))
      }
      let elements = Swift.zip(sources, picks).map { $0.elements.picked($1) }
      let values = try run(0, elements, Selection(parents))
      return ListColumn.make(type, lists, [values.flattened()], validity: nulls.validity)
    }
  }
}

/// `aggregate`: all rows step through their arrays together, so that a lambda runs once per position and not per row.
enum Folding {
  static func bind(_ arguments: [FunctionArgument], _ context: BindingContext) throws -> Expression {
    let name = "aggregate"
    try HigherOrder.expectCount(name, arguments, 3...4)
    let array = try CollectionBinding.typedArray(name, HigherOrder.expression(name, arguments[0]), 0)
    let zero = try HigherOrder.expression(name, arguments[1])
    var merge = try HigherOrder.lambda(
      name, arguments[2], [(zero.type, true), (array.type.elementType ?? .void, true)])
    guard merge.body.type.hasValues(of: zero.type) else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        "the lambda of `aggregate` gives \(merge.body.type.sql) but the start value is \(zero.type.sql)",
        hint: "cast the start value")
    }
    // Where fields of a struct have other names, the first ones stay.
    if !merge.body.type.matches(zero.type) {
      merge.body = try merge.body.cast(to: TypeCoercion.renamed(merge.body.type, like: zero.type), context)
    }
    var lambdas = [merge]
    if arguments.count == 4 { lambdas.append(try HigherOrder.lambda(name, arguments[3], [(zero.type, true)])) }
    let type = lambdas.count == 2 ? lambdas[1].body.type : zero.type
    let hasFinish = lambdas.count == 2
    return HigherOrder.call(name, [array, zero], lambdas, type) { arguments, count, run in
      let folded = try fold(arguments[0], arguments[1].flattened(), count, run)
      let validity = arguments[0].flattened().validity
      let result = hasFinish ? try run(1, [folded], .range(0..<count)).flattened() : folded
      return result.withValidity(.and(result.validity, validity)).retyped(type)
    }
  }

  private static func fold(
    _ array: ColumnVector, _ zero: ColumnVector, _ count: Int, _ run: BoundHigherOrder.LambdaRunner
  ) throws -> ColumnVector {
    let arrays = Lists(array)
    var active = Array(0..<count)
    var value = zero
    var parts: [ColumnVector] = []
    // Where the final value of each row lies in the concatenated parts.
    let source = Selection(capacity: count)
    var done = 0
    var step = 0
    while !active.isEmpty {
      let lengths = active.map { arrays[$0]?.count ?? 0 }
      let ended = active.indices.filter { lengths[$0] <= step }
      if !ended.isEmpty {
        for index in ended {
          source.rows[active[index]] = Int32(truncatingIfNeeded: done)
          done += 1
        }
        parts.append(value.gathered(Selection(ended)))
        let going = active.indices.filter { lengths[$0] > step }
        value = value.gathered(Selection(going))
        active = going.map { active[$0] }
        if active.isEmpty { break }
      }
      let picks = Selection(active.map { (arrays[$0]?.lowerBound ?? 0) + step })
      value = try run(0, [value, arrays.elements.gathered(picks)], Selection(active)).flattened().retyped(zero.type)
      step += 1
    }
    return ColumnVector.concatenated(parts).gathered(source)
  }
}

/// `array_sort` with a lambda: binary insertion in all rows at once, one comparison per row and lambda run.
enum ComparingSort {
  static func bind(_ arguments: [FunctionArgument], _ context: BindingContext) throws -> Expression {
    let name = "array_sort"
    try HigherOrder.expectCount(name, arguments, 1...2)
    let array = try CollectionBinding.typedArray(name, HigherOrder.expression(name, arguments[0]), 0)
    let element = array.type.elementType ?? .void
    let lambda = try HigherOrder.lambda(name, arguments[1], [(element, true), (element, true)])
    guard lambda.body.type == .integer else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_RETURN_TYPE",
        "the lambda of `\(name)` must give \"INT\", but it gives \"\(lambda.body.type.sql)\"")
    }
    let type = array.type
    return HigherOrder.call(name, [array], [lambda], type) { arguments, count, run in
      let flat = FlatLists(arguments[0], rowCount: count)
      let order = try sort(flat, count, run)
      return ListColumn.make(
        type, flat.lists, [flat.children[0].flattened().gathered(Selection(order))],
        validity: arguments[0].flattened().validity)
    }
  }

  /// One row's insertion of its next element between `low` and `high`.
  private struct Insertion {
    var row: Int
    var low: Int
    var high: Int
  }

  /// As Java sorts short arrays, on which Spark's answer rests where the lambda compares without a total order: what stands in order at the
  /// beginning stays, or is reversed, and the elements behind it are inserted one after the other.
  private static func sort(_ flat: FlatLists, _ count: Int, _ run: BoundHigherOrder.LambdaRunner) throws -> [Int] {
    let elements = flat.children[0].flattened()
    var order = Array(0..<flat.count)
    func compare(_ left: [Int], _ right: [Int], _ rows: [Int]) throws -> [Int32] {
      let signs = try run(
        0, [elements.gathered(Selection(left)), elements.gathered(Selection(right))], Selection(rows))
      let values = signs.values(as: Int32.self)
      return try rows.indices.map { index in
        if signs.isNull(index) {
          throw MillraceError(
            "COMPARATOR_RETURNS_NULL", "the comparing lambda of array_sort gave NULL",
            hint: "handle NULL elements in it")
        }
        return values[signs.slot(index)]
      }
    }
    let starts = flat.lists.map { Int($0.offset) }
    let lengths = flat.lists.map { Int($0.length) }
    let ends = try beginnings(&order, starts, lengths, count, compare)
    for step in stride(from: 1, to: lengths.max() ?? 0, by: 1) {
      var open = (0..<count).filter { lengths[$0] > step && ends[$0] <= step }
        .map { Insertion(row: $0, low: 0, high: step) }
      var finished: [Insertion] = []
      while !open.isEmpty {
        let signs = try compare(
          open.map { order[starts[$0.row] + step] }, open.map { order[starts[$0.row] + ($0.low + $0.high) / 2] },
          open.map(\.row))
        for index in open.indices {
          let middle = (open[index].low + open[index].high) / 2
          if signs[index] < 0 { open[index].high = middle } else { open[index].low = middle + 1 }
        }
        finished += open.filter { $0.low == $0.high }
        open.removeAll { $0.low == $0.high }
      }
      for insertion in finished {
        let start = starts[insertion.row]
        let element = order.remove(at: start + step)
        order.insert(element, at: start + insertion.low)
      }
    }
    return order
  }

  /// Where the elements that stand in order at the beginning of each row end; those that descend are reversed.
  private static func beginnings(
    _ order: inout [Int], _ starts: [Int], _ lengths: [Int], _ count: Int,
    _ compare: (_ left: [Int], _ right: [Int], _ rows: [Int]) throws -> [Int32]
  ) throws -> [Int] {
    var ends = lengths
    var descends = Array(repeating: false, count: count)
    var open = (0..<count).filter { lengths[$0] > 1 }
    var step = 1
    while !open.isEmpty {
      let signs = try compare(open.map { starts[$0] + step }, open.map { starts[$0] + step - 1 }, open)
      var rest: [Int] = []
      for (row, sign) in zip(open, signs) {
        if step == 1 { descends[row] = sign < 0 }
        if (sign < 0) != descends[row] {
          ends[row] = step
        } else if step + 1 < lengths[row] {
          rest.append(row)
        }
      }
      open = rest
      step += 1
    }
    for row in 0..<count where descends[row] { order[starts[row]..<starts[row] + ends[row]].reverse() }
    return ends
  }
}
