import MillraceCore
import MillraceExecution
import MillracePipeline
import MillraceStreaming
import Synchronization

/// What a user asks of a run while it goes on; set from any thread.
final class RunRequests: Sendable {
  private let state = Monitor((isStopping: false, reloads: 0))

  /// Asks for an orderly end.
  func stop() { state.change { $0.isStopping = true } }

  /// Asks to read the pipeline file anew.
  func reload() { state.change { $0.reloads += 1 } }

  var isStopping: Bool { state.read(\.isStopping) }

  /// Whether a reload was asked for since this was last asked.
  func takeReload() -> Bool {
    state.change { state in
      defer { state.reloads = 0 }
      return state.reloads > 0
    }
  }

  /// Waits for a request, at most so long.
  func wait(microseconds: Int64, isStopping: Bool) {
    _ = state.wait(microseconds: microseconds) { state -> Bool? in
      state.isStopping != isStopping || state.reloads > 0 ? true : nil
    }
  }
}

/// The queries of one `run`. Used by the thread that waits for them.
///
/// A pipeline that is to be restarted or removed is only asked to stop: nothing here waits for the batch that it is at, however long a
/// sink may take, and the others go on. What takes its place starts when it has ended, and when whoever holds a file, table or checkpoint
/// that it needs has ended, too.
final class RunningPipelines {
  /// A pipeline that runs, or did.
  private struct Running {
    var plan: PipelinePlan
    var handle: StreamingQueryHandle
    var claims: Set<String>
    var isStopping = false
  }

  /// A pipeline that is to start.
  private struct Waiting {
    var plan: PipelinePlan
    var claims: Set<String>
    /// What ran before under this name; started again if the new one cannot be.
    var fallback: PipelinePlan?
  }

  private let display: ProgressDisplay
  private let start: (PipelinePlan) throws -> StreamingQueryHandle
  private var running: [Running] = []
  private var waiting: [Waiting] = []
  private var ended: [Running] = []
  /// What is told when the last of its pipelines has started.
  private var report: ReloadReport?
  private var worst: ExitStatus?

  init(_ display: ProgressDisplay, start: @escaping (PipelinePlan) throws -> StreamingQueryHandle) {
    self.display = display
    self.start = start
  }

  /// The worst exit status of those that ended, nil if all ended well.
  var exitStatus: ExitStatus? { worst }

  /// Whether everything has ended and nothing waits.
  var isDone: Bool { running.isEmpty && waiting.isEmpty }

  /// Whether something waits for others to end.
  var isReloading: Bool { report != nil }

  /// Names of those that are asked to stop and have not.
  var stoppingNames: [String] { running.filter(\.isStopping).map(\.plan.definition.name) }

  /// Where the time of the queries went, up to the last batch of each.
  var profiles: [QueryProfile] {
    (ended + running).compactMap { query in
      var profile = query.handle.profile
      profile?.name = query.plan.definition.name
      return profile
    }
  }

  /// Starts pipelines; throws the first failure.
  func begin(_ plans: [PipelinePlan]) throws {
    for plan in plans { running.append(Running(plan: plan, handle: try start(plan), claims: try plan.claims())) }
  }

  /// Asks all queries to end after the batch they are at; what waits is not started.
  func stop() {
    waiting = []
    for index in running.indices {
      running[index].isStopping = true
      running[index].handle.requestStop()
    }
  }

  // MARK: Reload

  /// What runs or is about to, and with `ended` ones those that came to their end by themselves.
  private var present: [PipelinePlan] {
    let planned = waiting.map(\.plan)
    let names = Set(planned.map(\.definition.name))
    let going = running.filter { !$0.isStopping }.map(\.plan)
    let over = ended.filter { !$0.isStopping }.map(\.plan).filter { plan in
      !names.contains(plan.definition.name) && !running.contains { $0.plan.definition.name == plan.definition.name }
    }
    return planned + going.filter { !names.contains($0.definition.name) } + over
  }

  private func pipeline(_ plan: PipelinePlan) -> ReloadPlan.Pipeline {
    ReloadPlan.Pipeline(name: plan.definition.name, identity: plan.definition.identity)
  }

