import MillraceCore
import Synchronization

/// Rows by the clock. The offset is the time of creation and the seconds since: `{"version":1,"start":<ms>,"seconds":3}`; rows
/// depend on nothing else.
final class RateSource: RowSource {
  let schema = RateRows.schema
  private let speed: RateSpeed
  private let partitions: Int?
  private let clock: any Clock
  private let state = Mutex(State())

  private struct State {
    /// Milliseconds since the epoch.
    var created: Int64 = 0
    var frozenSeconds: Int64?
  }

  init(_ speed: RateSpeed, partitions: Int?, clock: any Clock) {
    self.speed = speed
    self.partitions = partitions
    self.clock = clock
  }

  var description: String { "rate[\(speed.rowsPerSecond) rows/s]" }

  func start(after offset: Offset?) throws {
    let known = try offset.map { try RateSource.parts($0) }
    state.withLock { $0.created = known?.created ?? clock.now() / 1000 }
  }

  func freeze() throws {
    let seconds = elapsed()
    state.withLock { $0.frozenSeconds = seconds }
  }

  /// Whole seconds since the creation; a clock that went back gives none.
  private func elapsed() -> Int64 { max((clock.now() / 1000 - state.withLock { $0.created }) / 1000, 0) }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    let state = self.state.withLock { $0 }
    let from = try offset.map { try RateSource.parts($0).seconds } ?? 0
    let to = state.frozenSeconds ?? elapsed()
    if to <= from { return nil }
    guard let first = speed.rows(after: from), let end = speed.rows(after: to) else {
      throw MillraceError(
        "RATE_OVERFLOW", "\(speed.rowsPerSecond) rows per second are more than can be counted after \(to) seconds",
        hint: "lower 'rowsPerSecond'")
    }
    let begin = state.created + from * 1000
    let splits = RateRows.splits(first..<end, parts: partitions ?? limit.parallelism).map { part in
      SourceSplit(
        name: "rate",
        payload: .dictionary([
          "first": .int(first), "from": .int(part.lowerBound), "to": .int(part.upperBound), "begin": .int(begin),
          "perRow": .double(Double((to - from) * 1000) / Double(max(end - first, 1))),
        ]))
    }
    return SourcePlan(splits: splits, end: RateSource.offset(created: state.created, seconds: to))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    if let end = plan.end { return end }
    throw MillraceError("SOURCE_OFFSET", "a batch of the rate source came without its end", fault: .bug)
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    let first = split.payload["first"]?.int ?? 0
    let begin = split.payload["begin"]?.int ?? 0
    var perRow = split.payload["perRow"]?.int.map { Double($0) } ?? 0
    if case .double(let number)? = split.payload["perRow"] { perRow = number }
    let step = perRow
    return try RateRows(split, columns: columns) { value in
      (begin + Int64((Double(value - first) * step).rounded())) * 1000
    }
  }

  private static func offset(created: Int64, seconds: Int64) -> Offset {
    Offset(.dictionary(["version": .int(1), "start": .int(created), "seconds": .int(seconds)]))
  }

  private static func parts(_ offset: Offset) throws -> (created: Int64, seconds: Int64) {
    guard let created = offset.json["start"]?.int, let seconds = offset.json["seconds"]?.int else {
      throw MillraceError("SOURCE_OFFSET", "'\(offset.json.text)' is no offset of a rate source")
    }
    return (created, seconds)
  }
}
