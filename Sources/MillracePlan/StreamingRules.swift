public import MillraceCore
import MillraceExpressions

/// Which streaming queries are refused, and why, before anything runs. The rules and codes are Spark's.
public struct StreamingRules: Sendable {
  /// How far beyond Spark a query may go.
  public enum Compatibility: String, Sendable, CaseIterable {
    /// What Millrace can compute is allowed.
    case millrace
    /// What Spark refuses is refused.
    case spark
  }

  private let mode: OutputMode
  let compatibility: Compatibility

  /// Rules for one output mode.
  public init(_ mode: OutputMode, compatibility: Compatibility = .millrace) {
    self.mode = mode
    self.compatibility = compatibility
  }

  /// Throws if the plan, resolved and not optimized, cannot run as a stream in this output mode. Spark judges what is written, we what
  /// is left to do of it.
  public func check(_ resolved: LogicalPlan) throws {
    let plan = compatibility == .spark ? RemoveAliases.apply(resolved) : try Optimizer.optimize(resolved)
    guard plan.isStreaming else {
      throw MillraceError(
        "WRITE_STREAM_NOT_ALLOWED", "a streaming sink needs a query over a stream, and this one reads none",
        hint: "declare one of its inputs under 'sources'")
    }
    let aggregates = plan.streamingAggregates
    if mode == .append { try checkAppend(plan, aggregates) }
    if mode == .complete && aggregates.isEmpty {
      throw outputMode("complete output mode needs an aggregation", hint: "use append, or group the rows")
    }
    if mode != .append && (aggregates.count > 1 || compatibility == .spark && plan.joinsAggregates) {
      throw unsupported(
        "AGGREGATION_CHAIN", "an aggregation or a join over an aggregation needs append mode",
        hint: "use append with a watermark")
    }
    try plan.forEach { try check(node: $0, aggregates) }
    try checkTransforms(plan)
    try checkOrder(plan)
    // By what a join looks its partners up is known in the end only.
    if compatibility == .spark {
      try Optimizer.optimize(resolved).forEach { node in
        if case .join(let join) = node, join.left.isStreaming, join.right.isStreaming { try checkEquality(join) }
      }
    }
  }

  private func checkAppend(_ plan: LogicalPlan, _ aggregates: [AggregateNode]) throws {
    for node in aggregates {
      let times = node.child.eventTimes
      if node.grouping.contains(where: { times.contains($0.expression) }) { continue }
      throw outputMode(
        "append output mode is not supported for an aggregation without a watermark on one of its keys",
        hint: "add a watermark and group by window(time, …), or use update or complete")
    }
  }

  private func check(node: LogicalPlan, _ aggregates: [AggregateNode]) throws {
    switch node {
    case .join(let join): try check(join)
    case .aggregate(let node)
    where compatibility == .spark && mode == .update && node.child.isStreaming
      && node.grouping.contains { SessionWindow.isSession($0.expression) }:
      throw outputMode(
        "session windows are not supported in update mode", hint: "use append with a watermark, or complete")
    case .aggregate(let node)
    where compatibility == .spark && mode != .update && node.child.isStreaming && node.grouping.count == 1
      && node.grouping.contains { SessionWindow.isSession($0.expression) }:
      throw unsupported(
        "SESSION_WITHOUT_KEY", "a session window without another key is not supported",
        hint: "group by a column, too, for instance one that is always the same")
    case .limit(_, let offset, let child) where child.isStreaming && offset > 0:
      throw unsupported("OFFSET", "OFFSET is not supported on a stream", hint: "use LIMIT alone")
    case .limit(_, _, let child) where child.isStreaming && mode == .update:
      throw unsupported(
        "LIMIT", "LIMIT is not supported on a stream in update mode", hint: "use complete mode above an aggregation")
    case .setOperation(_, _, let left, let right) where left.isStreaming || right.isStreaming:
      throw unsupported(
        "SET_OPERATION", "INTERSECT and EXCEPT are not supported on streams",
        hint: "use a semi or anti join with a static table")
    case .union(let inputs, _):
      if Set(inputs.map(\.isStreaming)).count > 1 {
        throw unsupported(
          "UNION_WITH_TABLE", "a stream and a table cannot be united", hint: "make both streams")
      }
    case .window(let window) where window.child.isStreaming:
      throw MillraceError(
        "NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING", "window functions with OVER are not supported on a stream",
        hint: "group by window(time, duration) instead")
    case .deduplicate(let node)
    where node.isWithinWatermark && node.child.isStreaming && node.child.eventTimes.delays.isEmpty:
      throw unsupported(
        "DEDUPLICATION_WITHOUT_WATERMARK", "dropDuplicatesWithinWatermark needs a watermark",
        hint: "declare one on the source")
    case .watermark where compatibility == .spark && node.redefinesWatermark:
      throw unsupported(
        "REDEFINED_WATERMARK", "a watermark is declared over a stream that has one already",
        hint: "declare it once, or over an aggregation")
    case .aggregate(let node)
    where node.child.isStreaming && compatibility == .spark && node.aggregates.contains(where: \.isDistinct):
      throw unsupported(
        "DISTINCT_AGGREGATE", "distinct aggregates are not supported on a stream", hint: "use approx_count_distinct")
    case .transform(let node) where node.child.isStreaming: try check(node)
    default: break
    }
  }

