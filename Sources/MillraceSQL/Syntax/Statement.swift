public import MillraceColumnar

/// One SQL statement.
public indirect enum Statement: Hashable, Sendable {
  case query(Query)
  /// EXPLAIN of a statement.
  case explain(ExplainMode, Statement)
  case createView(CreateView)
  /// DROP VIEW [IF EXISTS] name.
  case dropView([String], ifExists: Bool)
  /// DESCRIBE QUERY, or DESCRIBE of a query.
  case describeQuery(Query)
  /// DESCRIBE [TABLE] [EXTENDED] name.
  case describeTable([String], isExtended: Bool)
  /// DESCRIBE FUNCTION [EXTENDED] name.
  case describeFunction([String], isExtended: Bool)
  /// SHOW TABLES, VIEWS, FUNCTIONS or COLUMNS.
  case show(Show)
  /// SET, SET key, SET key = value.
  case set(key: String?, value: String?)
  /// RESET, RESET key.
  case reset(key: String?)

  /// How much EXPLAIN tells.
  public enum ExplainMode: String, Hashable, Sendable {
    case simple = ""
    case extended = "EXTENDED"
    case formatted = "FORMATTED"
    case cost = "COST"
    case codegen = "CODEGEN"
    /// Runs the query and tells what it did; not Spark's, but everyone else's.
    case analyze = "ANALYZE"
  }

  /// CREATE [OR REPLACE] [GLOBAL] TEMPORARY VIEW.
  public struct CreateView: Hashable, Sendable {
    /// The view's name.
    public var name: [String]
    /// OR REPLACE.
    public var replaces: Bool
    /// IF NOT EXISTS.
    public var ifNotExists: Bool
    /// TEMPORARY, as opposed to a view kept in a catalog.
    public var isTemporary: Bool
    /// New names of the columns; empty when not given.
    public var columns: [String]
    /// What the view stands for.
    public var source: Source

    /// What a view stands for.
    public enum Source: Hashable, Sendable {
      case query(Query)
      /// `(columns) USING format OPTIONS (…)`.
      case format(String, schema: Schema?, options: [Relation.Option])
    }

    /// Makes the statement.
    public init(
      _ name: [String], replaces: Bool = false, ifNotExists: Bool = false, isTemporary: Bool = true,
      columns: [String] = [], source: Source
    ) {
      self.name = name
      self.replaces = replaces
      self.ifNotExists = ifNotExists
      self.isTemporary = isTemporary
      self.columns = columns
      self.source = source
    }
  }

  /// SHOW of some kind of object.
  public struct Show: Hashable, Sendable {
    /// What is listed.
    public enum Object: String, Hashable, Sendable {
      case tables = "TABLES"
      case views = "VIEWS"
      case functions = "FUNCTIONS"
      case columns = "COLUMNS"
    }

    /// What is listed.
    public var object: Object
    /// The table of SHOW COLUMNS, or the namespace.
    public var name: [String]
    /// The LIKE pattern.
    public var pattern: String?

    /// Makes the statement.
    public init(_ object: Object, in name: [String] = [], pattern: String? = nil) {
      self.object = object
      self.name = name
      self.pattern = pattern
    }
  }
}
