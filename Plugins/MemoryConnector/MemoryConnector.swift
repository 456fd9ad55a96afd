public import MillraceCore

/// Reads streams and writes tables of a `MemoryHub`.
public struct MemoryConnector: Connector {
  private let hub: MemoryHub

  /// A connector to the streams and tables of `hub`.
  public init(_ hub: MemoryHub = .shared) { self.hub = hub }

  /// What it takes.
  public var spec: ConnectorSpec {
    ConnectorSpec(
      name: "memory", summary: "Rows in the process's memory, for tests and programs.", kinds: [.source, .sink],
      sourceFields: [
        OptionField("stream", .string, "Name of the stream. Default: the source's name.", example: "events"),
        OptionField("numPartitions", .integer, "Parts that a batch is read in.", default: "1", range: 1...1024),
      ],
      sinkFields: [
        OptionField("queryName", .string, "Name of the table. Default: the sink's name.", example: "counts")
      ])
  }

  /// Makes a source of a stream that exists, or is made from the declared columns.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    let name = request.options.string("stream") ?? request.name
    let partitions = Int(try request.options.int("numPartitions") ?? 1)
    if let schema = request.schema {
      return .rows(MemorySource(try hub.stream(name, schema: schema), hub: hub, partitions: partitions))
    }
    guard let stream = hub.stream(name) else {
      let nearest = NearestName.of(name, among: hub.streamNames)
      throw MillraceError(
        "MEMORY_STREAM_NOT_FOUND", "there is no memory stream '\(name)'",
        hint: nearest.map { "did you mean '\($0)'?" } ?? "make it with MemoryHub.stream(_:schema:), or declare a schema"
      )
    }
    return .rows(MemorySource(stream, hub: hub, partitions: partitions))
  }

  /// Makes a sink.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    let table = hub.table(request.options.string("queryName") ?? request.name)
    return .rows(MemorySink(table, schema: request.schema, outputMode: request.outputMode))
  }
}
