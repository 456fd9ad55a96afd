extension StreamingRules {
  /// Throws if Spark's continuous processing does not take the plan: it takes rows one by one and keeps nothing of them.
  public func checkContinuous(_ plan: LogicalPlan) throws {
    guard compatibility == .spark else { return }
    try plan.forEach { node in
      guard let name = node.continuousObstacle, node.isStreaming else { return }
      throw unsupported(
        "CONTINUOUS", "continuous processing does not support \(name) operations",
        hint: "use a processing-time trigger, or leave the setting 'compatibility' at millrace")
    }
  }
}

extension LogicalPlan {
  /// Spark's name of an operation that is no map over rows.
  fileprivate var continuousObstacle: String? {
    switch self {
    case .aggregate: "Aggregate"
    case .join: "Join"
    case .sort: "Sort"
    case .limit: "Limit"
    case .union: "Union"
    case .setOperation: "set"
    case .window: "Window"
    case .deduplicate: "Deduplicate"
    case .transform: "TransformWithState"
    case .watermark: "EventTimeWatermark"
    case .observe: "CollectMetrics"
    case .relation, .project, .filter, .generate, .alias: nil
    }
  }
}
