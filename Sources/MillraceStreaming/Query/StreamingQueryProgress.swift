public import MillraceCore
public import MillraceExecution

/// What one batch did; Spark's fields.
public struct StreamingQueryProgress: Sendable {
  /// The query's id, which lives with the checkpoint.
  public var id: String
  /// The id of this run.
  public var runID: String
  /// The query's name.
  public var name: String?
  /// Start of the batch, microseconds since the epoch.
  public var timestamp: Int64
  /// Number of the batch.
  public var batchID: Int64
  /// Milliseconds.
  public var batchDuration: Int64
  /// Milliseconds by step, in the order of Spark's keys.
  public var durations: [(step: String, milliseconds: Int64)]
  /// Event times; nil where the query has no watermark.
  public var eventTime: EventTime?
  /// What the stateful operators did.
  public var stateOperators: [StateOperatorMetrics]
  /// By source.
  public var sources: [SourceProgress]
  /// By sink.
  public var sinks: [SinkProgress]
  /// Where dead letters and late rows went, under the names `deadLetter` and `lateRows`; those that the query has.
  public var sideSinks: [SinkProgress] = []
  /// The metrics of each `observe` of the query, of this batch alone.
  public var observedMetrics: [ObservedMetrics] = []
  /// Microseconds since the batch before began, for the input rate.
  public var sinceLastTrigger: Int64?
  /// Uncompressed bytes read.
  public var bytesRead: Int64

  /// Event times and the watermark in force, microseconds.
  public struct EventTime: Sendable {
    /// Least event time of the batch.
    public var minimum: Int64?
    /// Largest event time of the batch.
    public var maximum: Int64?
    /// Mean event time of the batch.
    public var average: Int64?
    /// The watermark in force in the batch.
    public var watermark: Int64
    /// Rows that were too far ahead of the batch's clock to move the watermark (`maxFutureSkew`).
    public var rowsAhead: Int64 = 0
  }

  /// One source.
  public struct SourceProgress: Sendable {
    /// Its name in the pipeline.
    public var name: String
    /// What it reads.
    public var description: String
    /// Where the batch began.
    public var startOffset: JSON?
    /// Where the batch ended.
    public var endOffset: JSON?
    /// What waits in bytes or rows, if known.
    public var backlog: Int64?
    /// Rows read.
    public var inputRows: Int64
    /// Records that could not be decoded; whether they are among the rows is the source's `onBadRecord`.
    public var badRecords: Int64
    /// What the source tells of itself, by name.
    public var metrics: [(name: String, value: String)] = []
  }

  /// One sink.
  public struct SinkProgress: Sendable {
    /// Its name in the pipeline.
    public var name: String
    /// What it writes to.
    public var description: String
    /// How it keeps a batch from being written twice.
    public var guarantee: SinkGuarantee
    /// Rows written.
    public var outputRows: Int64
    /// Rows that the sink's target refused, of sinks that leave such rows out.
    public var rejectedRows: Int64 = 0
    /// Whether the batch's rows come out with those of a later one, because more input waited (`maxEmitDelay`).
    public var isPostponed = false
  }

  /// Rows of all sources.
  public var inputRows: Int64 { sources.reduce(0) { $0 + $1.inputRows } }

  /// Records of all sources that could not be decoded.
  public var badRecords: Int64 { sources.reduce(0) { $0 + $1.badRecords } }

  /// Rows that the targets of sinks refused.
  public var rejectedRows: Int64 { sinks.reduce(0) { $0 + $1.rejectedRows } }

  /// The progress as Spark writes it. With several sinks there is a `sinks` list beside Spark's `sink`.
  public var json: JSON {
    var members: [JSON.Member] = [
      .init("id", .string(id)), .init("runId", .string(runID)), .init("name", name.map { .string($0) } ?? .null),
      .init("timestamp", .string(ISOTime.text(timestamp))), .init("batchId", .int(batchID)),
      .init("batchDuration", .int(batchDuration)), .init("numInputRows", .int(inputRows)),
    ]
    members += rates(inputRows)
    members.append(.init("durationMs", .object(durations.map { .init($0.step, .int($0.milliseconds)) })))
    if let eventTime { members.append(.init("eventTime", eventTime.json)) }
    members.append(.init("stateOperators", .array(stateOperators.map(\.json))))
    members.append(.init("sources", .array(sources.map { $0.json(rates($0.inputRows)) })))
    if let first = sinks.first { members.append(.init("sink", first.json)) }
    if sinks.count > 1 { members.append(.init("sinks", .array(sinks.map(\.json)))) }
    if !observedMetrics.isEmpty {
      members.append(.init("observedMetrics", .object(observedMetrics.map { .init($0.name, $0.json) })))
    }
    for side in sideSinks { members.append(.init(side.name, side.json)) }
    return .object(members)
  }

