extension StreamingRules {
  /// The plan with what Spark does otherwise than its own words say, under `compatibility: "spark"`.
  ///
  /// A full outer join of two streams finds partners by their keys in the state, and NULL is a key there like any other: rows with NULL keys
  /// on both sides match. In other kinds a filter keeps NULL keys away from one side at least.
  public func adapted(_ plan: LogicalPlan) -> LogicalPlan {
    guard compatibility == .spark else { return plan }
    return plan.rewritten { node in
      guard case .join(var join) = node, join.kind == .full, join.left.isStreaming, join.right.isStreaming else {
        return nil
      }
      join.matchesNullKeys = true
      return .join(join)
    }
  }
}
