import MillraceColumnar

/// Generators by name: `explode`, `posexplode`, `inline`, `stack`, `json_tuple`, `variant_explode`.
public enum Generators {
  /// Names that `bind` knows, `_outer` forms included.
  public static let names: Set<String> = [
    "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple",
  ]

  /// Names of generators that stand in FROM only.
  public static let tableNames: Set<String> = ["variant_explode", "variant_explode_outer"]

  /// Whether a generator has the name.
  public static func isGenerator(_ name: String) -> Bool { names.contains(name) || tableNames.contains(name) }

  /// Whether the name asks for a row of NULLs where nothing is generated.
  public static func isOuter(_ name: String) -> Bool { name.lowercased().hasSuffix("_outer") }

  /// Checks the arguments and gives the generator; nil when there is none of that name. The `_outer` forms are the same as the
  /// plain ones: run the kernel with `isOuter`.
  public static func bind(_ name: String, _ arguments: [Expression], _ context: BindingContext) throws -> Generator? {
    let name = name.lowercased()
    if arguments.isEmpty, names.union(tableNames).contains(name), !["stack", "json_tuple"].contains(name) {
      throw MillraceError("REQUIRED_PARAMETER_NOT_FOUND", "`\(name)` needs an argument")
    }
    switch name {
    case "explode", "explode_outer": return try explode(name, arguments, withPosition: false)
    case "posexplode", "posexplode_outer": return try explode(name, arguments, withPosition: true)
    case "inline", "inline_outer": return try inline(name, arguments)
    case "stack": return try stack(arguments, context)
    case "variant_explode", "variant_explode_outer": return try VariantExplode.bind(name, arguments)
    case "json_tuple": return try jsonTuple(arguments, context)
    default: return nil
    }
  }

  private static func explode(_ name: String, _ arguments: [Expression], withPosition: Bool) throws -> Generator {
    try Arguments.expectCount(name, arguments, 1)
    var output = withPosition ? [StructField("pos", .integer, isNullable: false)] : []
    switch arguments[0].type {
    case .array(let element, let containsNull): output.append(StructField("col", element, isNullable: containsNull))
    case .map(let key, let value, let containsNull):
      output += [StructField("key", key, isNullable: false), StructField("value", value, isNullable: containsNull)]
    default: throw Arguments.unexpectedType(name, 0, arguments[0].type, .oneOf([.array, .map]))
    }
    return Generator(name, output: output, arguments: arguments) { arguments, count, wish in
      generate(arguments[0], count, wish, withPosition: withPosition)
    }
  }

  /// Elements that already lie in the order of the rows are passed on without a copy.
  private static func generate(
    _ column: ColumnVector, _ count: Int, _ wish: Generator.Wish, withPosition: Bool
  ) -> GeneratedRows {
    let isOuter = wish.isOuter
    let flat = FlatLists(column, rowCount: count, withParents: wish.wantsParents || isOuter || withPosition)
    var parents = flat.parents
    var children = flat.children
    var lists = flat.lists
    if isOuter && lists.contains(where: { $0.length == 0 }) {
      let total = flat.count + lists.count { $0.length == 0 }
      parents = Selection(capacity: total)
      var picks = [Int32](repeating: -1, count: total)
      var next = 0
      for row in 0..<count {
        let start = next
        for step in 0..<max(Int(lists[row].length), 1) {
          parents.rows[next] = Int32(truncatingIfNeeded: row)
          if lists[row].length > 0 { picks[next] = lists[row].offset + Int32(truncatingIfNeeded: step) }
          next += 1
        }
        lists[row].offset = Int32(truncatingIfNeeded: start)
      }
      children = children.map { $0.flattened().picked(picks) }
    }
    guard withPosition else {
      return GeneratedRows(parents: parents, columns: children, count: max(flat.count, parents.count))
    }
    let buffer = MemoryBuffer(capacity: parents.count * 4)
    let positions = buffer.base.assumingMemoryBound(to: Int32.self)
    var nulls = NullTracker(count: parents.count)
    for list in lists {
      if isOuter && list.length == 0 {
        positions[Int(list.offset)] = 0
        nulls.setNull(Int(list.offset))
      }
      for step in 0..<list.length { positions[Int(list.offset + step)] = step }
    }
    let position = ColumnVector(type: .integer, count: parents.count, values: buffer, validity: nulls.validity)
    return GeneratedRows(parents: parents, columns: [position] + children)
  }

  private static func inline(_ name: String, _ arguments: [Expression]) throws -> Generator {
    try Arguments.expectCount(name, arguments, 1)
    guard let fields = arguments[0].type.elementType?.fields else {
      throw MillraceError(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "`\(name)` takes an array of structs, not \(arguments[0].type.sql)")
    }
    return Generator(name, output: fields.map { StructField($0.name, $0.type) }, arguments: arguments) {
      arguments, count, wish in
      let rows = generate(arguments[0], count, wish, withPosition: false)
      let columns = fields.indices.map { CollectionAccess.field(rows.columns[0], $0, rows.count) }
      return GeneratedRows(parents: rows.parents, columns: columns, count: rows.count)
    }
  }

  private static func stack(_ arguments: [Expression], _ context: BindingContext) throws -> Generator {
    guard arguments.count >= 2 else {
      throw MillraceError(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
        "`stack` takes a number of rows and values, but got \(arguments.count) arguments")
    }
    guard case .integer(let wanted) = try Arguments.constant("stack", "n", arguments[0]), wanted > 0 else {
      throw MillraceError(
        "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the number of rows of `stack` must be a positive constant")
    }
    let height = Int(wanted)
    let values = Array(arguments.dropFirst())
    let width = (values.count + height - 1) / height
    var output: [StructField] = []
    var cast = values
    for column in 0..<width {
      let own = stride(from: column, to: values.count, by: width).map { $0 }
      guard let type = TypeCoercion.commonTypeWithoutStrings(own.map { values[$0].type }) else {
        throw MillraceError(
          "DATATYPE_MISMATCH.STACK_COLUMN_DIFF_TYPES", "column \(column + 1) of `stack` has values of different types")
      }
      for index in own { cast[index] = try values[index].cast(to: type, context) }
      output.append(StructField("col\(column)", type))
    }
    return Generator("stack", output: output, arguments: cast) { [output] arguments, count, _ in
      let parents = Selection(capacity: count * height)
      for index in 0..<count * height { parents.rows[index] = Int32(truncatingIfNeeded: index / height) }
      let columns = (0..<width).map { column -> ColumnVector in
        let own = stride(from: column, to: arguments.count, by: width).map { arguments[$0].flattened() }
        let picks = (0..<count * height).map { index -> Int32 in
          index % height < own.count ? Int32(truncatingIfNeeded: index % height * count + index / height) : -1
        }
        return ColumnVector.concatenated(own).picked(picks).retyped(output[column].type)
      }
      return GeneratedRows(parents: parents, columns: columns)
    }
  }

  private static func jsonTuple(_ arguments: [Expression], _ context: BindingContext) throws -> Generator {
    guard arguments.count >= 2 else {
      throw MillraceError(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
        "`json_tuple` takes JSON text and field names, but got \(arguments.count) arguments")
    }
    let inputs = try Arguments.coerce("json_tuple", arguments, [.string], counts: 2...Int.max, context)
    let output = (0..<arguments.count - 1).map { StructField("c\($0)", .string) }
    return Generator("json_tuple", output: output, arguments: inputs) { arguments, count, _ in
      GeneratedRows(parents: .range(0..<count), columns: JSONTuple.extract(arguments, count))
    }
  }
}
