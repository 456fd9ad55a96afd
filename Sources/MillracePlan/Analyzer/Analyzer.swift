import MillraceColumnar
public import MillraceExpressions
public import MillraceSQL

/// Resolves names, functions and types of a query: syntax tree in, logical plan out. One analyzer serves one query.
public final class Analyzer {
  let catalog: Catalog
  let functions: FunctionRegistry
  let context: BindingContext
  /// Common tables in force, innermost last.
  var commonTables: [[String: CommonTable]] = []
  var subqueries: [AnalyzedQuery.Subquery] = []
  private var nextSubquery = 0
  /// What the subqueries being planned have read of the query around them so far, the innermost last.
  private var openSubqueries: [[String]] = []
  /// The same of those that were planned.
  private(set) var outerColumns: [Query: [String]] = [:]
  private var viewDepth = 0

  /// A common table that was named by WITH.
  struct CommonTable {
    var query: Query
    var columns: [String]
    /// Its place among those of its WITH, of which it sees those before it.
    var place: Int
    /// How many WITH clauses were open where it was defined.
    var depth: Int
    /// The rows so far, while a recursive table's own query is analysed.
    var recursion: LogicalPlan?
    var isRecursive = false
    /// `MAX RECURSION LEVEL`.
    var levelLimit: Int?
  }

  /// An analyzer over a catalog.
  public init(catalog: Catalog, functions: FunctionRegistry = .builtin, context: BindingContext = BindingContext()) {
    self.catalog = catalog
    self.functions = functions
    var context = context
    context.parseSchema =
      context.parseSchema ?? { text in
        do {
          return try SQLParser.parseTypeOrSchema(text)
        } catch let error as SQLParseError {
          throw MillraceError(error.code, "the schema '\(text)' cannot be read: \(error.message)", hint: error.hint)
        }
      }
    self.context = context
  }

  /// Resolves a whole query.
  public func analyze(_ query: Query) throws -> AnalyzedQuery {
    let plan = try self.plan(query, outer: .none)
    return self.query(plan)
  }

  /// Resolves select-list expressions over a plan: `DataFrame.select` and `selectExpr`.
  public func select(_ expressions: [SQLExpression], from child: LogicalPlan, qualifier: [String] = []) throws
    -> AnalyzedQuery
  {
    let plan = try SelectAnalyzer(self, child, outer: .none).select(
      Select(expressions), orderBy: [], limit: nil, offset: nil)
    return self.query(plan)
  }

  /// Resolves a condition over a plan: `DataFrame.filter`.
  public func filter(_ condition: SQLExpression, from child: LogicalPlan) throws -> AnalyzedQuery {
    var select = Select([SQLExpression(.star(qualifier: [], except: []))])
    select.filter = condition
    let plan = try SelectAnalyzer(self, child, outer: .none).select(select, orderBy: [], limit: nil, offset: nil)
    return self.query(plan)
  }

  /// Resolves a whole SELECT block whose FROM is `child`: `DataFrame.groupBy(…).agg(…)`, `orderBy`.
  public func select(_ select: Select, orderBy: [SortItem], from child: LogicalPlan) throws -> AnalyzedQuery {
    let plan = try SelectAnalyzer(self, child, outer: .none).select(select, orderBy: orderBy, limit: nil, offset: nil)
    return self.query(plan)
  }

  /// An id for rows that are known only when a query runs.
  func makeResultID() -> Int {
    nextSubquery += 1
    return nextSubquery
  }

  func addSubquery(_ plan: LogicalPlan, _ form: AnalyzedQuery.Subquery.Form) -> Int {
    nextSubquery += 1
    subqueries.append(AnalyzedQuery.Subquery(id: nextSubquery, plan: plan, form: form))
    return nextSubquery
  }

  // MARK: Queries

  /// The plan of a subquery that sees a scope; what it reads of that is kept for names of columns.
  func subplan(_ query: Query, outer scope: Scope) throws -> LogicalPlan {
    openSubqueries.append([])
    defer { outerColumns[query] = openSubqueries.removeLast() }
    return try plan(query, outer: .scope(scope)).exposingMetadata().renamingOuterColumns
  }

