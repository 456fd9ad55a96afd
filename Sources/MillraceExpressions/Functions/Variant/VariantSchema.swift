import MillraceColumnar

/// The shape of VARIANT values: a SQL type, in which OBJECT is a struct, VOID a null and VARIANT what has no common type.
enum VariantSchema {
  /// The schema of one value. The fields of objects are in the order of their names.
  static func of(_ value: VariantValue) -> DataType {
    switch value.kind {
    case .null: return .void
    case .false, .true: return .boolean
    case .long: return .long
    case .double: return .double
    case .float: return .float
    case .decimal:
      let (unscaled, scale) = value.decimal
      return .decimal(precision: max(digits(unscaled), scale), scale: scale)
    case .date: return .date
    case .timestamp: return .timestamp
    case .timestampNTZ: return .timestampNTZ
    case .string: return .string
    case .binary: return .binary
    case .array: return .array((0..<value.count).reduce(.void) { merged($0, of(value.element($1))) })
    case .object:
      return .structure(
        (0..<value.count).map { StructField(String(decoding: value.name($0), as: UTF8.self), of(value.field($0))) })
    }
  }

  private static func digits(_ number: Int128) -> Int {
    var rest = number.magnitude
    var count = 1
    while rest >= 10 {
      rest /= 10
      count += 1
    }
    return count
  }

  /// The least schema that both fit.
  static func merged(_ left: DataType, _ right: DataType) -> DataType {
    switch (left, right) {
    case _ where left == right: return left
    case (.void, let other), (let other, .void): return other
    case (.variant, _), (_, .variant): return .variant
    case (.array(let a, _), .array(let b, _)): return .array(merged(a, b))
    case (.structure(let a), .structure(let b)): return .structure(a.united(with: b, merged))
    case (.array, _), (_, .array), (.structure, _), (_, .structure): return .variant
    default: return TypeCoercion.commonTypeWithoutStrings(left, right) ?? .variant
    }
  }

  /// The schema as `schema_of_variant` writes it.
  static func text(_ type: DataType) -> String {
    switch type {
    case .array(let element, _): "ARRAY<\(text(element))>"
    case .structure(let fields):
      "OBJECT<" + fields.map { "\(quoteIfNeeded($0.name)): \(text($0.type))" }.joined(separator: ", ") + ">"
    default: type.sql
    }
  }

  /// `schema_of_variant_agg`: the schema that all values of a group fit.
  static func aggregate(_ argument: Expression) -> BoundAggregate {
    BoundAggregate(
      "schema_of_variant_agg", arguments: [argument], type: .string, isNullable: false, stateTypes: [.binary]
    ) {
      CollectingAccumulator([.variant]) { grouped in
        let column = grouped.columns[0]
        var writer = StringWriter(rows: grouped.lists.count)
        for list in grouped.lists {
          let type = list.range.reduce(DataType.void) { merged($0, of(VariantValue(column.bytes($1)))) }
          writer.append(text(type))
          writer.end()
        }
        return writer.finish(.string, count: grouped.lists.count)
      }
    }
  }
}
