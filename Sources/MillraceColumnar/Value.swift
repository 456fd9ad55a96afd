/// One value on its own: a literal, a default, a cell in a test or a table that a person reads. Never used per row in a query.
public indirect enum Value: Hashable, Sendable {
  /// SQL NULL.
  case null
  /// BOOLEAN.
  case boolean(Bool)
  /// TINYINT…BIGINT; days of DATE; microseconds of TIMESTAMP, TIMESTAMP_NTZ and day-time intervals; months of year-month ones.
  case integer(Int64)
  /// FLOAT (widened) and DOUBLE.
  case double(Double)
  /// Unscaled DECIMAL; the scale is the type's.
  case decimal(Int128)
  /// STRING.
  case string(String)
  /// BINARY, and VARIANT in the encoding of `VariantValue`.
  case binary([UInt8])
  /// An interval of months, days and microseconds.
  case interval(CalendarInterval)
  /// ARRAY.
  case array([Value])
  /// MAP, its entries in order.
  case map([MapEntry])
  /// STRUCT, a value for each field.
  case structure([Value])

  /// One key and its value.
  public struct MapEntry: Hashable, Sendable {
    /// The key; SQL's functions never make a NULL one.
    public var key: Value
    /// What the key maps to; may be NULL.
    public var value: Value
    /// Makes an entry.
    public init(_ key: Value, _ value: Value) {
      self.key = key
      self.value = value
    }
  }

  /// Whether this is SQL NULL.
  public var isNull: Bool { self == .null }
}

extension ColumnVector {
  /// The value of one row. For literals, tests and display.
  public func value(_ row: Int) -> Value {
    if isNull(row) || type == .void { return .null }
    let at = slot(row)
    switch type.physical {
    case .none: return .null
    case .bool: return .boolean(values(as: UInt8.self)[at] != 0)
    case .int8: return .integer(Int64(values(as: Int8.self)[at]))
    case .int16: return .integer(Int64(values(as: Int16.self)[at]))
    case .int32: return .integer(Int64(values(as: Int32.self)[at]))
    case .int64: return .integer(values(as: Int64.self)[at])
    case .int128: return .decimal(values(as: Int128.self)[at])
    case .float: return .double(Double(values(as: Float.self)[at]))
    case .double: return .double(values(as: Double.self)[at])
    case .view:
      return type != .string ? .binary(Array(bytes(row))) : .string(String(decoding: bytes(row), as: UTF8.self))
    case .interval: return .interval(values(as: CalendarInterval.self)[at])
    case .list:
      let range = values(as: ListView.self)[at].range
      if case .map = type { return .map(range.map { .init(children[0].value($0), children[1].value($0)) }) }
      return .array(range.map { children[0].value($0) })
    case .structure: return .structure(children.map { $0.value(isConstant && !$0.isConstant ? 0 : row) })
    }
  }

  /// A constant vector of one literal.
  public static func constant(_ value: Value, type: DataType, count: Int) -> ColumnVector {
    let builder = ColumnBuilder(type)
    builder.append(value)
    let one = builder.finish()
    return ColumnVector(
      type: type, count: count, values: one.buffer, validity: one.validity, isConstant: true, children: one.children,
      owners: one.owners)
  }

  /// A vector of the given values.
  public static func of(_ values: [Value], type: DataType) -> ColumnVector {
    let builder = ColumnBuilder(type)
    for value in values { builder.append(value) }
    return builder.finish()
  }
}

extension RecordBatch {
  /// Rows as values. For tests and display.
  public func rows() -> [[Value]] {
    (0..<rowCount).map { row in columns.map { $0.value(row) } }
  }

  /// A batch of the given rows.
  public static func of(_ rows: [[Value]], schema: Schema) -> RecordBatch {
    RecordBatch(
      rowCount: rows.count,
      columns: schema.fields.indices.map { index in .of(rows.map { $0[index] }, type: schema.fields[index].type) })
  }
}
