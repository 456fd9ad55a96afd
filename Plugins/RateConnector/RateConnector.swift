public import MillraceCore

/// Spark's `rate` source: numbered rows at a steady speed, for load and examples.
public struct RateConnector: Connector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "rate", summary: "Makes numbered rows at a steady speed.", kinds: [.source],
      sourceFields: [
        OptionField("rowsPerSecond", .integer, "Rows per second.", default: "1", range: 1...1 << 40),
        OptionField(
          "rampUpTime", .duration, "How long the speed grows to its full value, in whole seconds.",
          default: "0 seconds",
          range: 0...1 << 50, example: "5 seconds"),
        OptionField("numPartitions", .integer, "Parts of a batch. Default: the number of workers.", range: 1...1024),
      ])
  }

  /// Makes a source.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    let speed = RateSpeed(
      rowsPerSecond: try request.options.int("rowsPerSecond") ?? 1,
      rampUpSeconds: (try request.options.duration("rampUpTime") ?? 0) / 1_000_000)
    let partitions = try request.options.int("numPartitions").map { Int($0) }
    return .rows(RateSource(speed, partitions: partitions, clock: request.environment.clock))
  }
}

/// Spark's `rate-micro-batch` source: the same number of rows in each batch, whatever the clock says.
public struct RateMicroBatchConnector: Connector {
  /// Makes the connector.
  public init() {}

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "rate-micro-batch", summary: "Makes the same number of rows in each batch.", kinds: [.source],
      sourceFields: [
        OptionField("rowsPerBatch", .integer, "Rows per batch.", isRequired: true, range: 1...1 << 40, example: "1000"),
        OptionField(
          "startTimestamp", .integer, "Milliseconds since 1970 that the rows of the first batch carry.", default: "0",
          range: 0...1 << 50),
        OptionField(
          "advanceMillisPerBatch", .integer, "Milliseconds from one batch's timestamp to the next one's.",
          default: "1000",
          range: 0...1 << 50),
        OptionField("numPartitions", .integer, "Parts of a batch. Default: the number of workers.", range: 1...1024),
      ])
  }

  /// Makes a source.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    .rows(
      RateMicroBatchSource(
        rowsPerBatch: try request.options.int("rowsPerBatch") ?? 1,
        startTimestamp: try request.options.int("startTimestamp") ?? 0,
        advance: try request.options.int("advanceMillisPerBatch") ?? 1000,
        partitions: try request.options.int("numPartitions").map { Int($0) }))
  }
}
