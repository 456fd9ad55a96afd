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
    /// Nested values as bytes.
    case encoded(RowCodec)
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
        if let fields = key.type.fields, fields.map(\.name) == ["start", "end"], fields.allSatisfy({ $0.type.isTimestamp }), !key.isNullable {
          forms.append(.bounds)
          flat += fields.map(\.type)
        } else if key.type.isNested || key.type == .void || key.type == .calendarInterval {
          forms.append(.encoded(RowCodec([key.type])))
          flat.append(.binary)
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

  /// The flat columns of evaluated keys.
  func encode(_ columns: [ColumnVector], count: Int) -> [ColumnVector] {
    if forms.isEmpty { return [.constant(.integer(0), type: .byte, count: count)] }
    return zip(forms, columns).flatMap { form, column -> [ColumnVector] in
      switch form {
      case .flat, .window: [column]
      case .bounds: (column.isConstant ? column.flattened() : column).children
      case .encoded(let codec): [codec.encode([column], rowCount: count)]
      }
    }
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
        case .bounds: return EventTime(column: column + 1, duration: 0)
        case .flat: return types[index].isTimestamp ? EventTime(column: column, duration: 0) : nil
        case .encoded: return nil
        }
      }
      if case .bounds = form { column += 2 } else { column += 1 }
    }
    return nil
  }
}
