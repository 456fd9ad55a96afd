public import MillraceColumnar
public import MillraceSQL

/// The tables and views that queries of a session can name. Names ignore case.
public struct Catalog: Sendable {
  /// What a name stands for.
  public enum Entry: Sendable {
    /// A source; `id` is the session's number for it. A watermark has a column and settings. A source that names files has the column
    /// `_metadata` behind those of `schema`.
    case scan(
      id: Int, schema: Schema, isStreaming: Bool, watermark: (column: String, settings: WatermarkSettings)?,
      namesFiles: Bool = false)
    /// Rows in memory.
    case rows(Schema, RecordBatch)
    /// A query, analysed anew at each use so that its columns are never shared between uses.
    case view(Query)
    /// A plan with its subqueries, given new columns at each use.
    case plan(AnalyzedQuery)
  }

  private var entries: [String: Entry] = [:]
  private var displayNames: [String: String] = [:]

  /// An empty catalog.
  public init() {}

  /// Adds or replaces a name.
  public mutating func register(_ name: String, _ entry: Entry) {
    entries[name.lowercased()] = entry
    displayNames[name.lowercased()] = name
  }

  /// Forgets a name; false if there was none.
  @discardableResult
  public mutating func remove(_ name: String) -> Bool { entries.removeValue(forKey: name.lowercased()) != nil }

  /// What a name stands for.
  public func entry(_ name: String) -> Entry? { entries[name.lowercased()] }

  /// All names, sorted.
  public var names: [String] { displayNames.filter { entries[$0.key] != nil }.values.sorted() }
}

/// A query after analysis.
public struct AnalyzedQuery: Sendable {
  /// The resolved query; its attributes belong to this analysis alone.
  public var plan: LogicalPlan
  /// Scalar subqueries by the id of their `Expression.subqueryResult`; to be run before the plan.
  public var subqueries: [Subquery]

  /// A plan with the subqueries that it uses.
  public init(plan: LogicalPlan, subqueries: [Subquery] = []) {
    self.plan = plan
    self.subqueries = subqueries
  }

  /// A subquery whose result goes into an expression as a constant.
  public struct Subquery: Sendable {
    /// What `Expression.subqueryResult` and `LeafRelation.Content.result` name it by; unique within one analysis.
    public var id: Int
    /// Computes the subquery's rows; it has no reference to columns outside itself.
    public var plan: LogicalPlan
    /// What of the rows is kept.
    public var form: Form

    /// What of the subquery's rows becomes the constant.
    public enum Form: Sendable {
      /// The only value; more than one row is an error, none is NULL.
      case scalar
      /// All values of the first column as an array.
      case list
      /// Whether there is a row.
      case exists
      /// WITH RECURSIVE: the plan's rows, then those of `step` over the rows of the round before, until there are none or
      /// as many rows as the query takes.
      case recursion(step: LogicalPlan, previous: Int, levelLimit: Int, rowLimit: Int?)
    }
  }
}
