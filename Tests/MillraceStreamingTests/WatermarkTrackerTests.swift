import MillraceExecution
import MillracePlan
import Testing

@testable import MillraceStreaming

/// Watermarks of several streams, of which some fall silent. Seconds are microseconds here.
struct WatermarkTrackerTests {
  private static func seen(_ maximum: Int64?) -> EventTimeStatistics? {
    maximum.map { EventTimeStatistics(minimum: 0, maximum: $0 * 1_000_000, sum: 0, count: 1) }
  }

  private static func tracker(_ timeouts: Int64?..., policy: WatermarkPolicy = .min) -> WatermarkTracker {
    WatermarkTracker(timeouts.map { WatermarkSettings(delay: 0, idleTimeout: $0) }, policy: policy)
  }

  @Test func aSilentStreamHoldsTheWatermarkUntilItsTimeout() {
    var tracker = Self.tracker(nil, 10)
    #expect(tracker.value(at: 100) == 0)
    tracker.observe([Self.seen(50), Self.seen(20)], at: 100)
    #expect(tracker.current == 20_000_000)
    tracker.observe([Self.seen(60), nil], at: 105)
    #expect(tracker.value(at: 109) == 20_000_000)
    #expect(tracker.value(at: 110) == 60_000_000)
  }

  @Test func aStreamWithoutTimeoutHoldsItForEver() {
    var tracker = Self.tracker(nil, nil)
    tracker.observe([Self.seen(50), nil], at: 0)
    #expect(tracker.value(at: 1 << 60) == 0)
  }

  @Test func aStreamThatNeverCameIsSilentFromTheStart() {
    var tracker = Self.tracker(nil, 10)
    #expect(tracker.value(at: 1000) == 0)
    tracker.observe([Self.seen(50), nil], at: 1005)
    #expect(tracker.value(at: 1009) == 0)
    #expect(tracker.value(at: 1010) == 50_000_000)
  }

  /// A batch that is run again has the clock of its first run, which may be long ago.
  @Test func aRestartGivesEachStreamItsTimeAnew() {
    var tracker = Self.tracker(nil, 10)
    tracker.restore(values: [50_000_000, 20_000_000], current: 20_000_000)
    tracker.observe([Self.seen(60), nil], at: 3)
    #expect(tracker.value(at: 500) == 20_000_000)
    #expect(tracker.value(at: 509) == 20_000_000)
    #expect(tracker.value(at: 510) == 60_000_000)
  }

  @Test func silentStreamsDoNotMoveIt() {
    var tracker = Self.tracker(10, 10)
    tracker.observe([Self.seen(50), Self.seen(20)], at: 100)
    #expect(tracker.value(at: 200) == 20_000_000)
    #expect(tracker.value(at: 1 << 50) == 20_000_000)
  }

  @Test func itStaysWhenASilentStreamComesBack() {
    var tracker = Self.tracker(nil, 10)
    #expect(tracker.value(at: 90) == 0)
    tracker.observe([Self.seen(50), Self.seen(20)], at: 100)
    tracker.observe([Self.seen(60), nil], at: 110)
    let inForce = tracker.value(at: 110)
    #expect(inForce == 60_000_000)
    tracker.observe([nil, Self.seen(30)], at: 110)
    tracker.raise(to: inForce)
    #expect(tracker.value(at: 111) == 60_000_000)
    tracker.observe([Self.seen(90), Self.seen(70)], at: 112)
    #expect(tracker.value(at: 112) == 70_000_000)
  }
}
