import MillraceColumnar

/// Functions of maps that take lambdas of key and value.
enum MapLambdas {
  static let functions: [ScalarFunction] = [
    unary("map_filter", "The entries for which the lambda is true.", "map_filter(map('a', 1), (k, v) -> v > 0)") {
      map, lambda in
      try HigherOrder.expectBoolean("map_filter", lambda)
      let type = map.type
      return HigherOrder.call("map_filter", [map], [lambda], type) { arguments, count, run in
        let flat = FlatLists(arguments[0], rowCount: count)
        return HigherOrder.kept(flat, try run(0, flat.children, flat.parents), type, arguments[0].flattened().validity)
      }
    },
    unary(
      "transform_values", "The map with what the lambda makes of each value.",
      "transform_values(map('a', 1), (k, v) -> v + 1)"
    ) {
      map, lambda in
      guard case .map(let key, _, _) = map.type else { return map }
      let type = DataType.map(key: key, value: lambda.body.type, valueContainsNull: lambda.body.isNullable)
      return HigherOrder.call("transform_values", [map], [lambda], type) { arguments, count, run in
        let flat = FlatLists(arguments[0], rowCount: count)
        let values = try run(0, flat.children, flat.parents)
        return ListColumn.make(
          type, flat.lists, [flat.children[0], values.flattened()], validity: arguments[0].flattened().validity)
      }
    },
    unary(
      "transform_keys", "The map with what the lambda makes of each key.",
      "transform_keys(map('a', 1), (k, v) -> upper(k))"
    ) {
      map, lambda in
      guard case .map(_, let value, let containsNull) = map.type else { return map }
      let type = DataType.map(key: lambda.body.type, value: value, valueContainsNull: containsNull)
      return HigherOrder.call("transform_keys", [map], [lambda], type) { arguments, count, run in
        let flat = FlatLists(arguments[0], rowCount: count)
        let keys = try run(0, flat.children, flat.parents)
        return try MapFunctions.checked(
          ListColumn.make(
            type, flat.lists, [keys.flattened(), flat.children[1]], validity: arguments[0].flattened().validity))
      }
    },
    ScalarFunction(
      "map_zip_with", summary: "The map of what the lambda makes of each key and its values in both maps.",
      example: "map_zip_with(map('a', 1), map('a', 2), (k, x, y) -> x + y)"
    ) { (arguments: [FunctionArgument], context: BindingContext) in try zipWith(arguments, context) },
  ]

  private static func unary(
    _ name: String, _ summary: String, _ example: String,
    _ make: @escaping @Sendable (Expression, Lambda) throws -> Expression
  ) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: example) { (arguments: [FunctionArgument], _: BindingContext) in
      try HigherOrder.expectCount(name, arguments, 2...2)
      let (map, key, value) = try CollectionBinding.typedMap(name, HigherOrder.expression(name, arguments[0]), 0)
      return try make(map, HigherOrder.lambda(name, arguments[1], [(key, false), (value, true)]))
    }
  }

  private static func zipWith(_ arguments: [FunctionArgument], _ context: BindingContext) throws -> Expression {
    let name = "map_zip_with"
    try HigherOrder.expectCount(name, arguments, 3...3)
    let (left, leftKey, leftValue) = try CollectionBinding.typedMap(name, HigherOrder.expression(name, arguments[0]), 0)
    let (right, rightKey, rightValue) = try CollectionBinding.typedMap(
      name, HigherOrder.expression(name, arguments[1]), 1)
    guard let key = TypeCoercion.commonTypeWithoutStrings(leftKey, rightKey) else {
      throw MillraceError(
        "DATATYPE_MISMATCH.MAP_ZIP_WITH_DIFF_TYPES",
        "the keys of `map_zip_with` are \(leftKey.sql) and \(rightKey.sql)", hint: "cast them to one type")
    }
    let lambda = try HigherOrder.lambda(name, arguments[2], [(key, false), (leftValue, true), (rightValue, true)])
    let maps = [try left.cast(to: .map(key, leftValue), context), try right.cast(to: .map(key, rightValue), context)]
    let type = DataType.map(key: key, value: lambda.body.type, valueContainsNull: true)
    return HigherOrder.call(name, maps, [lambda], type) { arguments, count, run in
      let a = Lists(arguments[0]), b = Lists(arguments[1])
      var keys: [Int32] = [], lefts: [Int32] = [], rights: [Int32] = []
      var parents: [Int] = []
      var lists: [ListView] = []
      var nulls = NullTracker(count: count)
      for row in 0..<count {
        let start = parents.count
        if let first = a[row], let second = b[row] {
          for index in first {
            keys.append(Int32(index))
            lefts.append(Int32(index))
            rights.append(
              Int32(second.first { ValueOrder.compareValues(b.elements, $0, a.elements, index) == 0 } ?? -1))
            parents.append(row)
          }
          for index in second
          where !first.contains(where: { ValueOrder.compareValues(a.elements, $0, b.elements, index) == 0 }) {
            keys.append(Int32(a.elements.count + index))
            lefts.append(-1)
            rights.append(Int32(index))
            parents.append(row)
          }
        } else {
          nulls.setNull(row)
        }
        lists.append(ListView(offset: start, length: parents.count - start))
      }
      let allKeys = ColumnVector.concatenated([a.elements, b.elements]).picked(keys).flattened()
      let values = try run(
        0, [allKeys, arguments[0].children[1].picked(lefts), arguments[1].children[1].picked(rights)],
        Selection(parents))
      return ListColumn.make(type, lists, [allKeys, values.flattened()], validity: nulls.validity)
    }
  }
}
