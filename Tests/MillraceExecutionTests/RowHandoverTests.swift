import MillraceColumnar
import MillraceCore
import Synchronization
import Testing

@testable import MillraceExecution

/// Rows go to a sink while others are computed, in the order of the splits.
@Suite struct RowHandoverTests {
  /// Notes the first value of each batch; fails at one of them, and when two calls come at a time.
  final class Target: SinkOutput, @unchecked Sendable {
    private let isBusy = Atomic(false)
    private(set) var values: [Int64] = []
    let failsAt: Int64?

    init(failsAt: Int64? = nil) { self.failsAt = failsAt }

    var takesRowsEarly: Bool { true }
    func makeBlockEncoder() throws -> (any BlockEncoder)? { nil }
    func write(_ blocks: [FinishedBlock]) throws {}
    func write(_ batch: RecordBatch) throws {
      #expect(isBusy.exchange(true, ordering: .acquiring) == false)
      defer { isBusy.store(false, ordering: .releasing) }
      let value = batch.columns[0].values(as: Int64.self)[0]
      if value == failsAt { throw MillraceError("TEST", "fails at \(value)") }
      values.append(value)
    }
  }

  final class Turns: Sendable { let next = Atomic(0) }

  static func batch(_ value: Int64, rows: Int) -> RecordBatch {
    let builder = ColumnBuilder(.long)
    for _ in 0..<rows { builder.append(raw: value) }
    return RecordBatch(rowCount: rows, columns: [builder.finish()])
  }

  /// Workers compute splits by turns, with batches small and large; the last split may have no rows.
  @Test(arguments: [1, 2, 3], [1, 700, 9000])
  func keepsTheOrderOfSplits(workers: Int, rows: Int) throws {
    let handover = RowHandover(clock: SystemClock())
    defer { handover.close() }
    let pool = WorkerPool(count: workers)
    defer { pool.close() }
    for _ in 0..<3 {
      let target = Target()
      let line = handover.makeLine(target)
      nonisolated(unsafe) let sameLine = line
      let turns = Turns()
      pool.run(workers: workers) { _ in
        while true {
          let split = turns.next.wrappingAdd(1, ordering: .relaxed).oldValue
          if split >= 9 { break }
          for part in 0..<(split == 8 ? 0 : 20) {
            try? handover.add(Self.batch(Int64(split * 100 + part), rows: rows), of: split, sameLine)
          }
          handover.endSplit(split, sameLine)
        }
      }
      let written = try handover.finish(line)
      #expect(target.values == (0..<8).flatMap { split in (0..<20).map { Int64(split * 100 + $0) } })
      #expect(written.rows == 8 * 20 * rows)
      #expect(written.batches == 8 * 20)
    }
  }

  /// Many rows are with the sink before the last are computed; few cost no change of threads.
  @Test func writesWhileOthersAreComputed() throws {
    let handover = RowHandover(clock: SystemClock())
    defer { handover.close() }
    let early = Target()
    let line = handover.makeLine(early)
    try handover.add(Self.batch(1, rows: 20_000), of: 0, line)
    try handover.drain()
    #expect(early.values == [1])
    try handover.add(Self.batch(2, rows: 10), of: 0, line)
    try handover.drain()
    #expect(early.values == [1])
    #expect(try handover.finish(line).rows == 20_010)
    #expect(early.values == [1, 2])
  }

  /// What the sink throws ends the work; the next batch begins anew.
  @Test func failureEndsTheBatch() throws {
    let handover = RowHandover(clock: SystemClock())
    defer { handover.close() }
    let failing = Target(failsAt: 3)
    let line = handover.makeLine(failing)
    #expect(throws: MillraceError.self) {
      for value in 0..<10 as Range<Int64> { try handover.add(Self.batch(value, rows: 20_000), of: 0, line) }
      try handover.drain()
    }
    #expect(throws: MillraceError.self) { try handover.add(Self.batch(10, rows: 1), of: 0, line) }
    #expect(throws: MillraceError.self) { _ = try handover.finish(line) }
    #expect(failing.values == [0, 1, 2])
    handover.reset()
    let target = Target()
    let next = handover.makeLine(target)
    try handover.add(Self.batch(7, rows: 20_000), of: 0, next)
    #expect(try handover.finish(next).rows == 20_000)
    #expect(target.values == [7])
  }
}
