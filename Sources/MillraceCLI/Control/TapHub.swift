import MillraceCore
import MillraceExecution
import Synchronization

/// Brings together the pipelines of a run and those who look at their rows, whichever came first: a pipeline that is restarted by a reload
/// is looked at by the same ones as before.
final class TapHub: Sendable {
  private struct State {
    var pipelines: [QueryTaps] = []
    var sessions: [TapSession] = []
  }

  private let state = Mutex(State())

  /// The places of a pipeline that is about to start.
  func begin(_ pipeline: String, sources: [String], sinks: [String]) -> QueryTaps {
    let taps = QueryTaps(
      name: pipeline,
      components: sources.map { TapComponent(.source, $0) } + sinks.map { TapComponent(.sink, $0) })
    state.withLock { state in
      state.pipelines.removeAll { $0.name == pipeline }
      state.pipelines.append(taps)
      for session in state.sessions { Self.connect(session, taps) }
    }
    return taps
  }

  private static func connect(_ session: TapSession, _ taps: QueryTaps) {
    for component in session.request.chosen(taps.components, of: taps.name) { taps.add(session, at: component) }
  }

  /// Someone begins to look. Throws if the run has nothing of what is asked for.
  func open(_ session: TapSession) throws -> [String] {
    try state.withLock { state in
      let names = state.pipelines.flatMap { taps in
        session.request.chosen(taps.components, of: taps.name).map { "\(taps.name).\($0.name)" }
      }
      if names.isEmpty { throw Self.nothing(session.request, state.pipelines) }
      state.sessions.append(session)
      for taps in state.pipelines { Self.connect(session, taps) }
      return names
    }
  }

  private static func nothing(_ request: TapRequest, _ pipelines: [QueryTaps]) -> MillraceError {
    let names = pipelines.flatMap { taps in taps.components.map { "\(taps.name).\($0.name)" } }
    let short = pipelines.flatMap { $0.components.map(\.name) }
    let nearest = request.patterns.first.flatMap { NearestName.of($0, among: names + short) }
    let list = names.isEmpty ? "nothing runs" : "there are \(names.joined(separator: ", "))"
    return MillraceError(
      "COMPONENT_NOT_FOUND",
      "the run has no source or sink \(request.patterns.map { "'\($0)'" }.joined(separator: " or "))",
      hint: nearest.map { "did you mean '\($0)'?" } ?? list)
  }

  /// They look no more.
  func close(_ session: TapSession) {
    state.withLock { state in
      state.sessions.removeAll { $0 === session }
      for taps in state.pipelines { taps.remove(session) }
    }
  }
}
