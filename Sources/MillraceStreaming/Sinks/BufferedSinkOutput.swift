import MillraceColumnar
import MillraceCore
import MillraceExecution

/// Keeps what is computed for a sink until the sink may have it.
final class BufferedSinkOutput: SinkOutput {
  /// Rows, or blocks of encoded rows, as they came.
  enum Item {
    case rows(RecordBatch)
    case blocks([FinishedBlock])
  }

  private let target: any SinkOutput
  private var items: [Item] = []

  init(_ target: any SinkOutput) { self.target = target }

  /// The next batch changes the tables that strings may lie in, so they are copied.
  func write(_ batch: RecordBatch) throws {
    items.append(.rows(RecordBatch(rowCount: batch.rowCount, columns: batch.columns.map { $0.detached() })))
  }

  func makeBlockEncoder() throws -> (any BlockEncoder)? { try target.makeBlockEncoder() }

  func write(_ blocks: [FinishedBlock]) throws { items.append(.blocks(blocks)) }

  /// Gives away what came since the last call.
  func take() -> [Item] {
    defer { items = [] }
    return items
  }
}

extension SinkOutput {
  /// Writes what was kept.
  func write(_ items: [BufferedSinkOutput.Item]) throws {
    for item in items {
      switch item {
      case .rows(let batch): try write(batch)
      case .blocks(let blocks): try write(blocks)
      }
    }
  }
}