  private func check(_ node: TransformNode) throws {
    if node.timeMode == .eventTime && node.child.eventTimes.delays.isEmpty {
      throw unsupported(
        "TRANSFORM_WITHOUT_WATERMARK", "transformWithState in event-time mode needs a watermark",
        hint: "declare one with withWatermark before groupBy"
      )
    }
    if node.eventTimeColumn != nil && node.timeMode != .eventTime {
      throw unsupported(
        "TRANSFORM_TIME_MODE", "an event-time column of transformWithState needs the time mode eventTime",
        hint: "give timeMode: .eventTime")
    }
    if node.outputMode == .update && mode != .update || node.outputMode == .append && mode == .update {
      throw outputMode(
        "the output mode of transformWithState is \(node.outputMode.rawValue), that of the query \(mode.rawValue)",
        hint: "give both the same")
    }
    if node.outputMode == .complete {
      throw outputMode("transformWithState has no complete output mode", hint: "use append or update")
    }
  }

  /// Rows of an operator in update mode can change again, which a stateful operator beside it does not expect.
  private func checkTransforms(_ plan: LogicalPlan) throws {
    guard mode == .update else { return }
    var transforms = 0
    var others = 0
    plan.forEach { node in
      switch node {
      case .transform(let node) where node.child.isStreaming: transforms += 1
      case .aggregate(let node) where node.child.isStreaming: others += 1
      case .deduplicate(let node) where node.child.isStreaming: others += 1
      case .join(let join) where join.left.isStreaming && join.right.isStreaming: others += 1
      default: break
      }
    }
    if transforms > 0 && transforms + others > 1 {
      throw unsupported(
        "TRANSFORM_CHAIN", "transformWithState in update mode cannot stand beside other stateful operators",
        hint: "use append for both the query and transformWithState")
    }
  }

  private func check(_ join: JoinNode) throws {
    switch (join.left.isStreaming, join.right.isStreaming) {
    case (false, false): return
    case (true, true):
      try checkStreams(join)
    case (true, false):
      if [.inner, .cross, .left, .leftSemi, .leftAnti, .nullAwareAnti].contains(join.kind) { return }
      throw unsupported(
        "JOIN_WITH_TABLE", "a \(join.kind.rawValue) join with the stream on the left is not supported",
        hint: "put the stream on the outer side")
    case (false, true):
      if [.inner, .cross, .right].contains(join.kind) { return }
      throw unsupported(
        "JOIN_WITH_TABLE", "a \(join.kind.rawValue) join with the stream on the right is not supported",
        hint: "put the stream on the outer side")
    }
  }

