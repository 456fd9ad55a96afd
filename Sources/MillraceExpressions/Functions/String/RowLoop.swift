import MillraceColumnar

/// Loops over rows of several arguments in which NULL gives NULL. Bodies read the arguments by row through
/// `bytes(row)` and `values[slot(row)]`; with constant arguments only, one row is computed.
enum RowLoop {
  /// Rows to compute, whether they stand for all, and those of the first `strict` arguments that may be null.
  @inline(__always)
  private static func shape(_ arguments: [ColumnVector], _ count: Int, strict: Int = .max) -> (
    rows: Int, isConstant: Bool, nullable: [ColumnVector]
  ) {
    let isConstant = count > 0 && arguments.allSatisfy(\.isConstant)
    return (isConstant ? 1 : count, isConstant, arguments.prefix(strict).filter(\.mayHaveNulls))
  }

  @inline(__always)
  private static func isNull(_ nullable: [ColumnVector], _ row: Int) -> Bool {
    for vector in nullable where vector.isNull(row) { return true }
    return false
  }

  /// Values of fixed width; nil gives NULL.
  @inline(__always)
  static func values<R>(
    _ type: DataType, _ arguments: [ColumnVector], _ count: Int, _ body: (Int) throws -> R?
  ) rethrows -> ColumnVector {
    let (rows, isConstant, nullable) = shape(arguments, count)
    let out = MemoryBuffer(capacity: max(rows, 1) * MemoryLayout<R>.stride)
    let target = out.base.assumingMemoryBound(to: R.self)
    var nulls = NullTracker(count: max(rows, 1))
    for row in 0..<rows {
      if !nullable.isEmpty && isNull(nullable, row) {
        nulls.setNull(row)
      } else if let value = try body(row) {
        target[row] = value
      } else {
        nulls.setNull(row)
      }
    }
    return ColumnVector(type: type, count: count, values: out, validity: nulls.validity, isConstant: isConstant)
  }

  /// Booleans.
  @inline(__always)
  static func flags(
    _ arguments: [ColumnVector], _ count: Int, _ body: (Int) throws -> Bool
  ) rethrows -> ColumnVector {
    try values(.boolean, arguments, count) { try body($0) ? 1 as UInt8 : 0 }
  }

  /// Strings made anew; false gives NULL, and so does NULL in one of the first `strict` arguments.
  @inline(__always)
  static func strings(
    _ arguments: [ColumnVector], _ count: Int, type: DataType = .string, strict: Int = .max,
    _ body: (Int, inout StringWriter) throws -> Bool
  ) rethrows -> ColumnVector {
    let (rows, isConstant, nullable) = shape(arguments, count, strict: strict)
    var writer = StringWriter(rows: max(rows, 1))
    for row in 0..<rows {
      if !nullable.isEmpty && isNull(nullable, row) {
        writer.endNull()
      } else if try body(row, &writer) {
        writer.end()
      } else {
        writer.endNull()
      }
    }
    return writer.finish(type, count: count, isConstant: isConstant)
  }

  /// Parts of the first argument's values, not copied; nil gives NULL.
  @inline(__always)
  static func parts(
    _ arguments: [ColumnVector], _ count: Int, type: DataType = .string,
    _ body: (Int) throws -> StringView?
  ) rethrows -> ColumnVector {
    let made = try values(type, arguments, count, body)
    return ColumnVector(
      type: type, count: count, values: made.buffer, validity: made.validity, isConstant: made.isConstant,
      owners: arguments[0].owners)
  }

  /// Lists of parts of the first argument's values; `body` appends elements, or gives false for NULL.
  @inline(__always)
  static func lists(
    _ arguments: [ColumnVector], _ count: Int, _ body: (Int, inout StringListWriter) throws -> Bool
  ) rethrows -> ColumnVector {
    let (rows, isConstant, nullable) = shape(arguments, count)
    var writer = StringListWriter(rows: rows)
    for row in 0..<rows {
      if !nullable.isEmpty && isNull(nullable, row) {
        writer.endNull()
      } else if try body(row, &writer) {
        writer.end()
      } else {
        writer.endNull()
      }
    }
    return writer.finish(count: count, isConstant: isConstant, owners: arguments[0].owners)
  }
}

/// How the binders of this folder make calls.
enum Bind {
  /// A binder for arguments of expected types and a kernel in which NULL gives NULL.
  static func fixed(
    _ name: String, _ expected: [ExpectedType], counts: ClosedRange<Int>? = nil, _ type: DataType,
    canFail: Bool = false,
    isNullable: Bool? = nil, _ kernel: @escaping @Sendable ([ColumnVector], Int) throws -> ColumnVector
  ) -> @Sendable ([Expression], BindingContext) throws -> Expression {
    { arguments, context in
      let coerced = try Arguments.coerce(name, arguments, expected, counts: counts, context)
      return call(name, coerced, type, canFail: canFail, isNullable: isNullable, kernel)
    }
  }

  /// A call of a kernel that needs nothing but its arguments. Unless `isNullable` is told, it is NULL where an argument is and only there;
  /// `nullStops` tells how many of the first arguments decide so.
  static func call(
    _ name: String, _ arguments: [Expression], _ type: DataType, variant: String = "", canFail: Bool = false,
    isNullable: Bool? = nil, nullStops: Int? = nil,
    _ kernel: @escaping @Sendable ([ColumnVector], Int) throws -> ColumnVector
  ) -> Expression {
    var function = BoundFunction(
      name, variant: variant, type: type, isNullable: isNullable ?? arguments.contains(where: \.isNullable),
      canFail: canFail
    ) { vectors, count, _ in try kernel(vectors, count) }
    function.nullStops = nullStops ?? (isNullable == nil ? arguments.count : 0)
    return .call(function, arguments)
  }
}

extension Expression {
  /// The value if it does not depend on rows; nil also if computing it fails, which is left to the rows then.
  var constant: Value? {
    if case .literal(let value, _) = self { return value }
    guard references.isEmpty, isDeterministic, !containsSubquery else { return nil }
    return try? constantValue()
  }

  /// A constant string.
  var constantText: String? {
    if case .string(let text)? = constant { return text }
    return nil
  }

  /// A constant integer.
  var constantInteger: Int? {
    if case .integer(let number)? = constant { return Int(number) }
    return nil
  }

  /// An INT literal, for arguments that were left out.
  static func integer(_ value: Int) -> Expression { .literal(.integer(Int64(value)), .integer) }

  /// A STRING literal.
  static func string(_ value: String) -> Expression { .literal(.string(value), .string) }
}

extension ColumnVector {
  /// The INT of a row.
  @inline(__always)
  func int(_ row: Int) -> Int { Int(values(as: Int32.self)[slot(row)]) }

  /// The BIGINT, TIMESTAMP or interval of a row.
  @inline(__always)
  func long(_ row: Int) -> Int64 { values(as: Int64.self)[slot(row)] }
}
