package import MillraceColumnar
import MillraceCore

/// Turns who pushes batches into what batches are pulled from: the pusher runs on a thread of its own, two batches ahead at most.
package final class PulledBatches {
  /// Takes a batch, when there is room for it.
  package typealias Push = (RecordBatch) throws -> Void

  private struct State {
    var batches: [RecordBatch] = []
    var isClosed = false
  }

  private static let roomFor = 2

  private struct Closed: Error {}

  private let produce: (Push) throws -> Void
  private let state = Monitor(State())
  private var task: BackgroundTask?

  /// `produce` is begun with the first `next`.
  package init(_ produce: @escaping (Push) throws -> Void) { self.produce = produce }

  deinit { close() }

  /// The next batch; nil at the end. Throws what the pusher threw.
  package func next() throws -> RecordBatch? {
    let task = try self.task ?? begin()
    self.task = task
    while true {
      let ready: RecordBatch? = state.wait(microseconds: Self.interval) {
        $0.batches.isEmpty ? nil : $0.batches.removeFirst()
      }
      if let ready {
        state.change { _ in }
        return ready
      }
      if task.hasEnded, state.read(\.batches.isEmpty) {
        try task.wait()
        return nil
      }
    }
  }

  /// How long to wait before looking whether the pusher has ended.
  private static let interval: Int64 = 1000

  private func begin() throws -> BackgroundTask {
    try BackgroundTask("reader of state") { [state, produce] in
      try produce { batch in
        let isClosed: Bool? = state.wait(microseconds: nil) { state in
          if state.isClosed { return true }
          if state.batches.count >= Self.roomFor { return nil }
          state.batches.append(batch)
          return false
        }
        state.change { _ in }
        if isClosed == true { throw Closed() }
      }
    }
  }

  /// Lets the pusher end.
  package func close() {
    state.change { $0.isClosed = true }
    try? task?.wait()
    task = nil
  }
}
