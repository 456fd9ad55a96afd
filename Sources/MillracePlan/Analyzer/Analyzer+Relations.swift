import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

extension Analyzer {
  /// The relations of FROM, each joined with all before it; one row without columns when there is none. As in Spark, and other than in the
  /// standard, what JOIN, PIVOT and UNPIVOT behind a comma join on to is all that stands before them.
  func from(_ relations: [Relation], outer: Scope.Outer) throws -> (plan: LogicalPlan, scope: Scope) {
    guard let first = relations.first else {
      let plan = LogicalPlan.relation(LeafRelation(name: "one row", output: [], content: .oneRow))
      return (plan, Scope([], outer: outer))
    }
    let joined = relations.dropFirst().reduce(first) { $1.joined(behind: $0) }
    return try relation(joined, outer: outer)
  }

  func relation(_ relation: Relation, outer: Scope.Outer) throws -> (LogicalPlan, Scope) {
    var (plan, scope) = try relation.range.locating { try bareRelation(relation, outer: outer) }
    if let sample = relation.sample { plan = try sampled(plan, sample) }
    if let clause = relation.watermark {
      plan = try watermarked(plan, clause)
      scope = Scope(of: plan, outer: outer)
    }
    if let alias = relation.alias {
      if case .parenthesized = relation.kind, scope.columns.count < plan.output.count {
        // Both columns of USING can be reached within the parentheses only.
        plan = .project(scope.columns.map { NamedExpression(passing: $0) }, plan)
      }
      plan = try aliased(plan, alias, mismatch: relation.kind.aliasMismatch)
      scope = Scope(of: plan, outer: outer)
    }
    return (plan, scope)
  }

  private func bareRelation(_ relation: Relation, outer: Scope.Outer) throws -> (LogicalPlan, Scope) {
    switch relation.kind {
    case .table(let name, _, _):
      let plan = try table(name)
      return (plan, Scope(of: plan, outer: outer))
    case .subquery(let query):
      let plan = try self.plan(query, outer: outer)
      // The columns of a subquery without a name have no qualifier any more.
      let bare = LogicalPlan.alias([], plan)
      return (bare, Scope(of: bare, outer: outer))
    case .parenthesized(let inner): return try self.relation(inner, outer: outer)
    case .lateral(let inner):
      let one = LogicalPlan.relation(LeafRelation(name: "one row", output: [], content: .oneRow))
      return try lateral(inner, alias: relation.alias, one, Scope([], outer: outer), kind: .inner)
    case .function(let call):
      let plan = try tableFunction(call, outer: outer)
      return (plan, Scope(of: plan, outer: outer))
    case .values(let rows):
      let plan = try values(rows)
      return (plan, Scope(of: plan, outer: outer))
    case .join(let kind, let isNatural, let left, let right, let condition):
      return try join(kind, isNatural: isNatural, left, right, condition, outer: outer)
    case .pivot(let input, let pivot):
      let (plan, scope) = try self.relation(input, outer: outer)
      let result = try self.pivot(pivot, plan, scope)
      return (result, Scope(of: result, outer: outer))
    case .unpivot(let input, let unpivot):
      let (plan, scope) = try self.relation(input, outer: outer)
      let result = try self.unpivot(unpivot, plan, scope)
      return (result, Scope(of: result, outer: outer))
    }
  }

  // MARK: Tables

  func table(_ name: [String]) throws -> LogicalPlan {
    let last = name.last ?? ""
    if name.count == 1 {
      for (index, level) in commonTables.enumerated().reversed() {
        if let common = level[last.lowercased()] { return try commonTable(last, common, level: index) }
      }
    }
    guard name.count == 1 || ["default", "global_temp", "spark_catalog"].contains(name[0].lowercased()),
      let entry = catalog.entry(last)
    else {
      throw MillraceError(
        "TABLE_OR_VIEW_NOT_FOUND", "the table or view \(name.map { "`\($0)`" }.joined(separator: ".")) cannot be found",
        hint: nearestTable(last))
    }
    switch entry {
    case .scan(let id, let schema, let isStreaming, let watermark, let namesFiles):
      let leaf = LogicalPlan.relation(
        LeafRelation(name: last, scan: id, schema, isStreaming: isStreaming, namesFiles: namesFiles, qualifier: [last]))
      guard let watermark else { return leaf }
      return try declareWatermark(leaf, column: watermark.column, watermark.settings)
    case .rows(let schema, let batch):
      let columns = schema.fields.map { Attribute($0.name, $0.type, isNullable: $0.isNullable, qualifier: [last]) }
      return .relation(LeafRelation(name: last, output: columns, content: .rows(batch)))
    case .view(let query):
      // A view does not see the query's common tables.
      let saved = commonTables
      commonTables = []
      defer { commonTables = saved }
      do { return .alias([last], try plan(query, outer: .none)) } catch let error as MillraceError {
        throw error.inView(last)
      }
    case .plan(let query): return .alias([last], adopt(query).withFreshAttributes())
    }
  }

