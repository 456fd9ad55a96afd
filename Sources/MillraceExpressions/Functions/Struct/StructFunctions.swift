import MillraceColumnar

/// `struct` and `named_struct`.
public enum StructFunctions {
  /// A struct of named values; what `struct(a AS x, b)` becomes once aliases are known.
  public static func structExpression(_ fields: [(name: String, value: Expression)]) -> Expression {
    let definition = fields.map { StructField($0.name, $0.value.type, isNullable: $0.value.isNullable) }
    return CollectionBinding.call("struct", fields.map(\.value), type: .structure(definition), isNullable: false) {
      arguments, count, _ in
      let (_, isConstant) = storedRows(arguments, count)
      if isConstant {
        return ColumnVector(
          type: .structure(definition), count: count, values: MemoryBuffer(capacity: 0), isConstant: true,
          children: arguments)
      }
      return .structure(definition, arguments.map { $0.flattened() }, count: count)
    }
  }

  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "struct", summary: "A struct of the arguments; fields are named after columns, else col1, col2 and so on.",
      example: "struct(1, 'a')"
    ) { arguments, _ in
      structExpression(
        arguments.enumerated().map {
          (name: CollectionAccess.ownName($0.element) ?? "col\($0.offset + 1)", value: $0.element)
        })
    },
    ScalarFunction(
      "named_struct", summary: "A struct of names and values in turn.", example: "named_struct('a', 1, 'b', 'x')"
    ) { arguments, _ in
      guard arguments.count % 2 == 0 else {
        throw MillraceError(
          "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
          "`named_struct` takes names and values in turn, but got \(arguments.count) arguments")
      }
      let fields = try stride(from: 0, to: arguments.count, by: 2).map { index in
        guard case .string(let name)? = arguments[index].constant else {
          throw MillraceError(
            "DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING",
            "argument \(index + 1) of `named_struct` must be a constant string")
        }
        return (name: name, value: arguments[index + 1])
      }
      return structExpression(fields)
    },
  ]
}
