import MillraceColumnar

/// Casts from VARIANT: each value as the SQL value it holds, and from there by the usual cast.
struct VariantCast: Sendable {
  /// Whether values that cannot be cast become NULL, wherever they are.
  let isTry: Bool
  let timeZone: String
  private let text: VariantText

  init(isTry: Bool, timeZone: String) throws {
    self.isTry = isTry
    self.timeZone = timeZone
    let zone = try TimeZoneRules.required(timeZone)
    text = VariantText { zone.local(fromUTC: $0) }
  }

  /// Whether a cast to `target` exists.
  static func canCast(to target: DataType) -> Bool {
    switch target {
    case .variant: true
    case .array(let element, _): canCast(to: element)
    case .map(let key, let value, _): key == .string && canCast(to: value)
    case .structure(let fields): fields.allSatisfy { canCast(to: $0.type) }
    case .void, .calendarInterval, .dayTimeInterval, .yearMonthInterval: false
    default: true
    }
  }

  /// The column, of type VARIANT, as `target`. JSON's null becomes NULL.
  func cast(_ column: ColumnVector, to target: DataType) throws -> ColumnVector {
    let (rows, isConstant) = storedRows([column], column.count)
    let made: ColumnVector
    switch target {
    case .variant: return column
    case .array(let element, _): made = try array(column, rows, target, element)
    case .map(_, let value, _): made = try map(column, rows, target, value)
    case .structure(let fields): made = try structure(column, rows, target, fields)
    default: made = try atomic(column, rows, target)
    }
    return made.repeated(isConstant, column.count)
  }

  /// The value of a row, nil for NULL and JSON's null.
  private func value(_ column: ColumnVector, _ row: Int) -> VariantValue? {
    if column.isNull(row) { return nil }
    let value = VariantValue(column.bytes(row))
    return value.kind == .null ? nil : value
  }

  private func refuse(_ value: VariantValue, _ target: DataType) throws {
    if isTry { return }
    throw Self.failure(value, target)
  }

  static func failure(_ value: VariantValue, _ target: DataType) -> MillraceError {
    let shown = ByteBuffer(capacity: 64)
    VariantText().append(value, to: shown)
    let text = withExtendedLifetime(shown) { String(decoding: shown.bytes.prefix(200), as: UTF8.self) }
    return MillraceError(
      "INVALID_VARIANT_CAST",
      "the variant value \(text) cannot be cast to \(target.sql)",
      hint: "use try_variant_get or try_cast to get NULL instead")
  }

  // MARK: Nested types

  private func array(
    _ column: ColumnVector, _ rows: Int, _ target: DataType, _ element: DataType
  ) throws -> ColumnVector {
    let parts = VariantColumn(column)
    var lists = ListMaker([column], rowCount: rows)
    for row in 0..<rows {
      guard let value = value(column, row), value.kind == .array else {
        if let value = value(column, row) { try refuse(value, target) }
        lists.endNull()
        continue
      }
      for index in 0..<value.count {
        lists.append(parts.count)
        parts.append(value.element(index))
      }
      lists.end()
    }
    return lists.finish(target, children: [try cast(parts.finish(), to: element)])
  }

  private func map(_ column: ColumnVector, _ rows: Int, _ target: DataType, _ item: DataType) throws -> ColumnVector {
    let parts = VariantColumn(column)
    let names = ColumnBuilder(.string)
    var lists = ListMaker([column], rowCount: rows)
    for row in 0..<rows {
      guard let value = value(column, row), value.kind == .object else {
        if let value = value(column, row) { try refuse(value, target) }
        lists.endNull()
        continue
      }
      for index in 0..<value.count {
        lists.append(parts.count)
        names.append(bytes: value.name(index))
        parts.append(value.field(index))
      }
      lists.end()
    }
    return lists.finish(target, children: [names.finish(), try cast(parts.finish(), to: item)])
  }

  private func structure(
    _ column: ColumnVector, _ rows: Int, _ target: DataType, _ fields: [StructField]
  ) throws -> ColumnVector {
    let names = fields.map { Array($0.name.utf8) }
    let parts = fields.map { _ in VariantColumn(column) }
    var nulls = NullTracker(count: rows)
    for row in 0..<rows {
      var object = value(column, row)
      if let value = object, value.kind != .object {
        try refuse(value, target)
        object = nil
      }
      if object == nil { nulls.setNull(row) }
      for (name, part) in zip(names, parts) {
        part.append(name.withUnsafeBytes { name in object.flatMap { $0.field(named: name) } })
      }
    }
    let children = try zip(fields, parts).map { try cast($1.finish(), to: $0.type) }
    return ColumnVector(
      type: target, count: rows, values: MemoryBuffer(capacity: 0), validity: nulls.validity, children: children)
  }

