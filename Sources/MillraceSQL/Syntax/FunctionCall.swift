/// A call of a scalar, aggregate, window or generator function.
public struct FunctionCall: Hashable, Sendable {
  /// The name's parts as written; one for built-in functions.
  public var name: [String]
  /// The arguments in order.
  public var arguments: [Argument]
  /// `f(DISTINCT a)`.
  public var isDistinct: Bool
  /// `f(a) FILTER (WHERE …)`.
  public var filter: SQLExpression?
  /// `IGNORE NULLS` (true), `RESPECT NULLS` (false), or neither.
  public var ignoresNulls: Bool?
  /// `f(a) WITHIN GROUP (ORDER BY …)`.
  public var withinGroup: [SortItem]
  /// `f(a) OVER …`.
  public var window: WindowReference?

  /// Makes a call.
  public init(
    _ name: [String], _ arguments: [Argument], isDistinct: Bool = false, filter: SQLExpression? = nil,
    ignoresNulls: Bool? = nil, withinGroup: [SortItem] = [], window: WindowReference? = nil
  ) {
    self.name = name
    self.arguments = arguments
    self.isDistinct = isDistinct
    self.filter = filter
    self.ignoresNulls = ignoresNulls
    self.withinGroup = withinGroup
    self.window = window
  }

  /// One argument, `value` or `name => value`.
  public struct Argument: Hashable, Sendable {
    /// The parameter's name, when given.
    public var name: String?
    /// The value; a `star` in `count(*)`.
    public var value: Value

    /// What is passed.
    public enum Value: Hashable, Sendable {
      case expression(SQLExpression)
      /// `TABLE t` or `TABLE(query)`, for table functions.
      case table(Query)
    }

    /// Makes an argument.
    public init(name: String? = nil, _ expression: SQLExpression) {
      self.name = name
      self.value = .expression(expression)
    }

    /// Makes an argument that is a table.
    public init(name: String? = nil, table: Query) {
      self.name = name
      self.value = .table(table)
    }

    /// The argument's expression; nil for a table.
    public var expression: SQLExpression? {
      if case .expression(let expression) = value { expression } else { nil }
    }
  }
}

/// What stands after OVER.
public enum WindowReference: Hashable, Sendable {
  /// `OVER w`, or `OVER (w)`.
  case named(String)
  case specification(WindowSpecification)
}

/// `PARTITION BY … ORDER BY … frame`.
public struct WindowSpecification: Hashable, Sendable {
  /// The partitioning expressions.
  public var partitionBy: [SQLExpression]
  /// The order within a partition.
  public var orderBy: [SortItem]
  /// The frame, when given.
  public var frame: Frame?

  /// Makes a specification.
  public init(partitionBy: [SQLExpression] = [], orderBy: [SortItem] = [], frame: Frame? = nil) {
    self.partitionBy = partitionBy
    self.orderBy = orderBy
    self.frame = frame
  }

  /// `ROWS BETWEEN … AND …`.
  public struct Frame: Hashable, Sendable {
    /// How the bounds count.
    public enum Unit: String, Hashable, Sendable {
      case rows = "ROWS"
      case range = "RANGE"
    }

    /// One end of the frame.
    public enum Bound: Hashable, Sendable {
      case unboundedPreceding
      case preceding(SQLExpression)
      case currentRow
      case following(SQLExpression)
      case unboundedFollowing
    }

    /// How the bounds count.
    public var unit: Unit
    /// The first row of the frame.
    public var start: Bound
    /// The last row; `currentRow` where only a start is written.
    public var end: Bound

    /// Makes a frame.
    public init(_ unit: Unit, start: Bound, end: Bound) {
      self.unit = unit
      self.start = start
      self.end = end
    }
  }
}

/// One key of an ORDER BY.
public struct SortItem: Hashable, Sendable {
  /// The key; an integer literal is an ordinal, the column `ALL` means every output column.
  public var expression: SQLExpression
  /// ASC or nothing.
  public var isAscending: Bool
  /// NULLS FIRST (true) or NULLS LAST; by default first when ascending and last when descending.
  public var nullsFirst: Bool

  /// Makes a key; without `nullsFirst`, nulls come first when ascending and last when descending.
  public init(_ expression: SQLExpression, isAscending: Bool = true, nullsFirst: Bool? = nil) {
    self.expression = expression
    self.isAscending = isAscending
    self.nullsFirst = nullsFirst ?? isAscending
  }
}
