public import MillraceColumnar

/// A Swift type whose values are values of a column: arguments and results of user-defined functions, and what `transformWithState` keeps.
///
/// An `Optional` takes NULL; any other type does not.
public protocol SQLValue: Sendable {
  /// The column's type.
  static var sqlType: DataType { get }
  /// Whether a value can be NULL.
  static var acceptsNull: Bool { get }
  /// The value of a row of a column of `sqlType`, which is not NULL unless the type accepts that.
  static func read(_ column: ColumnVector, _ row: Int) -> Self
  /// Appends the value to a column of `sqlType`.
  func append(to builder: ColumnBuilder)
}

extension SQLValue {
  /// A value is never NULL.
  public static var acceptsNull: Bool { false }
}

extension Bool: SQLValue {
  /// BOOLEAN.
  public static var sqlType: DataType { .boolean }
  /// The value of a row.
  public static func read(_ column: ColumnVector, _ row: Int) -> Bool {
    column.values(as: UInt8.self)[column.slot(row)] != 0
  }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) { builder.append(boolean: self) }
}

/// A number whose column holds it as it is.
public protocol SQLNumber: SQLValue {}

extension SQLNumber {
  /// The value of a row.
  public static func read(_ column: ColumnVector, _ row: Int) -> Self {
    column.values(as: Self.self)[column.slot(row)]
  }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) { builder.append(raw: self) }
}

extension Int8: SQLNumber {
  /// TINYINT.
  public static var sqlType: DataType { .byte }
}
extension Int16: SQLNumber {
  /// SMALLINT.
  public static var sqlType: DataType { .short }
}
extension Int32: SQLNumber {
  /// INT.
  public static var sqlType: DataType { .integer }
}
extension Int64: SQLNumber {
  /// BIGINT.
  public static var sqlType: DataType { .long }
}
extension Int: SQLNumber {
  /// BIGINT.
  public static var sqlType: DataType { .long }
}
extension Float: SQLNumber {
  /// FLOAT.
  public static var sqlType: DataType { .float }
}
extension Double: SQLNumber {
  /// DOUBLE.
  public static var sqlType: DataType { .double }
}

extension String: SQLValue {
  /// STRING.
  public static var sqlType: DataType { .string }
  /// The value of a row.
  public static func read(_ column: ColumnVector, _ row: Int) -> String {
    String(decoding: column.bytes(row), as: UTF8.self)
  }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) { builder.append(string: self) }
}

/// A BINARY value.
public struct Binary: SQLValue, Hashable {
  /// The bytes.
  public var bytes: [UInt8]

  /// A value of bytes.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// BINARY.
  public static var sqlType: DataType { .binary }
  /// The value of a row.
  public static func read(_ column: ColumnVector, _ row: Int) -> Binary { Binary(Array(column.bytes(row))) }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) { bytes.withUnsafeBytes { builder.append(bytes: $0) } }
}

/// A TIMESTAMP value, an instant.
public struct Timestamp: SQLValue, Hashable, Comparable {
  /// Microseconds since 1970-01-01T00:00:00Z.
  public var microseconds: Int64

  /// An instant in microseconds since the epoch.
  public init(microseconds: Int64) { self.microseconds = microseconds }

  /// TIMESTAMP.
  public static var sqlType: DataType { .timestamp }
  /// The value of a row.
  public static func read(_ column: ColumnVector, _ row: Int) -> Timestamp {
    Timestamp(microseconds: .read(column, row))
  }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) { builder.append(raw: microseconds) }
  /// Earlier before later.
  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }
}

/// A DATE value.
public struct CalendarDate: SQLValue, Hashable, Comparable {
  /// Days since 1970-01-01.
  public var days: Int32

  /// A date in days since the epoch.
  public init(days: Int32) { self.days = days }

  /// DATE.
  public static var sqlType: DataType { .date }
  /// The value of a row.
  public static func read(_ column: ColumnVector, _ row: Int) -> CalendarDate { CalendarDate(days: .read(column, row)) }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) { builder.append(raw: days) }
  /// Earlier before later.
  public static func < (left: CalendarDate, right: CalendarDate) -> Bool { left.days < right.days }
}

extension Optional: SQLValue where Wrapped: SQLValue {
  /// The type of the value.
  public static var sqlType: DataType { Wrapped.sqlType }
  /// It takes NULL.
  public static var acceptsNull: Bool { true }
  /// The value of a row, nil for NULL.
  public static func read(_ column: ColumnVector, _ row: Int) -> Wrapped? {
    column.isNull(row) ? nil : Wrapped.read(column, row)
  }
  /// Appends the value or NULL.
  public func append(to builder: ColumnBuilder) {
    if let self { self.append(to: builder) } else { builder.appendNull() }
  }
}

extension Array: SQLValue where Element: SQLValue {
  /// ARRAY of the elements' type.
  public static var sqlType: DataType { .array(element: Element.sqlType, containsNull: Element.acceptsNull) }
  /// The value of a row.
  public static func read(_ column: ColumnVector, _ row: Int) -> [Element] {
    let list = column.values(as: ListView.self)[column.slot(row)]
    return list.range.map { Element.read(column.children[0], $0) }
  }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) {
    for element in self { element.append(to: builder.children[0]) }
    builder.appendList()
  }
}

extension Dictionary: SQLValue where Key: SQLValue, Value: SQLValue {
  /// MAP of the keys' and values' types.
  public static var sqlType: DataType {
    .map(key: Key.sqlType, value: Value.sqlType, valueContainsNull: Value.acceptsNull)
  }
  /// The value of a row; the last of equal keys counts.
  public static func read(_ column: ColumnVector, _ row: Int) -> [Key: Value] {
    let list = column.values(as: ListView.self)[column.slot(row)]
    let entries = list.range.map { (Key.read(column.children[0], $0), Value.read(column.children[1], $0)) }
    return Dictionary(entries, uniquingKeysWith: { $1 })
  }
  /// Appends the value.
  public func append(to builder: ColumnBuilder) {
    for (key, value) in self {
      key.append(to: builder.children[0])
      value.append(to: builder.children[1])
    }
    builder.appendList()
  }
}
