/// A whole query: `WITH … body ORDER BY … LIMIT …`.
public struct Query: Hashable, Sendable {
  /// The common table expressions, in order.
  public var with: [CommonTable]
  /// `WITH RECURSIVE`.
  public var isRecursive: Bool
  /// What yields the rows.
  public var body: Body
  /// ORDER BY over all rows.
  public var orderBy: [SortItem]
  /// SORT BY within a partition.
  public var sortBy: [SortItem]
  /// DISTRIBUTE BY.
  public var distributeBy: [SQLExpression]
  /// CLUSTER BY.
  public var clusterBy: [SQLExpression]
  /// Named windows of the WINDOW clause.
  public var windows: [NamedWindow]
  /// LIMIT; nil when absent or `LIMIT ALL`.
  public var limit: SQLExpression?
  /// OFFSET.
  public var offset: SQLExpression?
  /// Where the query was written.
  public var range: SourceRange

  /// Makes a query that is only a body.
  public init(_ body: Body, _ range: SourceRange = .none) {
    with = []
    isRecursive = false
    self.body = body
    orderBy = []
    sortBy = []
    distributeBy = []
    clusterBy = []
    windows = []
    self.range = range
  }

  /// What yields the rows of a query.
  public indirect enum Body: Hashable, Sendable {
    case select(Select)
    case setOperation(SetOperation)
    /// `VALUES (1, 'a'), (2, 'b') AS t(x, y)`; a row with one value may be written without parentheses.
    case values([[SQLExpression]], alias: TableAlias?)
    /// `TABLE t`.
    case table([String])
    /// A query in parentheses with clauses of its own.
    case subquery(Query)
    /// `input |> operator |> operator …`.
    case pipe(Query, [PipeOperator])
  }

  /// One `name (columns) AS (query)`.
  public struct CommonTable: Hashable, Sendable {
    /// The name that the query may use as a table.
    public var name: String
    /// New names of the columns; empty when not given.
    public var columns: [String]
    /// `MAX RECURSION LEVEL n`.
    public var recursionLimit: Int?
    /// What the name stands for.
    public var query: Query

    /// Makes a common table.
    public init(_ name: String, columns: [String] = [], recursionLimit: Int? = nil, query: Query) {
      self.name = name
      self.columns = columns
      self.recursionLimit = recursionLimit
      self.query = query
    }
  }

  /// `name AS (PARTITION BY …)`.
  public struct NamedWindow: Hashable, Sendable {
    /// The name used after OVER.
    public var name: String
    /// What it stands for: a specification, or another name.
    public var window: WindowReference

    /// Makes a named window.
    public init(_ name: String, _ window: WindowReference) {
      self.name = name
      self.window = window
    }
  }
}

/// UNION, EXCEPT or INTERSECT of two queries.
public struct SetOperation: Hashable, Sendable {
  /// Which operation.
  public enum Kind: String, Hashable, Sendable {
    case union = "UNION"
    /// EXCEPT or MINUS.
    case except = "EXCEPT"
    case intersect = "INTERSECT"
  }

  /// Which operation.
  public var kind: Kind
  /// ALL; otherwise duplicates are removed.
  public var isAll: Bool
  /// BY NAME: columns pair by name, not by position.
  public var isByName: Bool
  /// The first query.
  public var left: Query
  /// The second query.
  public var right: Query

  /// Makes an operation.
  public init(_ kind: Kind, isAll: Bool, isByName: Bool = false, _ left: Query, _ right: Query) {
    self.kind = kind
    self.isAll = isAll
    self.isByName = isByName
    self.left = left
    self.right = right
  }
}

/// One step of the pipe syntax, after `|>`.
public enum PipeOperator: Hashable, Sendable {
  case select(isDistinct: Bool, [SQLExpression])
  case extend([SQLExpression])
  /// `SET a = 1, b = 2`.
  case set([Assignment])
  case drop([[String]])
  case alias(String)
  case filter(SQLExpression)
  /// `AGGREGATE … GROUP BY …`.
  case aggregate([SQLExpression], groupBy: GroupBy?)
  /// The right side, kind and condition of a join; the left side is the input.
  case join(Relation.Kind.JoinKind, isNatural: Bool, Relation, JoinCondition)
  case orderBy([SortItem])
  case limit(SQLExpression?, offset: SQLExpression?)
  case setOperation(SetOperation.Kind, isAll: Bool, isByName: Bool, Query)
  case sample(TableSample)
  case pivot(Pivot)
  case unpivot(Unpivot)
  case lateralView(LateralView)

  /// `column = value`.
  public struct Assignment: Hashable, Sendable {
    /// The column to replace.
    public var column: String
    /// Its new value.
    public var value: SQLExpression

    /// Makes an assignment.
    public init(_ column: String, _ value: SQLExpression) {
      self.column = column
      self.value = value
    }
  }
}
