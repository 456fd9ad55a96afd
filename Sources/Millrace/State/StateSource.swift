import MillraceColumnar
import MillraceCore
import MillraceStreaming

extension StateConnector {
  /// The rows that the options ask for. The checkpoint is read when the source is made, since it alone knows the columns.
  static func source(_ request: SourceRequest, _ connectors: ConnectorRegistry) throws -> FixedRowsSource {
    let options = request.options
    let state = try CheckpointState(options.required("path"), environment: request.environment)
    let provider = try StateTable.provider(of: state, connectors)
    let table = try StateTable(
      state, operatorID: Int(try options.int("operatorId") ?? 0), joinSide: options.string("joinSide"))
    if options.isGiven("version") && options.isGiven("batchId") {
      throw MillraceError(
        "OPTION_REPEATED", "'version' and 'batchId' both say which state is meant", hint: "give one of them")
    }
    let version = try options.int("version") ?? options.int("batchId").map { $0 + 1 } ?? state.lastVersion
    let kept = try table.versions(provider)
    guard kept.contains(version) else {
      throw MillraceError(
        "STATE_VERSION_NOT_RETAINED",
        "of operator \(table.name) the versions \(kept.lowerBound) to \(kept.upperBound) are kept, not \(version)",
        hint: "version n is the state after batch n - 1")
    }
    let parts = table.stores.indices.map { partition in
      { @Sendable (push: (RecordBatch) throws -> Void) in
        try table.scan(partition: partition, version: version, provider, push)
      }
    }
    return FixedRowsSource("statestore[\(table.name), version \(version)]", table.schema, parts)
  }
}

/// Rows that do not change, in parts that are made batch by batch while they are read.
final class FixedRowsSource: RowSource {
  /// Gives the rows of a part to its argument.
  typealias Part = @Sendable ((RecordBatch) throws -> Void) throws -> Void

  let description: String
  let schema: Schema
  private let parts: [Part]

  init(_ description: String, _ schema: Schema, _ parts: [Part]) {
    self.description = description
    self.schema = schema
    self.parts = parts
  }

  private static let end = Offset(.string("read"))

  func start(after offset: Offset?) throws {}

  func freeze() throws {}

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    if offset != nil { return nil }
    let splits = parts.indices.map { SourceSplit(name: "\(description) \($0)", payload: .int(Int64($0))) }
    return SourcePlan(splits: splits, end: Self.end)
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset { Self.end }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    Reader(PulledBatches(parts[Int(split.payload.int ?? 0)]), columns)
  }

  private final class Reader: RowReader {
    private let batches: PulledBatches
    private let columns: [Int]

    init(_ batches: PulledBatches, _ columns: [Int]) {
      self.batches = batches
      self.columns = columns
    }

    func next() throws -> RecordBatch? {
      guard let batch = try batches.next() else { return nil }
      return RecordBatch(rowCount: batch.rowCount, columns: columns.map { batch.columns[$0] })
    }

    func close() { batches.close() }
  }
}
