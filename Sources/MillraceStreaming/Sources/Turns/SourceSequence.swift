import MillraceCore
public import MillraceExecution

/// Arranges sources of a query so that some start after others; `startAfter` in a pipeline.
public enum SourceSequence {
  /// The bindings with those sources that have an order wrapped; `startAfter` names, by relation, the sources that come before.
  /// Names that the query does not read are passed over.
  public static func arrange(_ bindings: [Int: ScanBinding], startAfter: [Int: [String]]) -> [Int: ScanBinding] {
    let names = Set(startAfter.values.joined())
    let involved = bindings.filter {
      $0.value.isStreaming && (startAfter[$0.key] != nil || names.contains($0.value.name))
    }
    let turns = involved.mapValues { SourceTurn($0.input.source) }
    for (id, turn) in turns {
      for name in startAfter[id] ?? [] {
        for (other, binding) in involved where binding.name == name && other != id {
          if let before = turns[other] { turn.start(after: before) }
        }
      }
    }
    var result = bindings
    for (id, turn) in turns {
      guard let binding = bindings[id] else { continue }
      let input: ScanBinding.Input
      switch binding.input {
      case .bytes(let source as any ByteSource & WakingSource, let decoding):
        input = .bytes(WakingTurnSource(turn, source), decoding)
      case .bytes(let source, let decoding): input = .bytes(TurnByteSource(turn, source), decoding)
      case .rows(let source): input = .rows(TurnRowSource(turn, source))
      }
      result[id]?.input = input
    }
    return result
  }
}

/// What the engine sees of a source that has its turn.
private class TurnSource: ReportsSourceMetrics, NotifyingSource, @unchecked Sendable {
  let turn: SourceTurn

  init(_ turn: SourceTurn) { self.turn = turn }

  final var description: String { turn.source.description }
  final func start(after offset: Offset?) throws { try turn.start(after: offset) }
  final func freeze() throws { try turn.freeze() }
  final func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    try turn.plan(after: offset, limit: limit)
  }
  final func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    try turn.offset(after: offset, plan: plan, results: results)
  }
  final func commit(_ offset: Offset) throws { try turn.commit(offset) }
  final func backlog(after offset: Offset?) -> Int64? { turn.backlog(after: offset) }
  final func close() { turn.source.close() }
  final var nextDue: Int64? { (turn.source as? any PacedSource)?.nextDue }
  final func metrics() -> [(name: String, value: String)] {
    (turn.source as? any ReportsSourceMetrics)?.metrics() ?? []
  }
  final func onNotice(_ notify: @escaping @Sendable (String) -> Void) {
    (turn.source as? any NotifyingSource)?.onNotice(notify)
  }
}

private final class TurnByteSource: TurnSource, ByteSource, PacedSource, @unchecked Sendable {
  private let source: any ByteSource

  init(_ turn: SourceTurn, _ source: any ByteSource) {
    self.source = source
    super.init(turn)
  }

  func open(_ split: SourceSplit) throws -> any ByteReader {
    try turn.begin()
    return try source.open(split)
  }
}

private final class WakingTurnSource: TurnSource, WakingSource, ByteSource, @unchecked Sendable {
  private let source: any ByteSource & WakingSource

  init(_ turn: SourceTurn, _ source: any ByteSource & WakingSource) {
    self.source = source
    super.init(turn)
  }

  func onData(_ wake: @escaping @Sendable () -> Void) { source.onData(wake) }
  var isWatching: Bool { source.isWatching }

  func open(_ split: SourceSplit) throws -> any ByteReader {
    try turn.begin()
    return try source.open(split)
  }
}

private final class TurnRowSource: TurnSource, RowSource, @unchecked Sendable {
  private let source: any RowSource

  init(_ turn: SourceTurn, _ source: any RowSource) {
    self.source = source
    super.init(turn)
  }

  var schema: Schema { source.schema }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    try turn.begin()
    return try source.open(split, columns: columns)
  }
}
