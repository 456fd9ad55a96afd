import MillraceColumnar
import MillraceExpressions
import MillracePlan
import Testing

/// Bounds of windows over event time: starts, ends, and which windows an instant lies in.
@Suite struct TimeWindowTests {
  private static let second: Int64 = 1_000_000

  /// Duration, slide, offset and instant in seconds, and the start of the last window that holds it.
  @Test(
    arguments: [
      (60, 60, 0, 0, 0), (60, 60, 0, 59, 0), (60, 60, 0, 60, 60), (60, 60, 0, -1, -60), (60, 60, 0, -60, -60),
      (60, 60, 15, 0, -45), (60, 60, 15, 15, 15), (60, 60, -15, 0, -15), (60, 60, -15, 44, -15), (60, 60, -15, 45, 45),
      (60, 10, 0, 25, 20), (60, 10, 5, 24, 15), (60, 25, 0, 60, 50),
    ] as [(Int64, Int64, Int64, Int64, Int64)])
  func lastStart(duration: Int64, slide: Int64, offset: Int64, instant: Int64, start: Int64) throws {
    let window = try TimeWindow(
      duration: duration * Self.second, slide: slide * Self.second, offset: offset * Self.second)
    #expect(window.lastStart(instant * Self.second) == start * Self.second)
  }

  /// Against the definition, for instants around windows whose slide does and does not divide the duration.
  @Test(
    arguments: [(10, 10, 0), (10, 5, 0), (10, 3, 0), (10, 4, 2), (10, 7, -3), (3, 1, 0), (10, 9, 8)]
      as [(Int64, Int64, Int64)])
  func everyWindowThatHoldsAnInstant(duration: Int64, slide: Int64, offset: Int64) throws {
    let window = try TimeWindow(duration: duration, slide: slide, offset: offset)
    let instants = Array(Int64(-25)...25)
    let times = ColumnVector.of(instants.map { .integer($0) } + [.null], type: .timestamp)
    let made = try window.generator(.attribute(Attribute("ts", .timestamp))).kernel(
      [times], times.count, .init(isOuter: false))
    for (row, instant) in instants.enumerated() {
      let starts = (instant - duration...instant).filter { start in
        (start - offset) % slide == 0 && start <= instant && instant < start + duration
      }
      let own = (0..<made.parents.count).filter { made.parents.rows[$0] == Int32(row) }
      let bounds = own.map { made.columns[0].value($0) }
      #expect(
        bounds == starts.reversed().map { .structure([.integer($0), .integer($0 + duration)]) },
        "instant \(instant)")
      #expect(own.count <= window.windowsPerRow)
    }
    #expect(
      !(0..<made.parents.count).contains { made.parents.rows[$0] == Int32(instants.count) }, "NULL is in no window")
  }

  @Test func tumblingWindowIsSlidingByItsLength() throws {
    #expect(try TimeWindow(duration: 10, slide: 10, offset: 0).isTumbling)
    #expect(try !TimeWindow(duration: 10, slide: 5, offset: 0).isTumbling)
    #expect(try TimeWindow(duration: 10, slide: 10, offset: 3).windowsPerRow == 1)
    #expect(try TimeWindow(duration: 10, slide: 3, offset: 0).windowsPerRow == 4)
  }

  @Test(
    arguments: [
      (0, 1, 0, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"), (-5, 1, 0, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"),
      (5, 0, 0, "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE"), (5, 6, 0, "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"),
      (5, 5, 5, "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"),
      (5, 5, -5, "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"),
      (5, 5, .min, "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"),
      // As many windows as this for each row fill any memory.
      (86_400_000_000, 1, 0, "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"),
      (.max, 1, 0, "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION"),
    ] as [(Int64, Int64, Int64, String)])
  func refuses(duration: Int64, slide: Int64, offset: Int64, code: String) {
    let error = PlanSupport.objection { _ = try TimeWindow(duration: duration, slide: slide, offset: offset) }
    #expect(error?.code == code)
  }

  /// The longest windows there are must be countable.
  @Test func longestWindow() throws {
    #expect(try TimeWindow(duration: .max, slide: .max - 1, offset: 0).windowsPerRow == 2)
  }
}

/// When rows of joined streams can be forgotten, as the condition of the join says.
@Suite struct StreamJoinBoundsTests {
  private static func bounds(_ condition: String, of tables: String = "s JOIN r") throws -> StreamJoinBounds {
    let plan = try PlanSupport.plan("SELECT 1 FROM \(tables) ON \(condition)", rules: [])
    var found: StreamJoinBounds?
    plan.forEach { if case .join(let join) = $0, found == nil { found = StreamJoinBounds(join) } }
    return try #require(found)
  }

  /// Offsets of the left and right side in milliseconds; nil: rows of that side are kept for ever. A comparison that takes equal
  /// times keeps a row for a millisecond more.
  @Test(
    arguments: [
      ("s.k = r.k", nil, nil, true), ("s.ts = r.ts", 0, 0, true), ("s.k = r.k AND s.ts <= r.ts", nil, 1, true),
      ("s.k = r.k AND r.ts >= s.ts", nil, 1, true), ("s.k = r.k AND s.ts >= r.ts", 1, nil, true),
      ("s.k = r.k AND r.ts BETWEEN s.ts AND s.ts + INTERVAL 1 HOUR", 3_600_001, 1, true),
      ("s.k = r.k AND r.ts - INTERVAL 10 SECONDS <= s.ts", 10_001, nil, true),
      ("s.k = r.k AND r.ts < s.ts + INTERVAL 1 HOUR AND r.ts < s.ts + INTERVAL 1 MINUTE", 60_000, nil, true),
      ("s.ts < r.ts", nil, 0, false), ("s.k = r.k AND date_trunc('hour', s.ts) >= r.ts", nil, nil, true),
    ] as [(String, Int64?, Int64?, Bool)])
  func readsCondition(condition: String, left: Int64?, right: Int64?, hasEquality: Bool) throws {
    let bounds = try Self.bounds(condition)
    #expect(bounds.left?.offset == left.map { $0 * 1000 }, "left of \(condition)")
    #expect(bounds.right?.offset == right.map { $0 * 1000 }, "right of \(condition)")
    #expect(bounds.hasEquality == hasEquality)
  }

  /// Where times are equal, the watermark of one side lets rows of both go.
  @Test func oneWatermarkBoundsEqualTimes() throws {
    let bounds = try Self.bounds("s.k = plain.k AND s.ts = plain.ts", of: "s JOIN plain")
    #expect(bounds.leftEviction?.offset == 0)
    #expect(bounds.rightEviction?.offset == 0)
  }

  /// By a range of times they would leave by the watermark of the other side, but only where theirs has one too.
  @Test func sideWithoutWatermarkKeepsItsRows() throws {
    let bounds = try Self.bounds("s.k = plain.k AND s.ts <= plain.ts", of: "s JOIN plain")
    #expect(bounds.left == nil)
    #expect(bounds.right?.offset == 1000)
    #expect(bounds.rightEviction == nil)
  }

  @Test func rowsComeOutAsLateAsTheyAreHeld() throws {
    #expect(try Self.bounds("s.k = r.k AND r.ts BETWEEN s.ts AND s.ts + INTERVAL 1 HOUR").delay == 3_600_001_000)
  }
}
