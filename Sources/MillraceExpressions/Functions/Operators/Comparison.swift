import MillraceColumnar

/// The comparison operators.
enum ComparisonOperator: String, Sendable {
  case equal = "="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case nullSafeEqual = "<=>"
}

/// Types and kernels of comparisons. NaN equals itself and is greater than all other numbers.
enum Comparison {
  static func bind(
    _ op: ComparisonOperator, _ left: Expression, _ right: Expression, _ context: BindingContext
  ) throws -> Expression {
    guard let type = TypeCoercion.operandType(left.type, right.type) else {
      throw OperatorErrors.mismatch(op.rawValue, left, right, "values of one type")
    }
    try checkOrderable(op.rawValue, type)
    let arguments = [try left.cast(to: type, context), try right.cast(to: type, context)]
    let kernel = kernel(op, type)
    return .operation(op.rawValue, .boolean, arguments, neverNull: op == .nullSafeEqual) { vectors, _, _ in
      kernel(vectors[0], vectors[1])
    }
  }

  /// Throws for types that have no order, which are those that hold a map or a calendar interval.
  static func checkOrderable(_ name: String, _ type: DataType) throws {
    guard !isOrderable(type) else { return }
    throw MillraceError(
      "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "`\(name)` cannot compare values of the type \"\(type.sql)\"")
  }

  private static func isOrderable(_ type: DataType) -> Bool {
    switch type {
    case .map, .calendarInterval, .variant: false
    case .array(let element, _): isOrderable(element)
    case .structure(let fields): fields.allSatisfy { isOrderable($0.type) }
    default: true
    }
  }

  typealias Function = @Sendable (ColumnVector, ColumnVector) -> ColumnVector

  /// The loop for two columns of `type`.
  static func kernel(_ op: ComparisonOperator, _ type: DataType) -> Function {
    switch op {
    case .nullSafeEqual:
      let equal = kernel(.equal, type)
      return { nullSafe($0, $1, equal($0, $1)) }
    case .greater:
      let less = kernel(.less, type)
      return { less($1, $0) }
    case .greaterOrEqual:
      let lessOrEqual = kernel(.lessOrEqual, type)
      return { lessOrEqual($1, $0) }
    default: break
    }
    switch type.physical {
    case .none: return { a, _ in .nulls(.boolean, count: a.count) }
    case .bool: return ordered(op, UInt8.self)
    case .int8: return ordered(op, Int8.self)
    case .int16: return ordered(op, Int16.self)
    case .int32: return ordered(op, Int32.self)
    case .int64: return ordered(op, Int64.self)
    case .int128: return ordered(op, Int128.self)
    case .float: return floating(op, Float.self)
    case .double: return floating(op, Double.self)
    case .view: return views(op)
    case .interval, .list, .structure: return general(op)
    }
  }

  private static func ordered<T: FixedWidthInteger & Sendable>(_ op: ComparisonOperator, _: T.Type) -> Function {
    switch op {
    case .equal: { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in x == y ? 1 : 0 } }
    case .notEqual: { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in x != y ? 1 : 0 } }
    case .less: { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in x < y ? 1 : 0 } }
    default: { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in x <= y ? 1 : 0 } }
    }
  }

  private static func floating<T: BinaryFloatingPoint & Sendable>(_ op: ComparisonOperator, _: T.Type) -> Function {
    switch op {
    case .equal: { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in flag(x == y) | flag(x != x) & flag(y != y) } }
    case .notEqual:
      { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in flag(x != y) & (flag(x == x) | flag(y == y)) } }
    case .less: { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in flag(x < y) | flag(x == x) & flag(y != y) } }
    default: { .map(.boolean, $0, $1) { (x: T, y: T) -> UInt8 in flag(x <= y) | flag(y != y) } }
    }
  }

  @inline(__always)
  private static func flag(_ condition: Bool) -> UInt8 { condition ? 1 : 0 }

  // MARK: - Strings

  private static func views(_ op: ComparisonOperator) -> Function {
    switch op {
    case .equal: { equalViews($0, $1, whenEqual: 1) }
    case .notEqual: { equalViews($0, $1, whenEqual: 0) }
    case .less:
      { .map(.boolean, $0, $1) { (x: StringView, y: StringView) -> UInt8 in StringView.compare(x, y) < 0 ? 1 : 0 } }
    default:
      { .map(.boolean, $0, $1) { (x: StringView, y: StringView) -> UInt8 in StringView.compare(x, y) <= 0 ? 1 : 0 } }
    }
  }

  private static func equalViews(_ a: ColumnVector, _ b: ColumnVector, whenEqual: UInt8) -> ColumnVector {
    if b.isConstant && !a.isConstant { return equalViews(a, constant: b, whenEqual) }
    if a.isConstant && !b.isConstant { return equalViews(b, constant: a, whenEqual) }
    return .map(.boolean, a, b) { (x: StringView, y: StringView) -> UInt8 in x == y ? whenEqual : 1 - whenEqual }
  }

  private static func equalViews(_ a: ColumnVector, constant: ColumnVector, _ whenEqual: UInt8) -> ColumnVector {
    if constant.isNull(0) { return .nulls(.boolean, count: a.count) }
    let wanted = constant.views[0]
    let word0 = wanted.word0, word1 = wanted.word1
    let other = 1 - whenEqual
    if wanted.isInline {
      return .map(.boolean, a) { (x: StringView) -> UInt8 in x.word0 == word0 && x.word1 == word1 ? whenEqual : other }
    }
    return .map(.boolean, a) { (x: StringView) -> UInt8 in x.word0 == word0 && x == wanted ? whenEqual : other }
  }

  // MARK: - Any type

  private static func general(_ op: ComparisonOperator) -> Function {
    { a, b in
      let count = a.count
      let out = MemoryBuffer(capacity: count)
      let target = out.base.assumingMemoryBound(to: UInt8.self)
      var nulls = NullTracker(count: count)
      for row in 0..<count {
        if a.isNull(row) || b.isNull(row) {
          nulls.setNull(row)
          target[row] = 0
          continue
        }
        let order = ValueOrder.compareValues(a, row, b, row)
        switch op {
        case .equal: target[row] = order == 0 ? 1 : 0
        case .notEqual: target[row] = order != 0 ? 1 : 0
        case .less: target[row] = order < 0 ? 1 : 0
        default: target[row] = order <= 0 ? 1 : 0
        }
      }
      return ColumnVector(type: .boolean, count: count, values: out, validity: nulls.validity)
    }
  }

  private static func nullSafe(_ a: ColumnVector, _ b: ColumnVector, _ equal: ColumnVector) -> ColumnVector {
    if !a.mayHaveNulls && !b.mayHaveNulls && a.type != .void { return equal }
    let count = a.count
    let out = MemoryBuffer(capacity: count)
    let target = out.base.assumingMemoryBound(to: UInt8.self)
    let values = equal.values(as: UInt8.self)
    for row in 0..<count {
      let leftIsNull = a.isNull(row), rightIsNull = b.isNull(row)
      target[row] = leftIsNull || rightIsNull ? flag(leftIsNull && rightIsNull) : values[equal.slot(row)]
    }
    return ColumnVector(type: .boolean, count: count, values: out)
  }
}