  /// Changes over to what a new file wants. Throws, and changes nothing, where a changed pipeline could not go on from its checkpoint.
  func change(to wanted: [PipelinePlan], number: Int) throws {
    let reload = ReloadPlan(running: present.map(pipeline), wanted: wanted.map(pipeline))
    let fresh = wanted.filter { (reload.restarted + reload.added).contains($0.definition.name) }
    let claims = try fresh.map { try $0.claims() }
    for plan in fresh { try plan.checkCheckpoint(inUse: true) }
    report = ReloadReport(number: number, unchanged: reload.unchanged.count)
    let going = Set(reload.restarted + reload.removed)
    for index in running.indices where going.contains(running[index].plan.definition.name) {
      running[index].isStopping = true
      running[index].handle.requestStop()
    }
    report?.removed = reload.removed.count
    waiting.removeAll { going.contains($0.plan.definition.name) }
    for (plan, claims) in zip(fresh, claims) {
      let before = running.last { $0.plan.definition.name == plan.definition.name }?.plan
      waiting.append(Waiting(plan: plan, claims: claims, fallback: before))
    }
    ended.removeAll { going.contains($0.plan.definition.name) }
    step()
  }

  /// Takes note of queries that have ended, starts what can start, and tells when a reload is done. Does not wait.
  func step() {
    for index in running.indices.reversed() where running[index].handle.isOver { end(running.remove(at: index)) }
    for next in waiting where canStart(next) {
      waiting.removeAll { $0.plan.definition.name == next.plan.definition.name }
      begin(next)
    }
    guard let report, waiting.isEmpty, !running.contains(where: \.isStopping) else { return }
    display.note(report.text)
    self.report = nil
  }

  private func canStart(_ next: Waiting) -> Bool {
    !running.contains { other in
      other.plan.definition.name == next.plan.definition.name
        || other.isStopping && !other.claims.isDisjoint(with: next.claims)
    }
  }

  private func begin(_ next: Waiting) {
    let name = next.plan.definition.name
    do {
      running.append(Running(plan: next.plan, handle: try start(next.plan), claims: next.claims))
      if next.fallback == nil { report?.added += 1 } else { report?.restarted += 1 }
    } catch {
      report?.failed += 1
      display.note("\(name): \(error)")
      guard let before = next.fallback, let claims = try? before.claims() else {
        return worsen(ExitStatus(of: error) ?? .failed)
      }
      do {
        running.append(Running(plan: before, handle: try start(before), claims: claims))
        display.note("\(name): goes on as it was")
      } catch {
        display.note("\(name): \(error)")
        worsen(ExitStatus(of: error) ?? .failed)
      }
    }
  }

  // MARK: Ends

  private func end(_ query: Running) {
    let name = query.plan.definition.name
    ended.append(query)
    do {
      _ = try query.handle.awaitTermination(timeout: nil)
      display.note(display.finish(name))
    } catch {
      display.note("\(name): \(query.plan.located(running: error))")
      worsen(ExitStatus(running: error))
    }
  }

  private func worsen(_ status: ExitStatus) {
    if worst == nil || status == .data { worst = status }
  }

  /// Waits a little for the only query that runs, or, where there are several, for a request.
  func wait(_ requests: RunRequests, microseconds: Int64) {
    if running.count == 1 {
      _ = try? running[0].handle.awaitTermination(timeout: microseconds)
    } else {
      requests.wait(microseconds: microseconds, isStopping: requests.isStopping)
    }
  }
}

/// Hands the progress of one pipeline to the display.
struct ProgressListener: StreamingQueryListener {
  let pipeline: String
  let display: ProgressDisplay
  let isJSON: Bool

  func onQueryProgress(_ progress: StreamingQueryProgress) {
    if isJSON {
      display.count(report(progress), line: progress.json.text)
    } else {
      display.batchDone(report(progress))
    }
  }

  func onSourceNotice(_ event: StreamingSourceNotice) { display.note("\(pipeline): \(event.source): \(event.text)") }

  func onQueryTerminated(_ event: StreamingQueryTerminated) {
    guard let pause = event.restartDelay, let failure = event.exception else { return }
    display.note("\(pipeline): \(failure)\n\(pipeline): starts again in \(Quantity.duration(microseconds: pause))")
  }

  private func report(_ progress: StreamingQueryProgress) -> BatchReport {
    let backlogs = progress.sources.compactMap(\.backlog)
    return BatchReport(
      pipeline: pipeline, batchID: progress.batchID, inputRows: progress.inputRows, inputBytes: progress.bytesRead,
      outputRows: progress.sinks.reduce(0) { $0 + $1.outputRows },
      lateRows: progress.stateOperators.reduce(0) { $0 + $1.rowsDroppedByWatermark }, badRecords: progress.badRecords,
      microseconds: progress.batchDuration * 1000, backlog: backlogs.isEmpty ? nil : backlogs.reduce(0, +),
      rejectedRows: progress.rejectedRows)
  }
}
