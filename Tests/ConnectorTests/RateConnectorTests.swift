import MillraceCore
import RateConnector
import Testing

struct RateConnectorTests {
  static let start: Int64 = 1_700_000_000_000_000

  func source(_ options: [String: String], _ clock: TestClock) throws -> any RowSource {
    try RateConnector().source(options, environment: Environment(files: PosixFileSystem(), clock: clock)).rowSource
  }

  static func values(_ rows: [[Value]]) -> [Int64] {
    rows.map { if case .integer(let number) = $0[1] { number } else { -1 } }
  }

  static func times(_ rows: [[Value]]) -> [Int64] {
    rows.map { row in if case .integer(let micros) = row[0] { (micros - start) / 1000 } else { -1 } }
  }

  @Test(arguments: [1, 2, 3, 5])
  func rows(parallelism: Int) throws {
    let clock = TestClock(Self.start)
    let source = try source(["rowsPerSecond": "4"], clock)
    #expect(source.schema.ddl == "timestamp TIMESTAMP, value BIGINT")
    try source.start(after: nil)
    clock.advance(999_000)
    #expect(try source.plan(after: nil, limit: ReadLimit()) == nil)
    clock.advance(1_001_000)
    let plan = try #require(try source.plan(after: nil, limit: ReadLimit(parallelism: parallelism)))
    #expect(plan.splits.count == parallelism)
    let rows = try source.rows(of: plan)
    #expect(Self.values(rows) == Array(0..<8))
    #expect(Self.times(rows) == (0..<8).map { $0 * 250 })

    // A restart goes on with the same seconds and reads a pending plan again.
    clock.advance(500_000)
    let restarted = try self.source(["rowsPerSecond": "4"], clock)
    try restarted.start(after: plan.end)
    #expect(try restarted.rows(of: plan) == rows)
    clock.advance(600_000)
    let next = try #require(try restarted.next(after: plan.end))
    #expect(Self.values(next.rows) == Array(8..<12))
    #expect(Self.times(next.rows) == [2000, 2250, 2500, 2750])
  }

  @Test func frozenAndClockBack() throws {
    let clock = TestClock(Self.start)
    let source = try source([:], clock)
    try source.start(after: nil)
    clock.advance(2_000_000)
    try source.freeze()
    clock.advance(2_000_000)
    let batch = try #require(try source.next(after: nil))
    #expect(Self.values(batch.rows) == [0, 1])
    #expect(try source.plan(after: batch.end, limit: ReadLimit()) == nil)
    let second = try self.source([:], clock)
    try second.start(after: batch.end)
    clock.advance(-10_000_000)
    #expect(try second.plan(after: batch.end, limit: ReadLimit()) == nil)
  }

  /// Spark's sums: 10 rows/s reached over 4 seconds are 0, 2, 4 and 6 rows, then 10 each second.
  @Test func rampUp() throws {
    let clock = TestClock(Self.start)
    let source = try source(["rowsPerSecond": "10", "rampUpTime": "4 seconds"], clock)
    try source.start(after: nil)
    var offset: Offset?
    var counts: [Int] = []
    for _ in 1...6 {
      clock.advance(1_000_000)
      let batch = try #require(try source.next(after: offset))
      counts.append(batch.rows.count)
      offset = batch.end
    }
    #expect(counts == [0, 2, 4, 6, 10, 10])
  }

  @Test func microBatches() throws {
    let source = try RateMicroBatchConnector().source(["rowsPerBatch": "3", "startTimestamp": "500"]).rowSource
    try source.start(after: nil)
    let first = try #require(try source.next(after: nil, limit: ReadLimit(parallelism: 2)))
    #expect(first.rows == (0..<3).map { [.integer(500_000), .integer($0)] })
    #expect(first.end.json.text == #"{"offset":3,"timestamp":1500}"#)
    let second = try #require(try source.next(after: first.end))
    #expect(second.rows == (3..<6).map { [.integer(1_500_000), .integer($0)] })
    try source.freeze()
    #expect(try source.next(after: second.end)?.rows.count == 3)
    #expect(try source.plan(after: second.end, limit: ReadLimit()) == nil)
  }

  @Test(arguments: [
    (["rowsPerSecond": "0"], "OPTION_OUT_OF_RANGE"), (["rowsPerSecond": "fast"], "OPTION_WRONG_TYPE"),
    (["rampUpTime": "soon"], "OPTION_WRONG_TYPE"), (["rowPerSecond": "1"], "OPTION_UNKNOWN"),
    (["rowsPerSecond": "1099511627776"], "RATE_OVERFLOW"),
  ])
  func errors(options: [String: String], expected: String) {
    let clock = TestClock(0)
    #expect(
      code {
        let source = try source(options, clock)
        try source.start(after: nil)
        clock.advance(.max / 2)
        _ = try source.plan(after: nil, limit: ReadLimit())
      } == expected)
    #expect(code { _ = try RateMicroBatchConnector().source([:]) } == "OPTION_MISSING")
  }
}
