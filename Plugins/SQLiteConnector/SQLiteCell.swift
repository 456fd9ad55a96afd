import CSQLite
import MillraceCore

/// Turns cells as SQLite stores them, each with a type of its own, into values of a column's type.
enum SQLiteCell {
  private static let utc = TimeZoneRules.named("UTC")

  /// Whether cells can become values of a type.
  static func isReadable(_ type: DataType) -> Bool {
    switch type {
    case .boolean, .byte, .short, .integer, .long, .float, .double, .decimal, .string, .binary, .date, .timestamp,
      .timestampNTZ, .dayTimeInterval, .yearMonthInterval:
      true
    case .array, .map, .structure: (try? SQLiteJSONCells(type)) != nil
    case .void, .calendarInterval, .variant: false
    }
  }

  /// The type of a column by SQLite's rules for declared types, and by the usual names of types that SQLite lacks.
  static func type(declared: String?) -> DataType {
    let text = (declared ?? "").uppercased()
    let name = text.prefix { $0.isLetter || $0 == "_" }
    switch name {
    case "BOOLEAN", "BOOL": return .boolean
    case "DATE": return .date
    case "TIMESTAMP", "DATETIME": return .timestamp
    case "TIMESTAMP_NTZ": return .timestampNTZ
    case "DECIMAL", "NUMERIC":
      let digits = text.split { !$0.isNumber }.compactMap { Int($0) }
      let scale = digits.count > 1 ? digits[1] : 0
      if let precision = digits.first, (1...38).contains(precision), (0...precision).contains(scale) {
        return .decimal(precision: precision, scale: scale)
      }
      return .double
    default: break
    }
    if text.contains("INT") { return .long }
    if text.contains("CHAR") || text.contains("CLOB") || text.contains("TEXT") { return .string }
    if text.contains("BLOB") { return .binary }
    if text.contains("REAL") || text.contains("FLOA") || text.contains("DOUB") { return .double }
    return .string
  }

  /// Appends the cell of the present row; false when it is no value of the type.
  static func read(_ statement: SQLiteStatement, _ column: Int, _ type: DataType, into builder: ColumnBuilder) -> Bool {
    let stored = sqlite3_column_type(statement.pointer, Int32(column))
    if stored == SQLITE_NULL {
      builder.appendNull()
      return true
    }
    switch type {
    case .string, .binary:
      builder.append(bytes: statement.bytes(column))
      return true
    case .byte: return append(integer(statement, column, stored, Int8.self), builder)
    case .short: return append(integer(statement, column, stored, Int16.self), builder)
    case .integer, .yearMonthInterval: return append(integer(statement, column, stored, Int32.self), builder)
    case .long, .dayTimeInterval: return append(integer(statement, column, stored, Int64.self), builder)
    case .double: return append(double(statement, column, stored), builder)
    case .float: return append(double(statement, column, stored).map { Float($0) }, builder)
    case .boolean: return append(boolean(statement, column, stored), builder)
    case .date: return append(stored == SQLITE_TEXT ? TimestampText.date(statement.bytes(column)) : nil, builder)
    case .timestamp, .timestampNTZ: return append(timestamp(statement, column, stored), builder)
    case .decimal(let precision, let scale):
      guard case .value(let value) = NumberParsing.decimal(statement.bytes(column), precision, scale) else {
        return false
      }
      return append(value, builder)
    case .void, .calendarInterval, .array, .map, .structure, .variant: return false
    }
  }

  private static func append<T>(_ value: T?, _ builder: ColumnBuilder) -> Bool {
    guard let value else { return false }
    builder.append(raw: value)
    return true
  }

  private static func integer<T: FixedWidthInteger>(
    _ statement: SQLiteStatement, _ column: Int, _ stored: Int32, _: T.Type
  ) -> T? {
    switch stored {
    case SQLITE_INTEGER: T(exactly: sqlite3_column_int64(statement.pointer, Int32(column)))
    case SQLITE_FLOAT: T(exactly: sqlite3_column_double(statement.pointer, Int32(column)))
    default: NumberParsing.integer(statement.bytes(column), as: T.self)
    }
  }

  private static func double(_ statement: SQLiteStatement, _ column: Int, _ stored: Int32) -> Double? {
    stored == SQLITE_INTEGER || stored == SQLITE_FLOAT
      ? sqlite3_column_double(statement.pointer, Int32(column)) : NumberParsing.double(statement.bytes(column))
  }

  private static func boolean(_ statement: SQLiteStatement, _ column: Int, _ stored: Int32) -> UInt8? {
    if stored == SQLITE_INTEGER { return sqlite3_column_int64(statement.pointer, Int32(column)) == 0 ? 0 : 1 }
    switch String(decoding: statement.bytes(column), as: UTF8.self).lowercased() {
    case "true", "t", "1", "yes", "y": return 1
    case "false", "f", "0", "no", "n": return 0
    default: return nil
    }
  }

  /// Text is a date and time, UTC where it names no zone; whole numbers are seconds since 1970; others are seconds or, as
  /// SQLite's `auto` has it, Julian days when they are below 5373484.5.
  private static func timestamp(_ statement: SQLiteStatement, _ column: Int, _ stored: Int32) -> Int64? {
    switch stored {
    case SQLITE_INTEGER:
      let (micros, overflow) = sqlite3_column_int64(statement.pointer, Int32(column)).multipliedReportingOverflow(
        by: 1_000_000)
      return overflow ? nil : micros
    case SQLITE_FLOAT:
      let number = sqlite3_column_double(statement.pointer, Int32(column))
      let isJulian = number >= 0 && number < 5_373_484.5
      return Int64(exactly: ((isJulian ? (number - 2_440_587.5) * 86_400 : number) * 1_000_000).rounded())
    default: return utc.flatMap { TimestampText.timestamp(statement.bytes(column), zone: $0) }
    }
  }
}
