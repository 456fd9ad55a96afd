import MillraceColumnar

/// Values as `toString` of Spark's own classes writes them, where Spark lets that be seen: arguments of `format_string` and keys of
/// maps in `to_json`. Dates and timestamps are numbers there; structs and arrays stand in brackets, without blanks.
enum JavaText {
  static func text(_ column: ColumnVector, _ row: Int) -> String {
    if column.type == .void || column.isNull(row) { return "null" }
    let at = column.slot(row)
    switch column.type {
    case .date: return "\(column.values(as: Int32.self)[at])"
    case .timestamp, .timestampNTZ: return "\(column.values(as: Int64.self)[at])"
    case .array:
      let elements = column.values(as: ListView.self)[at].range.map { text(column.children[0], $0) }
      return "[" + elements.joined(separator: ",") + "]"
    case .structure:
      let own = column.isConstant ? 0 : row
      return "[" + column.children.map { text($0, own) }.joined(separator: ",") + "]"
    case .map:
      let range = column.values(as: ListView.self)[at].range
      let keys = range.map { text(column.children[0], $0) }, values = range.map { text(column.children[1], $0) }
      return "keys: [\(keys.joined(separator: ", "))], values: [\(values.joined(separator: ", "))]"
    case .dayTimeInterval: return "\(column.values(as: Int64.self)[at])"
    case .yearMonthInterval: return "\(column.values(as: Int32.self)[at])"
    default: return CellText(column.type).string(column, row)
    }
  }
}
