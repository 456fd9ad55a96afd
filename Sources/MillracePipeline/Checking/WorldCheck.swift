package import MillraceCore

/// One thing that was looked at before a pipeline runs.
package struct WorldCheck: Sendable {
  package var pipeline: String
  /// For instance `sink per-minute`.
  package var end: String
  /// What was looked at, without a verdict.
  package var summary: String
  package var verdict: Verdict
  package var place: Place

  /// How it stands.
  package enum Verdict: Sendable {
    case ok
    case failed(MillraceError)
    /// The connector has nothing to look at, or cannot tell.
    case skipped
  }

  /// Looks at everything that a planned pipeline needs of the world.
  package static func run(_ plan: PipelinePlan) throws -> [WorldCheck] {
    let needs = try plan.needs()
    var checks = needs.map { need in
      WorldCheck(
        pipeline: need.pipeline, end: need.end, summary: need.need.summary, verdict: verdict(need.need),
        place: need.place)
    }
    let ends =
      plan.definition.sources.map { ("source \($0.name)", $0.end) }
      + plan.definition.tables.map { ("table \($0.name)", $0.end) }
      + plan.definition.sinks.map { ("sink \($0.name)", $0.end) }
    for (end, entry) in ends where !needs.contains(where: { $0.end == end }) {
      checks.append(
        WorldCheck(
          pipeline: plan.definition.name, end: end, summary: "\(entry.format) has nothing to look at",
          verdict: .skipped,
          place: entry.place))
    }
    return checks
  }

  private static func verdict(_ need: ResourceNeed) -> Verdict {
    do {
      try need.check()
      return .ok
    } catch let error as MillraceError {
      return .failed(error)
    } catch {
      return .failed(MillraceError("PIPELINE_FAILED", "\(error)", fault: .external))
    }
  }
}
