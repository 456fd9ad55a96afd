import MillraceCLI
import MillraceCore

// The command with a connector that takes a password and is careless with it: for the test that the command is not.
MillraceCommandLine.main(connectors: [VaultConnector()])

struct VaultConnector: Connector, CheckableConnector {
  var spec: ConnectorSpec {
    ConnectorSpec(
      name: "vault", summary: "Three rows behind a password.", kinds: [.source],
      sourceFields: [
        OptionField("password", .string, "What opens it.", isRequired: true, isSecret: true),
        OptionField("breaks", .boolean, "Whether reading fails.", default: "false"),
        OptionField("pin", .integer, "A second lock.", range: 0...9999, isSecret: true),
      ])
  }

  func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .rows(
      VaultSource(
        password: try request.options.required("password"), breaks: try request.options.bool("breaks") ?? false))
  }

  func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] {
    let password = try request.options.required("password")
    return [
      ResourceNeed("the vault opens to \(password)") {
        if try request.options.bool("breaks") == true { throw VaultSource.refusal(password) }
      }
    ]
  }
}

final class VaultSource: RowSource {
  let schema = Schema([StructField("n", .long)])
  private let password: String
  private let breaks: Bool

  init(password: String, breaks: Bool) {
    self.password = password
    self.breaks = breaks
  }

  static func refusal(_ password: String) -> MillraceError {
    MillraceError("VAULT_CLOSED", "the vault does not open to '\(password)'", hint: "try another than \(password)")
  }

  var description: String { "vault[\(password)]" }

  func freeze() throws {}

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    if offset != nil { return nil }
    return SourcePlan(
      splits: [SourceSplit(name: "vault", payload: .null)], end: Offset(.dictionary(["done": .bool(true)])))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    Offset(.dictionary(["done": .bool(true)]))
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    if breaks { throw Self.refusal(password) }
    let rows: [[Value]] = [[.integer(1)], [.integer(2)], [.integer(3)]]
    let batch = RecordBatch.of(rows, schema: schema)
    return Reader(RecordBatch(rowCount: batch.rowCount, columns: columns.map { batch.columns[$0] }))
  }

  private final class Reader: RowReader {
    private var batch: RecordBatch?

    init(_ batch: RecordBatch) { self.batch = batch }

    func next() throws -> RecordBatch? {
      defer { batch = nil }
      return batch
    }

    func close() {}
  }
}
