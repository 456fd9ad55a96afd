import MillraceCore
import MillraceFormats
import Synchronization

/// What the sinks of a test got, by sink and batch, as JSON texts. With a folder it survives the process, for cases that are killed.
final class TestResults: Sendable {
  /// The rows of one batch.
  struct Batch: Sendable {
    var batchID: Int64
    var rows: [String]
  }

  private let batches = Mutex<[String: [Batch]]>([:])
  private let folder: String?
  private let files: any FileSystem

  init(folder: String?, _ files: any FileSystem) {
    self.folder = folder
    self.files = files
  }

  /// The rows that a sink holds in the end: of the last batch in complete mode, of all in the others.
  func rows(of sink: String, _ mode: OutputMode) -> [String] {
    let batches = self.batches.withLock { $0[sink, default: []] }
    return mode == .complete ? batches.last?.rows ?? [] : batches.flatMap(\.rows)
  }

  /// Keeps what came up to a batch, nil for nothing.
  func cut(_ sink: String, after batchID: Int64?) throws {
    let kept = try batchID.map { last in try load(sink).filter { $0.batchID <= last } } ?? []
    batches.withLock { $0[sink] = kept }
    try save(sink, kept)
  }

  func add(_ batch: Batch, to sink: String) throws {
    let all = batches.withLock { batches in
      batches[sink, default: []].append(batch)
      return batches[sink, default: []]
    }
    try save(sink, all)
  }

  // MARK: Files

  private func path(_ sink: String) -> String? { folder.map { "\($0)/\(sink).sink" } }

  private func load(_ sink: String) throws -> [Batch] {
    guard let path = path(sink), let status = try files.status(path) else {
      return batches.withLock { $0[sink, default: []] }
    }
    let file = try files.open(path, .read)
    defer { try? file.close() }
    var bytes = [UInt8](repeating: 0, count: Int(status.size))
    let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").compactMap { line in
      guard let json = try? JSON(parsing: String(line)), let batchID = json["batch"]?.int else { return nil }
      return Batch(batchID: batchID, rows: (json["rows"]?.array ?? []).compactMap(\.string))
    }
  }

  /// Writes all anew, whole or not at all.
  private func save(_ sink: String, _ batches: [Batch]) throws {
    guard let path = path(sink) else { return }
    let lines = batches.map { batch in
      JSON.dictionary(["batch": .int(batch.batchID), "rows": .array(batch.rows.map { .string($0) })]).text + "\n"
    }
    let file = try files.open("\(path).new", .create)
    defer { try? file.close() }
    try Array(lines.joined().utf8).withUnsafeBytes { try file.write($0, at: 0) }
    try file.sync()
    try files.rename("\(path).new", to: path)
  }
}

/// The connector of a test's sinks, whatever the pipeline's own are.
struct TestSinkConnector: Connector {
  /// No pipeline file can name it.
  static let name = "sink of a test"

  let results: TestResults

  var spec: ConnectorSpec { ConnectorSpec(name: Self.name, summary: "Keeps what a test's sink gets.", kinds: [.sink]) }

  func makeSink(_ request: SinkRequest) throws -> SinkKind {
    .rows(TestSink(request.name, results, try JSONEncoding().makeEncoder(request.schema)))
  }
}

/// Keeps rows as JSON texts.
private final class TestSink: RowSink, @unchecked Sendable {
  private let name: String
  private let results: TestResults
  private let encoder: any Encoder
  private var rows: [String] = []

  init(_ name: String, _ results: TestResults, _ encoder: any Encoder) {
    self.name = name
    self.results = results
    self.encoder = encoder
  }

  var description: String { "test[\(name)]" }
  var guarantee: SinkGuarantee { .truncatable }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try results.cut(name, after: batchID)
    return nil
  }

  func begin(batchID: Int64) throws { rows = [] }

  func write(_ batch: RecordBatch) throws { rows += try JSONRows.texts(batch, encoder) }

  func commit(batchID: Int64) throws -> JSON {
    try results.add(TestResults.Batch(batchID: batchID, rows: rows), to: name)
    rows = []
    return .dictionary(["batch": .int(batchID)])
  }
}
