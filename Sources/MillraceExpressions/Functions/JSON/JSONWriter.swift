import MillraceColumnar

/// Writes values as JSON text.
struct JSONWriter {
  private let ignoresNullFields: Bool
  private let sortsKeys: Bool
  private let isPretty: Bool
  private let variants: VariantText
  private let out = ByteBuffer()

  init(_ options: JSONOptions) {
    ignoresNullFields = options.ignoresNullFields
    isPretty = options.raw["pretty"]?.lowercased() == "true"
    sortsKeys = options.raw["sortkeys"]?.lowercased() == "true"
    let zone = options.zone
    variants = VariantText { zone.local(fromUTC: $0) }
  }

  /// The JSON text of every row; NULL gives NULL.
  static func write(_ column: ColumnVector, _ options: JSONOptions) -> ColumnVector {
    let writer = JSONWriter(options)
    let (rows, isConstant) = storedRows([column], column.count)
    let prepared = withTimesAsText(column, options)
    let part = Part(prepared, options: writer)
    var strings = StringWriter(rows: rows)
    for row in 0..<rows {
      if prepared.isNull(row) {
        strings.endNull()
        continue
      }
      writer.out.removeAll()
      writer.append(part, row, 0)
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
    case .map:
      return replacing(
        column, [withTimesAsNumbers(column.children[0]), withTimesAsText(column.children[1], options)])
    default:
      if column.children.isEmpty { return column }
      return replacing(column, column.children.map { withTimesAsText($0, options) })
    }
  }

  /// Keys of maps are written as the numbers that they are kept as: days and microseconds.
  private static func withTimesAsNumbers(_ column: ColumnVector) -> ColumnVector {
    switch column.type {
    case .date, .yearMonthInterval: column.retyped(.integer)
    case .timestamp, .timestampNTZ, .dayTimeInterval: column.retyped(.long)
    default: replacing(column, column.children.map { withTimesAsNumbers($0) })
    }
  }

  private static func replacing(_ column: ColumnVector, _ children: [ColumnVector]) -> ColumnVector {
    if children.isEmpty { return column }
    return ColumnVector(
      type: column.type, count: column.count, values: column.buffer, validity: column.validity,
      isConstant: column.isConstant, children: children, owners: column.owners)
  }

  private static func text(
    _ column: ColumnVector, _ pattern: DateTimePattern?, _ usual: String, _ zone: TimeZoneRules
  ) -> ColumnVector {
    guard let pattern = try? pattern ?? DateTimePattern(usual, for: .writing) else { return column }
    var memo = DateTimeTextMemo(DateTimeFormatter(pattern, zone: zone))
    let flat = column.flattened()
    var writer = StringWriter(rows: flat.count)
    for row in 0..<flat.count {
      if flat.isNull(row) {
        writer.endNull()
        continue
      }
      let instant =
        flat.type == .date ? Int64(flat.values(as: Int32.self)[row]) * 86_400_000_000 : flat.values(as: Int64.self)[row]
      memo.write(instant: instant, to: &writer)
      writer.end()
    }
    return writer.finish(.string, count: flat.count)
  }

  /// Begins the next member of an object at some depth: on a line of its own where the text is for people.
  private func beginMember(_ depth: Int, isFirst: Bool) {
    if !isFirst { out.append(UInt8(0x2C)) }
    if isPretty { newLine(depth + 1) }
  }

  private func newLine(_ depth: Int) {
    out.append(UInt8(0x0A))
    for _ in 0..<depth { out.append("  ") }
  }

  private func append(colon isSpaced: Bool) { if isSpaced { out.append(" : ") } else { out.append(UInt8(0x3A)) } }

  private func closeObject(_ depth: Int, isEmpty: Bool) {
    if isPretty { if isEmpty { out.append(UInt8(0x20)) } else { newLine(depth) } }
    out.append(UInt8(0x7D))
  }

  /// A column and how its values are written.
  private final class Part {
    enum Form {
      case structure, array, map, boolean, text, binary, variant, float, double, other, none
    }

    let column: ColumnVector
    let form: Form
    let parts: [Part]
    /// Names of a struct's fields in quotes, in the order in which they are written.
    let names: [[UInt8]]
    let order: [Int]
    let texts: CellText
    /// Whether the text of a value stands in quotes.
    let isQuoted: Bool

