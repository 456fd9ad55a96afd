package import MillraceColumnar

/// Precision and scale of decimal results, Spark's rules with `decimalOperations.allowPrecisionLoss`.
package enum DecimalRules {
  /// Most digits of a decimal.
  package static let maxPrecision = 38
  /// Digits after the point that are kept when a result does not fit into 38 digits.
  private static let minimumAdjustedScale = 6

  /// The decimal that holds every value of a numeric type.
  package static func decimal(for type: DataType) -> DataType? {
    switch type {
    case .byte: .decimal(precision: 3, scale: 0)
    case .short: .decimal(precision: 5, scale: 0)
    case .integer: .decimal(precision: 10, scale: 0)
    case .long: .decimal(precision: 20, scale: 0)
    case .float: .decimal(precision: 14, scale: 7)
    case .double: .decimal(precision: 30, scale: 15)
    case .decimal: type
    default: nil
    }
  }

  /// The narrowest decimal for an integer literal, for instance DECIMAL(1,0) for 7.
  package static func decimal(forLiteral value: Int64) -> DataType {
    var digits = 1
    var rest = value.magnitude / 10
    while rest > 0 {
      digits += 1
      rest /= 10
    }
    return .decimal(precision: digits, scale: 0)
  }

  /// Whether DECIMAL(precision, scale) holds every value of an integral type.
  package static func holds(_ precision: Int, _ scale: Int, integral: DataType) -> Bool {
    guard case .decimal(let needed, _)? = decimal(for: integral) else { return false }
    return precision - scale >= needed
  }

  /// The decimal that holds the values of both; integral digits are preferred when there are too many.
  package static func wider(_ p1: Int, _ s1: Int, _ p2: Int, _ s2: Int) -> DataType {
    let scale = max(s1, s2)
    let precision = max(p1 - s1, p2 - s2) + scale
    if precision <= maxPrecision { return .decimal(precision: precision, scale: scale) }
    return .decimal(precision: maxPrecision, scale: max(0, scale - (precision - maxPrecision)))
  }

  /// An arithmetic result of so many digits, cut to 38.
  package static func adjusted(_ precision: Int, _ scale: Int) -> DataType {
    if precision <= maxPrecision { return .decimal(precision: precision, scale: scale) }
    let integralDigits = precision - scale
    let kept = max(maxPrecision - integralDigits, min(scale, minimumAdjustedScale))
    return .decimal(precision: maxPrecision, scale: kept)
  }

  /// The type of `+` and `-`.
  package static func sum(_ p1: Int, _ s1: Int, _ p2: Int, _ s2: Int) -> DataType {
    let scale = max(s1, s2)
    return adjusted(max(p1 - s1, p2 - s2) + scale + 1, scale)
  }

  /// The type of `*`.
  package static func product(_ p1: Int, _ s1: Int, _ p2: Int, _ s2: Int) -> DataType {
    adjusted(p1 + p2 + 1, s1 + s2)
  }

  /// The type of `/`.
  package static func quotient(_ p1: Int, _ s1: Int, _ p2: Int, _ s2: Int) -> DataType {
    let scale = max(minimumAdjustedScale, s1 + p2 + 1)
    return adjusted(p1 - s1 + s2 + scale, scale)
  }

  /// The type of `%` and `pmod`.
  package static func remainder(_ p1: Int, _ s1: Int, _ p2: Int, _ s2: Int) -> DataType {
    let scale = max(s1, s2)
    return adjusted(min(p1 - s1, p2 - s2) + scale, scale)
  }
}
