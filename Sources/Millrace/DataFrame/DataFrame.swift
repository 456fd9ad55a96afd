public import MillraceColumnar
import MillraceCore
import MillraceExpressions
public import MillracePlan
import MillraceSQL

/// A query in the making: a value that each step copies, so that two queries can grow from one.
///
/// Steps resolve names and types at once but report an error only when the query is used (`schema`, `collect`, `start`, …).
public struct DataFrame: Sendable {
  let session: SparkSession
  let query: Result<AnalyzedQuery, any Error>

  /// A DataFrame of a resolved query.
  public init(_ session: SparkSession, _ query: AnalyzedQuery) { self.init(session, .success(query)) }

  init(_ session: SparkSession, _ query: Result<AnalyzedQuery, any Error>) {
    self.session = session
    self.query = query
  }

  /// The session that the query belongs to.
  public var sparkSession: SparkSession { session }

  /// The resolved query; throws what a step before could not resolve.
  public func analyzed() throws -> AnalyzedQuery { try query.get() }

  /// Names and types of the columns.
  public var schema: Schema { get throws { try query.get().plan.schema } }

  /// Names of the columns.
  public var columns: [String] { get throws { try schema.names } }

  /// Names and types of the columns, the types as Spark prints them.
  public var dtypes: [(String, String)] {
    get throws { try schema.fields.map { ($0.name, $0.type.sql.lowercased()) } }
  }

  /// Whether the query reads a stream.
  public var isStreaming: Bool { (try? query.get().plan.isStreaming) ?? false }

  /// The next query: `step` makes its plan of the present one with an analyzer that gathers the subqueries of both.
  func then(_ step: (Analyzer, LogicalPlan) throws -> LogicalPlan) -> DataFrame {
    DataFrame(
      session,
      query.flatMap { before in
        Result {
          do {
            let analyzer = session.makeAnalyzer()
            return analyzer.query(try step(analyzer, analyzer.adopt(before)))
          } catch let error as SQLParseError {
            throw MillraceError(error)
          }
        }
      })
  }

  func map(_ step: (LogicalPlan) throws -> LogicalPlan) -> DataFrame { then { _, before in try step(before) } }

  func failing(_ error: any Error) -> DataFrame {
    DataFrame(session, .failure((error as? SQLParseError).map { MillraceError($0) } ?? error))
  }

  /// The column of a name, ignoring case; throws Spark's error where there is none.
  static func column(_ name: String, of plan: LogicalPlan, to purpose: String) throws -> Attribute {
    guard let found = plan.output.first(where: { $0.name.lowercased() == name.lowercased() }) else {
      throw MillraceError(
        "UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", "there is no column `\(name)` to \(purpose)",
        hint: NearestName.of(name, among: plan.output.map(\.name)).map { "did you mean '\($0)'?" })
    }
    return found
  }
}
