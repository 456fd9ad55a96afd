import MillraceColumnar

/// Arrays as sets: `array_distinct`, `array_union`, `array_except`, `array_intersect`, `array_remove`. NULL is a value like others.
enum ArraySets {
  static let functions: [ScalarFunction] = [
    ScalarFunction(
      "array_distinct", summary: "The elements without repetitions, in order.",
      example: "array_distinct(array(1, 2, 1))"
    ) { arguments, context in
      try Arguments.expectCount("array_distinct", arguments, 1)
      let array = try CollectionBinding.asArray("array_distinct", arguments[0], 0, context)
      let type = array.type
      return CollectionBinding.call("array_distinct", [array], type: type, nullStops: 1) { arguments, count, _ in
        combine(arguments, count, type, .union)
      }
    },
    binary("array_union", "The distinct elements of both arrays.", .union),
    binary("array_except", "The distinct elements of the first array that the second does not have.", .except),
    binary("array_intersect", "The distinct elements that both arrays have.", .intersect),
    ScalarFunction(
      "array_remove", summary: "The elements not equal to a value.", example: "array_remove(array(1, 2, 1), 1)"
    ) { arguments, context in
      try Arguments.expectCount("array_remove", arguments, 2)
      let (array, element) = try CollectionBinding.arrayAndElement(
        "array_remove", arguments[0], arguments[1], comparesFirst: true, context)
      let type = array.type
      return CollectionBinding.call("array_remove", [array, element], type: type, nullStops: 2) { arguments, count, _ in
        let arrays = Lists(arguments[0])
        var maker = ListMaker(arguments, rowCount: count)
        for row in 0..<maker.rows {
          guard let range = arrays[row], !arguments[1].isNull(row) else {
            maker.endNull()
            continue
          }
          for index in range {
            let isEqual =
              !arrays.elements.isNull(index) && ValueOrder.compareValues(arrays.elements, index, arguments[1], row) == 0
            if !isEqual { maker.append(index) }
          }
          maker.end()
        }
        return maker.finish(type, [arrays.elements])
      }
    },
  ]

  private enum Operation: Sendable {
    case union, except, intersect
  }

  /// Arrays cast to one type.
  static func unified(_ name: String, _ arguments: [Expression], _ context: BindingContext) throws -> [Expression] {
    let arrays = arguments
    guard arrays.allSatisfy({ $0.type.elementType != nil }),
      let type = arrays.dropFirst().reduce(
        arrays.first?.type, { type, array in type.flatMap { TypeCoercion.tightestCommonType($0, array.type) } })
    else {
      throw MillraceError(
        "DATATYPE_MISMATCH.BINARY_ARRAY_DIFF_TYPES",
        "`\(name)` takes arrays of one type, but they are " + arrays.map(\.type.sql).joined(separator: " and "))
    }
    return try arrays.map { try $0.cast(to: type, context) }
  }

  private static func binary(_ name: String, _ summary: String, _ operation: Operation) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)(array(1, 2), array(2, 3))") { arguments, context in
      try Arguments.expectCount(name, arguments, 2)
      let arrays = try unified(name, arguments, context)
      let type = arrays[0].type
      return CollectionBinding.call(name, arrays, type: type, nullStops: 2) { arguments, count, _ in
        combine(arguments, count, type, operation)
      }
    }
  }

  private static func combine(
    _ arguments: [ColumnVector], _ count: Int, _ type: DataType, _ operation: Operation
  ) -> ColumnVector {
    let sources = arguments.map { Lists($0) }
    let elements = sources.map { $0.elements.flattened() }
    let codec = RowCodec([type.elementType ?? .void])
    let keys = elements.map { codec.encode([$0], rowCount: $0.count) }
    let second = elements[0].count
    var kept = RowSet(), others = RowSet()
    var maker = ListMaker(arguments, rowCount: count)
    for row in 0..<maker.rows {
      let ranges = sources.compactMap { $0[row] }
      guard ranges.count == sources.count else {
        maker.endNull()
        continue
      }
      kept.begin(row)
      others.begin(row)
      if operation != .union {
        for index in ranges[1] { _ = others.insert(keys[1].views[index]) }
      }
      for index in ranges[0] {
        let key = keys[0].views[index]
        if operation == .except && others.contains(key) { continue }
        if operation == .intersect && !others.contains(key) { continue }
        if kept.insert(key) { maker.append(index) }
      }
      if operation == .union && ranges.count > 1 {
        for index in ranges[1] where kept.insert(keys[1].views[index]) { maker.append(second + index) }
      }
      maker.end()
    }
    return maker.finish(type, elements)
  }
}

/// The values of one row at a time. The first few are compared one by one, which takes less than their hashes.
private struct RowSet {
  private static let few = 16
  private var first: [StringView] = []
  private let rest = GroupedSet()
  private var row: UInt32 = 0

  /// Begins with no values of a row.
  mutating func begin(_ row: Int) {
    first.removeAll(keepingCapacity: true)
    self.row = UInt32(truncatingIfNeeded: row)
  }

  func contains(_ value: StringView) -> Bool {
    if first.contains(where: { $0 == value }) { return true }
    return first.count == Self.few && rest.contains(value, group: row)
  }

  /// Whether the value is new.
  mutating func insert(_ value: StringView) -> Bool {
    if first.contains(where: { $0 == value }) { return false }
    if first.count == Self.few { return rest.insert(value, group: row) }
    first.append(value)
    return true
  }
}
