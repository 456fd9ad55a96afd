package import MillraceCore
import Synchronization

/// Counts where a query's time goes. It always does: a few readings of the clock for each batch of a thousand rows.
///
/// Each thread counts for itself; what they counted is put together at the end of each micro-batch, and can be asked for
/// from any thread at any time.
public final class QueryProfiler: @unchecked Sendable {
  /// The worker threads, of which the first is the query's control thread.
  let workers: [ProfileLane]
  /// By worker, the thread that reads ahead for it.
  let readers: [ProfileLane]
  /// The thread that gives rows to sinks while others are computed.
  let writer: ProfileLane
  // Changed by the control thread only: trees while it plans, the others between jobs.
  private var outputs: [Output] = []
  private var slotCount = 0
  private var batchStart: Int64 = 0
  private var busyAtStart: [Int64] = []
  private var batchCount: Int64 = 0
  let clock: any Clock
  private let published = Mutex(Published())

  private struct Output {
    var name: String
    var node: ProfileNode
    var sink: SinkSlots?
  }

  /// The slots of a sink.
  package struct SinkSlots: Sendable {
    /// Rows become blocks on the threads that made them.
    package var encode: Int
    /// The sink takes rows or blocks.
    package var write: Int
    /// The sink makes a batch durable.
    package var commit: Int
  }

  /// What other threads may see.
  private struct Published {
    var lanes: [[ProfileCounters]] = []
    var batches: Int64 = 0
  }

  /// Counters for so many worker threads.
  package init(workers count: Int, clock: any Clock = SystemClock()) {
    self.clock = clock
    workers = (0..<count).map { _ in ProfileLane(clock: clock) }
    readers = (0..<count).map { _ in ProfileLane(clock: clock) }
    writer = ProfileLane(clock: clock)
    for _ in ProfilePhase.allCases { _ = addSlot() }
  }

  private var lanes: [ProfileLane] { workers + readers + [writer] }

  // MARK: Planning

  func addSlot() -> Int {
    for lane in lanes { lane.addSlot() }
    slotCount += 1
    return slotCount - 1
  }

  func setStateSlot(_ stateSlot: Int, of slot: Int) {
    for lane in workers { lane.setStateSlot(stateSlot, of: slot) }
  }

  /// A tree whose rows go to a sink.
  func addSink(_ name: String, _ mode: OutputMode) -> PlanProfile {
    let node = ProfileNode("Sink \(name), \(mode.rawValue)")
    let steps = SinkSlots(encode: addSlot(), write: addSlot(), commit: addSlot())
    node.add(.encode, slot: steps.encode, givesRows: false)
    node.add(.write, slot: steps.write, givesRows: true)
    node.add(.commit, slot: steps.commit, givesRows: false)
    outputs.append(Output(name: name, node: node, sink: steps))
    return PlanProfile(self, below: node, output: name)
  }

  /// A tree whose rows are the result itself.
  func addResult(_ name: String) -> PlanProfile {
    let node = ProfileNode("Result")
    node.visibility = .never
    outputs.append(Output(name: name, node: node, sink: nil))
    return PlanProfile(self, below: node, output: name)
  }

  /// Says what the sinks are that the trees end in. Before the query runs.
  package func describeSinks(_ descriptions: [String]) {
    for (node, description) in zip(outputs.filter { $0.sink != nil }.map(\.node), descriptions) {
      node.detail += " to \(description)"
    }
  }

  // MARK: Running

  /// The lane of the query's own thread.
  package var control: ProfileLane { workers[0] }

  /// The slots of the sink of the output at `index`; those of a phase where the query was not planned with sinks.
  package func sinkSlots(_ index: Int) -> SinkSlots {
    let sinks = outputs.compactMap(\.sink)
    let other = ProfilePhase.other.slot
    return index < sinks.count ? sinks[index] : SinkSlots(encode: other, write: other, commit: other)
  }