  /// The innermost subquery reads a column of the query around it.
  func noteOuterColumn(_ attribute: Attribute) {
    if let last = openSubqueries.indices.last { openSubqueries[last].append(attribute.name) }
  }

  func plan(_ query: Query, outer: Scope.Outer) throws -> LogicalPlan {
    let depth = commonTables.count
    defer { commonTables.removeLast(commonTables.count - depth) }
    if !query.with.isEmpty {
      commonTables.append([:])
      for (place, table) in query.with.enumerated() {
        commonTables[commonTables.count - 1][table.name.lowercased()] = CommonTable(
          query: table.query, columns: table.columns, place: place, depth: commonTables.count, recursion: nil,
          isRecursive: query.isRecursive, levelLimit: table.recursionLimit)
      }
    }
    let limit = try query.limit.map { try rowCount($0, "LIMIT") }
    let offset = try query.offset.map { try rowCount($0, "OFFSET") }
    let orderBy = query.orderBy + query.sortBy
    if case .select(let select) = query.body {
      let child = try from(select.from, outer: outer)
      let analyzer = SelectAnalyzer(self, child.plan, scope: child.scope, outer: outer)
      analyzer.namedWindows = query.windows
      return try analyzer.select(select, orderBy: orderBy, limit: limit, offset: offset)
    }
    var plan = try body(query.body, outer: outer)
    if !orderBy.isEmpty {
      plan = try SelectAnalyzer(self, plan, outer: outer).select(
        Select([SQLExpression(.star(qualifier: [], except: []))]), orderBy: orderBy, limit: nil, offset: nil)
    }
    return limited(plan, limit, offset)
  }

  func limited(_ plan: LogicalPlan, _ limit: Int?, _ offset: Int?) -> LogicalPlan {
    if let limit { limitRecursion(under: plan, to: min(limit, 1 << 40) + min(offset ?? 0, 1 << 40)) }
    if limit == nil && offset == nil { return plan }
    // A sort below keeps as many rows as both together, which must be a number.
    let skipped = offset ?? 0
    return .limit(count: limit.map { min($0, Int.max - skipped) }, offset: skipped, plan)
  }

  private func body(_ body: Query.Body, outer: Scope.Outer) throws -> LogicalPlan {
    switch body {
    case .select(let select):
      let child = try from(select.from, outer: outer)
      return try SelectAnalyzer(self, child.plan, scope: child.scope, outer: outer).select(
        select, orderBy: [], limit: nil, offset: nil)
    case .setOperation(let operation): return try setOperation(operation, outer: outer)
    case .values(let rows, let alias): return try aliased(try values(rows), alias)
    case .table(let name): return try table(name)
    case .subquery(let query): return try plan(query, outer: outer)
    case .pipe(let input, let operators):
      var plan = try plan(input, outer: outer)
      for step in operators { plan = try pipe(step, plan, outer: outer) }
      return plan
    }
  }

  /// A constant number of rows.
  func rowCount(_ expression: SQLExpression, _ clause: String) throws -> Int {
    if expression.contains(where: { if case .column = $0.kind { true } else { false } }) {
      throw MillraceError("INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE", "\(clause) must be a constant")
    }
    let resolver = ExpressionResolver(self, Scope([]))
    let value = try resolver.resolve(expression)
    guard value.references.isEmpty, !value.containsSubquery else {
      throw MillraceError("INVALID_LIMIT_LIKE_EXPRESSION.IS_UNFOLDABLE", "\(clause) must be a constant")
    }
    guard value.type.isIntegral else {
      throw MillraceError(
        "INVALID_LIMIT_LIKE_EXPRESSION.DATA_TYPE", "\(clause) must be an integer, but it is \(value.type.sql)")
    }
    switch try value.constantValue() {
    case .integer(let count) where count >= 0: return Int(count)
    case .integer(let count):
      throw MillraceError(
        "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE", "\(clause) must not be negative, but it is \(count)")
    default: throw MillraceError("INVALID_LIMIT_LIKE_EXPRESSION.IS_NULL", "\(clause) must not be NULL")
    }
  }

