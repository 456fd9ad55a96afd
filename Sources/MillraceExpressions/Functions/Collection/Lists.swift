import Glibc
import MillraceColumnar

/// Reads the lists of an array or map vector row by row.
struct Lists {
  let column: ColumnVector
  private let lists: UnsafePointer<ListView>

  init(_ column: ColumnVector) {
    self.column = column
    lists = column.values(as: ListView.self)
  }

  /// Elements, or keys of a map.
  var elements: ColumnVector { column.children[0] }

  /// Where the elements of a row lie; nil for NULL.
  @inline(__always)
  subscript(row: Int) -> Range<Int>? {
    column.isNull(row) ? nil : lists[column.slot(row)].range
  }
}

/// The elements of all rows one after the other, as lambdas and generators want them.
struct FlatLists {
  /// The children, with the elements of row 0 first, then those of row 1 and so on.
  let children: [ColumnVector]
  /// Number of elements.
  let count: Int
  /// Row of each element; empty if made without.
  let parents: Selection
  /// The lists over `children`; empty for NULL rows.
  let lists: [ListView]

  init(_ column: ColumnVector, rowCount: Int, withParents: Bool = true) {
    let source = Lists(column)
    var lists: [ListView] = []
    lists.reserveCapacity(rowCount)
    var total = 0
    var isInPlace = true
    for row in 0..<rowCount {
      let range = source[row] ?? 0..<0
      if !range.isEmpty && range.lowerBound != total { isInPlace = false }
      lists.append(ListView(offset: total, length: range.count))
      total += range.count
    }
    let parents = Selection(capacity: withParents ? total : 0)
    if withParents {
      for row in 0..<rowCount {
        for index in lists[row].range { parents.rows[index] = Int32(truncatingIfNeeded: row) }
      }
    }
    count = total
    self.lists = lists
    self.parents = parents
    if isInPlace && column.children.allSatisfy({ $0.count == total }) {
      children = column.children
      return
    }
    let positions = Selection(capacity: total)
    var next = 0
    for row in 0..<rowCount {
      for index in source[row] ?? 0..<0 {
        positions.rows[next] = Int32(truncatingIfNeeded: index)
        next += 1
      }
    }
    children = column.children.map { $0.gathered(positions) }
  }
}

/// Builds a vector of lists whose elements are picked out of existing columns.
struct ListMaker {
  private var picks: [Int32] = []
  private var lists: [ListView] = []
  private var start = 0
  private var nulls: NullTracker
  private let rowCount: Int
  private let isConstant: Bool

  /// Rows to make: one if all arguments are constant.
  var rows: Int { isConstant ? min(rowCount, 1) : rowCount }

  init(_ arguments: [ColumnVector], rowCount: Int) {
    self.rowCount = rowCount
    isConstant = arguments.allSatisfy(\.isConstant)
    nulls = NullTracker(count: rowCount)
    lists.reserveCapacity(rowCount)
  }

  /// Adds element `index` of the source to the present list; -1 adds NULL.
  @inline(__always)
  mutating func append(_ index: Int) { picks.append(Int32(truncatingIfNeeded: index)) }

  /// Adds it so many times, which is refused where the lists of a batch become too long together.
  mutating func append(_ index: Int, times: Int) throws {
    guard picks.count + times <= CollectionBinding.sizeLimit else {
      throw CollectionBinding.tooLong("an array of \(times) elements is too long", hint: "repeat it fewer times")
    }
    picks.append(contentsOf: repeatElement(Int32(truncatingIfNeeded: index), count: times))
  }

  /// Elements in the present list.
  var length: Int { picks.count - start }

  mutating func end() {
    lists.append(ListView(offset: start, length: picks.count - start))
    start = picks.count
  }

  mutating func endNull() {
    nulls.setNull(lists.count)
    end()
  }

  /// The finished vector over elements of `sources` counted through.
  func finish(_ type: DataType, _ sources: [ColumnVector]) -> ColumnVector {
    let source = ColumnVector.concatenated(sources.map { $0.flattened() })
    let elements = source.gatheredOrNull(picks, count: picks.count).flattened()
    return finish(type, children: [elements])
  }

  /// The finished vector over children that already lie in the order of the lists.
  func finish(_ type: DataType, children: [ColumnVector]) -> ColumnVector {
    ListColumn.make(type, lists, children, validity: nulls.validity).repeated(isConstant, rowCount)
  }

  /// The picked rows, for vectors with several children.
  var picked: [Int32] { picks }
}

extension ColumnVector {
  /// A vector computed for one row only, stretched to all rows if `isConstant`.
  func repeated(_ isConstant: Bool, _ rowCount: Int) -> ColumnVector {
    guard isConstant else { return self }
    return constantOrFirst(count: rowCount)
  }

  /// A vector of one stored value per element index; the elements of a constant child count too.
  func picked(_ rows: [Int32]) -> ColumnVector { gatheredOrNull(rows, count: rows.count) }
}

/// Number of rows that a kernel must compute: one if all arguments are constant.
func storedRows(_ arguments: [ColumnVector], _ rowCount: Int) -> (rows: Int, isConstant: Bool) {
  let isConstant = !arguments.isEmpty && rowCount > 0 && arguments.allSatisfy(\.isConstant)
  return (isConstant ? 1 : rowCount, isConstant)
}

