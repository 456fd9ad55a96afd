import MillraceCore
import MillraceExecution
import Testing

@testable import MillraceStreaming

@Suite struct ContinuousMachineTests {
  static let plan = SourcePlan(splits: [])
  static let commit = CommitRecord(
    batchID: 4, offsets: [Offset(.int(10))], tokens: [.null], deltas: [], watermark: 2_000_000, watermarks: [3_000_000],
    nextWatermark: 3_000_000, inputRows: 1, outputRows: [1])

  /// Epochs end at multiples of 1000.
  static func machine(_ recovered: RecoveredQuery = RecoveredQuery(), wantsNoData: Bool = false) -> ContinuousMachine {
    let position = QueryPosition(sourceCount: 1, watermark: WatermarkTracker(delays: [0]), querySeed: 7) { _, _ in
      wantsNoData
    }
    var machine = ContinuousMachine(interval: 1000, limit: ReadLimit(), position: position)
    machine.restore(recovered)
    return machine
  }

  /// A piece that ends at `offset` and has seen `second`.
  static func executed(_ offset: Int64, second: Int64 = 0, rows: Int64 = 1) -> EngineEvent {
    let times = EventTimeStatistics(minimum: 0, maximum: second * 1_000_000, sum: 0, count: 1)
    return .executed(
      ExecutedBatch(
        offsets: [Offset(.int(offset))],
        output: BatchOutput(
          splitResults: [[]], eventTimes: [times], stateOperators: [], outputRows: [rows, 1], bytesRead: 0),
        inputRows: rows))
  }

  /// Feeds events and gives the actions as words.
  static func run(_ machine: inout ContinuousMachine, _ events: [(EngineEvent, Int64)]) -> [String] {
    events.map { word(machine.handle($0.0, now: $0.1)) }
  }

  static func word(_ action: EngineAction) -> String {
    switch action {
    case .poll(let offsets, _): "poll \(offsets[0]?.json.text ?? "-")"
    case .execute(let plan): "execute \(plan.batchID) \(plan.lateWatermark / 1_000_000) \(plan.watermark / 1_000_000)"
    case .emit(let plan, _, _): "emit \(plan.batchID)"
    case .flush(let id): "flush \(id)"
    case .commitSinks(let id): "sinks \(id)"
    case .saveState(let version): "state \(version)"
    case .logCommit(let commit, let next):
      "commit \(commit.batchID) to \(commit.offsets[0]?.json.text ?? "-") in \(commit.inputRows) out \(commit.outputRows)"
        + (next == nil ? "" : " and a plan")
    case .publish(let commit): "publish \(commit.batchID)"
    case .wait(let time, let forInput): "wait \(time.map { "\($0)" } ?? "-") \(forInput)"
    case .logPlan: "a plan"
    case .seal: "seal"
    case .end: "end"
    }
  }

