import MillraceColumnar
import MillraceCore
import Synchronization
import Testing

@testable import MillraceExecution

/// What is counted while a query runs: time once and only once, rows where they pass.
@Suite struct QueryProfileTests {
  /// Each look at this clock takes a nanosecond.
  private final class TickingClock: Clock {
    private let time = Atomic<Int64>(1000)
    func now() -> Int64 { 0 }
    func monotonicNanoseconds() -> Int64 { time.wrappingAdd(1, ordering: .relaxed).newValue }
    func sleep(microseconds: Int64) {}
  }

  @Test func timeIsChargedOnce() {
    let profiler = QueryProfiler(workers: 1, clock: TickingClock())
    let (outer, inner) = (profiler.addSlot(), profiler.addSlot())
    let lane = profiler.control
    lane.charging(outer) {
      lane.charging(inner) { lane.count(inner, rowsIn: 5, rowsOut: 3) }
      lane.charging(outer) {}
    }
    #expect(lane.slot == ProfilePhase.other.slot)
    // From the start: into outer, into inner, back, into outer again, back, out.
    #expect(lane.snapshot[ProfilePhase.other.slot].nanoseconds == 1)
    #expect(lane.snapshot[inner].nanoseconds == 1)
    #expect(lane.snapshot[outer].nanoseconds == 4)
    #expect(lane.nanoseconds == 6)
    #expect(lane.snapshot[inner].rowsIn == 5 && lane.snapshot[inner].rowsOut == 3)
    // Nothing is charged between two runs.
    lane.charging(outer) {}
    #expect(lane.nanoseconds == 8)
  }

  @Test func stateIsChargedToTheOperatorThatAsks() {
    let profiler = QueryProfiler(workers: 1, clock: TickingClock())
    let (merge, state) = (profiler.addSlot(), profiler.addSlot())
    profiler.setStateSlot(state, of: merge)
    profiler.control.charging(merge) { ProfileLane.usingState {} }
    #expect(profiler.control.snapshot[state].nanoseconds == 1)
    #expect(profiler.control.snapshot[merge].nanoseconds == 2)
    // Where nobody measures, nothing happens.
    #expect(ProfileLane.usingState { ProfileLane.current == nil })
  }

  /// Workers count for what the control thread did when it gave out the job, and wait for the rest of the batch.
  @Test func workersTakePart() throws {
    let pool = WorkerPool(count: 3)
    defer { pool.close() }
    let slot = pool.profiler.addSlot()
    try pool.profiler.charging(.other) {
      pool.profiler.beginBatch()
      try pool.profiler.control.charging(slot) { _ = try pool.map(30, isParallel: true) { $0 } }
    }
    pool.profiler.endBatch()
    let lanes = pool.profiler.workers.map(\.snapshot)
    #expect(lanes.allSatisfy { $0[slot].nanoseconds > 0 })
    #expect(lanes.allSatisfy { $0[ProfilePhase.waitForWorkers.slot].nanoseconds > 0 })
    #expect(pool.profiler.profile(name: "p").batches == 1)
  }

  /// Name and rows of each operator, inputs in parentheses behind.
  private static func shape(_ node: OperatorProfile) -> String {
    let inputs = node.inputs.map { shape($0) }.joined(separator: ", ")
    return "\(node.name) \(node.rowsOut)" + (inputs.isEmpty ? "" : " (\(inputs))")
  }

  /// The tables stand for `Union 4 (LocalRows 4)` and `Union 2 (LocalRows 2)`: a part for each batch, of which there is one.
  @Test(arguments: [
    ("SELECT a FROM t", "T"),
    ("SELECT a + 1 FROM t WHERE a > 1", "Project 3 (Union 3 (Filter 3 (LocalRows 4)))"),
    ("SELECT a FROM t ORDER BY a LIMIT 2", "Limit 2 (Sort 2 (T))"),
    ("SELECT a, count(*) FROM t GROUP BY a", "Project 3 (Aggregate 3 (T))"),
    // Sorting cuts batches where they are made; they count whole all the same.
    ("SELECT a, count(*) AS n FROM t GROUP BY a ORDER BY n LIMIT 1", "Limit 1 (Sort 1 (Project 3 (Aggregate 3 (T))))"),
    ("SELECT DISTINCT a FROM t", "Aggregate 3 (T)"),
    ("SELECT t.a FROM t JOIN u ON t.a = u.b", "Project 2 (Join 2 (T, U))"),
    ("SELECT t.a FROM u RIGHT JOIN t ON t.a = u.b", "Project 4 (Project 4 (Join 4 (T, U)))"),
    ("SELECT a, b FROM t FULL JOIN u ON a = b", "Join 5 (T, U)"),
    ("SELECT a FROM t EXCEPT SELECT b FROM u", "except 2 (T, U)"),
    ("SELECT a FROM t UNION ALL SELECT b FROM u", "Union 6 (T, U)"),
    ("SELECT a, sum(a) OVER () AS s FROM t", "Project 4 (Window 4 (T))"),
    ("SELECT id FROM range(10) LIMIT 3", "Limit 3 (Range 10)"),
  ])
  func operatorsAndRows(sql: String, shape: String) throws {
    var tables = SmallTables(batchesOf: 100)
    tables.add("t", [("a", .integer)], [1, 2, 2, 3].map { [.of(Int64($0))] })
    tables.add("u", [("b", .integer)], [2, 9].map { [.of(Int64($0))] })
    let profile = try tables.profile(sql)
    #expect(profile.outputs.map(\.name) == ["query"])
    let found = profile.outputs.map { Self.shape($0.root) }.joined()
    let short = found.split(separator: "Union 4 (LocalRows 4)", omittingEmptySubsequences: false).joined(separator: "T")
      .split(separator: "Union 2 (LocalRows 2)", omittingEmptySubsequences: false).joined(separator: "U")
    #expect(short == shape)
    #expect(profile.batches == 1)
  }

  @Test func subqueriesHaveTreesOfTheirOwn() throws {
    var tables = SmallTables(batchesOf: 2)
    tables.add("t", [("a", .integer)], [1, 2, 3].map { [.of(Int64($0))] })
    let profile = try tables.profile("SELECT a FROM t WHERE a > (SELECT avg(a) FROM t)")
    #expect(profile.outputs.map { $0.name.prefix(8) } == ["subquery", "query"])
    #expect(profile.outputs.map(\.root.rowsOut) == [1, 1])
  }
}
