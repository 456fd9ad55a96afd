/// A connector: its description and its factories. Stateless; one value serves every pipeline.
///
/// Write `spec`, then `makeSource`, `makeSink` and `makeStateStore` for the kinds that the spec names; the others keep the default, which
/// refuses. The factories must not touch the world (files, network): the engine calls them to check a pipeline, too.
public protocol Connector: Sendable {
  /// Name, kinds and options; the same at every call.
  var spec: ConnectorSpec { get }
  /// Makes a source for one entry of a pipeline.
  func makeSource(_ request: SourceRequest) throws -> SourceKind
  /// Makes a sink for one entry of a pipeline.
  func makeSink(_ request: SinkRequest) throws -> SinkKind
  /// Makes a provider of state stores for one pipeline.
  func makeStateStore(_ request: StateStoreRequest) throws -> any StateStoreProvider
}

extension Connector {
  /// Refuses: this connector is no source.
  public func makeSource(_ request: SourceRequest) throws -> SourceKind {
    throw MillraceError("CONNECTOR_NOT_A_SOURCE", "'\(spec.name)' is not a source")
  }

  /// Refuses: this connector is no sink.
  public func makeSink(_ request: SinkRequest) throws -> SinkKind {
    throw MillraceError("CONNECTOR_NOT_A_SINK", "'\(spec.name)' is not a sink")
  }

  /// Refuses: this connector keeps no state.
  public func makeStateStore(_ request: StateStoreRequest) throws -> any StateStoreProvider {
    throw MillraceError("CONNECTOR_NOT_A_STATE_STORE", "'\(spec.name)' is not a state store")
  }
}

/// What a source is made from.
public struct SourceRequest: Sendable {
  /// The source's name in the pipeline.
  public var name: String
  /// The options that the user gave, already checked against the spec's `sourceFields`.
  public var options: Options
  /// The columns that the user declared, if any.
  public var schema: Schema?
  /// Files and clock to use in place of the system's own, so that tests can put others there.
  public var environment: Environment

  /// Makes a request.
  public init(name: String, options: Options, schema: Schema? = nil, environment: Environment = .live) {
    self.name = name
    self.options = options
    self.schema = schema
    self.environment = environment
  }
}

/// What a sink is made from.
public struct SinkRequest: Sendable {
  /// The sink's name in the pipeline.
  public var name: String
  /// The options that the user gave, already checked against the spec's `sinkFields`.
  public var options: Options
  /// The columns of the rows to come.
  public var schema: Schema
  /// Whether the rows to come are new ones, changed ones or the whole result of each batch.
  public var outputMode: OutputMode
  /// Files and clock to use in place of the system's own, so that tests can put others there.
  public var environment: Environment

  /// Makes a request.
  public init(name: String, options: Options, schema: Schema, outputMode: OutputMode, environment: Environment = .live)
  {
    self.name = name
    self.options = options
    self.schema = schema
    self.outputMode = outputMode
    self.environment = environment
  }
}

/// What a provider of state stores is made from.
public struct StateStoreRequest: Sendable {
  /// The options that the user gave, already checked against the spec's `stateStoreFields`.
  public var options: Options

  /// Makes a request.
  public init(options: Options) { self.options = options }
}

/// What of the result a sink receives with each batch; Spark's meanings.
public enum OutputMode: String, Sendable, Hashable, CaseIterable {
  /// Rows that will never change.
  case append
  /// Rows that are new or changed since the last batch.
  case update
  /// The whole result.
  case complete
}

/// The connectors that a program offers, by name. An explicit list: nothing registers itself.
public struct ConnectorRegistry: Sendable {
  private var connectors: [String: any Connector] = [:]

  /// A registry of the given connectors.
  public init(_ connectors: [any Connector] = []) {
    for connector in connectors { register(connector) }
  }

  /// Adds or replaces a connector.
  public mutating func register(_ connector: any Connector) { connectors[connector.spec.name.lowercased()] = connector }

  /// The connector of a name; throws `DATA_SOURCE_NOT_FOUND` with the nearest name.
  public func connector(_ name: String) throws -> any Connector {
    if let connector = connectors[name.lowercased()] { return connector }
    let names = connectors.values.map(\.spec.name).sorted()
    throw MillraceError(
      "DATA_SOURCE_NOT_FOUND", "there is no connector '\(name)'",
      hint: Self.meant(name, among: names) ?? "connectors are: \(names.joined(separator: ", "))")
  }

  /// The name that was probably misspelt, or those of which a part was given: `gzip` for `gzip-file`.
  private static func meant(_ name: String, among names: [String]) -> String? {
    if let nearest = NearestName.of(name, among: names) { return "did you mean '\(nearest)'?" }
    let longer = names.filter { $0.split(separator: "-").contains { $0 == name.lowercased() } }
    return longer.isEmpty ? nil : "did you mean \(longer.map { "'\($0)'" }.joined(separator: " or "))?"
  }

  /// Specs of all connectors, by name.
  public var specs: [ConnectorSpec] { connectors.values.map(\.spec).sorted { $0.name < $1.name } }
}
