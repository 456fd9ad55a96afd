public import MillraceColumnar

/// One row of a result: its values by position or by column name, ignoring case.
///
/// Two rows are equal if their values are, whatever the columns are called.
public struct Row: Sendable, Hashable {
  /// The values in the order of the columns.
  public let values: [Value]
  /// Names of the columns; empty where they are not known.
  public let names: [String]

  /// A row of values.
  public init(_ values: [Value], names: [String] = []) {
    self.values = values
    self.names = names
  }

  /// Number of values.
  public var size: Int { values.count }
  /// Number of values.
  public var length: Int { values.count }

  /// The value at a position from 0.
  public func get(_ index: Int) -> Value { values[index] }

  /// The value of the named column; throws `FIELD_NOT_FOUND`.
  public func get(_ name: String) throws -> Value { values[try fieldIndex(name)] }

  /// Position of the named column; throws `FIELD_NOT_FOUND`.
  public func fieldIndex(_ name: String) throws -> Int {
    let wanted = name.lowercased()
    guard let index = names.firstIndex(where: { $0.lowercased() == wanted }) else {
      throw MillraceError(
        "FIELD_NOT_FOUND", "the row has no column `\(name)`", hint: "it has: \(names.joined(separator: ", "))")
    }
    return index
  }

  /// The values by column name.
  public var asDict: [String: Value] { Dictionary(zip(names, values), uniquingKeysWith: { first, _ in first }) }

  /// Whether the value at a position is NULL.
  public func isNullAt(_ index: Int) -> Bool { values[index].isNull }

  /// The value as a truth value; nil for NULL and for other types.
  public func getAsBool(_ index: Int) -> Bool? { if case .boolean(let flag) = values[index] { flag } else { nil } }
  /// The value as a whole number, also a date's days and a timestamp's microseconds; nil for NULL and for other types.
  public func getAsInt64(_ index: Int) -> Int64? {
    if case .integer(let number) = values[index] { number } else { nil }
  }
  /// The value as a floating-point number; nil for NULL and for other types.
  public func getAsDouble(_ index: Int) -> Double? {
    if case .double(let number) = values[index] { number } else { nil }
  }
  /// The value as a text; nil for NULL and for other types.
  public func getAsString(_ index: Int) -> String? { if case .string(let text) = values[index] { text } else { nil } }

  /// Rows are equal if their values are.
  public static func == (left: Row, right: Row) -> Bool { left.values == right.values }
  /// Hashes the values.
  public func hash(into hasher: inout Hasher) { hasher.combine(values) }
}

extension Row: RandomAccessCollection {
  /// 0.
  public var startIndex: Int { 0 }
  /// The number of values.
  public var endIndex: Int { values.count }
  /// The value at a position from 0.
  public subscript(position: Int) -> Value { values[position] }
  /// The value of the named column, nil where there is none.
  public subscript(name: String) -> Value? { (try? fieldIndex(name)).map { values[$0] } }
}

extension Row: ExpressibleByArrayLiteral {
  /// A row of values without names.
  public init(arrayLiteral values: Value...) { self.init(values) }
}

extension Row: CustomStringConvertible {
  /// The values in brackets, as Spark prints a row.
  public var description: String { "[" + values.map { ValueText.describe($0) }.joined(separator: ",") + "]" }
}

/// Values as a person reads them where their type is not known.
enum ValueText {
  static func describe(_ value: Value) -> String {
    switch value {
    case .null: "null"
    case .boolean(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .double(let number): "\(number)"
    case .decimal(let number): "\(number)"
    case .string(let text): text
    case .binary(let bytes): "\(bytes)"
    case .interval(let interval): "\(interval)"
    case .array(let elements): "[" + elements.map(describe).joined(separator: ", ") + "]"
    case .map(let entries):
      "{" + entries.map { "\(describe($0.key)) -> \(describe($0.value))" }.joined(separator: ", ") + "}"
    case .structure(let fields): "{" + fields.map(describe).joined(separator: ", ") + "}"
    }
  }
}
