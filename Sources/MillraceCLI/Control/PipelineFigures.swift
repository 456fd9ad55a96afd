import MillraceCore
import MillraceExecution
import MillraceStreaming

/// What one pipeline of a run did so far.
struct PipelineFigures: Sendable {
  /// Where it is between its start and its end.
  enum State: String, Sendable {
    case starting, running, restarting, ended, failed
  }

  /// One source or sink.
  struct Component: Sendable {
    var name: String
    var rows: Int64 = 0
    /// Bad records of a source, refused rows of a sink.
    var refused: Int64 = 0
    /// Bytes or rows that wait, of a source that knows.
    var backlog: Int64?
  }

  let name: String
  let guarantee: String
  var state = State.starting
  var runID = ""
  var handle: StreamingQueryHandle?
  /// Microseconds since the epoch, and what went wrong.
  var lastError: (time: Int64, text: String)?
  private var sources: [Component]
  private var sinks: [Component]
  private var window = RateWindow()
  private var batches: Int64 = 0
  private var inputBytes: Int64 = 0
  private var lateRows: Int64 = 0
  private var last: StreamingQueryProgress?

  init(name: String, guarantee: String, sources: [String], sinks: [String]) {
    self.name = name
    self.guarantee = guarantee
    self.sources = sources.map { Component(name: $0) }
    self.sinks = sinks.map { Component(name: $0) }
  }

  /// A batch was committed. `now` is in microseconds that never jump.
  mutating func add(_ progress: StreamingQueryProgress, at now: Int64) {
    batches += 1
    inputBytes += progress.bytesRead
    lateRows += progress.stateOperators.reduce(0) { $0 + $1.rowsDroppedByWatermark }
    last = progress
    for source in progress.sources {
      guard let index = sources.firstIndex(where: { $0.name == source.name }) else { continue }
      sources[index].rows += source.inputRows
      sources[index].refused += source.badRecords
      sources[index].backlog = source.backlog
    }
    for sink in progress.sinks + progress.sideSinks {
      guard let index = sinks.firstIndex(where: { $0.name == sink.name }) else { continue }
      sinks[index].rows += sink.outputRows
      sinks[index].refused += sink.rejectedRows
    }
    let rowsIn = sources.map { source in progress.sources.first { $0.name == source.name }?.inputRows ?? 0 }
    let rowsOut = sinks.map { sink in
      (progress.sinks + progress.sideSinks).first { $0.name == sink.name }?.outputRows ?? 0
    }
    window.add([progress.bytesRead] + rowsIn + rowsOut, from: now - progress.batchDuration * 1000, to: now)
  }

  /// The figures as `millrace top --json` prints them. Rates are those of the last ten seconds.
  func json(at now: Int64) -> JSON {
    let rates = window.rates(at: now, kinds: 1 + sources.count + sinks.count)
    let sourceRates = rates[1..<1 + sources.count], sinkRates = rates[(1 + sources.count)...]
    // Rows for dead letters are no part of the answer.
    let sides = ["deadLetter", "lateRows"]
    let main = zip(sinks, sinkRates).filter { !sides.contains($0.0.name) }
    let backlogs = sources.compactMap(\.backlog)
    var members: [JSON.Member] = [
      .init("name", .string(name)), .init("state", .string(state.rawValue)),
      .init("message", handle.map { .string($0.status.message) } ?? .null), .init("guarantee", .string(guarantee)),
      .init("batches", .int(batches)), .init("batchId", last.map { .int($0.batchID) } ?? .null),
      .init("batchMs", last.map { .int($0.batchDuration) } ?? .null),
      .init("rowsIn", .int(sources.reduce(0) { $0 + $1.rows })),
      .init("rowsInPerSecond", Self.rate(sourceRates.reduce(0, +))),
      .init("bytesIn", .int(inputBytes)), .init("bytesInPerSecond", Self.rate(rates[0])),
      .init("rowsOut", .int(main.reduce(0) { $0 + $1.0.rows })),
      .init("rowsOutPerSecond", Self.rate(main.reduce(0) { $0 + $1.1 })),
      .init("badRecords", .int(sources.reduce(0) { $0 + $1.refused })), .init("lateRows", .int(lateRows)),
      .init("rejectedRows", .int(sinks.reduce(0) { $0 + $1.refused })),
      .init("backlog", backlogs.isEmpty ? .null : .int(backlogs.reduce(0, +))),
      .init("stateRows", .int(last?.stateOperators.reduce(0) { $0 + $1.rowsTotal } ?? 0)),
      .init("stateBytes", .int(last?.stateOperators.reduce(0) { $0 + $1.memoryUsedBytes } ?? 0)),
      .init("watermark", last?.eventTime.map { .string(ISOTime.text($0.watermark)) } ?? .null),
    ]
    members.append(
      .init(
        "lastError",
        lastError.map { .dictionary(["time": .string(ISOTime.text($0.time)), "text": .string($0.text)]) } ?? .null))
    members.append(.init("sources", .array(zip(sources, sourceRates).map { Self.json($0, "badRecords", $1) })))
    members.append(.init("sinks", .array(zip(sinks, sinkRates).map { Self.json($0, "rejectedRows", $1) })))
    return .object(members)
  }

  private static func json(_ component: Component, _ refused: String, _ perSecond: Double) -> JSON {
    var members: [JSON.Member] = [
      .init("name", .string(component.name)), .init("rows", .int(component.rows)),
      .init("rowsPerSecond", rate(perSecond)), .init(refused, .int(component.refused)),
    ]
    if let backlog = component.backlog { members.append(.init("backlog", .int(backlog))) }
    return .object(members)
  }

  private static func rate(_ perSecond: Double) -> JSON { .double((perSecond * 10).rounded() / 10) }
}
