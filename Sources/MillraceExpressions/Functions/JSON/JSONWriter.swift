import MillraceColumnar

/// Writes values as JSON text.
struct JSONWriter {
  private let ignoresNullFields: Bool
  private let out = ByteBuffer()

  init(_ options: JSONOptions) { ignoresNullFields = options.ignoresNullFields }

  /// The JSON text of every row; NULL gives NULL.
  static func write(_ column: ColumnVector, _ options: JSONOptions) -> ColumnVector {
    let writer = JSONWriter(options)
    let (rows, isConstant) = storedRows([column], column.count)
    let prepared = withTimesAsText(column, options)
    var strings = StringWriter(rows: rows)
    for row in 0..<rows {
      if prepared.isNull(row) {
        strings.endNull()
        continue
      }
      writer.out.removeAll()
      writer.append(prepared, row)
      strings.append(writer.out.bytes)
      strings.end()
    }
    return strings.finish(.string, count: rows).repeated(isConstant, column.count)
  }

  /// The same column with dates and timestamps, wherever they are, written out as strings.
  private static func withTimesAsText(_ column: ColumnVector, _ options: JSONOptions) -> ColumnVector {
    switch column.type {
    case .timestamp: return text(column, options.timestampPattern, "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]", options.zone)
    case .timestampNTZ: return text(column, options.timestampNTZPattern, "yyyy-MM-dd'T'HH:mm:ss[.SSS]", .utc)
    case .date: return text(column, options.datePattern, "yyyy-MM-dd", .utc)
    default:
      if column.children.isEmpty { return column }
      let children = column.children.map { withTimesAsText($0, options) }
      return ColumnVector(
        type: column.type, count: column.count, values: column.buffer, validity: column.validity,
        isConstant: column.isConstant,
        children: children, owners: column.owners)
    }
  }

  private static func text(
    _ column: ColumnVector, _ pattern: DateTimePattern?, _ usual: String, _ zone: TimeZoneRules
  ) -> ColumnVector {
    guard let pattern = try? pattern ?? DateTimePattern(usual, for: .writing) else { return column }
    let formatter = DateTimeFormatter(pattern, zone: zone)
    let flat = column.flattened()
    var writer = StringWriter(rows: flat.count)
    for row in 0..<flat.count {
      if flat.isNull(row) {
        writer.endNull()
        continue
      }
      let instant =
        flat.type == .date ? Int64(flat.values(as: Int32.self)[row]) * 86_400_000_000 : flat.values(as: Int64.self)[row]
      formatter.write(instant: instant, to: &writer)
      writer.end()
    }
    return writer.finish(.string, count: flat.count)
  }

  private func append(_ column: ColumnVector, _ row: Int) {
    if column.isNull(row) || column.type == .void { return out.append("null") }
    let at = column.slot(row)
    switch column.type {
    case .structure(let fields): appendStructure(column, fields, column.isConstant ? 0 : row)
    case .array:
      out.append(UInt8(0x5B))
      for (index, element) in column.values(as: ListView.self)[at].range.enumerated() {
        if index > 0 { out.append(UInt8(0x2C)) }
        append(column.children[0], element)
      }
      out.append(UInt8(0x5D))
    case .map: appendMap(column, column.values(as: ListView.self)[at].range)
    default: appendLeaf(column, row, at)
    }
  }

  private func appendStructure(_ column: ColumnVector, _ fields: [StructField], _ row: Int) {
    out.append(UInt8(0x7B))
    var isFirst = true
    for (field, child) in zip(fields, column.children) {
      if ignoresNullFields && (child.isNull(row) || child.type == .void) { continue }
      if !isFirst { out.append(UInt8(0x2C)) }
      isFirst = false
      var name = field.name
      name.withUTF8 { JSONText.quote(UnsafeRawBufferPointer($0), to: out) }
      out.append(UInt8(0x3A))
      append(child, row)
    }
    out.append(UInt8(0x7D))
  }

  private func appendMap(_ column: ColumnVector, _ range: Range<Int>) {
    let keys = column.children[0]
    out.append(UInt8(0x7B))
    for index in range {
      if index > range.lowerBound { out.append(UInt8(0x2C)) }
      if keys.type == .string {
        JSONText.quote(keys.bytes(index), to: out)
      } else {
        var name = CellText(keys.type).string(keys, index)
        name.withUTF8 { JSONText.quote(UnsafeRawBufferPointer($0), to: out) }
      }
      out.append(UInt8(0x3A))
      append(column.children[1], index)
    }
    out.append(UInt8(0x7D))
  }

  private func appendLeaf(_ column: ColumnVector, _ row: Int, _ at: Int) {
    switch column.type.physical {
    case .bool: out.append(column.values(as: UInt8.self)[at] != 0 ? "true" : "false")
    case .view:
      if column.type == .binary {
        out.append(UInt8(0x22))
        Base64Bytes.encode(column.bytes(row), to: out)
        out.append(UInt8(0x22))
      } else {
        JSONText.quote(column.bytes(row), to: out)
      }
    case .float, .double:
      let isFinite =
        column.type == .float ? column.values(as: Float.self)[at].isFinite : column.values(as: Double.self)[at].isFinite
      appendText(column, row, isQuoted: !isFinite)
    default: appendText(column, row, isQuoted: !column.type.isNumeric)
    }
  }

  private func appendText(_ column: ColumnVector, _ row: Int, isQuoted: Bool) {
    if isQuoted { out.append(UInt8(0x22)) }
    CellText(column.type).append(column, row, to: out)
    if isQuoted { out.append(UInt8(0x22)) }
  }
}