/// An array or map for each of `rows` rows: `body` appends a row's elements to the builder's children, and is not
/// called for rows in which an argument is NULL, which give NULL.
func buildLists(
  _ type: DataType, _ arguments: [ColumnVector], rows: Int, _ body: (Int, ColumnBuilder) throws -> Void
) rethrows -> ColumnVector {
  let builder = ColumnBuilder(type, capacity: rows)
  for row in 0..<rows {
    if arguments.contains(where: { $0.isNull(row) }) {
      builder.appendNull()
      continue
    }
    try body(row, builder)
    builder.appendList()
  }
  return builder.finish()
}

/// Errors and types that collection functions share.
enum CollectionBinding {
  /// The most elements that a batch's arrays are filled with by a number alone; Spark's longest array has 2,147,483,632.
  static let sizeLimit = 1 << 28

  /// The error for more elements than `sizeLimit`.
  static func tooLong(_ message: String, hint: String) -> MillraceError {
    MillraceError("COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER", message, hint: hint)
  }

  /// An array and a value that may be among its elements, both of the element type that `common` gives for them. With `comparesFirst` the
  /// types differ where there is no array at all.
  static func arrayAndElement(
    _ name: String, _ array: Expression, _ element: Expression, compares: Bool = true, comparesFirst: Bool = false,
    common: (DataType, DataType) -> DataType? = TypeCoercion.tightestCommonType, _ context: BindingContext
  ) throws -> (array: Expression, element: Expression) {
    let differ = MillraceError(
      "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES",
      "`\(name)` takes an array and a value of its element type, but they are \(array.type.sql) and \(element.type.sql)"
    )
    if comparesFirst, array.type.elementType == nil { throw differ }
    let array = try asArray(name, array, 0, context)
    let own = array.type.elementType ?? .void
    guard let type = common(own, element.type) else { throw differ }
    guard type.isOrderable || !compares else {
      throw MillraceError(
        "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE", "`\(name)` cannot compare values of the type \(type.sql)")
    }
    return (try array.cast(to: .array(type), context), try element.cast(to: type, context))
  }

  /// A map and a key to look for, both of the key type that `common` gives for them.
  static func mapAndKey(
    _ name: String, _ map: Expression, _ key: Expression, _ common: (DataType, DataType) -> DataType?,
    _ context: BindingContext
  ) throws -> (map: Expression, key: Expression) {
    guard case .map(let own, let value, let containsNull) = map.type, let type = common(own, key.type) else {
      throw MillraceError(
        "DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES",
        "`\(name)` takes a map and one of its keys, but they are \(map.type.sql) and \(key.type.sql)")
    }
    let wider = DataType.map(key: type, value: value, valueContainsNull: containsNull)
    return (try map.cast(to: wider, context), try key.cast(to: type, context))
  }

  /// The place of an element, an INT or a narrower integer; nothing else is cast, an untyped NULL neither.
  static func place(_ name: String, _ argument: Expression, _ index: Int, _ context: BindingContext) throws
    -> Expression
  {
    guard argument.type.isIntegral, argument.type != .long else {
      throw Arguments.unexpectedType(name, index, argument.type, .integer)
    }
    return try argument.cast(to: .integer, context)
  }

  /// The argument as an array; an untyped NULL becomes one.
  static func asArray(_ name: String, _ argument: Expression, _ index: Int, _ context: BindingContext) throws
    -> Expression
  {
    if argument.type == .void { return .null(.array(.void)) }
    guard argument.type.elementType != nil else { throw Arguments.unexpectedType(name, index, argument.type, .array) }
    return argument
  }

  /// The argument, which must be an array; an untyped NULL is none.
  static func typedArray(_ name: String, _ argument: Expression, _ index: Int) throws -> Expression {
    guard argument.type.elementType != nil else { throw Arguments.unexpectedType(name, index, argument.type, .array) }
    return argument
  }

  /// The argument as a map, with the types of key and value.
  static func asMap(
    _ name: String, _ argument: Expression, _ index: Int
  ) throws -> (map: Expression, key: DataType, value: DataType) {
    if argument.type == .void { return (.null(.map(.void, .void)), .void, .void) }
    guard case .map(let key, let value, _) = argument.type else {
      throw Arguments.unexpectedType(name, index, argument.type, .map)
    }
    return (argument, key, value)
  }

  /// The argument, which must be a map; an untyped NULL is none.
  static func typedMap(
    _ name: String, _ argument: Expression, _ index: Int
  ) throws -> (map: Expression, key: DataType, value: DataType) {
    guard argument.type != .void else { throw Arguments.unexpectedType(name, index, .void, .map) }
    return try asMap(name, argument, index)
  }

  /// A call of a kernel.
  static func call(
    _ name: String, _ arguments: [Expression], type: DataType, variant: String = "", isNullable: Bool = true,
    canFail: Bool = false, nullStops: Int = 0, _ kernel: @escaping Kernel
  ) -> Expression {
    var function = BoundFunction(
      name, variant: variant, type: type, isNullable: isNullable, canFail: canFail, kernel: kernel)
    function.nullStops = nullStops
    return .call(function, arguments)
  }
}
