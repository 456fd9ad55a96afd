import MillraceCore
import MillraceExecution
import Synchronization

/// What somebody wants to see of the rows of a run.
struct TapRequest: Sendable, Equatable {
  /// Patterns of `pipeline.component`, or of a component in any pipeline; none: everything.
  var patterns: [String]
  /// Most rows of each component in an interval.
  var limit: Int
  /// Microseconds.
  var interval: Int64

  /// The components of a pipeline that are meant.
  func chosen(_ components: [TapComponent], of pipeline: String) -> [TapComponent] {
    if patterns.isEmpty { return components }
    return components.filter { component in
      patterns.contains { pattern in
        Glob.matches(pattern, component.name) || Glob.matches(pattern, "\(pipeline).\(component.name)")
      }
    }
  }
}

/// Rows on their way to one who looks at them. What waits is bounded: rows that find no room are left out and counted.
final class TapSession: TapWatcher {
  /// Bytes of lines that wait.
  private static let room = 1 << 20

  private struct Place: Hashable {
    var query: String
    var component: TapComponent
  }

  /// What a component may still give in its interval.
  private struct Allowance {
    var end: Int64
    var left: Int
  }

  private struct Queue {
    var lines: [UInt8] = []
    var leftOut: Int64 = 0
    var allowances: [Place: Allowance] = [:]
  }

  let request: TapRequest
  private let queue = Mutex(Queue())
  private let clock: any Clock
  private let onLines: @Sendable () -> Void

  /// `onLines` is called when there is something to take again, on any thread.
  init(_ request: TapRequest, clock: any Clock, onLines: @escaping @Sendable () -> Void) {
    self.request = request
    self.clock = clock
    self.onLines = onLines
  }

  func wanted(of component: TapComponent, in query: String, available: Int) -> Int {
    let now = clock.monotonicNanoseconds() / 1000
    return queue.withLock { queue in
      let place = Place(query: query, component: component)
      var allowance = queue.allowances[place] ?? Allowance(end: .min, left: 0)
      if now >= allowance.end { allowance = Allowance(end: now + request.interval, left: request.limit) }
      let count = min(available, allowance.left)
      allowance.left -= count
      queue.allowances[place] = allowance
      return count
    }
  }

  func receive(_ sample: TapSample) {
    var head = #"{"pipeline":"#
    JSON.quote(sample.query, into: &head)
    head += #","component":"#
    JSON.quote(sample.component.name, into: &head)
    head += #","kind":"\#(sample.component.kind.rawValue)","batchId":\#(sample.batchID),"row":"#
    let isFresh = queue.withLock { queue in
      let wasEmpty = queue.lines.isEmpty && queue.leftOut == 0
      for row in sample.rows {
        let line = Terminal.redacted("\(head)\(row)}\n").utf8
        if queue.lines.count + line.count > Self.room {
          queue.leftOut += 1
        } else {
          queue.lines += line
        }
      }
      return wasEmpty
    }
    if isFresh { onLines() }
  }

  /// Takes the lines that wait; then one that says how many rows were left out before, if any were.
  func take() -> [UInt8] {
    queue.withLock { queue in
      defer {
        queue.lines = []
        queue.leftOut = 0
      }
      return queue.lines + (queue.leftOut > 0 ? Array("{\"leftOut\":\(queue.leftOut)}\n".utf8) : [])
    }
  }
}
