public import MillraceColumnar

extension SQLExpression {
  /// Functions named like types: `double(x)` is `CAST(x AS DOUBLE)`.
  public static let castFunctions: [String: DataType] = [
    "boolean": .boolean, "tinyint": .byte, "smallint": .short, "int": .integer, "bigint": .long, "float": .float,
    "double": .double, "decimal": .decimal(precision: 10, scale: 0), "date": .date, "timestamp": .timestamp,
    "binary": .binary, "string": .string,
  ]
}
