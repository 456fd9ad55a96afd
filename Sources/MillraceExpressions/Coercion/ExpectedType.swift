package import MillraceColumnar

/// What a function accepts in one argument.
package indirect enum ExpectedType: Sendable {
  /// Exactly this type, or what casts to it implicitly.
  case type(DataType)
  case any
  /// Exactly this type: nothing is cast but an untyped NULL.
  case strict(DataType)
  /// Any number; a string becomes DOUBLE.
  case numeric
  case integral
  /// FLOAT or DOUBLE.
  case fractional
  /// Any decimal; other numbers become the decimal that holds them.
  case decimal
  /// TIMESTAMP or TIMESTAMP_NTZ; a string becomes TIMESTAMP.
  case timestamp
  /// DATE, TIMESTAMP or TIMESTAMP_NTZ.
  case datetime
  case dayTimeInterval
  case yearMonthInterval
  case array
  case map
  case structure
  /// The first that takes the argument as it is, else the first that casts it.
  case oneOf([ExpectedType])

  package static let string = ExpectedType.type(.string)
  package static let binary = ExpectedType.type(.binary)
  package static let boolean = ExpectedType.type(.boolean)
  package static let integer = ExpectedType.type(.integer)
  package static let long = ExpectedType.type(.long)
  package static let double = ExpectedType.type(.double)
  package static let date = ExpectedType.type(.date)

  /// Whether a value of `type` needs no cast.
  package func accepts(_ type: DataType) -> Bool {
    switch self {
    case .type(let expected), .strict(let expected): type.matches(expected)
    case .any: true
    case .numeric: type.isNumeric
    case .integral: type.isIntegral
    case .fractional: type.isFractional
    case .decimal: type.isDecimal
    case .timestamp: type.isTimestamp
    case .datetime: type.isDatetime
    case .dayTimeInterval: if case .dayTimeInterval = type { true } else { false }
    case .yearMonthInterval: if case .yearMonthInterval = type { true } else { false }
    case .array: type.elementType != nil
    case .map: if case .map = type { true } else { false }
    case .structure: type.fields != nil
    case .oneOf(let options): options.contains { $0.accepts(type) }
    }
  }

  /// The type that an untyped NULL takes.
  private var defaultType: DataType {
    switch self {
    case .type(let type), .strict(let type): type
    case .any: .void
    case .numeric, .fractional: .double
    case .integral: .integer
    case .decimal: .systemDecimal
    case .timestamp, .datetime: .timestamp
    case .dayTimeInterval: .dayToSecond
    case .yearMonthInterval: .yearToMonth
    case .array: .array(.void)
    case .map: .map(.void, .void)
    case .structure: .structure([])
    case .oneOf(let options): options.first?.defaultType ?? .void
    }
  }

  /// The type to which a value of `type` is cast to be accepted (itself if it is); nil when it is refused.
  package func coerced(_ type: DataType) -> DataType? {
    if accepts(type) { return type }
    if type == .void { return defaultType }
    switch self {
    case .oneOf(let options): return options.lazy.compactMap { $0.coerced(type) }.first
    case .type(let target):
      if type == .string && !target.isNested && target != .calendarInterval { return target }
      return TypeCoercion.canAssign(type, to: target) ? target : nil
    case .numeric, .fractional: return type == .string || self.isFractional && type.isNumeric ? .double : nil
    case .decimal: return type == .string ? .systemDecimal : DecimalRules.decimal(for: type)
    case .timestamp, .datetime: return type == .string || type == .date ? .timestamp : nil
    case .any, .strict, .integral, .dayTimeInterval, .yearMonthInterval, .array, .map, .structure: return nil
    }
  }

  private var isFractional: Bool { if case .fractional = self { true } else { false } }

  /// For messages.
  package var sql: String {
    switch self {
    case .type(let type), .strict(let type): "\"\(type.sql)\""
    case .any: "\"ANY\""
    case .numeric: "\"NUMERIC\""
    case .integral: "\"INTEGRAL\""
    case .fractional: "(\"FLOAT\" or \"DOUBLE\")"
    case .decimal: "\"DECIMAL\""
    case .timestamp: "(\"TIMESTAMP\" or \"TIMESTAMP_NTZ\")"
    case .datetime: "(\"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\")"
    case .dayTimeInterval: "\"INTERVAL DAY TO SECOND\""
    case .yearMonthInterval: "\"INTERVAL YEAR TO MONTH\""
    case .array: "\"ARRAY\""
    case .map: "\"MAP\""
    case .structure: "\"STRUCT\""
    case .oneOf(let options): "(" + options.map(\.sql).joined(separator: " or ") + ")"
    }
  }
}
