import MillraceColumnar
public import MillraceSQL

/// An expression of the DataFrame API. Nothing is resolved until a DataFrame uses it.
///
/// What cannot be read, such as the type in `cast("NUMBR")`, is reported when a DataFrame that uses the column is used.
public struct Column: Sendable {
  let expression: SQLExpression
  /// How `orderBy` sorts by the column; nil: ascending, NULLs first.
  private(set) var sortItem: SortItem
  /// What could not be read in the column or in a part of it.
  let failure: (any Error)?

  /// Wraps an expression.
  public init(_ expression: SQLExpression) { self.init(expression, failure: nil) }

  private init(_ expression: SQLExpression, failure: (any Error)?) {
    self.expression = expression
    self.failure = failure
    sortItem = SortItem(expression)
  }

  /// An expression over others, which takes over what is wrong with them.
  init(_ kind: SQLExpression.Kind, of parts: [Column]) {
    self.init(SQLExpression(kind), failure: parts.lazy.compactMap(\.failure).first)
  }

  /// A column that fails where it is used.
  init(failing error: any Error) {
    self.init(SQLExpression(.literal(.null, .void)), failure: error)
  }

  /// The expression; throws what could not be read in it.
  func checked() throws -> SQLExpression {
    if let failure { throw failure }
    return expression
  }

  /// The sort key; throws what could not be read in it.
  func checkedSortItem() throws -> SortItem {
    if let failure { throw failure }
    return sortItem
  }

  /// A column by name; dots lead into tables and structs, `*` stands for all columns.
  public init(_ name: String) {
    if name == "*" {
      self.init(SQLExpression(.star(qualifier: [], except: [])))
    } else {
      self.init(SQLExpression(.column((try? SQLParser.parseNameParts(name)) ?? [name])))
    }
  }

  func binary(_ op: BinaryOperator, _ other: Column) -> Column {
    Column(.binary(op, expression, other.expression), of: [self, other])
  }

  /// The column under another name, or a generator's columns under several.
  public func alias(_ names: String...) -> Column { Column(.alias(expression.unaliased, names), of: [self]) }
  /// The column under another name.
  public func `as`(_ name: String) -> Column { alias(name) }
  /// The column under another name.
  public func name(_ name: String) -> Column { alias(name) }

  // MARK: Order

  /// To be sorted ascending, NULLs first.
  public func asc() -> Column { sorted(isAscending: true, nullsFirst: true) }
  /// To be sorted descending, NULLs last.
  public func desc() -> Column { sorted(isAscending: false, nullsFirst: false) }
  /// To be sorted ascending, NULLs last.
  public func ascNullsLast() -> Column { sorted(isAscending: true, nullsFirst: false) }
  /// To be sorted descending, NULLs first.
  public func descNullsFirst() -> Column { sorted(isAscending: false, nullsFirst: true) }

  private func sorted(isAscending: Bool, nullsFirst: Bool) -> Column {
    var copy = self
    copy.sortItem = SortItem(expression, isAscending: isAscending, nullsFirst: nullsFirst)
    return copy
  }

  // MARK: Types and NULL

  /// Converts to a type written in SQL, for instance `"BIGINT"`; a value that does not fit is an error.
  public func cast(_ type: String) -> Column { cast(type, isTry: false) }
  /// Converts to a type written in SQL; a value that does not fit becomes NULL.
  public func tryCast(_ type: String) -> Column { cast(type, isTry: true) }

  private func cast(_ type: String, isTry: Bool) -> Column {
    do {
      return Column(.cast(expression, try SQLParser.parseDataType(type), isTry: isTry), of: [self])
    } catch {
      return Column(failing: error)
    }
  }

  /// Whether the value is NULL.
  public func isNull() -> Column { Column(.isNull(expression, isNegated: false), of: [self]) }
  /// Whether the value is not NULL.
  public func isNotNull() -> Column { Column(.isNull(expression, isNegated: true), of: [self]) }
  /// Whether the value is one of `values`.
  public func isin(_ values: any ColumnConvertible...) -> Column { isin(values) }
  /// Whether the value is one of `values`.
  public func isin(_ values: [any ColumnConvertible]) -> Column {
    let items = values.map(\.column)
    return Column(.inList(expression, items.map(\.expression)), of: [self] + items)
  }
  /// Whether the value lies between two others, both included.
  public func between(_ low: any ColumnConvertible, _ high: any ColumnConvertible) -> Column {
    let (low, high) = (low.column, high.column)
    return Column(.between(expression, low: low.expression, high: high.expression), of: [self, low, high])
  }
  /// Equality for which NULL equals NULL.
  public func eqNullSafe(_ other: any ColumnConvertible) -> Column { binary(.nullSafeEqual, other.column) }

  // MARK: Text

