/// One SELECT block.
public struct Select: Hashable, Sendable {
  /// `/*+ name(arguments) */`.
  public var hints: [Hint]
  /// SELECT DISTINCT.
  public var isDistinct: Bool
  /// The output, with `alias` nodes where names are given.
  public var projection: [SQLExpression]
  /// The relations of FROM, separated by commas; empty without FROM.
  public var from: [Relation]
  /// LATERAL VIEW clauses, in order.
  public var lateralViews: [LateralView]
  /// WHERE.
  public var filter: SQLExpression?
  /// GROUP BY.
  public var groupBy: GroupBy?
  /// HAVING.
  public var having: SQLExpression?
  /// QUALIFY, a filter over window functions.
  public var qualify: SQLExpression?
  /// Where the block was written.
  public var range: SourceRange

  /// Makes a block.
  public init(
    _ projection: [SQLExpression], from: [Relation] = [], filter: SQLExpression? = nil, groupBy: GroupBy? = nil,
    having: SQLExpression? = nil, isDistinct: Bool = false, _ range: SourceRange = .none
  ) {
    hints = []
    self.isDistinct = isDistinct
    self.projection = projection
    self.from = from
    lateralViews = []
    self.filter = filter
    self.groupBy = groupBy
    self.having = having
    self.range = range
  }

  /// An optimizer hint.
  public struct Hint: Hashable, Sendable {
    /// For instance `broadcast`.
    public var name: String
    /// For instance a table's name as a column.
    public var arguments: [SQLExpression]

    /// Makes a hint.
    public init(_ name: String, _ arguments: [SQLExpression]) {
      self.name = name
      self.arguments = arguments
    }
  }
}

/// The GROUP BY clause.
public struct GroupBy: Hashable, Sendable {
  /// `GROUP BY ALL`: every output expression without an aggregate. `items` is empty then.
  public var isAll: Bool
  /// The items in order.
  public var items: [Item]

  /// Makes a clause from items.
  public init(_ items: [Item]) {
    isAll = false
    self.items = items
  }

  /// GROUP BY ALL.
  public static let all: GroupBy = {
    var clause = GroupBy([])
    clause.isAll = true
    return clause
  }()

  /// One item of the clause.
  public indirect enum Item: Hashable, Sendable {
    /// An expression, an alias of the projection, or an ordinal as an integer literal.
    case expression(SQLExpression)
    /// `ROLLUP (a, (b, c))`: each entry is a group of expressions that come and go together.
    case rollup([[SQLExpression]])
    case cube([[SQLExpression]])
    case groupingSets([GroupingSet])
  }

  /// One member of GROUPING SETS.
  public enum GroupingSet: Hashable, Sendable {
    /// `(a, b)`, or `()`.
    case expressions([SQLExpression])
    /// A nested ROLLUP, CUBE or GROUPING SETS.
    case item(Item)
  }
}

/// `LATERAL VIEW [OUTER] generator(…) table AS column, …`.
public struct LateralView: Hashable, Sendable {
  /// OUTER: keep rows for which the generator yields nothing.
  public var isOuter: Bool
  /// The generator.
  public var generator: FunctionCall
  /// The name that qualifies the generated columns.
  public var tableAlias: String?
  /// The names of the generated columns; empty when not given.
  public var columnAliases: [String]
  /// Where the clause was written.
  public var range: SourceRange

  /// Makes a lateral view.
  public init(
    isOuter: Bool, _ generator: FunctionCall, tableAlias: String? = nil, columnAliases: [String] = [],
    _ range: SourceRange = .none
  ) {
    self.isOuter = isOuter
    self.generator = generator
    self.tableAlias = tableAlias
    self.columnAliases = columnAliases
    self.range = range
  }
}
