import MillraceCore

/// The text of one cell.
enum ConsoleValue {
  static func text(_ column: ColumnVector, _ row: Int) -> String { text(column.value(row), column.type) }

  private static func text(_ value: Value, _ type: DataType) -> String {
    switch value {
    case .null: return "NULL"
    case .boolean(let flag): return flag ? "true" : "false"
    case .integer(let number): return String(number)
    case .double(let number): return String(number)
    case .decimal(let number): return String(number)
    case .string(let text): return text
    case .binary(let bytes):
      return "[" + bytes.map { String($0, radix: 16, uppercase: true) }.joined(separator: " ") + "]"
    case .interval(let interval):
      return "\(interval.months) months \(interval.days) days \(interval.microseconds) microseconds"
    case .array(let elements):
      return "[" + elements.map { text($0, type.childTypes[0]) }.joined(separator: ", ") + "]"
    case .map(let entries):
      let types = type.childTypes
      return "{" + entries.map { "\(text($0.key, types[0])) -> \(text($0.value, types[1]))" }.joined(separator: ", ")
        + "}"
    case .structure(let fields):
      return "{" + zip(fields, type.childTypes).map { text($0, $1) }.joined(separator: ", ") + "}"
    }
  }
}