  /// SQL LIKE.
  public func like(_ pattern: String) -> Column { match(.like, pattern) }
  /// SQL ILIKE.
  public func ilike(_ pattern: String) -> Column { match(.ilike, pattern) }
  /// Whether a regular expression is found in the text.
  public func rlike(_ pattern: String) -> Column { match(.rlike, pattern) }

  private func match(_ op: SQLExpression.LikePredicate.Operator, _ pattern: String) -> Column {
    Column(.like(SQLExpression.LikePredicate(op, expression, [lit(pattern).expression])), of: [self])
  }

  /// Whether the text contains another.
  public func contains(_ other: any ColumnConvertible) -> Column { call("contains", self, other.column) }
  /// Whether the text begins with another.
  public func startsWith(_ other: any ColumnConvertible) -> Column { call("startswith", self, other.column) }
  /// Whether the text ends with another.
  public func endsWith(_ other: any ColumnConvertible) -> Column { call("endswith", self, other.column) }
  /// Part of the text, counted from 1.
  public func substr(_ start: Int, _ length: Int) -> Column { call("substring", self, lit(start), lit(length)) }

  // MARK: Parts

  /// An array element (from 0) or the value of a map key.
  public func getItem(_ key: any ColumnConvertible) -> Column {
    let key = key.column
    return Column(.element(expression, index: key.expression), of: [self, key])
  }
  /// An array element (from 0) or the value of a map key.
  public subscript(_ key: any ColumnConvertible) -> Column { getItem(key) }
  /// A field of a struct.
  public func getField(_ name: String) -> Column { Column(.field(expression, name: name), of: [self]) }

  // MARK: CASE

  /// One more condition of a CASE that the function `when` began.
  public func when(_ condition: Column, _ value: any ColumnConvertible) -> Column {
    guard case .caseWhen(let operand, let branches, nil) = expression.kind else { return Column(failing: notACase) }
    let value = value.column
    let branch = SQLExpression.CaseBranch(condition.expression, value.expression)
    return Column(
      .caseWhen(operand: operand, branches: branches + [branch], otherwise: nil), of: [self, condition, value])
  }

  /// The value of a CASE where no condition holds.
  public func otherwise(_ value: any ColumnConvertible) -> Column {
    guard case .caseWhen(let operand, let branches, nil) = expression.kind else { return Column(failing: notACase) }
    let value = value.column
    return Column(.caseWhen(operand: operand, branches: branches, otherwise: value.expression), of: [self, value])
  }

  private var notACase: MillraceError {
    MillraceError(
      "INVALID_COLUMN_OR_CASE", "`when` and `otherwise` go on with a CASE that has no `otherwise` yet",
      hint: "begin with the function when(condition, value)")
  }

  // MARK: Windows

  /// The function over a window of rows, for instance `row_number().over(Window.partitionBy("host").orderBy("time"))`.
  public func over(_ window: WindowSpec) -> Column {
    guard case .call(var function) = expression.kind else {
      return Column(
        failing: MillraceError(
          "UNSUPPORTED_EXPR_FOR_WINDOW", "only a function can be computed over a window",
          hint: "call `over` on a function, before `alias`"))
    }
    do {
      function.window = .specification(try window.specification.get())
      return Column(.call(function), of: [self])
    } catch {
      return Column(failing: error)
    }
  }
}

/// What can stand where a column is expected: a column or a constant.
public protocol ColumnConvertible: Sendable {
  /// The column.
  var column: Column { get }
}

/// A constant that can stand where a column is expected.
public protocol ColumnLiteral: ColumnConvertible {}

extension Column: ColumnConvertible {
  /// Itself.
  public var column: Column { self }
}
extension String: ColumnLiteral {
  /// The text as a constant.
  public var column: Column { lit(self) }
}
extension Int: ColumnLiteral {
  /// The number as a constant.
  public var column: Column { lit(self) }
}
extension Int64: ColumnLiteral {
  /// The number as a BIGINT constant.
  public var column: Column { Column(SQLExpression(.literal(.integer(self), .long))) }
}
extension Int32: ColumnLiteral {
  /// The number as an INT constant.
  public var column: Column { Column(SQLExpression(.literal(.integer(Int64(self)), .integer))) }
}
extension Double: ColumnLiteral {
  /// The number as a constant.
  public var column: Column { lit(self) }
}
extension Float: ColumnLiteral {
  /// The number as a FLOAT constant.
  public var column: Column { Column(SQLExpression(.literal(.double(Double(self)), .float))) }
}
extension Bool: ColumnLiteral {
  /// The truth value as a constant.
  public var column: Column { lit(self) }
}

func call(_ name: String, _ arguments: Column...) -> Column { call(name, arguments) }

func call(_ name: String, _ arguments: [Column], isDistinct: Bool = false) -> Column {
  let values = arguments.map { FunctionCall.Argument($0.expression) }
  return Column(.call(FunctionCall([name], values, isDistinct: isDistinct)), of: arguments)
}
