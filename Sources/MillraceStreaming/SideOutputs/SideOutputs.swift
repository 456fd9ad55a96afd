import MillraceCore
import MillraceExecution

/// The sinks beside those of a query: where its dead letters and late rows go.
public struct SideSinks: Sendable {
  /// Takes rows of `DeadLetter.schema`.
  public var deadLetter: SinkBinding?
  /// Takes rows of `LateRow.schema`.
  public var lateRows: SinkBinding?

  /// Makes side sinks; by default none.
  public init(deadLetter: SinkBinding? = nil, lateRows: SinkBinding? = nil) {
    self.deadLetter = deadLetter
    self.lateRows = lateRows
  }
}

/// The same while the query runs.
final class SideOutputs {
  private let deadLetter: SideOutput?
  private let lateRows: SideOutput?
  let all: [SideOutput]
  /// Records of side outputs that the query has had and has no more, so that they can come back.
  private var absent: [SideRecord] = []

  init(_ sinks: SideSinks, _ taps: QueryTaps? = nil) throws {
    deadLetter = try sinks.deadLetter.map { try SideOutput($0, taps) }
    lateRows = try sinks.lateRows.map { try SideOutput($0, taps) }
    all = [deadLetter, lateRows].compactMap { $0 }
  }

  var takesDeadLetters: Bool { deadLetter != nil }
  var takesLateRows: Bool { lateRows != nil }

  /// What a commit has to know.
  var records: [SideRecord] { absent + all.compactMap(\.record) }

  func recover(queryID: String, _ records: [SideRecord], _ pending: SideOutput.Pending) throws {
    absent = records.filter { record in !all.contains { $0.binding.name == record.name } }
    for output in all {
      try output.recover(
        queryID: queryID, records.first { $0.name == output.binding.name }, pending)
    }
  }

  func write(_ rows: SideRows) throws {
    try deadLetter?.write(rows.deadLetters)
    try lateRows?.write(rows.lateRows)
  }

  func commit() throws {
    for output in all {
      try output.commit()
      CrashPoint.pass(CrashPoints.batchAfterSideCommit)
    }
  }

  func publish() throws { for output in all { try output.publish() } }

  func close() { for output in all { output.close() } }
}