  private func nearestTable(_ name: String) -> String? {
    let names = catalog.names
    if let close = NearestName.of(name, among: names) { return "did you mean `\(close)`?" }
    return names.isEmpty ? "no table is known here" : "known are: \(names.joined(separator: ", "))"
  }

  private func commonTable(_ name: String, _ table: CommonTable, level: Int) throws -> LogicalPlan {
    if let rows = table.recursion { return .alias([name], rows.withFreshAttributes()) }
    let saved = commonTables
    // The table's query sees the tables before it, and itself only when recursive.
    commonTables = Array(commonTables[...level])
    commonTables[level] = commonTables[level].filter { $0.value.place < table.place }
    defer { commonTables = saved }
    if table.isRecursive, let plan = try recursiveTable(name, table, level: level) { return plan }
    let plan = try aliased(try self.plan(table.query, outer: .none), TableAlias(name, columns: table.columns))
    return plan
  }

  /// Renames a plan's columns and puts a name in front of them.
  func aliased(
    _ plan: LogicalPlan, _ alias: TableAlias?, mismatch: String = "ASSIGNMENT_ARITY_MISMATCH"
  ) throws -> LogicalPlan {
    guard let alias else { return plan }
    var result = plan
    if !alias.columns.isEmpty {
      if alias.columns.count != plan.output.count {
        throw MillraceError(
          mismatch, "\(alias.columns.count) column aliases were given for \(plan.output.count) columns")
      }
      result = .project(zip(plan.output, alias.columns).map { NamedExpression($1, .attribute($0)) }, plan)
    }
    return alias.name.map { .alias([$0], result) } ?? result
  }

  // MARK: Watermarks

  func declareWatermark(_ plan: LogicalPlan, column: String, _ settings: WatermarkSettings) throws -> LogicalPlan {
    guard let attribute = plan.output.first(where: { $0.name.lowercased() == column.lowercased() }) else {
      throw unresolvedColumn([column], among: plan.output)
    }
    return try watermark(plan, attribute, settings)
  }

  private func watermark(_ plan: LogicalPlan, _ attribute: Attribute, _ settings: WatermarkSettings) throws
    -> LogicalPlan
  {
    let isWindow = attribute.type.fields.map { $0.map(\.name) == ["start", "end"] && $0[0].type.isTimestamp } ?? false
    guard attribute.type.isTimestamp || isWindow else {
      throw MillraceError(
        "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE",
        "the event time `\(attribute.name)` has the invalid type \"\(attribute.type.sql)\", but expected \"TIMESTAMP\"",
        hint: "convert it with to_timestamp first")
    }
    return .watermark(column: attribute, settings, plan)
  }

  private func watermarked(_ plan: LogicalPlan, _ clause: WatermarkClause) throws -> LogicalPlan {
    let delay = try ExpressionResolver(self, Scope([])).resolve(clause.delay)
    guard let micros = try delay.constantValue().intervalMicroseconds else {
      throw MillraceError("INVALID_WATERMARK_DELAY", "the delay of WATERMARK must be an interval of fixed length")
    }
    if case .alias(let expression, let names) = clause.eventTime.kind, let name = names.first {
      let resolver = ExpressionResolver(self, Scope(of: plan))
      let column = NamedExpression(name, try resolver.resolve(expression))
      let projected = LogicalPlan.project(plan.output.map { NamedExpression(passing: $0) } + [column], plan)
      return try watermark(projected, column.attribute, WatermarkSettings(delay: micros))
    }
    guard case .column(let parts) = clause.eventTime.kind, let match = try Scope(of: plan).match(parts),
      match.path.isEmpty
    else {
      if case .column(let parts) = clause.eventTime.kind { throw unresolvedColumn(parts, among: plan.output) }
      throw MillraceError(
        "REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE", "an expression in WATERMARK needs a name",
        hint: "write WATERMARK … AS name DELAY OF …")
    }
    return try watermark(plan, match.attribute, WatermarkSettings(delay: micros))
  }

