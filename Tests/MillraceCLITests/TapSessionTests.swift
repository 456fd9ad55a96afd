import MillraceCore
import MillraceExecution
import Synchronization
import Testing

@testable import MillraceCLI

/// A clock that stands still until it is set.
private final class SetClock: Clock {
  private let time = Atomic<Int64>(0)
  func set(_ microseconds: Int64) { time.store(microseconds * 1000, ordering: .relaxed) }
  func now() -> Int64 { time.load(ordering: .relaxed) / 1000 }
  func monotonicNanoseconds() -> Int64 { time.load(ordering: .relaxed) }
  func sleep(microseconds: Int64) {}
}

struct TapSessionTests {
  private let clock = SetClock()
  private let source = TapComponent(.source, "requests")
  private let sink = TapComponent(.sink, "per-minute")

  private func session(_ patterns: [String] = [], limit: Int = 3, calls: Counter = Counter()) -> TapSession {
    TapSession(TapRequest(patterns: patterns, limit: limit, interval: 1_000_000), clock: clock) { calls.add() }
  }

  private final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    func add() { value.wrappingAdd(1, ordering: .relaxed) }
    var count: Int { value.load(ordering: .relaxed) }
  }

  private func lines(_ session: TapSession) -> [String] {
    String(decoding: session.take(), as: UTF8.self).split(separator: "\n").map { String($0) }
  }

  @Test func eachComponentHasItsShareOfAnInterval() {
    let session = session()
    #expect(session.wanted(of: source, in: "traffic", available: 2) == 2)
    #expect(session.wanted(of: source, in: "traffic", available: 1000) == 1)
    #expect(session.wanted(of: source, in: "traffic", available: 1000) == 0)
    #expect(session.wanted(of: sink, in: "traffic", available: 1) == 1, "a busy source leaves the sink its rows")
    #expect(session.wanted(of: source, in: "other", available: 9) == 3)
    clock.set(999_999)
    #expect(session.wanted(of: source, in: "traffic", available: 9) == 0)
    clock.set(1_000_000)
    #expect(session.wanted(of: source, in: "traffic", available: 9) == 3)
  }

  @Test func rowsBecomeLinesAndWakeOnce() {
    let calls = Counter()
    let session = session(calls: calls)
    session.receive(sample([#"{"a":1}"#, #"{"a":2}"#]))
    session.receive(sample([#"{"a":3}"#]))
    #expect(calls.count == 1)
    #expect(
      lines(session)
        == [1, 2, 3].map {
          #"{"pipeline":"traffic \"x\"","component":"requests","kind":"source","batchId":7,"row":{"a":\#($0)}}"#
        })
    #expect(lines(session) == [])
    session.receive(sample(["{}"]))
    #expect(calls.count == 2)
  }

  @Test func whatFindsNoRoomIsLeftOutAndCounted() {
    let session = session()
    let large = "{\"text\":\"\(String(repeating: "x", count: 300_000))\"}"
    for _ in 0..<5 { session.receive(sample([large])) }
    let taken = lines(session)
    #expect(taken.count == 4)
    #expect(taken.last == #"{"leftOut":2}"#)
    session.receive(sample([large]))
    #expect(lines(session).count == 1, "there is room again")
  }

  private func sample(_ rows: [String]) -> TapSample {
    TapSample(query: "traffic \"x\"", component: source, batchID: 7, rows: rows)
  }

  @Test(arguments: [
    ([], ["requests", "per-minute"]), (["requests"], ["requests"]), (["traffic.*"], ["requests", "per-minute"]),
    (["*minute"], ["per-minute"]), (["other.*"], []), (["traffic.req*", "nothing"], ["requests"]),
    (["request?"], ["requests"]),
  ])
  func patternsChoose(_ patterns: [String], _ names: [String]) {
    let request = TapRequest(patterns: patterns, limit: 1, interval: 1)
    #expect(request.chosen([source, sink], of: "traffic").map(\.name) == names)
  }

  @Test func aRestartedPipelineIsLookedAtAsBefore() throws {
    let hub = TapHub()
    _ = hub.begin("traffic", sources: ["requests"], sinks: ["per-minute"])
    #expect(throws: MillraceError.self) { try hub.open(session(["nowhere"])) }
    let watching = session(["requests"])
    #expect(try hub.open(watching) == ["traffic.requests"])
    let next = hub.begin("traffic", sources: ["requests"], sinks: ["others"])
    #expect(next.isWatched(source))
    hub.close(watching)
    #expect(!next.isWatched(source))
  }

  @Test func anUnknownNameIsAnsweredByTheNearest() {
    let hub = TapHub()
    _ = hub.begin("traffic", sources: ["requests"], sinks: ["per-minute"])
    let error = #expect(throws: MillraceError.self) { try hub.open(session(["request"])) }
    #expect(error?.code == "COMPONENT_NOT_FOUND")
    #expect(error?.hint == "did you mean 'requests'?")
    let other = #expect(throws: MillraceError.self) { try hub.open(session(["zzzzzzzzzzz"])) }
    #expect(other?.hint == "there are traffic.requests, traffic.per-minute")
  }

  @Test func requestsGoThereAndBack() throws {
    let tap = ControlRequest.tap(TapRequest(patterns: ["a", "b.*"], limit: 5, interval: 1000))
    #expect(try ControlRequest(tap.json.text) == tap)
    #expect(try ControlRequest(ControlRequest.status.json.text) == .status)
    for line in ["", "7", "{}", #"{"ask":"else"}"#, #"{"ask":"tap","components":[],"limit":0,"interval":1}"#] {
      #expect(throws: MillraceError.self, "\(line)") { try ControlRequest(line) }
    }
    let error = MillraceError("CODE", "what", hint: "do")
    #expect(MillraceError(controlJSON: error.controlJSON)?.description == error.description)
  }
}
