import MillraceCore
import MillraceExecution
import MillraceStreaming
import Synchronization

/// What the pipelines of a run do, for those who ask while it goes on. Safe on any thread.
final class RunBoard: Sendable {
  private let board: Mutex<[PipelineFigures]>
  private let clock: any Clock
  private let file: String
  private let processID: Int32
  private let startedAt: Int64

  init(file: String, processID: Int32, clock: any Clock) {
    self.file = file
    self.processID = processID
    self.clock = clock
    startedAt = clock.monotonicNanoseconds()
    board = Mutex([])
  }

  private var now: Int64 { clock.monotonicNanoseconds() / 1000 }

  private func change(_ pipeline: String, _ body: (inout PipelineFigures) -> Void) {
    board.withLock { board in
      guard let index = board.firstIndex(where: { $0.name == pipeline }) else { return }
      body(&board[index])
    }
  }

  /// A pipeline is about to start, perhaps in another form than before.
  func begin(_ pipeline: String, guarantee: String, sources: [String], sinks: [String]) {
    board.withLock { board in
      var figures = PipelineFigures(name: pipeline, guarantee: guarantee, sources: sources, sinks: sinks)
      guard let index = board.firstIndex(where: { $0.name == pipeline }) else { return board.append(figures) }
      figures.lastError = board[index].lastError
      board[index] = figures
    }
  }

  /// It has started.
  func follow(_ pipeline: String, _ handle: StreamingQueryHandle) { change(pipeline) { $0.handle = handle } }

  /// It could not start.
  func failed(_ pipeline: String, _ error: any Error) {
    let time = clock.now()
    change(pipeline) { figures in
      figures.state = .failed
      figures.lastError = (time, "\(error)")
    }
  }

  /// Hears of a pipeline's query.
  func listener(_ pipeline: String) -> any StreamingQueryListener { Listener(board: self, pipeline: pipeline) }

  /// Everything as JSON.
  var json: JSON {
    let now = self.now
    let pipelines = board.withLock { $0 }.map { $0.json(at: now) }
    return .dictionary([
      "version": .string(Version.number), "file": .string(file), "processId": .int(Int64(processID)),
      "uptimeMs": .int((clock.monotonicNanoseconds() - startedAt) / 1_000_000), "pipelines": .array(pipelines),
    ])
  }

  private struct Listener: StreamingQueryListener {
    let board: RunBoard
    let pipeline: String

    func onQueryStarted(_ event: StreamingQueryStarted) {
      board.change(pipeline) { figures in
        figures.runID = event.runID
        figures.state = .running
      }
    }

    func onQueryProgress(_ progress: StreamingQueryProgress) {
      let now = board.now
      board.change(pipeline) { $0.add(progress, at: now) }
    }

    func onQueryTerminated(_ event: StreamingQueryTerminated) {
      let time = board.clock.now()
      board.change(pipeline) { figures in
        // A pipeline that was restarted by a reload may end after its successor has begun.
        guard figures.runID == event.runID else { return }
        figures.state = event.restartDelay != nil ? .restarting : event.exception == nil ? .ended : .failed
        if let exception = event.exception { figures.lastError = (time, "\(exception)") }
      }
    }
  }
}