  // MARK: Set operations

  private func setOperation(_ operation: SetOperation, outer: Scope.Outer) throws -> LogicalPlan {
    let left = try plan(operation.left, outer: outer)
    let right = try plan(operation.right, outer: outer)
    return try combine(operation.kind, isAll: operation.isAll, isByName: operation.isByName, left, right)
  }

  func combine(
    _ kind: SetOperation.Kind, isAll: Bool, isByName: Bool, _ left: LogicalPlan, _ right: LogicalPlan
  ) throws -> LogicalPlan {
    let (first, second) = try aligned(left, isByName ? try byName(left, right) : right, kind.rawValue)
    let output = zip(first.output, second.output).map { a, b in
      Attribute(a.name, a.type, isNullable: a.isNullable || b.isNullable)
    }
    if kind != .union || !isAll { try refuseMaps(in: output, kind.rawValue) }
    switch kind {
    case .union:
      let union = LogicalPlan.union([first, second], output: output)
      return isAll ? union : .distinct(union)
    case .intersect: return .setOperation(.intersect, isAll: isAll, first, second)
    case .except: return .setOperation(.except, isAll: isAll, first, second)
    }
  }

  /// Throws where rows with maps would have to be compared.
  func refuseMaps(in columns: [Attribute], _ operation: String) throws {
    if let column = columns.first(where: { $0.type.containsVariant }) {
      throw MillraceError(
        "UNSUPPORTED_FEATURE.SET_OPERATION_ON_VARIANT_TYPE",
        "\(operation) cannot compare the column `\(column.name)`, which holds a VARIANT",
        hint: "compare to_json(\(column.name)), or use UNION ALL")
    }
    guard let column = columns.first(where: { $0.type.containsMap }) else { return }
    throw MillraceError(
      "UNSUPPORTED_FEATURE.SET_OPERATION_ON_MAP_TYPE",
      "\(operation) cannot compare the column `\(column.name)`, which holds a map",
      hint: "compare map_entries(\(column.name)), or use UNION ALL or GROUP BY")
  }

  private func byName(_ left: LogicalPlan, _ right: LogicalPlan) throws -> LogicalPlan {
    var columns: [NamedExpression] = []
    for column in left.output {
      guard let match = right.output.first(where: { $0.name.lowercased() == column.name.lowercased() }) else {
        throw MillraceError(
          "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", "the right side of UNION BY NAME has no column `\(column.name)`")
      }
      columns.append(NamedExpression(passing: match))
    }
    if right.output.count != left.output.count {
      throw MillraceError("NUM_COLUMNS_MISMATCH", "UNION BY NAME needs the same columns on both sides")
    }
    return .project(columns, right)
  }

  /// Both sides with the same number and types of columns.
  private func aligned(_ left: LogicalPlan, _ right: LogicalPlan, _ what: String) throws -> (LogicalPlan, LogicalPlan) {
    if left.output.count != right.output.count {
      throw MillraceError(
        "NUM_COLUMNS_MISMATCH",
        "\(what) can only be performed on inputs with the same number of columns, but the first input has \(left.output.count) columns and the second input has \(right.output.count)"
      )
    }
    var types: [DataType] = []
    for (index, (a, b)) in zip(left.output, right.output).enumerated() {
      guard let type = TypeCoercion.comparedType(a.type, b.type) else {
        throw MillraceError(
          "INCOMPATIBLE_COLUMN_TYPE",
          "\(what): column \(index + 1) is \(a.type.sql) on the left and \(b.type.sql) on the right",
          hint: "cast one of them")
      }
      types.append(type)
    }
    return (try casted(left, to: types), try casted(right, to: types))
  }

  private func casted(_ plan: LogicalPlan, to types: [DataType]) throws -> LogicalPlan {
    if zip(plan.output, types).allSatisfy({ $0.type == $1 }) { return plan }
    return .project(
      try zip(plan.output, types).map { column, type in
        column.type == type
          ? NamedExpression(passing: column)
          : NamedExpression(column.name, try Expression.attribute(column).cast(to: type, context))
      }, plan)
  }

