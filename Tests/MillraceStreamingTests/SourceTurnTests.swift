import MillraceCore
import Testing

@testable import MillraceStreaming

/// Which source is read when, across restarts.
@Suite struct SourceTurnTests {
  /// Follows like a log: it wants to know of the archive before it starts.
  final class Log: Source, ArchiveFollower, @unchecked Sendable {
    let numbers: FakeSource
    var calls: [String] = []
    init(_ numbers: FakeSource) { self.numbers = numbers }
    var description: String { "log" }
    func leaveOut(_ files: [ArchivedFile]) { calls.append("leaveOut \(files.count)") }
    func start(after offset: Offset?) throws { calls.append("start \(offset?.json.text ?? "nil")") }
    func freeze() throws { calls.append("freeze") }
    func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
      try numbers.plan(after: offset, limit: limit)
    }
    func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
      try numbers.offset(after: offset, plan: plan, results: results)
    }
  }

  let archive = FakeSource(total: 10, perBatch: 5)
  let log = Log(FakeSource(total: 3, perBatch: 5))
  let limit = ReadLimit()

  /// Plans and reads one batch of a source; false if it has none.
  func batch(_ turn: SourceTurn, _ offset: inout Offset?) throws -> Bool {
    guard let plan = try turn.plan(after: offset, limit: limit) else { return false }
    offset = try turn.offset(after: offset, plan: plan, results: [])
    return true
  }

  func turns() -> (archive: SourceTurn, log: SourceTurn) {
    let turns = (SourceTurn(archive), SourceTurn(log))
    turns.1.start(after: turns.0)
    return turns
  }

  @Test func oneAfterTheOther() throws {
    let (first, second) = turns()
    var offsets: (Offset?, Offset?) = (nil, nil)
    for turn in [first, second] { try turn.start(after: nil) }
    try second.freeze()
    #expect(log.calls == [])
    for _ in 0..<2 {
      #expect(try !batch(second, &offsets.1))
      #expect(try batch(first, &offsets.0))
    }
    // The log is asked first in this round, and has its turn all the same.
    #expect(try batch(second, &offsets.1))
    #expect(log.calls == ["leaveOut 0", "start nil", "freeze"])
    archive.add(5)
    #expect(try !batch(first, &offsets.0), "the archive is over")
    #expect(try !batch(second, &offsets.1))
  }

  @Test func aRestartGoesOnWhereItWas() throws {
    for (offset, calls) in [(Offset?.none, [String]()), (Offset(.int(3)), ["start 3"])] {
      let (first, second) = turns()
      log.calls = []
      try second.start(after: offset)
      try first.start(after: Offset(.int(5)))
      var position: Offset? = Offset(.int(5))
      #expect(try batch(first, &position) == (offset == nil))
      #expect(log.calls == calls)
    }
  }

  /// A plan of the log was made and not committed: it is read again, and the archive stays over.
  @Test func aPendingPlanIsRead() throws {
    let (first, second) = turns()
    try first.start(after: Offset(.int(10)))
    try second.start(after: nil)
    let plan = SourcePlan(splits: [SourceSplit(name: "numbers", payload: .array([.int(0), .int(3)]))])
    _ = try second.offset(after: nil, plan: plan, results: [])
    #expect(log.calls == ["leaveOut 0", "start nil"])
    archive.add(5)
    #expect(try first.plan(after: Offset(.int(10)), limit: limit) == nil)
  }

  @Test func chains() throws {
    let last = Log(FakeSource(total: 2, perBatch: 5))
    let (first, second) = turns()
    let third = SourceTurn(last)
    third.start(after: second)
    for turn in [third, second, first] { try turn.start(after: nil) }
    var offsets: [Offset?] = [nil, nil, nil]
    var order: [Int] = []
    while order.count < 10 {
      let before = order.count
      for (index, turn) in [third, second, first].enumerated() where try batch(turn, &offsets[index]) {
        order.append(2 - index)
      }
      if order.count == before { break }
    }
    #expect(order == [0, 0, 1, 2])
  }
}