  /// The input rate is 0 in the first batch, as in Spark: the time before it is without end.
  private func rates(_ rows: Int64) -> [JSON.Member] {
    let input = sinceLastTrigger.map { $0 > 0 ? Double(rows) * 1e6 / Double($0) : 0 } ?? 0
    var members: [JSON.Member] = [.init("inputRowsPerSecond", .double(input))]
    let duration = Double(max(batchDuration, 1))
    members.append(.init("processedRowsPerSecond", .double(Double(rows) * 1000 / duration)))
    return members
  }
}

extension StreamingQueryProgress.EventTime {
  var json: JSON {
    var members: [JSON.Member] = []
    if let average { members.append(.init("avg", .string(ISOTime.text(average)))) }
    if let maximum { members.append(.init("max", .string(ISOTime.text(maximum)))) }
    if let minimum { members.append(.init("min", .string(ISOTime.text(minimum)))) }
    members.append(.init("watermark", .string(ISOTime.text(watermark))))
    if rowsAhead > 0 { members.append(.init("numRowsBeyondMaxFutureSkew", .int(rowsAhead))) }
    return .object(members)
  }
}

extension StreamingQueryProgress.SourceProgress {
  func json(_ rates: [JSON.Member]) -> JSON {
    let start: [JSON.Member] = [
      .init("description", .string(description)), .init("name", .string(name)),
      .init("startOffset", startOffset ?? .null),
      .init("endOffset", endOffset ?? .null), .init("latestOffset", .null), .init("numInputRows", .int(inputRows)),
    ]
    var metrics: [JSON.Member] = []
    if let backlog { metrics.append(.init("backlog", .string(String(backlog)))) }
    if badRecords > 0 { metrics.append(.init("badRecords", .string(String(badRecords)))) }
    metrics += self.metrics.map { .init($0.name, .string($0.value)) }
    return .object(start + rates + (metrics.isEmpty ? [] : [.init("metrics", .object(metrics))]))
  }
}

extension StreamingQueryProgress.SinkProgress {
  var json: JSON {
    let members: [JSON.Member] = [
      .init("description", .string(description)), .init("name", .string(name)),
      .init("guarantee", .string(guarantee.rawValue)), .init("numOutputRows", .int(outputRows)),
    ]
    let metrics: JSON = .dictionary(["rejectedRows": .string(String(rejectedRows))])
    var more: [JSON.Member] = []
    if isPostponed { more.append(.init("postponed", .bool(true))) }
    if rejectedRows > 0 { more.append(.init("metrics", metrics)) }
    return .object(members + more)
  }
}

extension StateOperatorMetrics {
  /// Spark's fields. State is not divided for the sake of many machines, so it counts as one partition.
  var json: JSON {
    .dictionary([
      "operatorName": .string(operatorName), "numRowsTotal": .int(rowsTotal), "numRowsUpdated": .int(rowsUpdated),
      "allUpdatesTimeMs": .int(updateMicroseconds / 1000), "numRowsRemoved": .int(rowsRemoved),
      "allRemovalsTimeMs": .int(removalMicroseconds / 1000), "commitTimeMs": .int(commitMicroseconds / 1000),
      "memoryUsedBytes": .int(memoryUsedBytes), "numRowsDroppedByWatermark": .int(rowsDroppedByWatermark),
      "numShufflePartitions": .int(1), "numStateStoreInstances": .int(1), "customMetrics": .dictionary([:]),
    ])
  }
}

/// Times as `2026-11-23T14:06:26.355Z`.
package enum ISOTime {
  package static func text(_ micros: Int64) -> String {
    let millis = floorDivide(micros, 1000)
    let seconds = floorDivide(millis, 1000)
    let days = floorDivide(seconds, 86_400)
    let inDay = seconds - days * 86_400
    let (year, month, day) = civil(days)
    return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(inDay / 3600, 2)):\(pad(inDay / 60 % 60, 2))"
      + ":\(pad(inDay % 60, 2)).\(pad(millis - seconds * 1000, 3))Z"
  }

  private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a / b - (a % b < 0 ? 1 : 0) }

  private static func pad(_ number: Int64, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }

  /// Year, month and day of a number of days since 1970-01-01.
  private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
    let shifted = days + 719_468
    let era = floorDivide(shifted, 146_097)
    let ofEra = shifted - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * ofYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