  // MARK: Atomic types

  /// Values of one SQL type, with the rows they come from.
  private final class Source {
    let type: DataType
    let builder: ColumnBuilder
    var rows: [Int] = []

    init(_ type: DataType) {
      self.type = type
      builder = ColumnBuilder(type)
    }
  }

  /// Where the source of values of a type stands: by kind, and by scale for decimals.
  private static func place(of value: VariantValue) -> Int {
    Int(value.kind.rawValue) * 64 + (value.kind == .decimal ? value.decimal.scale : 0)
  }

  private func atomic(_ column: ColumnVector, _ rows: Int, _ target: DataType) throws -> ColumnVector {
    var sources = [Source?](repeating: nil, count: 64 * (Int(VariantValue.Kind.object.rawValue) + 1))
    for row in 0..<rows {
      guard let value = value(column, row) else { continue }
      if value.kind == .array || value.kind == .object {
        guard target == .string else {
          try refuse(value, target)
          continue
        }
      }
      let place = Self.place(of: value)
      let source = sources[place] ?? Source(Self.type(of: value))
      sources[place] = source
      source.rows.append(row)
      append(value, to: source.builder)
    }
    var results: [ColumnVector] = []
    var picks = [Int32](repeating: -1, count: rows)
    var total = 0
    for source in sources.lazy.compactMap({ $0 }) {
      guard CastRules.canCast(source.type, to: target) else {
        try refuse(VariantValue(column.bytes(source.rows[0])), target)
        continue
      }
      let kernel = try CastKernel.make(source.type, target, CastKernel.Options(isTry: true, timeZone: timeZone))
      let result = try kernel(source.builder.finish()).flattened()
      for (index, row) in source.rows.enumerated() {
        if result.isNull(index) {
          try refuse(VariantValue(column.bytes(row)), target)
        } else {
          picks[row] = Int32(truncatingIfNeeded: total + index)
        }
      }
      total += source.rows.count
      results.append(result)
    }
    if results.isEmpty { return .nulls(target, count: rows).flattened() }
    return ColumnVector.concatenated(results).gatheredOrNull(picks, count: rows).flattened()
  }

  /// The SQL type of a value; arrays and objects count as their text.
  private static func type(of value: VariantValue) -> DataType {
    switch value.kind {
    case .null: .void
    case .false, .true: .boolean
    case .long: .long
    case .double: .double
    case .float: .float
    case .decimal: .decimal(precision: 38, scale: value.decimal.scale)
    case .date: .date
    case .timestamp: .timestamp
    case .timestampNTZ: .timestampNTZ
    case .binary: .binary
    case .string, .array, .object: .string
    }
  }

  private func append(_ value: VariantValue, to builder: ColumnBuilder) {
    switch value.kind {
    case .null: builder.appendNull()
    case .false, .true: builder.append(boolean: value.kind == .true)
    case .long, .timestamp, .timestampNTZ: builder.append(raw: value.number(as: Int64.self))
    case .double: builder.append(raw: value.number(as: Double.self))
    case .float: builder.append(raw: value.number(as: Float.self))
    case .decimal: builder.append(raw: value.decimal.unscaled)
    case .date: builder.append(raw: value.number(as: Int32.self))
    case .string, .binary: builder.append(bytes: value.payload)
    case .array, .object:
      let out = ByteBuffer(capacity: 256)
      text.append(value, to: out)
      withExtendedLifetime(out) { builder.append(bytes: out.bytes) }
    }
  }
}

/// Grows a VARIANT column of parts of another one's values, which are not copied.
final class VariantColumn {
  private let builder = ColumnBuilder(.variant)

  /// A column of parts of `source`.
  init(_ source: ColumnVector) { for owner in source.owners { builder.keep(owner) } }

  var count: Int { builder.count }

  func append(_ value: VariantValue?) {
    guard let value, let base = value.bytes.baseAddress else { return builder.appendNull() }
    builder.append(view: StringView(base, value.bytes.count))
  }

  func finish() -> ColumnVector { builder.finish() }
}
