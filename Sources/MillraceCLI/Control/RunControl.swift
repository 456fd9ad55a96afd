import Glibc
import Millrace
import MillraceCore
import MillraceExecution
import MillracePipeline
import MillraceStreaming

/// Lets a run be asked what it does: its figures, the places where its rows pass, and the socket at which both are asked for.
final class RunControl {
  private let board: RunBoard
  private let hub = TapHub()
  private let server: ControlServer

  /// Listens at `path` for those who ask about the pipelines of `file`.
  init(_ path: String, file: String, _ environment: Environment) throws {
    board = RunBoard(file: file, processID: getpid(), clock: environment.clock)
    server = try ControlServer(path, board, hub, environment)
  }

  /// Starts a pipeline that can be asked about.
  func start(
    _ plan: PipelinePlan, trigger: Trigger?, listeners: [any StreamingQueryListener]
  ) throws -> StreamingQueryHandle {
    let definition = plan.definition
    let sources = definition.sources.map(\.name)
    var sinks = definition.sinks.map(\.name)
    if definition.deadLetter != nil { sinks.append(DeadLetter.sinkName) }
    if definition.lateRows != nil { sinks.append(LateRow.sinkName) }
    board.begin(definition.name, guarantee: plan.guarantee.rawValue, sources: sources, sinks: sinks)
    let taps = hub.begin(definition.name, sources: sources, sinks: sinks)
    do {
      let handle = try plan.start(
        trigger: trigger, listeners: listeners + [board.listener(definition.name)], taps: taps)
      board.follow(definition.name, handle)
      return handle
    } catch {
      board.failed(definition.name, error)
      throw error
    }
  }

  /// Ends the answering.
  func close() { server.close() }
}
