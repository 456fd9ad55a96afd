/// Loops for operations that may fail on some values. The body gives its result and a mark that is not zero if it
/// failed; marks are only collected, so that the loop has no branch, and the rows are looked at when there was one.
extension ColumnVector {
  /// `body` on every value; failing rows become null if `isTry`, else the first that is not null throws `failure`.
  /// The body must accept the value of a null row.
  @inlinable
  public static func checkedMap<A, R, Mark: FixedWidthInteger>(
    _ type: DataType, _ a: ColumnVector, isTry: Bool, _ body: (A) -> (R, Mark), failure: (A) -> MillraceError
  ) throws -> ColumnVector {
    let stored = a.isConstant ? 1 : a.count
    let out = MemoryBuffer(capacity: stored * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    let x = a.values(as: A.self)
    var failed: Mark = 0
    for row in 0..<stored {
      let (result, mark) = body(x[row])
      target[row] = result
      failed |= mark
    }
    var validity = a.validity
    if failed != 0 {
      var nulls = NullTracker(count: stored, validity: validity)
      for row in 0..<stored where !a.isNull(row) && body(x[row]).1 != 0 {
        if !isTry { throw failure(x[row]) }
        nulls.setNull(row)
      }
      validity = nulls.validity
    }
    return ColumnVector(type: type, count: a.count, values: out, validity: validity, isConstant: a.isConstant)
  }

  /// `body` on every pair of values; failing rows become null if `isTry`, else the first that is not null throws
  /// `failure`. The body must accept values of null rows.
  @inlinable
  public static func checkedMap<A, B, R, Mark: FixedWidthInteger>(
    _ type: DataType, _ a: ColumnVector, _ b: ColumnVector, isTry: Bool, _ body: (A, B) -> (R, Mark),
    failure: (A, B) -> MillraceError
  ) throws -> ColumnVector {
    if a.isConstant && a.isNull(0) || b.isConstant && b.isNull(0) { return .nulls(type, count: a.count) }
    let x = a.values(as: A.self), y = b.values(as: B.self)
    let isConstant = a.isConstant && b.isConstant
    let stored = isConstant ? 1 : a.count
    let out = MemoryBuffer(capacity: stored * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    var failed: Mark = 0
    if a.isConstant {
      let constant = x[0]
      for row in 0..<stored {
        let (result, mark) = body(constant, y[row])
        target[row] = result
        failed |= mark
      }
    } else if b.isConstant {
      let constant = y[0]
      for row in 0..<stored {
        let (result, mark) = body(x[row], constant)
        target[row] = result
        failed |= mark
      }
    } else {
      for row in 0..<stored {
        let (result, mark) = body(x[row], y[row])
        target[row] = result
        failed |= mark
      }
    }
    var validity = a.isConstant ? b.validity : b.isConstant ? a.validity : Bitmap.and(a.validity, b.validity)
    if failed != 0 {
      var nulls = NullTracker(count: stored, validity: validity)
      for row in 0..<stored where !a.isNull(row) && !b.isNull(row) {
        let left = x[a.slot(row)], right = y[b.slot(row)]
        if body(left, right).1 == 0 { continue }
        if !isTry { throw failure(left, right) }
        nulls.setNull(row)
      }
      validity = nulls.validity
    }
    return ColumnVector(type: type, count: a.count, values: out, validity: validity, isConstant: isConstant)
  }

  /// `body` on the bytes of every string that is not null; it gives nil for a text that it does not take. Such rows
  /// become null if `isTry`, else the first throws `failure`.
  @inlinable
  public static func parseMap<R>(
    _ type: DataType, _ a: ColumnVector, isTry: Bool, _ body: (UnsafeRawBufferPointer) throws -> R?,
    failure: (UnsafeRawBufferPointer) -> MillraceError
  ) throws -> ColumnVector {
    try parseRows(type, a, isTry: isTry, { try body(a.bytes($0)) }, failure: failure)
  }

  /// The integer that each string stands for, as `parseMap` with `NumberParsing.integer` gives it.
  @inlinable
  public static func parseIntegers<T: FixedWidthInteger>(
    _ type: DataType, _ a: ColumnVector, as _: T.Type, isTry: Bool, failure: (UnsafeRawBufferPointer) -> MillraceError
  ) throws -> ColumnVector {
    let views = a.views
    return try parseRows(
      type, a, isTry: isTry,
      { row -> T? in
        if let short = NumberParsing.digits(views[row]) { return T(exactly: short) }
        return NumberParsing.integer(a.bytes(row))
      }, failure: failure)
  }

  /// `body` gets the row of every stored string that is not null.
  @inlinable
  static func parseRows<R>(
    _ type: DataType, _ a: ColumnVector, isTry: Bool, _ body: (Int) throws -> R?,
    failure: (UnsafeRawBufferPointer) -> MillraceError
  ) throws -> ColumnVector {
    let stored = a.isConstant ? 1 : a.count
    let out = MemoryBuffer(capacity: stored * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    var nulls = NullTracker(count: stored, validity: a.validity)
    for row in 0..<stored where !a.isNull(row) {
      if let result = try body(row) {
        target[row] = result
      } else if isTry {
        nulls.setNull(row)
      } else {
        throw failure(a.bytes(row))
      }
    }
    return ColumnVector(type: type, count: a.count, values: out, validity: nulls.validity, isConstant: a.isConstant)
  }
}

extension NullTracker {
  /// For `count` rows of which those outside `validity` are null already.
  @inlinable
  public init(count: Int, validity: Bitmap?) {
    self.init(count: count)
    guard let validity else { return }
    let copy = Bitmap(count: count, all: false)
    let source = validity.words, target = copy.words
    for index in 0..<Bitmap.words(count) { target[index] = source[index] }
    bits = copy
  }
}
