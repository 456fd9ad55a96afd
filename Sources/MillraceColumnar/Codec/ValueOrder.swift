/// The order of single values of any orderable type, nested ones included: NaN is greatest and equal to itself, -0.0
/// equals 0.0, strings compare by bytes, NULL inside an array or struct is smallest.
public enum ValueOrder {
  /// Negative, zero or positive; NULL comes before every value.
  public static func compare(_ a: ColumnVector, _ i: Int, _ b: ColumnVector, _ j: Int) -> Int {
    switch (a.isNull(i), b.isNull(j)) {
    case (true, true): 0
    case (true, false): -1
    case (false, true): 1
    case (false, false): compareValues(a, i, b, j)
    }
  }

  /// The same for two values of which none is NULL. Maps compare as their entries lie.
  public static func compareValues(_ a: ColumnVector, _ i: Int, _ b: ColumnVector, _ j: Int) -> Int {
    switch a.type.physical {
    case .none: return 0
    case .bool: return pair(a, i, b, j, UInt8.self)
    case .int8: return pair(a, i, b, j, Int8.self)
    case .int16: return pair(a, i, b, j, Int16.self)
    case .int32: return pair(a, i, b, j, Int32.self)
    case .int64: return pair(a, i, b, j, Int64.self)
    case .int128: return pair(a, i, b, j, Int128.self)
    case .float: return compare(a.values(as: Float.self)[a.slot(i)], b.values(as: Float.self)[b.slot(j)])
    case .double: return compare(a.values(as: Double.self)[a.slot(i)], b.values(as: Double.self)[b.slot(j)])
    case .view: return StringView.compare(a.views[a.slot(i)], b.views[b.slot(j)])
    case .interval:
      let x = a.values(as: CalendarInterval.self)[a.slot(i)], y = b.values(as: CalendarInterval.self)[b.slot(j)]
      if x == y { return 0 }
      return (x.months, x.days, x.microseconds) < (y.months, y.days, y.microseconds) ? -1 : 1
    case .list: return compareLists(a, i, b, j)
    case .structure:
      let inner = a.isConstant ? 0 : i, other = b.isConstant ? 0 : j
      for (x, y) in zip(a.children, b.children) {
        let order = compare(x, inner, y, other)
        if order != 0 { return order }
      }
      return 0
    }
  }

  /// The order of two floating-point numbers.
  @inlinable
  public static func compare<T: BinaryFloatingPoint>(_ x: T, _ y: T) -> Int {
    if x < y { return -1 }
    if x > y { return 1 }
    if x == y { return 0 }
    return (x.isNaN ? 1 : 0) - (y.isNaN ? 1 : 0)
  }

  private static func compareLists(_ a: ColumnVector, _ i: Int, _ b: ColumnVector, _ j: Int) -> Int {
    let x = a.values(as: ListView.self)[a.slot(i)], y = b.values(as: ListView.self)[b.slot(j)]
    for step in 0..<Int(min(x.length, y.length)) {
      for (left, right) in zip(a.children, b.children) {
        let order = compare(left, Int(x.offset) + step, right, Int(y.offset) + step)
        if order != 0 { return order }
      }
    }
    return Int(x.length) - Int(y.length)
  }

  @inline(__always)
  private static func pair<T: Comparable>(_ a: ColumnVector, _ i: Int, _ b: ColumnVector, _ j: Int, _: T.Type) -> Int {
    let x = a.values(as: T.self)[a.slot(i)], y = b.values(as: T.self)[b.slot(j)]
    return x < y ? -1 : x > y ? 1 : 0
  }
}

extension DataType {
  /// Whether values have an order, so that they may be sorted or compared with `<`.
  public var isOrderable: Bool {
    switch self {
    case .map, .calendarInterval, .variant: false
    case .array(let element, _): element.isOrderable
    case .structure(let fields): fields.allSatisfy(\.type.isOrderable)
    default: true
    }
  }
}
