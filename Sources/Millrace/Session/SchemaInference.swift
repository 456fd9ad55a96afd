import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats
import MillraceSQL
import MillraceStreaming

/// That a source's columns are to be inferred from its records.
public struct SchemaInference: Sendable, Hashable {
  /// Most records that are looked at.
  public var records: Int
  /// The checkpoint that keeps the columns once they were inferred; nil: they are inferred at each start.
  public var checkpoint: String?

  /// Looks at so many records.
  public init(records: Int = 10_000, checkpoint: String? = nil) {
    self.records = records
    self.checkpoint = checkpoint
  }

  /// The columns of a source of bytes: those that the checkpoint keeps, else what its first records have.
  func schema(
    of kind: SourceKind, name: String, _ format: DecoderFormat, _ options: Options, _ policy: BadRecordPolicy,
    _ environment: Environment
  ) throws -> Schema {
    let source: any ByteSource
    switch kind {
    case .bytes(let bytes): source = bytes
    case .live, .liveRecords:
      throw MillraceError(
        "SCHEMA_NOT_INFERRED", "the columns of '\(name)' cannot be inferred: its records come only once",
        hint: "declare them, \"schema\": \"name STRING, …\"")
    case .rows:
      throw MillraceError(
        "SCHEMA_NOT_ALLOWED", "the source '\(name)' has columns of its own", hint: "leave the schema out")
    }
    guard let infer = format.infer else {
      throw MillraceError(
        "SCHEMA_NOT_INFERRED", "the columns of '\(name)' are not inferred: decode '\(format.name)' has its own",
        hint: "leave the schema out")
    }
    if let pinned = try pin(name, environment)?.read() { return try Self.parsed(pinned) }
    let sample = try SourceSampler.sample(source, records: records)
    if sample.parts.isEmpty { throw SchemaSample.unable("'\(name)' has no record yet") }
    do {
      return try infer(options, sample, policy)
    } catch var error as MillraceError where error.location == nil {
      error.location = sample.parts.first?.origin.name
      throw error
    }
  }

  /// Keeps inferred columns in the checkpoint of a query that begins, which must not keep others.
  static func keep(_ schema: Schema, name: String, checkpoint: String, _ environment: Environment) throws {
    let pin = SchemaPin(checkpoint: checkpoint, source: name, files: environment.files)
    if let kept = try pin.read(), try parsed(kept) != schema {
      throw MillraceError(
        "SCHEMA_CHANGED",
        "the columns of '\(name)' are not those that the checkpoint keeps\n  checkpoint: \(kept)\n  now:        \(schema.ddl)",
        hint: "declare the checkpoint's, or start with a new checkpoint location")
    }
    try pin.keep(schema)
  }

  private func pin(_ name: String, _ environment: Environment) -> SchemaPin? {
    checkpoint.map { SchemaPin(checkpoint: $0, source: name, files: environment.files) }
  }

  private static func parsed(_ ddl: String) throws -> Schema {
    do {
      return try SQLParser.parseSchema(ddl)
    } catch {
      throw MillraceError(error)
    }
  }
}
