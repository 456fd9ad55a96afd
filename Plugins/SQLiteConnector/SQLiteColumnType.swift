import MillraceCore

/// What a table declares of a column, and which values it can hold so that they come back as they were.
///
/// A declared type makes SQLite convert what is stored: text that looks like a number becomes one in a column of numbers, so `007` would
/// come back as `7`. Such columns are refused before anything is written.
struct SQLiteColumnType {
  /// SQLite's rules for declared types.
  enum Affinity {
    case text, numeric, integer, real, none
  }

  /// As the table has it.
  let declared: String
  let isStrict: Bool

  var affinity: Affinity {
    let text = declared.uppercased()
    if isStrict && text == "ANY" { return .none }
    if text.contains("INT") { return .integer }
    if ["CHAR", "CLOB", "TEXT"].contains(where: { text.contains($0) }) { return .text }
    if text.isEmpty || text.contains("BLOB") { return .none }
    if ["REAL", "FLOA", "DOUB"].contains(where: { text.contains($0) }) { return .real }
    return .numeric
  }

  /// Whether values of a type can be kept.
  func holds(_ type: DataType) -> Bool {
    switch (type, affinity) {
    case (.void, _), (_, .none): true
    case (.boolean, let affinity): [.integer, .numeric].contains(affinity)
    case (.byte, let affinity), (.short, let affinity), (.integer, let affinity), (.yearMonthInterval, let affinity):
      [.integer, .numeric, .real].contains(affinity)
    case (.long, let affinity), (.dayTimeInterval, let affinity): [.integer, .numeric].contains(affinity)
    case (.float, let affinity), (.double, let affinity): [.real, .numeric].contains(affinity)
    case (.binary, _): false
    case (.decimal(let precision, let scale), let affinity):
      switch affinity {
      case .text: isTyped ? SQLiteCell.type(declared: declared).isDecimal : true
      case .integer: scale == 0 && precision <= 18
      case .numeric, .real: precision <= 15
      case .none: true
      }
    case (.date, let affinity), (.timestamp, let affinity), (.timestampNTZ, let affinity):
      switch affinity {
      case .text: !isTyped || SQLiteCell.type(declared: declared) == type
      case .numeric: ["DATE", "DATETIME", "TIMESTAMP"].contains { declared.uppercased().hasPrefix($0) }
      case .integer, .real, .none: false
      }
    case (.string, let affinity): affinity == .text && !isTyped
    case (.array, let affinity), (.map, let affinity), (.structure, let affinity), (.variant, let affinity),
      (.calendarInterval, let affinity):
      affinity == .text && !isTyped || declared.uppercased().hasPrefix("JSON")
    }
  }

  /// Whether it is one of the types of two words that `DataType.sqliteName` makes: text of a certain form.
  private var isTyped: Bool {
    let words = declared.uppercased().split { $0 == " " || $0 == "(" }
    return words.count > 1 && words[1] == "TEXT" && words[0] != "JSON"
  }
}

extension DataType {
  fileprivate var isDecimal: Bool { if case .decimal = self { true } else { false } }

  /// The declared type of a column that holds values of this type.
  ///
  /// BOOLEAN, integers and intervals (months, or microseconds) are stored as INTEGER, FLOAT and DOUBLE as REAL, BINARY as BLOB. The
  /// others are stored as TEXT: DATE and TIMESTAMP as `2024-01-01` and `2024-01-01 00:00:00` (UTC), which SQLite's date functions read
  /// and which sort by time; DECIMAL in full; ARRAY, MAP, STRUCT and VARIANT as JSON. A first word tells more than SQLite asks for, so that
  /// a source finds the type again: `DATE TEXT` is text to SQLite.
  var sqliteName: String {
    switch self {
    case .boolean: "BOOLEAN"
    case .byte, .short, .integer, .long, .dayTimeInterval, .yearMonthInterval: "INTEGER"
    case .float, .double: "REAL"
    case .binary: "BLOB"
    case .date: "DATE TEXT"
    case .timestamp: "TIMESTAMP TEXT"
    case .timestampNTZ: "TIMESTAMP_NTZ TEXT"
    case .decimal(let precision, let scale): "DECIMAL TEXT(\(precision), \(scale))"
    case .array, .map, .structure, .variant: "JSON TEXT"
    case .void, .string, .calendarInterval: "TEXT"
    }
  }
}
