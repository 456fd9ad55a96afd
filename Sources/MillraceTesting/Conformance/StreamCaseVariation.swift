import MillraceColumnar
import MillraceCore
import Synchronization

/// Another way to run a streaming case, which must give the same in the end.
package struct StreamCaseVariation: Sendable {
  /// How the rows of the case come.
  package enum Cut: String, Sendable, CaseIterable {
    /// In the batches that the case has.
    case given
    /// All in one batch.
    case whole
    /// One row in a batch.
    case rows
  }

  /// How the rows come.
  package var cut = Cut.given
  /// The step at which the machine goes off for the first time: a change of the disk or a call of the sink. Nil: never.
  package var crashAt: Int?
  /// What of the disk is lost then.
  package var loss = SimulatedFileSystem.Loss.nothing

  /// The way the case says.
  package init() {}
}

/// What a run of a streaming case came to.
package struct StreamCaseOutcome: Sendable {
  /// Batch by batch, compared with the case.
  package var result: ConformanceResult
  /// Steps of an undisturbed run; of one with a crash, those after it.
  package var steps: Int
  /// All rows that came out, in append mode, or those of the last batch, sorted by their texts.
  package var finalRows: [String]
  /// Rows that operators left out as late.
  package var lateRowCount: Int64
  /// Why the run ended, if not at the end of the case.
  package var failure: (any Error)?
}

/// The memory connector whose sinks stand on a machine that can go off at each of their calls. What they have committed stays, as in a
/// database elsewhere.
struct FragileSinkConnector: Connector {
  let inner: any Connector
  let machine: SimulatedFileSystem

  var spec: ConnectorSpec { inner.spec }

  func makeSource(_ request: SourceRequest) throws -> SourceKind { try inner.makeSource(request) }

  func makeSink(_ request: SinkRequest) throws -> SinkKind {
    guard case .rows(let sink) = try inner.makeSink(request) else {
      throw MillraceError("INTERNAL_ERROR", "the memory connector has a sink of rows", fault: .bug)
    }
    return .rows(FragileSink(sink, machine))
  }
}

private final class FragileSink: RowSink {
  private let inner: any RowSink
  private let machine: SimulatedFileSystem

  init(_ inner: any RowSink, _ machine: SimulatedFileSystem) {
    self.inner = inner
    self.machine = machine
  }

  var description: String { inner.description }
  var guarantee: SinkGuarantee { inner.guarantee }
  var outputModes: Set<OutputMode> { inner.outputModes }

  func open(_ context: SinkContext) throws { try inner.open(context) }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try machine.touch()
    return try inner.recover(batchID: batchID, token: token)
  }

  func begin(batchID: Int64) throws {
    try machine.touch()
    try inner.begin(batchID: batchID)
  }

  func write(_ batch: RecordBatch) throws {
    try machine.touch()
    try inner.write(batch)
  }

  func commit(batchID: Int64) throws -> JSON {
    try machine.touch()
    return try inner.commit(batchID: batchID)
  }

  func publish(batchID: Int64) throws {
    try machine.touch()
    try inner.publish(batchID: batchID)
  }

  func close() throws { try inner.close() }
}
