import MillraceColumnar
public import MillraceExpressions

/// Which columns of a plan carry event time, with the watermark's delay in microseconds.
public struct EventTimes: Sendable {
  /// Delay by attribute id.
  public var delays: [Int: Int64]

  /// Whether an expression is an event time, or a window over one.
  public func contains(_ expression: Expression) -> Bool { delay(of: expression) != nil }

  /// The delay of the watermark that an expression's event time has.
  public func delay(of expression: Expression) -> Int64? {
    switch expression {
    case .attribute(let attribute): return delays[attribute.id]
    case .call(let function, let arguments):
      guard let first = arguments.first else { return nil }
      switch function.name {
      case TimeWindow.structName, SessionWindow.structName, "window_start": return delay(of: first)
      case "window_time":
        // The end of a window less a microsecond.
        if case .call(let field, let base) = first, field.name == "get_struct_field" {
          return base.first.flatMap { delay(of: $0) }
        }
        return delay(of: first)
      default: return nil
      }
    default: return nil
    }
  }
}

extension LogicalPlan {
  /// By how many microseconds rows that come out can be behind the watermark: joins of streams hold rows back.
  public var watermarkDelay: Int64 {
    let below = children.map(\.watermarkDelay).max() ?? 0
    guard case .join(let join) = self, join.left.isStreaming, join.right.isStreaming else { return below }
    return below + StreamJoinBounds(join).delay
  }

  /// Which output columns carry event time.
  public var eventTimes: EventTimes {
    var result = EventTimes(delays: children.reduce(into: [:]) { $0.merge($1.eventTimes.delays) { first, _ in first } })
    switch self {
    case .watermark(let column, let settings, _): result.delays[column.id] = settings.delay
    case .project(let columns, _):
      for column in columns {
        result.delays[column.attribute.id] = result.delay(of: column.expression) ?? result.delays[column.attribute.id]
      }
    case .aggregate(let node):
      for key in node.grouping {
        result.delays[key.attribute.id] = result.delay(of: key.expression) ?? result.delays[key.attribute.id]
      }
    case .generate(let node):
      if node.generator.name == "window", let time = node.generator.arguments.first, let delay = result.delay(of: time)
      {
        for column in node.output { result.delays[column.id] = delay }
      }
    case .union(let inputs, let output):
      // The first input decides, as in Spark.
      guard let first = inputs.first else { break }
      for (column, source) in zip(output, first.output) { result.delays[column.id] = result.delays[source.id] }
    case .transform(let node):
      if let column = node.eventTimeColumn { result.delays[column.id] = result.delays.values.max() }
    default: break
    }
    let kept = Set(output.map(\.id))
    result.delays = result.delays.filter { kept.contains($0.key) }
    return result
  }
}
