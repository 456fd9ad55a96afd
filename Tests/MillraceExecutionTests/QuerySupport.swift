import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceExpressions
import MillracePlan
import MillraceSQL

/// Runs SQL over small tables whose rows come in batches of a chosen size, and shows rows as text.
struct SmallTables {
  private var catalog = Catalog()
  /// Rows per batch.
  private let size: Int

  /// Tables in batches of `size` rows; a table without rows is one without batches.
  init(batchesOf size: Int) { self.size = size }

  mutating func add(_ name: String, _ fields: [(String, DataType)], _ rows: [[Value]]) {
    let schema = Schema(fields.map { StructField($0.0, $0.1) })
    let output = schema.fields.map { Attribute($0.name, $0.type) }
    let parts = stride(from: 0, to: rows.count, by: size).map { start in
      LogicalPlan.relation(
        LeafRelation(
          name: name, output: schema.fields.map { Attribute($0.name, $0.type) },
          content: .rows(.of(Array(rows[start..<min(start + size, rows.count)]), schema: schema))))
    }
    let empty = LogicalPlan.relation(
      LeafRelation(name: name, output: output, content: .rows(.of([], schema: schema))))
    catalog.register(name, .plan(AnalyzedQuery(plan: parts.isEmpty ? empty : .union(parts, output: output))))
  }

  func batches(_ sql: String) throws -> [RecordBatch] { try run(sql).rows }

  /// Where the time of a query went.
  func profile(_ sql: String) throws -> QueryProfile { try run(sql).profile }

  private func run(_ sql: String) throws -> (rows: [RecordBatch], profile: QueryProfile) {
    let query = try Analyzer(catalog: catalog).analyze(try SQLParser.parseQuery(sql))
    return try BatchQuery.profiled(query, timestamp: 1_700_000_000_000_000, workers: 1)
  }

  /// Rows in the order in which they come out, cells with commas between; the code where the query fails.
  func rows(_ sql: String) throws -> [String] {
    do {
      return try batches(sql).flatMap { batch in
        (0..<batch.rowCount).map { row in batch.columns.map { Self.text($0.value(row)) }.joined(separator: ",") }
      }
    } catch let error as MillraceError {
      return ["!\(error.code)"]
    }
  }

  static func text(_ value: Value) -> String {
    switch value {
    case .null: "NULL"
    case .boolean(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .double(let number): "\(number)"
    case .decimal(let number): "\(number)"
    case .string(let text): text
    case .array(let items): "[\(items.map(text).joined(separator: ";"))]"
    case .structure(let items): "{\(items.map(text).joined(separator: ";"))}"
    default: "\(value)"
    }
  }

  /// Batch sizes that every query is run with; the answer may not depend on them.
  static let sizes = [1, 2, 3, 100]
}

extension Value {
  /// A number or NULL.
  static func of(_ number: Int64?) -> Value { number.map { .integer($0) } ?? .null }
  /// A text or NULL.
  static func of(_ text: String?) -> Value { text.map { .string($0) } ?? .null }
}