  /// Runs `body` on the query's own thread as a phase of the query.
  package func charging<Result>(_ phase: ProfilePhase, _ body: () throws -> Result) rethrows -> Result {
    try control.charging(phase.slot, body)
  }

  /// Counts what was written to a sink.
  package func count(sink index: Int, storedBytes: Int64, plainBytes: Int64) {
    control.count(sinkSlots(index).write, storedBytes: storedBytes, plainBytes: plainBytes)
  }

  /// A micro-batch begins.
  package func beginBatch() {
    batchStart = clock.monotonicNanoseconds()
    busyAtStart = workers.map(\.nanoseconds)
  }

  /// The micro-batch is done. What other threads than the control thread did not work of its time, they waited.
  package func endBatch() {
    let time = clock.monotonicNanoseconds() - batchStart
    for (lane, before) in zip(workers, busyAtStart).dropFirst() {
      let busy = lane.nanoseconds - before
      lane.charge(ProfilePhase.waitForWorkers.slot, nanoseconds: max(time - busy, 0))
    }
    batchCount += 1
    publish()
  }

  /// Lets other threads see what was counted so far. Between jobs only.
  package func publish() {
    let lanes = lanes.map(\.snapshot)
    let batches = batchCount
    published.withLock { $0 = Published(lanes: lanes, batches: batches) }
  }

  // MARK: The result

  /// What was counted up to the end of the last micro-batch.
  public func profile(name: String) -> QueryProfile {
    let seen = published.withLock { $0 }
    let reader = ProfileReader(lanes: seen.lanes)
    return QueryProfile(
      name: name, wallNanoseconds: reader.lanes.first?.reduce(0) { $0 + $1.nanoseconds } ?? 0, batches: seen.batches,
      threads: reader.threads(workers: workers.count),
      outputs: outputs.compactMap { output in
        reader.operators(output.node).first.map { QueryProfile.Output(name: output.name, root: $0) }
      },
      phases: ProfilePhase.allCases.compactMap { phase in
        let threads = reader.threads(of: phase.slot)
        return threads.isEmpty ? nil : PhaseProfile(phase: phase, threads: threads)
      })
  }
}

/// Puts a tree and the counters of all threads together.
private struct ProfileReader {
  let lanes: [[ProfileCounters]]

  /// The threads that did something in a slot.
  func threads(of slot: Int) -> [ThreadProfile] {
    lanes.enumerated().compactMap { number, counters in
      slot >= counters.count || counters[slot].isZero ? nil : ThreadProfile(thread: number, counters: counters[slot])
    }
  }

  private func total(_ slot: Int) -> ProfileCounters {
    threads(of: slot).reduce(into: ProfileCounters()) { $0 += $1.counters }
  }

  /// The node as an operator; its inputs in its place where it has none.
  func operators(_ node: ProfileNode) -> [OperatorProfile] {
    let inputs = node.inputs.flatMap { operators($0) }
    let steps = node.steps.compactMap { step, slot -> StepProfile? in
      let threads = threads(of: slot)
      return threads.isEmpty ? nil : StepProfile(step: step, threads: threads)
    }
    switch node.visibility {
    case .always: break
    case .whenUsed: if steps.isEmpty { return inputs }
    case .never: return inputs
    }
    let inputRows = inputs.reduce(0) { $0 + $1.rowsOut }
    let output = (node.original?.node.outputSlot ?? node.outputSlot).map { total($0) }
    return [
      OperatorProfile(
        name: node.name, detail: node.detail, rowsIn: inputRows, rowsOut: output?.rowsOut ?? inputRows,
        batches: output?.batches ?? 0, steps: steps, inputs: inputs, sharedWith: node.original?.output)
    ]
  }

  /// All threads that did something.
  func threads(workers: Int) -> [QueryProfile.Thread] {
    lanes.indices.compactMap { number in
      let isReader = number >= workers
      if isReader && lanes[number].allSatisfy(\.isZero) { return nil }
      return QueryProfile.Thread(number: number, role: isReader ? .reader : number == 0 ? .control : .worker)
    }
  }
}
