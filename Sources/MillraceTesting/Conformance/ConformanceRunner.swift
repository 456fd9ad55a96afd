import Millrace
import MillraceColumnar
import MillraceCore
import MillraceSQL

/// Runs cases of the corpus on this engine.
public struct ConformanceRunner: Sendable {
  /// Makes a runner.
  public init() {}

  /// Runs one case.
  public func run(_ test: ConformanceCase) -> ConformanceResult {
    switch test.kind {
    case "sql": return runSQL(test)
    case "stream": return StreamCaseRunner(test).run()
    default: return ConformanceResult(name: test.name, failure: "the kind '\(test.kind)' is unknown")
    }
  }

  /// Runs a streaming case in another way than it says.
  package func run(_ test: ConformanceCase, _ variation: StreamCaseVariation) -> StreamCaseOutcome {
    StreamCaseRunner(test, variation).runWhole()
  }

  private func runSQL(_ test: ConformanceCase) -> ConformanceResult {
    do {
      let session = try ConformanceRunner.session(test)
      let frame = try session.execute(statement: test.json["sql"]?.string ?? "")
      let batches = try frame.batches()
      if let expected = test.expectedError {
        return ConformanceResult(name: test.name, failure: "gave rows instead of the error \(expected.code ?? "any")")
      }
      return try compare(test, schema: try frame.schema, rows: batches.flatMap { $0.rows() })
    } catch {
      if let expected = test.expectedError, expected.matches(error) { return ConformanceResult(name: test.name) }
      let wanted = test.expectedError.map { "the error \($0.code ?? "any")" } ?? "rows"
      return ConformanceResult(name: test.name, failure: "\(error)\n    instead of \(wanted)")
    }
  }

  private func compare(_ test: ConformanceCase, schema: Schema, rows: [[Value]]) throws -> ConformanceResult {
    let expected = try ConformanceRunner.schema(test.json["schema"]?.string ?? "")
    let types = schema.fields.map(\.type)
    guard types.count == expected.count, zip(types, expected.types).allSatisfy({ ConformanceRunner.sameType($0, $1) })
    else {
      return ConformanceResult(name: test.name, failure: "schema \(schema.ddl), expected \(expected.ddl)")
    }
    let wanted = try ConformanceValue.rows(test.json["rows"], expected)
    let isOrdered = test.json["ordered"]?.bool ?? false
    if let difference = ConformanceValue.difference(rows, wanted, expected, isOrdered: isOrdered) {
      return ConformanceResult(name: test.name, failure: difference)
    }
    if schema.names != expected.names {
      return ConformanceResult(
        name: test.name, failure: "column names \(schema.names), expected \(expected.names)", isNameOnly: true)
    }
    return ConformanceResult(name: test.name)
  }

  static func sameType(_ a: DataType, _ b: DataType) -> Bool { a.matches(b) }

  /// A session with the case's tables and settings.
  static func session(
    _ test: ConformanceCase, connectors: [any Connector] = [], environment: Environment = .live
  ) throws -> SparkSession {
    let session = SparkSession(connectors: connectors, environment: environment, workers: 1)
    try session.set("millrace.compatibility", "spark")
    for setting in test.json["conf"]?.members ?? [] {
      try session.set(setting.key, setting.value.string ?? setting.value.text)
    }
    for table in test.json["tables"]?.members ?? [] {
      let schema = try self.schema(table.value["schema"]?.string ?? "")
      session.register(
        table: table.key, schema: schema,
        rows: .of(try ConformanceValue.rows(table.value["rows"], schema), schema: schema))
    }
    return session
  }

  static func schema(_ ddl: String) throws -> Schema { ddl.isEmpty ? Schema() : try SQLParser.parseSchema(ddl) }
}