  private func checkStreams(_ join: JoinNode) throws {
    let bounds = StreamJoinBounds(join)
    if compatibility != .spark { try checkEquality(join) }
    // Whether a cross join is one is known in the end, too.
    let kind = compatibility == .spark && join.kind == .cross ? .inner : join.kind
    let isBounded: Bool
    switch kind {
    case .inner:
      if compatibility != .spark || mode != .complete { return }
      throw unsupported(
        "JOIN_OUTPUT_MODE", "a join of two streams needs append or update mode", hint: "use outputMode append")
    case .leftAnti where compatibility == .spark:
      throw unsupported(
        "ANTI_JOIN", "a left anti join of two streams is not supported",
        hint: "use a left join and keep rows without a partner")
    case .left, .leftSemi, .leftAnti: isBounded = bounds.left != nil
    case .right: isBounded = bounds.right != nil
    case .full: isBounded = bounds.left != nil || bounds.right != nil
    case .nullAwareAnti, .cross:
      throw unsupported(
        "JOIN_KIND", "a \(join.kind.rawValue) join of two streams is not supported",
        hint: "use an inner, outer, left semi or left anti join")
    }
    if mode != .append && !(join.kind == .leftSemi && mode == .update) {
      throw unsupported(
        "JOIN_OUTPUT_MODE", "a \(join.kind.rawValue) join of two streams needs append mode",
        hint: "use outputMode append")
    }
    if !isBounded {
      throw unsupported(
        "JOIN_WITHOUT_BOUNDS",
        "a \(join.kind.rawValue) join of two streams must know when a row finds no partner any more",
        hint: "declare watermarks on both sides and bound their times against each other in ON")
    }
  }

  private func checkEquality(_ join: JoinNode) throws {
    if StreamJoinBounds(join).hasEquality { return }
    throw unsupported(
      "JOIN_WITHOUT_EQUALITY", "a join of two streams needs columns that must be equal", hint: "add an equality to ON")
  }

  /// ORDER BY is for complete mode, above an aggregation.
  private func checkOrder(_ plan: LogicalPlan) throws {
    try plan.forEach { node in
      guard case .sort(_, let child) = node, child.isStreaming else { return }
      if mode == .complete && !child.streamingAggregates.isEmpty { return }
      throw unsupported(
        "SORT",
        "sorting is not supported on a stream unless it is over an aggregated result in complete mode",
        hint: "use outputMode complete")
    }
  }

  private func outputMode(_ what: String, hint: String) -> MillraceError {
    MillraceError("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION", what, hint: hint)
  }

  /// Spark has one nameless code for all of these.
  func unsupported(_ name: String, _ what: String, hint: String) -> MillraceError {
    MillraceError("UNSUPPORTED_STREAMING_OPERATION.\(name)", what, hint: hint)
  }
}

extension LogicalPlan {
  /// Whether a watermark is declared here or below.
  public var hasWatermark: Bool {
    if case .watermark = self { return true }
    return children.contains(where: \.hasWatermark)
  }

  /// Whether this is a watermark over another one with no aggregation in between.
  fileprivate var redefinesWatermark: Bool {
    func hasOwn(_ plan: LogicalPlan) -> Bool {
      switch plan {
      case .aggregate: false
      case .watermark: true
      default: plan.children.contains(where: hasOwn)
      }
    }
    return children.contains(where: hasOwn)
  }

  /// Whether a join of streams works on the groups of an aggregation.
  fileprivate var joinsAggregates: Bool {
    if case .join(let join) = self, join.left.isStreaming, join.right.isStreaming,
      !join.left.streamingAggregates.isEmpty || !join.right.streamingAggregates.isEmpty
    {
      return true
    }
    return children.contains(where: \.joinsAggregates)
  }

  /// Aggregations over streams, outermost first.
  public var streamingAggregates: [AggregateNode] {
    var found: [AggregateNode] = []
    forEach { if case .aggregate(let node) = $0, node.child.isStreaming { found.append(node) } }
    return found
  }
}