    init(_ column: ColumnVector, options: JSONWriter) {
      self.column = column
      parts = column.children.map { Part($0, options: options) }
      let fields = column.type.fields ?? []
      names = fields.map { field in
        let quoted = ByteBuffer(capacity: field.name.utf8.count + 2)
        var name = field.name
        name.withUTF8 { JSONQuoting.append(UnsafeRawBufferPointer($0), to: quoted) }
        return Array(quoted.bytes)
      }
      order = options.sortsKeys ? fields.indices.sorted { fields[$0].name < fields[$1].name } : Array(fields.indices)
      texts = CellText(column.type)
      isQuoted = !column.type.isNumeric
      form =
        switch column.type {
        case .void: .none
        case .structure: .structure
        case .array: .array
        case .map: .map
        case .boolean: .boolean
        case .variant: .variant
        case .binary: .binary
        case .float: .float
        case .double: .double
        default: column.type.physical == .view ? .text : .other
        }
    }
  }

  private func append(_ part: Part, _ row: Int, _ depth: Int) {
    let column = part.column
    if column.isNull(row) || part.form == .none { return out.append("null") }
    let at = column.slot(row)
    switch part.form {
    case .structure: appendStructure(part, column.isConstant ? 0 : row, depth)
    case .array:
      out.append(UInt8(0x5B))
      var isFirst = true
      for element in column.values(as: ListView.self)[at].range {
        if !isFirst { out.append(UInt8(0x2C)) }
        isFirst = false
        if isPretty { out.append(UInt8(0x20)) }
        append(part.parts[0], element, depth)
      }
      if isPretty { out.append(UInt8(0x20)) }
      out.append(UInt8(0x5D))
    case .map: appendMap(part, column.values(as: ListView.self)[at].range, depth)
    case .boolean: out.append(column.values(as: UInt8.self)[at] != 0 ? "true" : "false")
    case .text: JSONQuoting.append(column.bytes(row), to: out)
    case .variant: variants.append(VariantValue(column.bytes(row)), to: out)
    case .binary:
      out.append(UInt8(0x22))
      Base64Text.append(column.bytes(row), to: out)
      out.append(UInt8(0x22))
    case .float: appendText(part, row, isQuoted: !column.values(as: Float.self)[at].isFinite)
    case .double: appendText(part, row, isQuoted: !column.values(as: Double.self)[at].isFinite)
    case .other, .none: appendText(part, row, isQuoted: part.isQuoted)
    }
  }

  private func appendStructure(_ part: Part, _ row: Int, _ depth: Int) {
    out.append(UInt8(0x7B))
    var isFirst = true
    for field in part.order {
      let child = part.parts[field]
      if ignoresNullFields && (child.column.isNull(row) || child.form == .none) { continue }
      beginMember(depth, isFirst: isFirst)
      isFirst = false
      part.names[field].withUnsafeBytes { out.append($0) }
      append(colon: isPretty)
      append(child, row, depth + 1)
    }
    closeObject(depth, isEmpty: isFirst)
  }

  private func appendMap(_ part: Part, _ range: Range<Int>, _ depth: Int) {
    let names = part.parts[0], keys = names.column
    out.append(UInt8(0x7B))
    var order = Array(range)
    if sortsKeys { order.sort { names.texts.string(keys, $0) < names.texts.string(keys, $1) } }
    for (place, index) in order.enumerated() {
      beginMember(depth, isFirst: place == 0)
      if names.form == .text {
        JSONQuoting.append(keys.bytes(index), to: out)
      } else {
        var name = keys.type.isNested ? JavaText.text(keys, index) : names.texts.string(keys, index)
        name.withUTF8 { JSONQuoting.append(UnsafeRawBufferPointer($0), to: out) }
      }
      append(colon: isPretty)
      append(part.parts[1], index, depth + 1)
    }
    closeObject(depth, isEmpty: range.isEmpty)
  }

  private func appendText(_ part: Part, _ row: Int, isQuoted: Bool) {
    if isQuoted { out.append(UInt8(0x22)) }
    part.texts.append(part.column, row, to: out)
    if isQuoted { out.append(UInt8(0x22)) }
  }
}