  // MARK: Joins

  private func join(
    _ kind: Relation.Kind.JoinKind, isNatural: Bool, _ left: Relation, _ right: Relation, _ condition: JoinCondition,
    outer: Scope.Outer
  ) throws -> (LogicalPlan, Scope) {
    let (leftPlan, leftScope) = try relation(left, outer: outer)
    if case .lateral(let inner) = right.kind {
      var matching: SQLExpression?
      if case .on(let expression) = condition, kind == .left, expression.kind != .literal(.boolean(true), .boolean) {
        matching = expression
      }
      let (plan, scope) = try lateral(
        inner, alias: right.alias, leftPlan, leftScope, kind: kind == .left ? .left : .inner, on: matching)
      if case .on(let expression) = condition, kind != .left {
        return (.filter(try booleanCondition(expression, scope), plan), scope)
      }
      return (plan, scope)
    }
    let (rightPlan, rightScope) = try relation(right, outer: outer)
    return try join(kind, isNatural: isNatural, (leftPlan, leftScope), (rightPlan, rightScope), condition, outer: outer)
  }

  func join(
    _ kind: Relation.Kind.JoinKind, isNatural: Bool, _ left: (LogicalPlan, Scope), _ right: (LogicalPlan, Scope),
    _ condition: JoinCondition, outer: Scope.Outer
  ) throws -> (LogicalPlan, Scope) {
    let planKind = JoinKind(kind)
    var scope = Scope(left.1.columns + right.1.columns, outer: outer)
    scope.hidden = left.1.hidden + right.1.hidden
    scope.mergedKeys = left.1.mergedKeys + right.1.mergedKeys
    var names: [String]?
    if isNatural {
      var seen: Set<String> = []
      names = left.1.columns.map(\.name).filter { name in
        right.1.columns.contains { $0.name.lowercased() == name.lowercased() }
          && seen.insert(name.lowercased()).inserted
      }
    } else if case .using(let columns) = condition {
      names = columns
    }
    if let names { return try joinUsing(planKind, names, left, right, outer: outer) }
    var (left, right): (Side, Side) = (left, right)
    var expression: Expression?
    var above: [SQLExpression] = []
    if case .on(let sql) = condition {
      let taken = try takeSubqueries(of: sql, planKind, &left, &right, outer: outer)
      expression = try taken.rest.map { try booleanCondition($0, scope) }
      above = taken.above
    }
    let effective =
      planKind == .inner && expression == nil ? .cross : planKind == .cross && expression != nil ? .inner : planKind
    let node = JoinNode(effective, left.0, right.0, condition: expression)
    let plan = LogicalPlan.join(node)
    var result = Scope(requalified(plan.output, like: scope.columns), outer: outer)
    if !planKind.keepsLeftOnly { (result.hidden, result.mergedKeys) = (scope.hidden, scope.mergedKeys) }
    return try above.reduce((plan, result)) { try filtered($0, by: $1, outer: outer) }
  }

