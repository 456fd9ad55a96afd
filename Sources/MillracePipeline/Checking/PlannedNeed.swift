import Millrace
package import MillraceCore
import MillracePlan
import MillraceStreaming

/// What one end of a pipeline needs of the world.
package struct PlannedNeed: Sendable {
  package var pipeline: String
  /// For instance `sink per-minute`.
  package var end: String
  package var place: Place
  package var need: ResourceNeed
}

extension PipelinePlan {
  /// What its sources, tables, sinks and checkpoint need. Nothing is looked at yet.
  package func needs() throws -> [PlannedNeed] {
    let inputs = definition.sources.map { ("source", $0) } + definition.tables.map { ("table", $0) }
    var found = try inputs.flatMap { kind, entry in
      try needs(of: "\(kind) \(entry.name)", entry.end) { connector, options in
        try connector.needs(
          ofSource: SourceRequest(
            name: entry.name, options: options, schema: entry.schema, environment: session.environment))
      }
    }
    found += try zip(definition.sinks, sinks).flatMap { entry, sink in
      try needs(of: "sink \(entry.name)", entry.end, isSink: true) { connector, options in
        try connector.needs(
          ofSink: SinkRequest(
            name: entry.name, options: options, schema: sink.query.plan.schema, outputMode: sink.outputMode,
            environment: session.environment))
      }
    }
    for (side, name, schema) in [
      (definition.deadLetter, DeadLetter.sinkName, DeadLetter.schema),
      (definition.lateRows, LateRow.sinkName, LateRow.schema),
    ] {
      guard let side else { continue }
      found += try needs(of: name, side.end, isSink: true) { connector, options in
        try connector.needs(
          ofSink: SinkRequest(
            name: name, options: options, schema: schema, outputMode: .append, environment: session.environment))
      }
    }
    if let need = checkpointNeed { found.append(need) }
    return found
  }

  /// Names of what no other pipeline may hold while this one runs.
  package func claims() throws -> Set<String> { Set(try needs().compactMap(\.need.claim)) }

  private func needs(
    of end: String, _ entry: EndEntry, isSink: Bool = false,
    _ ask: (any CheckableConnector, Options) throws -> [ResourceNeed]
  ) throws -> [PlannedNeed] {
    let connector = try session.connectors.connector(entry.format)
    guard let checkable = connector as? any CheckableConnector else { return [] }
    // An entry can hold settings of the format that its connector is named after.
    let fields = isSink ? connector.spec.sinkFields : connector.spec.sourceFields
    let own = entry.values.filter { value in fields.contains { $0.name.lowercased() == value.key.lowercased() } }
    return try ask(checkable, try Options(own, fields: fields, of: "the \(end)")).map {
      PlannedNeed(pipeline: definition.name, end: end, place: entry.place, need: $0)
    }
  }

  private var checkpointNeed: PlannedNeed? {
    guard let location = definition.checkpointLocation else { return nil }
    let files = session.environment.files
    let need = ResourceNeed(
      "checkpoint '\(location.text)' fits and can be written",
      claim: "checkpoint '\(ResourceNeed.normalized(location.text))'"
    ) {
      try ResourceNeed.writableFolder(location.text, in: files).check()
      try session.checkCheckpoint(sinks, options)
    }
    return PlannedNeed(pipeline: definition.name, end: "checkpoint", place: location.place, need: need)
  }
}

/// Refuses pipelines that would take from each other what only one can have.
package enum ResourceClaims {
  /// One complaint for each end that claims what an earlier one has.
  package static func conflicts(_ plans: [PipelinePlan], file: String) throws -> [Diagnostic] {
    var holders: [String: PlannedNeed] = [:]
    var found: [Diagnostic] = []
    for need in try plans.flatMap({ try $0.needs() }) {
      guard let claim = need.need.claim else { continue }
      guard let holder = holders[claim] else {
        holders[claim] = need
        continue
      }
      let holderFile = holder.place.file.isEmpty ? file : holder.place.file
      found.append(
        Diagnostic(
          "PIPELINE_RESOURCE_TAKEN", "\(claim) belongs to the \(holder.end) of pipeline '\(holder.pipeline)'",
          hint:
            "\(holderFile):\(holder.place.line):\(holder.place.column) has it: choose another, or run one of the two with --pipeline",
          file: need.place.file.isEmpty ? file : need.place.file, place: need.place))
    }
    return found
  }
}
