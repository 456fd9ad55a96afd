import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceStreaming

/// The state of a query's operators as a table; Spark's `statestore`.
struct StateConnector: Connector {
  private let stores: ConnectorRegistry

  init(_ stores: ConnectorRegistry) { self.stores = stores }

  var spec: ConnectorSpec {
    ConnectorSpec(
      name: "statestore",
      summary: "The state of a query's operators, out of its checkpoint, in any version that is kept.",
      kinds: [.source],
      sourceFields: [
        OptionField("path", .path, "The checkpoint.", isRequired: true, example: "out/checkpoints/traffic"),
        OptionField(
          "operatorId", .integer, "Which operator; `state-metadata` lists them.", default: "0", range: 0...10_000),
        OptionField(
          "version", .integer, "The state after batch `version` - 1. Default: the last one.", range: 0...Int64.max),
        OptionField("batchId", .integer, "The same by the batch: the state after it.", range: 0...Int64.max),
        OptionField(
          "joinSide", .choice(["left", "right"]),
          "Of a join between streams: whose rows. Default: those of `operatorId`."),
      ])
  }

  func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .rows(try Self.source(request, stores))
  }
}

/// What state a checkpoint has; Spark's `state-metadata`.
struct StateMetadataConnector: Connector {
  private let stores: ConnectorRegistry

  init(_ stores: ConnectorRegistry) { self.stores = stores }

  var spec: ConnectorSpec {
    ConnectorSpec(
      name: "state-metadata", summary: "The operators of a query that keep state, out of its checkpoint.",
      kinds: [.source],
      sourceFields: [
        OptionField("path", .path, "The checkpoint.", isRequired: true, example: "out/checkpoints/traffic")
      ])
  }

  func makeSource(_ request: SourceRequest) throws -> SourceKind {
    let state = try CheckpointState(request.options.required("path"), environment: request.environment)
    let provider = try StateTable.provider(of: state, stores)
    let ids = Array(Set(state.layouts.map(\.operatorID))).sorted()
    let rows: [[Value]] = try ids.map { id in
      let table = try StateTable(state, operatorID: id)
      let versions = try table.versions(provider)
      return [
        .integer(Int64(id)), .string(table.name), .string(state.stateStore), .integer(Int64(table.stores.count)),
        .integer(versions.lowerBound), .integer(versions.upperBound), .string(table.keys.ddl),
        .string(table.values.ddl),
      ]
    }
    let schema = Schema([
      StructField("operatorId", .long), StructField("operatorName", .string), StructField("stateStoreName", .string),
      StructField("numPartitions", .long), StructField("minVersion", .long), StructField("maxVersion", .long),
      StructField("keys", .string), StructField("values", .string),
    ])
    return .rows(FixedRowsSource("state-metadata", schema, [{ push in try push(.of(rows, schema: schema)) }]))
  }
}