  // MARK: Literal rows

  func values(_ rows: [[SQLExpression]]) throws -> LogicalPlan {
    let resolver = ExpressionResolver(self, Scope([]))
    let resolved = try rows.map { row in
      // A row in parentheses may have been parsed as one struct.
      if row.count == 1, case .row(let parts) = row[0].kind { return try parts.map { try resolver.resolve($0) } }
      return try row.map { try resolver.resolve($0) }
    }
    let width = resolved.first?.count ?? 0
    guard resolved.allSatisfy({ $0.count == width }) else {
      throw MillraceError(
        "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH", "the rows of VALUES have different numbers of columns")
    }
    var columns: [ColumnVector] = []
    var attributes: [Attribute] = []
    for index in 0..<width {
      let cells = resolved.map { $0[index] }
      guard let type = TypeCoercion.commonTypeWithoutStrings(cells.map(\.type)) else {
        throw MillraceError(
          "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
          "column col\(index + 1) of VALUES has rows of different types")
      }
      var values: [Value] = []
      for cell in cells {
        guard cell.references.isEmpty, !cell.containsSubquery, cell.isDeterministic else {
          throw MillraceError(
            "INVALID_INLINE_TABLE.CANNOT_EVALUATE_EXPRESSION_IN_INLINE_TABLE", "VALUES takes constants only")
        }
        values.append(try cell.cast(to: type, context).constantValue())
      }
      columns.append(.of(values, type: type))
      attributes.append(Attribute("col\(index + 1)", type, isNullable: values.contains(.null)))
    }
    let batch = RecordBatch(rowCount: resolved.count, columns: columns)
    var leaf = LeafRelation(name: "VALUES", output: attributes, content: .rows(batch))
    leaf.isInline = true
    return .relation(leaf)
  }
}

// MARK: Steps of the DataFrame API

extension Analyzer {
  /// UNION, INTERSECT or EXCEPT of two plans, columns by position or, for UNION, by name.
  public func setOperation(
    _ kind: SetOperation.Kind, isAll: Bool, isByName: Bool = false, _ left: LogicalPlan, _ right: LogicalPlan
  ) throws -> LogicalPlan {
    try combine(kind, isAll: isAll, isByName: isByName, left, right)
  }

  /// A join on a condition over both sides.
  public func join(_ left: LogicalPlan, _ right: LogicalPlan, kind: JoinKind, on condition: SQLExpression) throws
    -> LogicalPlan
  {
    var scope = Scope(of: left)
    let other = Scope(of: right)
    scope.columns += other.columns
    scope.hidden += other.hidden
    let expression = try booleanCondition(condition, scope)
    return .join(JoinNode(kind, left, right, condition: expression))
  }

  /// A join on equal columns, which come out once.
  public func join(_ left: LogicalPlan, _ right: LogicalPlan, kind: JoinKind, using names: [String]) throws
    -> LogicalPlan
  {
    let (plan, scope) = try joinUsing(
      kind, names, (left, Scope(of: left)), (right, Scope(of: right)), outer: .none)
    return .project(scope.columns.map { NamedExpression(passing: $0) }, plan)
  }

  /// Declares an event-time column.
  public func watermark(_ plan: LogicalPlan, column: String, _ settings: WatermarkSettings) throws -> LogicalPlan {
    try declareWatermark(plan, column: column, settings)
  }
}

extension JoinKind {
  /// The kind by Spark's words, for instance `left_outer`; throws `UNSUPPORTED_JOIN_TYPE`.
  public init(spark word: String) throws {
    switch word.lowercased().split(separator: "_").joined() {
    case "inner": self = .inner
    case "left", "leftouter": self = .left
    case "right", "rightouter": self = .right
    case "full", "outer", "fullouter": self = .full
    case "semi", "leftsemi": self = .leftSemi
    case "anti", "leftanti": self = .leftAnti
    case "cross": self = .cross
    default:
      throw MillraceError(
        "UNSUPPORTED_JOIN_TYPE", "the join type '\(word)' is unknown",
        hint: "one of: inner, left, right, full, semi, anti, cross")
    }
  }
}
