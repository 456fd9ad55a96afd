import MillraceColumnar
import MillraceCore
import MillraceExecution

/// How far a side output has come; part of each commit.
struct SideRecord: Sendable, Hashable {
  /// Name of the side output.
  var name: String
  /// The last batch that it got, counted by itself.
  var batch: Int64
  /// What its sink recovers to.
  var token: JSON

  var json: JSON { .array([.string(name), .int(batch), token]) }

  init(name: String, batch: Int64, token: JSON) {
    self.name = name
    self.batch = batch
    self.token = token
  }

  init(_ json: JSON) throws {
    guard let parts = json.array, parts.count == 3, let name = parts[0].string, let batch = parts[1].int else {
      throw MillraceError("CHECKPOINT_CORRUPT", "a record of a side output has another form", fault: .external)
    }
    self.init(name: name, batch: batch, token: parts[2])
  }
}

/// A sink beside those of the query, for dead letters or late rows.
///
/// It gets only the batches that have rows for it, numbered 0, 1, 2 … for itself; the query's commit says which was the last. So a query
/// without bad records does no work for it, and it can be added to a checkpoint, or left out of it for a while. Otherwise it is a sink
/// like any other: its rows are durable before the commit, and recovered by it.
final class SideOutput {
  let binding: SinkBinding
  private let output: any SinkOutput
  private var bytes: ByteSinkOutput? { output as? ByteSinkOutput }
  /// The last batch that was committed.
  private(set) var record: SideRecord?
  /// The last batch that a transactional sink holds.
  private var held: Int64 = -1
  private var isBegun = false
  /// Rows of the batch that is being written.
  private(set) var rowCount: Int64 = 0
  /// Shows its rows.
  private let tap: RowTap?

  init(_ binding: SinkBinding, _ taps: QueryTaps? = nil) throws {
    self.binding = binding
    tap = taps?.point(.sink, binding.name).map { RowTap(point: $0, schema: binding.schema) }
    output = try binding.makeOutput()
  }

  private var sink: any Sink { binding.kind.sink }
  private var next: Int64 { (record?.batch ?? -1) + 1 }

  /// What a sink may hold beyond the last commit.
  enum Pending {
    /// Nothing: no batch was begun after it.
    case none
    /// A batch that is computed again with the same rows.
    case same
    /// An epoch whose rows come again in other pieces.
    case other
  }

  /// Opens the sink and brings it to what the last commit says.
  func recover(queryID: String, _ record: SideRecord?, _ pending: Pending) throws {
    self.record = record
    try sink.open(SinkContext(queryID: queryID, sinkName: binding.name))
    held = try sink.recover(batchID: record?.batch, token: record?.token) ?? -1
    if sink.guarantee == .transactional, held != next - 1, pending == .none || held != next {
      let isBehind = held < next
      throw MillraceError(
        isBehind ? "SINK_BEHIND_CHECKPOINT" : "SINK_AHEAD_OF_CHECKPOINT",
        "'\(binding.name)' ends with its batch \(held), the checkpoint with batch \(next - 1)",
        hint: "put back the sink's data that belongs to the checkpoint, or give '\(binding.name)' another place",
        fault: .external)
    }
    // Rows of the epoch come twice rather than not at all.
    if held == next, pending == .other { self.record = SideRecord(name: binding.name, batch: held, token: .null) }
    if let record = self.record { try sink.publish(batchID: record.batch) }
  }

  /// Writes rows of the batch.
  func write(_ rows: [RecordBatch]) throws {
    if rows.isEmpty { return }
    if !isBegun {
      isBegun = true
      rowCount = 0
      if held < next {
        try sink.begin(batchID: next)
        try bytes?.begin(batchID: next)
      }
    }
    for batch in rows {
      rowCount += Int64(batch.rowCount)
      guard held < next else { continue }
      tap?.offer(batch)
      try output.write(batch)
    }
  }

  /// Makes what was written durable; nothing happens where nothing was.
  func commit() throws {
    guard isBegun else {
      rowCount = 0
      return
    }
    isBegun = false
    var token = JSON.null
    if held < next {
      try bytes?.finish()
      token = try sink.commit(batchID: next)
    }
    record = SideRecord(name: binding.name, batch: next, token: token)
  }

  /// Makes the last batch visible, once the commit log has it.
  func publish() throws {
    if rowCount > 0, let record { try sink.publish(batchID: record.batch) }
  }

  func close() { try? sink.close() }
}
