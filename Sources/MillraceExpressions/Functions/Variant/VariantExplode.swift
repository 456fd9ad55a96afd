import MillraceColumnar

/// `variant_explode`: the elements of an array or the fields of an object as rows of position, name and value.
enum VariantExplode {
  static func bind(_ name: String, _ arguments: [Expression]) throws -> Generator {
    try Arguments.expectCount(name, arguments, 1)
    let input = arguments[0].type == .void ? Expression.null(.variant) : arguments[0]
    guard input.type == .variant else { throw Arguments.unexpectedType(name, 0, input.type, .type(.variant)) }
    let output = [
      StructField("pos", .integer, isNullable: false), StructField("key", .string),
      StructField("value", .variant, isNullable: false),
    ]
    return Generator(name, output: output, arguments: [input]) { arguments, count, wish in
      rows(arguments[0], count, wish)
    }
  }

  private static func rows(_ column: ColumnVector, _ count: Int, _ wish: Generator.Wish) -> GeneratedRows {
    let positions = ColumnBuilder(.integer)
    let names = ColumnBuilder(.string)
    let values = VariantColumn(column)
    var parents: [Int] = []
    for row in 0..<count {
      let value = column.isNull(row) ? nil : VariantValue(column.bytes(row))
      let total = value?.count ?? 0
      for index in 0..<total {
        guard let value else { break }
        parents.append(row)
        positions.append(raw: Int32(truncatingIfNeeded: index))
        if value.kind == .object {
          names.append(bytes: value.name(index))
          values.append(value.field(index))
        } else {
          names.appendNull()
          values.append(value.element(index))
        }
      }
      if total == 0 && wish.isOuter {
        parents.append(row)
        positions.appendNull()
        names.appendNull()
        values.append(nil)
      }
    }
    return GeneratedRows(
      parents: Selection(parents), columns: [positions.finish(), names.finish(), values.finish()], count: parents.count)
  }
}