  /// The plan's columns, with nullability, under the qualifiers that the scope gave them.
  private func requalified(_ output: [Attribute], like columns: [Attribute]) -> [Attribute] {
    let wanted = Dictionary(output.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    return columns.compactMap { column in wanted[column.id].map { $0.qualified(column.qualifier) } }
  }

  func joinUsing(
    _ kind: JoinKind, _ names: [String], _ left: (LogicalPlan, Scope), _ right: (LogicalPlan, Scope), outer: Scope.Outer
  ) throws -> (LogicalPlan, Scope) {
    var condition: Expression?
    var merged: [NamedExpression] = []
    var hiddenIDs: Set<Int> = []
    for name in names {
      // Where a side has several of the name, as after a comma, it is the first.
      func column(_ scope: Scope, _ side: String) throws -> Attribute {
        guard let column = scope.columns.first(where: { $0.name.lowercased() == name.lowercased() }) else {
          throw MillraceError(
            "UNRESOLVED_USING_COLUMN_FOR_JOIN",
            "USING column `\(name)` cannot be resolved on the \(side) side of the join")
        }
        return column
      }
      let a = try column(left.1, "left")
      let b = try column(right.1, "right")
      let equal = try call("=", [.attribute(a), .attribute(b)])
      condition = condition.map { .and($0, equal) } ?? equal
      switch kind {
      case .right: merged.append(NamedExpression(passing: b))
      case .full: merged.append(NamedExpression(a.name, try call("coalesce", [.attribute(a), .attribute(b)])))
      default: merged.append(NamedExpression(passing: a))
      }
      hiddenIDs.formUnion([a.id, b.id])
    }
    let node = LogicalPlan.join(JoinNode(kind == .cross ? .inner : kind, left.0, right.0, condition: condition))
    let output = node.output
    let passed = output.filter { !hiddenIDs.contains($0.id) }.map { NamedExpression(passing: $0) }
    let keptHidden = output.filter { attribute in
      hiddenIDs.contains(attribute.id) && !merged.contains { $0.attribute == attribute }
    }
    let plan = LogicalPlan.project(merged + passed + keptHidden.map { NamedExpression(passing: $0) }, node)
    var scope = Scope(merged.map(\.attribute) + passed.map(\.attribute), outer: outer)
    // `l.k` and `r.k` stay reachable although `*` shows the column once.
    let keys = output.filter { hiddenIDs.contains($0.id) }
    scope.hidden = left.1.hidden + right.1.hidden + keys
    scope.mergedKeys = left.1.mergedKeys + right.1.mergedKeys + keys
    return (plan, scope)
  }

  func booleanCondition(_ sql: SQLExpression, _ scope: Scope) throws -> Expression {
    if sql.contains(where: \.isGenerator) {
      throw MillraceError("UNSUPPORTED_GENERATOR.OUTSIDE_SELECT", "a join condition cannot use a generator")
    }
    if sql.contains(where: isAggregate) {
      throw MillraceError(
        "UNSUPPORTED_EXPR_FOR_OPERATOR", "a join condition cannot use aggregate functions", hint: "use a subquery")
    }
    let expression = try ExpressionResolver(self, scope).resolve(sql)
    guard expression.type == .boolean else {
      throw MillraceError(
        "JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE",
        "the join condition has the type \(expression.type.sql) instead of BOOLEAN")
    }
    return try expression.cast(to: .boolean, context)
  }

  // MARK: Functions in FROM

  /// A table function, whose arguments may use columns of the enclosing query unless it is `range`.
  func tableFunction(_ call: FunctionCall, outer: Scope.Outer) throws -> LogicalPlan {
    let name = call.name.last?.lowercased() ?? ""
    let resolver = ExpressionResolver(self, Scope([], outer: outer))
    if name == "range" {
      return try range(try call.arguments.compactMap(\.expression).map { try resolver.resolve($0) })
    }
    let one = LogicalPlan.relation(LeafRelation(name: "one row", output: [], content: .oneRow))
    guard let node = try resolver.generator(call, over: one) else { throw unknownTableFunction(name) }
    return .generate(node)
  }

  func unknownTableFunction(_ name: String) -> MillraceError {
    if name == "range" {
      return MillraceError(
        "NON_FOLDABLE_ARGUMENT", "range takes constants, and no columns of the tables before it",
        hint: "leave out LATERAL, or use explode(sequence(first, last))")
    }
    if functions.scalar(name) != nil || functions.aggregate(name) != nil {
      return MillraceError(
        "NOT_A_TABLE_FUNCTION", "`\(name)` gives a value, not rows", hint: "write it in a select list")
    }
    return MillraceError(
      "UNRESOLVABLE_TABLE_VALUED_FUNCTION", "there is no table function `\(name)`",
      hint: NearestName.of(name, among: Generators.names.sorted() + ["range"]).map { "did you mean `\($0)`?" })
  }

  private func range(_ arguments: [Expression]) throws -> LogicalPlan {
    let numbers = try arguments.map { argument -> Int64 in
      guard case .integer(let number) = try argument.cast(to: .long, context).constantValue() else {
        throw MillraceError("UNEXPECTED_INPUT_TYPE", "range takes whole numbers")
      }
      return number
    }
    guard (1...4).contains(numbers.count) else {
      throw MillraceError("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "range takes 1 to 4 arguments but got \(numbers.count)")
    }
    let start = numbers.count > 1 ? numbers[0] : 0
    let end = numbers.count > 1 ? numbers[1] : numbers[0]
    let step = numbers.count > 2 ? numbers[2] : 1
    if step == 0 { throw MillraceError("FAILED_FUNCTION_CALL", "the step of range must not be 0") }
    return .relation(
      LeafRelation(
        name: "range", output: [Attribute("id", .long, isNullable: false)],
        content: .range(start: start, end: end, step: step)))
  }

  /// Generated columns under the names of an alias.
  func renamed(
    _ output: [Attribute], _ alias: TableAlias?, mismatch: String = "UDTF_ALIAS_NUMBER_MISMATCH"
  ) throws -> [Attribute] {
    guard let alias else { return output }
    if !alias.columns.isEmpty && alias.columns.count != output.count {
      throw MillraceError(
        mismatch, "the generator gives \(output.count) columns, but \(alias.columns.count) aliases were given")
    }
    return output.enumerated().map { index, column in
      Attribute(
        alias.columns.isEmpty ? column.name : alias.columns[index], column.type, isNullable: column.isNullable,
        qualifier: alias.name.map { [$0] } ?? [])
    }
  }

  func sampled(_ plan: LogicalPlan, _ sample: TableSample) throws -> LogicalPlan {
    switch sample.amount {
    case .rows(let count): return .limit(count: try rowCount(count, "TABLESAMPLE"), offset: 0, plan)
    case .percent(let percent):
      let condition = try call(
        "<",
        [try call("rand", [.literal(.integer(sample.seed ?? 0), .long)]), .literal(.double(percent / 100), .double)])
      return .filter(condition, plan)
    case .bucket:
      throw MillraceError(
        "UNSUPPORTED_FEATURE.TABLESAMPLE_BUCKET", "TABLESAMPLE (BUCKET …) is not supported", hint: "use PERCENT or ROWS"
      )
    }
  }

  // MARK: Shared

  /// A call of a scalar function by name.
  func call(_ name: String, _ arguments: [Expression]) throws -> Expression {
    guard let function = functions.scalar(name) else {
      throw MillraceError(
        "UNRESOLVED_ROUTINE", "the function `\(name)` cannot be found",
        hint: NearestName.of(name, among: functions.names).map { "did you mean `\($0)`?" })
    }
    return try function.bind(arguments.map { .expression($0) }, context)
  }

  func unresolvedColumn(_ parts: [String], among columns: [Attribute]) -> MillraceError {
    let name = parts.map { "`\($0)`" }.joined(separator: ".")
    if columns.isEmpty {
      return MillraceError(
        "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
        "a column, variable, or function parameter with name \(name) cannot be resolved")
    }
    let names = columns.map(\.name)
    let close = NearestName.of(parts.last ?? "", among: names)
    let hint = close.map { "did you mean `\($0)`?" } ?? "columns are: \(names.prefix(20).joined(separator: ", "))"
    return MillraceError(
      "UNRESOLVED_COLUMN.WITH_SUGGESTION",
      "a column, variable, or function parameter with name \(name) cannot be resolved", hint: hint)
  }
}

extension JoinKind {
  init(_ kind: Relation.Kind.JoinKind) {
    switch kind {
    case .inner: self = .inner
    case .cross: self = .cross
    case .left: self = .left
    case .right: self = .right
    case .full: self = .full
    case .leftSemi: self = .leftSemi
    case .leftAnti: self = .leftAnti
    }
  }
}

extension Value {
  /// An interval of fixed length in microseconds; days count as 24 hours.
  var intervalMicroseconds: Int64? {
    switch self {
    case .integer(let micros): micros
    case .interval(let interval) where interval.months == 0:
      Int64(interval.days) * 86_400_000_000 + interval.microseconds
    default: nil
    }
  }
}

extension Relation.Kind {
  /// The error where an alias gives another number of columns than the relation has.
  fileprivate var aliasMismatch: String {
    switch self {
    case .function: "NUM_TABLE_VALUE_ALIASES_MISMATCH"
    case .values: "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH"
    default: "ASSIGNMENT_ARITY_MISMATCH"
    }
  }
}

extension Relation {
  /// The relation with its leftmost one joined behind another.
  fileprivate func joined(behind left: Relation) -> Relation {
    var whole = self
    switch kind {
    case .join(let kind, let isNatural, let inner, let right, let condition):
      whole.kind = .join(kind, isNatural: isNatural, inner.joined(behind: left), right, condition)
    case .pivot(let inner, let pivot): whole.kind = .pivot(inner.joined(behind: left), pivot)
    case .unpivot(let inner, let unpivot): whole.kind = .unpivot(inner.joined(behind: left), unpivot)
    default: whole = Relation(.join(.cross, isNatural: false, left, self, .none), range)
    }
    return whole
  }
}
