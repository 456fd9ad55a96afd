import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// Turns grouping keys of any type into columns of flat types for hash tables and state stores, and back.
struct KeyEncoder: Sendable {
  /// How one key is carried.
  private enum Form: Sendable {
    case flat
    /// A window of fixed length by its start; the function makes the struct again.
    case window(BoundFunction)
    /// `struct<start, end>` by both.
    case bounds
    /// The same where the struct can be NULL: both bounds, and whether there is one.
    case optionalBounds
    /// Nested values as bytes.
    case encoded(RowCodec)

    /// Number of flat columns.
    var width: Int {
      switch self {
      case .bounds: 2
      case .optionalBounds: 3
      case .flat, .window, .encoded: 1
      }
    }
  }

  /// Types of the keys as the query sees them.
  let types: [DataType]
  /// Types of the flat columns; one byte that is always 0 when there is no key.
  let flatTypes: [DataType]
  private let forms: [Form]
  /// What to evaluate for each key, in place of the key's own expression.
  let expressions: [Expression]

  /// For keys that are columns already.
  init(types: [DataType]) {
    self.init(expressions: types.map { .null($0) })
  }

  /// For keys that are computed.
  init(expressions keys: [Expression]) {
    types = keys.map(\.type)
    var forms: [Form] = []
    var flat: [DataType] = []
    var expressions: [Expression] = []
    for key in keys {
      var expression = key
      switch key {
      case .call(let function, let arguments) where function.name == TimeWindow.structName:
        forms.append(.window(function))
        flat.append(arguments[0].type)
        expression = arguments[0]
      default:
        if let fields = key.type.fields, fields.map(\.name) == ["start", "end"],
          fields.allSatisfy({ $0.type.isTimestamp })
        {
          forms.append(key.isNullable ? .optionalBounds : .bounds)
          flat += fields.map(\.type) + (key.isNullable ? [.boolean] : [])
        } else if key.type.isNested || key.type == .void || key.type == .calendarInterval {
          forms.append(.encoded(RowCodec([key.type])))
          flat.append(.binary)
          expression = KeyEncoder.normalized(key)
        } else {
          forms.append(.flat)
          flat.append(key.type)
        }
      }
      expressions.append(expression)
    }
    self.forms = forms
    self.expressions = expressions
    flatTypes = flat.isEmpty ? [.byte] : flat
  }

  /// A map with its entries in the order of their keys, since equal maps may differ in it.
  private static func normalized(_ key: Expression) -> Expression {
    guard case .map(let keyType, let valueType, _) = key.type, keyType.isOrderable, valueType.isOrderable else {
      return key
    }
    let context = BindingContext()
    let steps = ["map_entries", "sort_array", "map_from_entries"]
    let sorted = steps.reduce(Optional(key)) { inner, name in
      inner.flatMap { argument in try? FunctionRegistry.builtin.scalar(name)?.bind([.expression(argument)], context) }
    }
    return sorted ?? key
  }

  /// Names of the flat columns, given those of the keys.
  func flatNames(_ names: [String]) -> [String] {
    zip(forms, names).flatMap { form, name in
      switch form {
      case .flat, .encoded: [name]
      case .window: ["\(name)_start"]
      case .bounds: ["\(name)_start", "\(name)_end"]
      case .optionalBounds: ["\(name)_start", "\(name)_end", "\(name)_exists"]
      }
    }
  }

  /// The flat columns of evaluated keys.
  func encode(_ columns: [ColumnVector], count: Int) -> [ColumnVector] {
    if forms.isEmpty { return [.constant(.integer(0), type: .byte, count: count)] }
    return zip(forms, columns).flatMap { form, column -> [ColumnVector] in
      switch form {
      case .flat, .window: [column]
      case .bounds: (column.isConstant ? column.flattened() : column).children
      case .optionalBounds: KeyEncoder.optionalBounds(column.flattened(), count)
      case .encoded(let codec): [codec.encode([column], rowCount: count)]
      }
    }
  }

  private static func optionalBounds(_ column: ColumnVector, _ count: Int) -> [ColumnVector] {
    var positions = [Int32](repeating: -1, count: count)
    let present = MemoryBuffer(capacity: max(count, 1))
    let flags = present.base.assumingMemoryBound(to: UInt8.self)
    for row in 0..<count {
      flags[row] = column.isNull(row) ? 0 : 1
      if flags[row] == 1 { positions[row] = Int32(truncatingIfNeeded: row) }
    }
    return column.children.map { $0.gatheredOrNull(positions, count: count) }
      + [ColumnVector(type: .boolean, count: count, values: present)]
  }

  /// The keys of flat columns.
  func decode(_ flat: [ColumnVector], count: Int) throws -> [ColumnVector] {
    var rest = flat[...]
    return try zip(forms, types).map { form, type in
      let first = rest.removeFirst()
      switch form {
      case .flat: return first
      case .window(let function): return try function.kernel([first], count, EvaluationContext())
      case .bounds: return .structure(type.fields ?? [], [first, rest.removeFirst()], count: count)
      case .optionalBounds:
        let end = rest.removeFirst()
        let rows = Selection(whereTrue: rest.removeFirst())
        let whole = ColumnVector.structure(type.fields ?? [], [first, end], count: count)
        if rows.count == count { return whole }
        var positions = [Int32](repeating: -1, count: count)
        for index in 0..<rows.count { positions[Int(rows.rows[index])] = rows.rows[index] }
        return whole.gatheredOrNull(positions, count: count)
      case .encoded(let codec): return try codec.decode(first)[0]
      }
    }
  }

  /// The group of every row.
  func groups(of columns: [ColumnVector], count: Int, in table: GroupTable) -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: count) { buffer, used in
      used = count
      if let base = buffer.baseAddress { table.findOrInsert(encode(columns, count: count), count: count, into: base) }
    }
  }

  /// How event time stands in the flat columns of one key.
  struct EventTime: Sendable {
    /// Flat column.
    var column: Int
    /// What to add to the column's value for the instant at which the group ends.
    var duration: Int64
  }

  /// Where key `index` has its end in event time.
  func eventTime(of index: Int) -> EventTime? {
    var column = 0
    for (position, form) in forms.enumerated() {
      if position == index {
        switch form {
        case .window(let function): return EventTime(column: column, duration: Int64(function.variant) ?? 0)
        case .bounds, .optionalBounds: return EventTime(column: column + 1, duration: 0)
        case .flat: return types[index].isTimestamp ? EventTime(column: column, duration: 0) : nil
        case .encoded: return nil
        }
      }
      column += form.width
    }
    return nil
  }

  /// Flat column at which key `index` begins.
  func firstColumn(of index: Int) -> Int { forms[..<index].reduce(0) { $0 + $1.width } }
}
