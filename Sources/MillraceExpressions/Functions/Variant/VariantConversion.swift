import MillraceColumnar

/// SQL values as VARIANT: what `CAST(x AS VARIANT)` and `to_variant_object` make.
final class VariantConversion {
  private let out = ByteBuffer()
  private var writer: VariantWriter

  private init() { writer = VariantWriter(out) }

  /// Whether values of a type can become VARIANT. Structs and maps with string keys can only where `allowsObjects`.
  static func canConvert(_ type: DataType, allowsObjects: Bool) -> Bool {
    switch type {
    case .array(let element, _): canConvert(element, allowsObjects: allowsObjects)
    case .map(let key, let value, _): allowsObjects && key == .string && canConvert(value, allowsObjects: true)
    case .structure(let fields): allowsObjects && fields.allSatisfy { canConvert($0.type, allowsObjects: true) }
    case .calendarInterval, .dayTimeInterval, .yearMonthInterval: false
    default: true
    }
  }

  /// A column as VARIANT; NULL stays NULL.
  static func convert(_ column: ColumnVector) throws -> ColumnVector {
    let conversion = VariantConversion()
    return try RowLoop.strings([column], column.count, type: .variant) { row, text in
      conversion.out.removeAll()
      try conversion.append(column, row)
      text.append(conversion.out.bytes)
      return true
    }
  }

  private func append(_ column: ColumnVector, _ row: Int) throws {
    if column.type == .void || column.isNull(row) { return writer.append(.null) }
    let at = column.slot(row)
    switch column.type {
    case .boolean: writer.append(column.values(as: UInt8.self)[at] != 0 ? .true : .false)
    case .byte: writer.append(.long, Int64(column.values(as: Int8.self)[at]))
    case .short: writer.append(.long, Int64(column.values(as: Int16.self)[at]))
    case .integer: writer.append(.long, Int64(column.values(as: Int32.self)[at]))
    case .long: writer.append(.long, column.values(as: Int64.self)[at])
    case .float: writer.append(.float, column.values(as: Float.self)[at])
    case .double: writer.append(.double, column.values(as: Double.self)[at])
    case .decimal(_, let scale): writer.append(decimal: column.values(as: Int128.self)[at], scale: scale)
    case .date: writer.append(.date, column.values(as: Int32.self)[at])
    case .timestamp: writer.append(.timestamp, column.values(as: Int64.self)[at])
    case .timestampNTZ: writer.append(.timestampNTZ, column.values(as: Int64.self)[at])
    case .string: writer.append(.string, bytes: column.bytes(row))
    case .binary: writer.append(.binary, bytes: column.bytes(row))
    case .variant: writer.append(VariantValue(column.bytes(row)))
    case .array:
      let opened = writer.openArray()
      for element in column.values(as: ListView.self)[at].range {
        try append(column.children[0], element)
        writer.endElement(of: opened)
      }
      writer.close(array: opened)
    case .map:
      try object(
        column.values(as: ListView.self)[at].range.map { entry in
          (Array(column.children[0].bytes(entry)), column.children[1], entry)
        })
    case .structure(let fields):
      let own = column.isConstant ? 0 : row
      try object(zip(fields, column.children).map { (Array($0.name.utf8), $1, own) })
    case .void, .calendarInterval, .dayTimeInterval, .yearMonthInterval: writer.append(.null)
    }
  }

  private func object(_ fields: [(name: [UInt8], column: ColumnVector, row: Int)]) throws {
    let opened = writer.openObject()
    for field in fields {
      let begun = field.name.withUnsafeBytes { writer.beginField(of: opened, name: $0) }
      try append(field.column, field.row)
      writer.endField(of: opened, begun)
    }
    if let name = writer.close(object: opened) { throw VariantFunctions.duplicateKey(name) }
  }
}
