import MillraceColumnar
import MillraceCore

/// Takes the rows of a stream one by one: `df.writeStream.foreach(writer)`.
///
/// For each epoch (batch) `open` is called, then `process` for each row if `open` gave true, then `close`, all from the query's own thread.
/// The rows of an epoch come in one partition, whose number is 0. After a crash an epoch that was not committed comes again; whether
/// it has the same rows depends on the query, so the epoch's number alone does not make a writer exactly-once: use `foreachBatch` for that.
public protocol ForeachWriter: Sendable {
  /// An epoch begins; false: its rows are not wanted.
  func open(partitionID: Int64, epochID: Int64) throws -> Bool
  /// Takes a row.
  func process(_ row: Row) throws
  /// The epoch ends, by an error if there is one. Called whenever `open` returned, whatever it gave.
  func close(_ error: (any Error)?)
}

extension ForeachWriter {
  /// All rows are wanted.
  public func open(partitionID: Int64, epochID: Int64) throws -> Bool { true }
  /// Nothing to end.
  public func close(_ error: (any Error)?) {}
}

/// A closure as a writer.
struct ClosureWriter: ForeachWriter {
  let body: @Sendable (Row) throws -> Void
  func process(_ row: Row) throws { try body(row) }
}

/// Gives rows to a `ForeachWriter`. All calls come from the query's own thread.
final class ForeachSink: RowSink, @unchecked Sendable {
  private enum Phase {
    case closed
    case open(epoch: Int64, wantsRows: Bool)
  }

  private let writer: any ForeachWriter
  private let names: [String]
  private var phase = Phase.closed

  init(_ writer: any ForeachWriter, schema: Schema) {
    self.writer = writer
    names = schema.names
  }

  var description: String { "foreach" }
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }

  func begin(batchID: Int64) throws {
    end(MillraceError("EPOCH_ABANDONED", "the epoch was given up before its end"))
    do {
      phase = .open(epoch: batchID, wantsRows: try writer.open(partitionID: 0, epochID: batchID))
    } catch {
      throw ForeachSink.failure("open", batchID, error)
    }
  }

  func write(_ batch: RecordBatch) throws {
    guard case .open(let epoch, true) = phase else { return }
    do {
      for values in batch.rows() { try writer.process(Row(values, names: names)) }
    } catch {
      let failure = ForeachSink.failure("process", epoch, error)
      end(failure)
      throw failure
    }
  }

  func commit(batchID: Int64) throws -> JSON {
    end(nil)
    return .null
  }

  func close() throws {
    end(MillraceError("EPOCH_ABANDONED", "the query ended before the epoch did"))
  }

  private func end(_ error: MillraceError?) {
    guard case .open = phase else { return }
    phase = .closed
    writer.close(error)
  }

  private static func failure(_ step: String, _ epoch: Int64, _ cause: any Error) -> MillraceError {
    MillraceError(
      "FOREACH_USER_FUNCTION_ERROR", "\(step) of the writer given to foreach failed in epoch \(epoch)",
      hint: "rows of the epoch come again when the query is started again", cause: cause)
  }
}
