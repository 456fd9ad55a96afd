package import MillraceColumnar

/// Spark's ANSI rules for the type that values of different types come together in, and for implicit casts.
package enum TypeCoercion {
  /// The type to which both are cast before they are compared, put into one list or returned by the branches of one
  /// CASE; nil when there is none.
  package static func commonType(_ left: DataType, _ right: DataType) -> DataType? {
    tightestCommonType(left, right) ?? withDecimal(left, right) ?? withString(left, right)
      ?? complex(left, right, commonType)
  }

  /// The type in which values are looked for with IN and rows of UNION come together. Structs that differ in nothing but the names of their
  /// fields, which are other types elsewhere, are one type here, with the names of the first.
  package static func comparedType(_ left: DataType, _ right: DataType) -> DataType? {
    commonType(left, left.hasValues(of: right) ? renamed(right, like: left) : right)
  }

  /// The type in which the operands of `=`, `<` and the like are compared. Inside arrays and structs a string stays apart from other types,
  /// as do decimals of other precision.
  package static func operandType(_ left: DataType, _ right: DataType) -> DataType? {
    let right = left.hasValues(of: right) ? renamed(right, like: left) : right
    return tightestCommonType(left, right) ?? withDecimal(left, right) ?? withString(left, right)
  }

  /// The common type of `greatest`, of set operations on arrays and the like, where a string stays apart from other types.
  package static func commonTypeWithoutStrings(_ left: DataType, _ right: DataType) -> DataType? {
    tightestCommonType(left, right) ?? withDecimal(left, right) ?? complex(left, right, commonTypeWithoutStrings)
  }

  /// The same of many.
  package static func commonTypeWithoutStrings(_ types: [DataType]) -> DataType? {
    types.dropFirst().reduce(types.first) { left, right in left.flatMap { commonTypeWithoutStrings($0, right) } }
  }

  /// The common type of many, one after the other as Spark takes them.
  package static func commonType(_ types: [DataType]) -> DataType? {
    guard var result = types.first else { return nil }
    for type in types.dropFirst() {
      guard let wider = commonType(result, type) else { return nil }
      result = wider
    }
    return result
  }

  /// The common type without decimal widening and without promotion of strings; what arithmetic on like types uses.
  package static func tightestCommonType(_ left: DataType, _ right: DataType) -> DataType? {
    switch (left, right) {
    case _ where left == right: return left
    case (.void, _): return right
    case (_, .void): return left
    case (.decimal(let precision, let scale), _) where right.isIntegral:
      return DecimalRules.holds(precision, scale, integral: right) ? left : nil
    case (_, .decimal(let precision, let scale)) where left.isIntegral:
      return DecimalRules.holds(precision, scale, integral: left) ? right : nil
    case (.dayTimeInterval(let from, let to), .dayTimeInterval(let otherFrom, let otherTo)):
      return .dayTimeInterval(from: min(from, otherFrom), to: max(to, otherTo))
    case (.yearMonthInterval, .yearMonthInterval): return .yearToMonth
    default: break
    }
    if let leftRank = rank(left), let rightRank = rank(right) {
      // An integer beside a FLOAT would lose digits, so both become DOUBLE.
      let wider = leftRank > rightRank ? left : right
      return wider == .float ? .double : wider
    }
    if left.isDatetime && right.isDatetime {
      return left == .timestamp || right == .timestamp ? .timestamp : .timestampNTZ
    }
    return complex(left, right, tightestCommonType)
  }

  private static func rank(_ type: DataType) -> Int? {
    switch type {
    case .byte: 0
    case .short: 1
    case .integer: 2
    case .long: 3
    case .float: 4
    case .double: 5
    default: nil
    }
  }

  private static func withDecimal(_ left: DataType, _ right: DataType) -> DataType? {
    guard left.isNumeric, right.isNumeric, left.isDecimal || right.isDecimal else { return nil }
    if left.isFractional || right.isFractional { return .double }
    guard case .decimal(let p1, let s1)? = DecimalRules.decimal(for: left),
      case .decimal(let p2, let s2)? = DecimalRules.decimal(for: right)
    else { return nil }
    return DecimalRules.wider(p1, s1, p2, s2)
  }

  private static func withString(_ left: DataType, _ right: DataType) -> DataType? {
    guard (left == .string) != (right == .string) else { return nil }
    let other = left == .string ? right : left
    switch other {
    case .byte, .short, .integer, .long: return .long
    case .float, .double, .decimal: return .double
    case .boolean, .binary, .date, .timestamp, .timestampNTZ: return other
    default: return nil
    }
  }

  private static func complex(
    _ left: DataType, _ right: DataType, _ common: (DataType, DataType) -> DataType?
  ) -> DataType? {
    switch (left, right) {
    case (.array(let a, let aNull), .array(let b, let bNull)):
      guard let element = common(a, b) else { return nil }
      return .array(
        element: element, containsNull: aNull || bNull || mayMakeNull(a, element) || mayMakeNull(b, element))
    case (.map(let aKey, let aValue, let aNull), .map(let bKey, let bValue, let bNull)):
      guard let key = common(aKey, bKey), let value = common(aValue, bValue) else { return nil }
      let containsNull = aNull || bNull || mayMakeNull(aValue, value) || mayMakeNull(bValue, value)
      return .map(key: key, value: value, valueContainsNull: containsNull)
    case (.structure(let a), .structure(let b)):
      guard a.count == b.count else { return nil }
      var fields: [StructField] = []
      for (x, y) in zip(a, b) {
        guard x.name.lowercased() == y.name.lowercased(), let type = common(x.type, y.type) else { return nil }
        fields.append(StructField(x.name, type, isNullable: x.isNullable || y.isNullable))
      }
      return .structure(fields)
    default: return nil
    }
  }

  /// `type` with the field names of `model`, where both are structs of one width, or hold such structs in the same places.
  package static func renamed(_ type: DataType, like model: DataType) -> DataType {
    switch (type, model) {
    case (.array(let element, let hasNulls), .array(let other, _)):
      return .array(element: renamed(element, like: other), containsNull: hasNulls)
    case (.map(let key, let value, let hasNulls), .map(let otherKey, let otherValue, _)):
      return .map(
        key: renamed(key, like: otherKey), value: renamed(value, like: otherValue), valueContainsNull: hasNulls)
    case (.structure(let fields), .structure(let names)) where fields.count == names.count:
      return .structure(
        zip(fields, names).map { StructField($1.name, renamed($0.type, like: $1.type), isNullable: $0.isNullable) })
    default: return type
    }
  }

  private static func mayMakeNull(_ from: DataType, _ to: DataType) -> Bool {
    from == .void || from.isFractional && to.isDecimal
  }

  /// Whether a value may be cast to `target` without being asked for: as an argument of a function or on insertion.
  package static func canAssign(_ source: DataType, to target: DataType) -> Bool {
    switch (source, target) {
    case _ where source == target: return true
    case (.void, _): return true
    case _ where source.isNumeric && target.isNumeric: return true
    case (_, .string): return !source.isNested
    case _ where source.isDatetime && target.isDatetime: return true
    case (.dayTimeInterval, .dayTimeInterval), (.yearMonthInterval, .yearMonthInterval): return true
    case (.array(let a, let aNull), .array(let b, let bNull)): return (bNull || !aNull) && canAssign(a, to: b)
    case (.map(let aKey, let aValue, let aNull), .map(let bKey, let bValue, let bNull)):
      return (bNull || !aNull) && canAssign(aKey, to: bKey) && canAssign(aValue, to: bValue)
    case (.structure(let a), .structure(let b)):
      return a.count == b.count && zip(a, b).allSatisfy { canAssign($0.type, to: $1.type) }
    default: return false
    }
  }
}
