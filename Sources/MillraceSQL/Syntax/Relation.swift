/// Something in FROM that yields rows. The clauses apply in the order sample, watermark, alias.
public struct Relation: Hashable, Sendable {
  /// What yields the rows.
  public var kind: Kind
  /// TABLESAMPLE.
  public var sample: TableSample?
  /// WATERMARK … DELAY OF …
  public var watermark: WatermarkClause?
  /// The alias and new column names.
  public var alias: TableAlias?
  /// Where the relation was written.
  public var range: SourceRange

  /// Makes a relation.
  public init(_ kind: Kind, alias: TableAlias? = nil, _ range: SourceRange = .none) {
    self.kind = kind
    self.alias = alias
    self.range = range
  }

  /// The forms of a relation.
  public indirect enum Kind: Hashable, Sendable {
    /// A table, view or common table by name; also ``format.`path` ``. `STREAM t` sets `isStream`.
    case table([String], options: [Option], isStream: Bool)
    case subquery(Query)
    /// A relation in parentheses that has clauses of its own.
    case parenthesized(Relation)
    /// `LATERAL (query)` or `LATERAL function(…)`, which may use columns of the relations to its left.
    case lateral(Relation)
    /// `range(10)`, `explode(a)`.
    case function(FunctionCall)
    /// `VALUES (1, 'a'), (2, 'b')`.
    case values([[SQLExpression]])
    case join(JoinKind, isNatural: Bool, Relation, Relation, JoinCondition)
    case pivot(Relation, Pivot)
    case unpivot(Relation, Unpivot)

    /// How rows without a partner are treated.
    public enum JoinKind: String, Hashable, Sendable {
      case inner = "INNER"
      case cross = "CROSS"
      case left = "LEFT OUTER"
      case right = "RIGHT OUTER"
      case full = "FULL OUTER"
      case leftSemi = "LEFT SEMI"
      case leftAnti = "LEFT ANTI"
    }
  }

  /// A `key = value` of an options list, the value as text.
  public struct Option: Hashable, Sendable {
    /// The key, its parts joined by dots.
    public var key: String
    /// The value; nil when only the key is written.
    public var value: String?

    /// Makes an option.
    public init(_ key: String, _ value: String?) {
      self.key = key
      self.value = value
    }
  }
}

/// When two rows of a join are partners.
public enum JoinCondition: Hashable, Sendable {
  case none
  case on(SQLExpression)
  case using([String])
}

/// `AS name (column, …)`.
public struct TableAlias: Hashable, Sendable {
  /// The new name; nil when only columns are renamed.
  public var name: String?
  /// The new names of all columns; empty when not given.
  public var columns: [String]

  /// Makes an alias.
  public init(_ name: String?, columns: [String] = []) {
    self.name = name
    self.columns = columns
  }
}

/// `WATERMARK expression [AS name] DELAY OF INTERVAL …`.
public struct WatermarkClause: Hashable, Sendable {
  /// The event-time column, or an `alias` around an expression that adds one.
  public var eventTime: SQLExpression
  /// The delay, an interval literal.
  public var delay: SQLExpression

  /// Makes a clause.
  public init(_ eventTime: SQLExpression, delay: SQLExpression) {
    self.eventTime = eventTime
    self.delay = delay
  }
}

/// `TABLESAMPLE (…) REPEATABLE (seed)`.
public struct TableSample: Hashable, Sendable {
  /// How much is taken.
  public enum Amount: Hashable, Sendable {
    /// `10 PERCENT`, from 0 to 100.
    case percent(Double)
    /// `n ROWS`.
    case rows(SQLExpression)
    /// `BUCKET n OUT OF m`.
    case bucket(Int64, of: Int64)
  }

  /// How much is taken.
  public var amount: Amount
  /// REPEATABLE (seed).
  public var seed: Int64?

  /// Makes a sample.
  public init(_ amount: Amount, seed: Int64? = nil) {
    self.amount = amount
    self.seed = seed
  }
}

/// `PIVOT (aggregates FOR columns IN (values))`.
public struct Pivot: Hashable, Sendable {
  /// The aggregates, with `alias` nodes where names are given.
  public var aggregates: [SQLExpression]
  /// The columns whose values become columns.
  public var columns: [[String]]
  /// The values, with `alias` nodes where names are given; `row` nodes for several columns.
  public var values: [SQLExpression]

  /// Makes a pivot.
  public init(_ aggregates: [SQLExpression], columns: [[String]], values: [SQLExpression]) {
    self.aggregates = aggregates
    self.columns = columns
    self.values = values
  }
}

/// `UNPIVOT (values FOR name IN (columns))`.
public struct Unpivot: Hashable, Sendable {
  /// INCLUDE NULLS.
  public var includesNulls: Bool
  /// The names of the value columns.
  public var valueColumns: [String]
  /// The name of the column that holds the names.
  public var nameColumn: String
  /// What becomes rows.
  public var columns: [Columns]

  /// One entry of IN: as many columns as there are value columns.
  public struct Columns: Hashable, Sendable {
    /// The columns.
    public var columns: [[String]]
    /// The entry of the name column; by default the columns' names joined by `_`.
    public var alias: String?

    /// Makes an entry.
    public init(_ columns: [[String]], alias: String? = nil) {
      self.columns = columns
      self.alias = alias
    }
  }

  /// Makes an unpivot.
  public init(includesNulls: Bool, valueColumns: [String], nameColumn: String, columns: [Columns]) {
    self.includesNulls = includesNulls
    self.valueColumns = valueColumns
    self.nameColumn = nameColumn
    self.columns = columns
  }
}
