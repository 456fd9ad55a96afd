/// The type of a column or expression. Names and rules follow Spark SQL.
public indirect enum DataType: Hashable, Sendable {
  /// The type of an untyped NULL.
  case void
  /// BOOLEAN.
  case boolean
  /// TINYINT, 8 bits signed.
  case byte
  /// SMALLINT, 16 bits signed.
  case short
  /// INT, 32 bits signed.
  case integer
  /// BIGINT, 64 bits signed.
  case long
  /// FLOAT, 32 bits.
  case float
  /// DOUBLE, 64 bits.
  case double
  /// DECIMAL(precision, scale), precision 1…38, stored as an unscaled `Int128`.
  case decimal(precision: Int, scale: Int)
  /// STRING, UTF-8.
  case string
  /// BINARY, any bytes.
  case binary
  /// Days since 1970-01-01, stored as `Int32`.
  case date
  /// Microseconds since 1970-01-01T00:00:00Z, an instant, stored as `Int64`.
  case timestamp
  /// Microseconds of a local date and time without zone, stored as `Int64`.
  case timestampNTZ
  /// INTERVAL DAY TO SECOND in microseconds, stored as `Int64`. The fields narrow what is printed.
  case dayTimeInterval(from: DayTimeField, to: DayTimeField)
  /// INTERVAL YEAR TO MONTH in months, stored as `Int32`.
  case yearMonthInterval(from: YearMonthField, to: YearMonthField)
  /// INTERVAL of months, days and microseconds at once; only as a literal and in casts.
  case calendarInterval
  /// ARRAY; says whether elements may be NULL.
  case array(element: DataType, containsNull: Bool)
  /// MAP; says whether values may be NULL. Keys never are.
  case map(key: DataType, value: DataType, valueContainsNull: Bool)
  /// STRUCT of named fields.
  case structure([StructField])
  /// VARIANT: any JSON value, each row of its own shape; see `VariantValue`.
  case variant

  /// Fields of a day-time interval, largest first.
  public enum DayTimeField: Int, Hashable, Sendable, Comparable {
    /// Days.
    case day
    /// Hours.
    case hour
    /// Minutes.
    case minute
    /// Seconds with their fraction.
    case second
    /// Orders fields from the largest unit to the smallest.
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  /// Fields of a year-month interval, largest first.
  public enum YearMonthField: Int, Hashable, Sendable {
    /// Years.
    case year
    /// Months.
    case month
  }

  /// DECIMAL(38, 18), what Spark uses where nothing better is known.
  public static let systemDecimal = DataType.decimal(precision: 38, scale: 18)
  /// DECIMAL(10, 0), what `DECIMAL` without arguments means.
  public static let userDecimal = DataType.decimal(precision: 10, scale: 0)
  /// INTERVAL DAY TO SECOND.
  public static let dayToSecond = DataType.dayTimeInterval(from: .day, to: .second)
  /// INTERVAL YEAR TO MONTH.
  public static let yearToMonth = DataType.yearMonthInterval(from: .year, to: .month)

  /// Array of elements that may be null.
  public static func array(_ element: DataType) -> DataType { .array(element: element, containsNull: true) }
  /// Map whose values may be null.
  public static func map(_ key: DataType, _ value: DataType) -> DataType {
    .map(key: key, value: value, valueContainsNull: true)
  }
}

/// One field of a struct, or one column of a schema.
public struct StructField: Hashable, Sendable {
  /// The name as written; resolution ignores case.
  public var name: String
  /// The type of the field's values.
  public var type: DataType
  /// Whether NULL may occur; false is a promise that it never does.
  public var isNullable: Bool

  /// Makes a field.
  public init(_ name: String, _ type: DataType, isNullable: Bool = true) {
    self.name = name
    self.type = type
    self.isNullable = isNullable
  }
}

extension DataType {
  /// How a value of the type lies in memory.
  @frozen
  public enum Physical: Hashable, Sendable {
    /// No values at all (VOID): every row is null.
    case none
    /// One byte per row, 0 or 1.
    case bool
    /// A signed integer of 8 bits.
    case int8
    /// A signed integer of 16 bits.
    case int16
    /// A signed integer of 32 bits.
    case int32
    /// A signed integer of 64 bits.
    case int64
    /// A signed integer of 128 bits.
    case int128
    /// A floating-point number of 32 bits.
    case float
    /// A floating-point number of 64 bits.
    case double
    /// 16-byte `StringView` per row.
    case view
    /// 16-byte `CalendarInterval` per row.
    case interval
    /// 8-byte `ListView` per row into `children[0]` (arrays), or into `children[0]` and `[1]` (maps).
    case list
    /// No values of its own; one child per field.
    case structure

    /// Bytes per row in the values buffer.
    @inlinable
    public var stride: Int {
      switch self {
      case .none, .structure: 0
      case .bool, .int8: 1
      case .int16: 2
      case .int32, .float: 4
      case .int64, .double, .list: 8
      case .int128, .view, .interval: 16
      }
    }
  }

  /// How a value of this type lies in memory.
  public var physical: Physical {
    switch self {
    case .void: .none
    case .boolean: .bool
    case .byte: .int8
    case .short: .int16
    case .integer, .date, .yearMonthInterval: .int32
    case .long, .timestamp, .timestampNTZ, .dayTimeInterval: .int64
    case .float: .float
    case .double: .double
    case .decimal: .int128
    case .string, .binary, .variant: .view
    case .calendarInterval: .interval
    case .array, .map: .list
    case .structure: .structure
    }
  }

  /// TINYINT, SMALLINT, INT or BIGINT.
  public var isIntegral: Bool {
    switch self {
    case .byte, .short, .integer, .long: true
    default: false
    }
  }

  /// FLOAT or DOUBLE.
  public var isFractional: Bool { self == .float || self == .double }

  /// DECIMAL of any precision.
  public var isDecimal: Bool {
    if case .decimal = self { true } else { false }
  }

  /// Integral, fractional or decimal.
  public var isNumeric: Bool { isIntegral || isFractional || isDecimal }

  /// TIMESTAMP or TIMESTAMP_NTZ.
  public var isTimestamp: Bool { self == .timestamp || self == .timestampNTZ }

  /// DATE, TIMESTAMP or TIMESTAMP_NTZ.
  public var isDatetime: Bool { self == .date || isTimestamp }

  /// Whether values are made of other values.
  public var isNested: Bool {
    switch self {
    case .array, .map, .structure: true
    default: false
    }
  }

  /// Whether both have the same values: equal but for names of fields and for what may be NULL.
  public func hasValues(of other: DataType) -> Bool {
    switch (self, other) {
    case (.array(let a, _), .array(let b, _)): a.hasValues(of: b)
    case (.map(let aKey, let aValue, _), .map(let bKey, let bValue, _)):
      aKey.hasValues(of: bKey) && aValue.hasValues(of: bValue)
    case (.structure(let a), .structure(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.type.hasValues(of: $1.type) }
    default: self == other
    }
  }

  /// Whether values are VARIANT or hold VARIANT.
  public var containsVariant: Bool { self == .variant || childTypes.contains(where: \.containsVariant) }

  /// Whether values are maps or hold maps.
  public var containsMap: Bool {
    switch self {
    case .map: true
    case .array(let element, _): element.containsMap
    case .structure(let fields): fields.contains { $0.type.containsMap }
    default: false
    }
  }

  /// Element type of an array, nil for other types.
  public var elementType: DataType? {
    if case .array(let element, _) = self { element } else { nil }
  }

  /// Fields of a struct, nil for other types.
  public var fields: [StructField]? {
    if case .structure(let fields) = self { fields } else { nil }
  }

  /// Types of the children that a vector of this type has.
  public var childTypes: [DataType] {
    switch self {
    case .array(let element, _): [element]
    case .map(let key, let value, _): [key, value]
    case .structure(let fields): fields.map(\.type)
    default: []
    }
  }

  /// Equal when names of struct fields (without case) and types agree, whatever the nullability.
  public func matches(_ other: DataType) -> Bool {
    switch (self, other) {
    case (.array(let left, _), .array(let right, _)): left.matches(right)
    case (.map(let leftKey, let leftValue, _), .map(let rightKey, let rightValue, _)):
      leftKey.matches(rightKey) && leftValue.matches(rightValue)
    case (.structure(let left), .structure(let right)):
      left.count == right.count
        && zip(left, right).allSatisfy { $0.name.lowercased() == $1.name.lowercased() && $0.type.matches($1.type) }
    default: self == other
    }
  }
}

extension DataType: CustomStringConvertible {
  /// The type as SQL writes it, for instance `DECIMAL(10,2)` or `ARRAY<STRING>`.
  public var description: String { sql }

  /// The type as SQL writes it, for instance `DECIMAL(10,2)` or `STRUCT<a: INT>`; nullability is left out.
  public var sql: String {
    switch self {
    case .void: "VOID"
    case .boolean: "BOOLEAN"
    case .byte: "TINYINT"
    case .short: "SMALLINT"
    case .integer: "INT"
    case .long: "BIGINT"
    case .float: "FLOAT"
    case .double: "DOUBLE"
    case .decimal(let precision, let scale): "DECIMAL(\(precision),\(scale))"
    case .string: "STRING"
    case .binary: "BINARY"
    case .variant: "VARIANT"
    case .date: "DATE"
    case .timestamp: "TIMESTAMP"
    case .timestampNTZ: "TIMESTAMP_NTZ"
    case .dayTimeInterval(let from, let to):
      from == to ? "INTERVAL \(from.sql)" : "INTERVAL \(from.sql) TO \(to.sql)"
    case .yearMonthInterval(let from, let to):
      from == to ? "INTERVAL \(from.sql)" : "INTERVAL \(from.sql) TO \(to.sql)"
    case .calendarInterval: "INTERVAL"
    case .array(let element, _): "ARRAY<\(element.sql)>"
    case .map(let key, let value, _): "MAP<\(key.sql), \(value.sql)>"
    case .structure(let fields):
      "STRUCT<" + fields.map { "\(quoteIfNeeded($0.name)): \($0.type.sql)" }.joined(separator: ", ") + ">"
    }
  }
}

extension DataType.DayTimeField {
  /// The unit's name in SQL.
  public var sql: String {
    switch self {
    case .day: "DAY"
    case .hour: "HOUR"
    case .minute: "MINUTE"
    case .second: "SECOND"
    }
  }
}

extension DataType.YearMonthField {
  /// The unit's name in SQL.
  public var sql: String { self == .year ? "YEAR" : "MONTH" }
}

/// Puts back-ticks around a name that is not a plain identifier.
public func quoteIfNeeded(_ name: String) -> String {
  let isPlain =
    !name.isEmpty && !(name.utf8.first.map { $0 >= 0x30 && $0 <= 0x39 } ?? false)
    && name.utf8.allSatisfy {
      ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A) || ($0 >= 0x61 && $0 <= 0x7A) || $0 == 0x5F
    }
  return isPlain
    ? name : "`" + name.split(separator: "`", omittingEmptySubsequences: false).joined(separator: "``") + "`"
}