  /// Pieces go out one by one; the epoch is committed at the multiple of the interval, without a plan.
  @Test func epochsAreCommittedBehindThePieces() {
    var machine = Self.machine()
    let words = Self.run(
      &machine,
      [
        (.started, 100), (.polled([nil]), 110), (.woken, 200), (.polled([Self.plan]), 300), (Self.executed(3), 310),
        (.flushed, 320), (.polled([Self.plan]), 330), (Self.executed(5, rows: 2), 340), (.flushed, 350),
        (.polled([nil]), 360), (.woken, 999), (.polled([nil]), 999), (.woken, 1000), (.sinksCommitted([.null]), 1001),
        (.stateSaved([]), 1002), (.commitLogged, 1003), (.published, 1004), (.polled([nil]), 1005),
      ])
    #expect(
      words == [
        "poll -", "wait - true", "poll -", "execute 0 0 0", "flush 0", "poll 3", "execute 0 0 0", "flush 0", "poll 5",
        "wait 1000 true", "poll 5", "wait 1000 true", "sinks 0", "state 1", "commit 0 to 5 in 3 out [3, 2]",
        "publish 0", "poll 5", "wait - true",
      ])
  }

  /// Under load there is no wait: a piece that ends after the epoch's end ends the epoch.
  @Test func aBusyEpochEndsAfterAPiece() {
    var machine = Self.machine()
    let words = Self.run(
      &machine,
      [
        (.started, 900), (.polled([Self.plan]), 990), (Self.executed(1), 995), (.flushed, 999),
        (.polled([Self.plan]), 999), (Self.executed(2), 1500), (.flushed, 1501),
      ])
    #expect(words.suffix(3) == ["execute 0 0 0", "flush 0", "sinks 0"])
  }

  /// The watermark that a piece makes is in force in the next, and a piece without input follows where that has work.
  @Test func watermarksMoveByPiece() {
    var machine = Self.machine(wantsNoData: true)
    let words = Self.run(
      &machine,
      [
        (.started, 0), (.polled([Self.plan]), 1), (Self.executed(1, second: 5), 2), (.flushed, 3), (.polled([nil]), 4),
        (Self.executed(1, second: 5), 5), (.flushed, 6), (.polled([nil]), 7),
      ])
    #expect(
      words == [
        "poll -", "execute 0 0 0", "flush 0", "poll 1", "execute 0 0 5", "flush 0", "poll 1", "wait 1000 true",
      ])
  }

  @Test func piecesHaveRandomNumbersOfTheirOwn() {
    var machine = Self.machine()
    var seeds: Set<UInt64> = []
    _ = machine.handle(.started, now: 0)
    for piece in 0..<20 {
      guard case .execute(let plan) = machine.handle(.polled([Self.plan]), now: 1) else { return }
      seeds.insert(plan.seed)
      _ = machine.handle(Self.executed(Int64(piece)), now: 2)
      _ = machine.handle(.flushed, now: 3)
    }
    #expect(seeds.count == 20)
  }

  /// A stop commits what went out, and only seals when nothing did.
  @Test func stopCommits() {
    var machine = Self.machine()
    _ = Self.run(&machine, [(.started, 0), (.polled([Self.plan]), 1), (Self.executed(1), 2)])
    machine.isStopRequested = true
    let words = Self.run(
      &machine,
      [
        (.flushed, 3), (.sinksCommitted([.null]), 4), (.stateSaved([]), 5), (.commitLogged, 6), (.published, 7),
        (.sealed, 8),
      ])
    #expect(words == ["sinks 0", "state 1", "commit 0 to 1 in 1 out [1, 1]", "publish 0", "seal", "end"])
    var idle = Self.machine()
    _ = Self.run(&idle, [(.started, 0), (.polled([nil]), 1)])
    idle.isStopRequested = true
    #expect(Self.run(&idle, [(.woken, 2), (.sealed, 3)]) == ["seal", "end"])
  }

  @Test func goesOnAfterTheLastEpoch() {
    var machine = Self.machine(RecoveredQuery(commit: Self.commit))
    let words = Self.run(&machine, [(.started, 0), (.polled([Self.plan]), 1)])
    #expect(words == ["poll 10", "execute 5 2 3"])
  }

  /// A batch that was planned before the trigger changed is an epoch of its own.
  @Test func aPendingPlanIsAnEpochOfItsOwn() {
    let pending = PlanRecord(
      batchID: 5, plans: [Self.plan], watermark: 3_000_000, lateWatermark: 2_000_000, timestamp: 0, seed: 1)
    var machine = Self.machine(RecoveredQuery(commit: Self.commit, pendingPlan: pending, isSinkAhead: true))
    let words = Self.run(&machine, [(.started, 0), (Self.executed(12), 1), (.flushed, 2)])
    #expect(words == ["execute 5 2 3", "flush 5", "sinks 5"])
  }

  /// An epoch that only a sink has is closed under its number without input.
  @Test func anEpochThatOnlyASinkHasIsClosed() {
    var machine = Self.machine(RecoveredQuery(commit: Self.commit, isSinkAhead: true))
    let words = Self.run(
      &machine,
      [
        (.started, 0), (.sinksCommitted([.null]), 1), (.stateSaved([]), 2), (.commitLogged, 3), (.published, 4),
        (.polled([Self.plan]), 5),
      ])
    #expect(
      words == ["sinks 5", "state 6", "commit 5 to 10 in 0 out []", "publish 5", "poll 10", "execute 6 2 3"])
  }
}
