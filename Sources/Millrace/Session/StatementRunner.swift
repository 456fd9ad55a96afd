import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillracePlan
import MillraceSQL

/// Carries out SQL statements.
struct StatementRunner {
  private let session: SparkSession

  init(_ session: SparkSession) { self.session = session }

  func run(_ statement: Statement) throws -> DataFrame {
    switch statement {
    case .query(let query): return DataFrame(session, try session.makeAnalyzer().analyze(query))
    case .explain(let mode, let inner):
      guard case .query(let query) = inner else { return rows(["plan"], []) }
      if mode == .analyze { return try analyze(query) }
      let text = PlanText.describe(try Optimizer.optimize(try session.makeAnalyzer().analyze(query).plan))
      return rows(["plan"], [[.string(text)]])
    case .createView(let view): return try create(view)
    case .dropView(let name, let ifExists):
      if !session.dropView(name.last ?? "") && !ifExists {
        throw MillraceError(
          "TABLE_OR_VIEW_NOT_FOUND", "there is no view `\(name.joined(separator: "."))`", hint: "add IF EXISTS")
      }
      return rows([], [])
    case .describeQuery(let query): return describe(try session.makeAnalyzer().analyze(query).plan.schema)
    case .describeTable(let name, _):
      return describe(try session.makeAnalyzer().analyze(Query(.table(name))).plan.schema)
    case .describeFunction(let name, _): return try describeFunction(name.last ?? "")
    case .show(let show): return try self.show(show)
    case .set(let key, let value):
      guard let key else { return rows(["key", "value"], []) }
      if let value { try session.set(key, value) }
      return rows(["key", "value"], [[.string(key), value.map { .string($0) } ?? .null]])
    case .reset: return rows([], [])
    }
  }

  /// A row for each line: what is measured is a table, which needs its lines.
  private func analyze(_ query: Query) throws -> DataFrame {
    let text = try DataFrame(session, try session.makeAnalyzer().analyze(query)).explainAnalyze()
    return rows(["plan"], text.split(separator: "\n", omittingEmptySubsequences: false).map { [.string(String($0))] })
  }

  private func rows(_ names: [String], _ cells: [[Value]]) -> DataFrame {
    let schema = Schema(names.map { StructField($0, .string) })
    let columns = schema.fields.map { Attribute($0.name, $0.type) }
    let leaf = LeafRelation(name: "result", output: columns, content: .rows(.of(cells, schema: schema)))
    return DataFrame(session, AnalyzedQuery(plan: .relation(leaf), subqueries: []))
  }

  private func create(_ view: Statement.CreateView) throws -> DataFrame {
    let name = view.name.last ?? ""
    if !view.replaces && session.tableNames.contains(where: { $0.lowercased() == name.lowercased() }) {
      if view.ifNotExists { return rows([], []) }
      throw MillraceError(
        "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", "the view `\(name)` exists already", hint: "use CREATE OR REPLACE")
    }
    switch view.source {
    case .query(let query):
      let analyzed = try session.makeAnalyzer().analyze(query)
      guard view.columns.isEmpty else {
        var plan = analyzed.plan
        guard view.columns.count == plan.output.count else {
          throw MillraceError(
            "CREATE_VIEW_COLUMN_ARITY_MISMATCH",
            "the view `\(name)` names \(view.columns.count) columns for \(plan.output.count)")
        }
        plan = .project(zip(view.columns, plan.output).map { NamedExpression($0, .attribute($1)) }, plan)
        session.register(view: name, AnalyzedQuery(plan: plan, subqueries: analyzed.subqueries))
        return rows([], [])
      }
      session.register(view: name, query)
    case .format(let format, let schema, let options):
      var source = SourceOptions(format: format)
      source.schema = schema
      for option in options { source.options[option.key] = option.value ?? "true" }
      session.register(
        try SourceDefinition(
          name: name, source, isStreaming: false, connectors: session.connectors, environment: session.environment))
    }
    return rows([], [])
  }

  private func describe(_ schema: Schema) -> DataFrame {
    rows(
      ["col_name", "data_type", "comment"],
      schema.fields.map { [.string($0.name), .string($0.type.sql.lowercased()), .null] })
  }

  private func describeFunction(_ name: String) throws -> DataFrame {
    let functions = session.functions
    let facts: (String, String)
    if let scalar = functions.scalar(name) {
      facts = (scalar.summary, scalar.example)
    } else if let aggregate = functions.aggregate(name) {
      facts = (aggregate.summary, aggregate.example)
    } else {
      throw MillraceError("UNRESOLVED_ROUTINE", "the function `\(name)` cannot be found")
    }
    return rows(
      ["function_desc"],
      [[.string("Function: \(name)")], [.string("Usage: \(facts.0)")], [.string("Example: \(facts.1)")]])
  }

  private func show(_ show: Statement.Show) throws -> DataFrame {
    switch show.object {
    case .tables, .views:
      return rows(
        ["namespace", "tableName", "isTemporary"],
        session.tableNames.map { [.string(""), .string($0), .string("true")] })
    case .functions: return rows(["function"], session.functions.names.map { [.string($0)] })
    case .columns:
      let schema = try session.makeAnalyzer().analyze(Query(.table(show.name))).plan.schema
      return rows(["col_name"], schema.names.map { [.string($0)] })
    }
  }
}
