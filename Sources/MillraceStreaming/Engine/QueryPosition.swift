import MillraceCore
import MillraceExecution

/// Where a query stands between two steps: what was read, the watermark, and the number of the next batch or epoch.
struct QueryPosition {
  private(set) var watermark: WatermarkTracker
  private(set) var offsets: [Offset?]
  private(set) var nextBatchID: Int64 = 0
  /// In force in what was computed last.
  private(set) var lastWatermark: Int64 = 0
  /// What waited for more input came out, and none came since.
  private(set) var isClosed = false
  private let querySeed: UInt64
  /// Whether a batch without input has work to do when the watermark moves.
  private let wantsNoDataBatch: (_ old: Int64, _ new: Int64) -> Bool
  /// When a batch without input has work to do by the clock; nil: never.
  private let nextTimer: () -> Int64?
  /// When input that is there already may be planned, although no source has given any now; nil: none is held back.
  let nextInput: () -> Int64?

  init(
    sourceCount: Int, watermark: WatermarkTracker, querySeed: UInt64,
    wantsNoDataBatch: @escaping (Int64, Int64) -> Bool,
    nextTimer: @escaping () -> Int64? = { nil }, nextInput: @escaping () -> Int64? = { nil }
  ) {
    self.nextTimer = nextTimer
    self.nextInput = nextInput
    self.watermark = watermark
    self.querySeed = querySeed
    self.wantsNoDataBatch = wantsNoDataBatch
    offsets = Array(repeating: nil, count: sourceCount)
  }

  /// Goes on after a commit.
  mutating func restore(_ commit: CommitRecord) {
    offsets = commit.offsets
    nextBatchID = commit.batchID + 1
    lastWatermark = commit.watermark
    isClosed = commit.isClosed
    watermark.restore(values: commit.watermarks, current: commit.nextWatermark)
  }

  /// What to compute next: input if there is any, else nothing but the watermark's move or timers if they give work. Nil: nothing.
  /// `piece` counts what was computed since the last commit, so that each has random numbers of its own.
  mutating func plan(
    _ plans: [SourcePlan?], now: Int64, piece: Int = 0, allowsNoData: Bool = true, allowsTimers: Bool = true
  ) -> PlanRecord? {
    let current = watermark.value(at: now)
    let hasInput = plans.contains { $0 != nil }
    if !hasInput {
      let isMoved = allowsNoData && current > lastWatermark && wantsNoDataBatch(lastWatermark, current)
      if !isMoved && !(allowsTimers && nextTimer().map { $0 <= now / 1000 * 1000 } ?? false) { return nil }
    }
    return record(plans, current, now: now, piece: piece)
  }

  /// The batch in which what waits for more input comes out. Nil: nothing waits, or it did already.
  mutating func closingPlan(now: Int64) -> PlanRecord? {
    guard !isClosed, wantsNoDataBatch(lastWatermark, .max) else { return nil }
    var plan = record(offsets.map { _ in nil }, watermark.value(at: now), now: now, piece: 0)
    plan.isClosing = true
    return plan
  }

  private func record(_ plans: [SourcePlan?], _ watermark: Int64, now: Int64, piece: Int) -> PlanRecord {
    var seed = querySeed &+ UInt64(bitPattern: nextBatchID) &* 0x9E37_79B9_7F4A_7C15
    seed = (seed ^ seed >> 30) &* 0xBF58_476D_1CE4_E5B9 &+ UInt64(piece) &* 0x94D0_49BB_1331_11EB
    return PlanRecord(
      batchID: nextBatchID, plans: plans, watermark: watermark, lateWatermark: lastWatermark,
      timestamp: now / 1000 * 1000, seed: seed ^ seed >> 31)
  }

  /// `plan` was computed.
  mutating func advance(_ plan: PlanRecord, _ executed: ExecutedBatch) {
    watermark.observe(executed.output.eventTimes, at: plan.timestamp)
    watermark.raise(to: plan.watermark)
    isClosed = plan.isClosing || isClosed && !plan.hasInput
    offsets = executed.offsets
    lastWatermark = plan.watermark
  }

  /// Everything since the last commit is one batch or epoch: gives its record and goes on with the next number.
  mutating func commit(tokens: [JSON], deltas: [StateDeltaRecord], inputRows: Int64, outputRows: [Int64])
    -> CommitRecord
  {
    defer { nextBatchID += 1 }
    var commit = CommitRecord(
      batchID: nextBatchID, offsets: offsets, tokens: tokens, deltas: deltas, watermark: lastWatermark,
      watermarks: watermark.values, nextWatermark: watermark.current, inputRows: inputRows, outputRows: outputRows)
    commit.isClosed = isClosed
    return commit
  }
}
