package import MillraceCore
import MillraceState

/// Which store keeps the state of a query, and its options.
public struct StateStoreChoice: Sendable, Hashable {
  /// `memory`, or the name of a connector that is a state store.
  public var name: String
  /// The store's options as text.
  public var options: [String: String]

  /// Makes a choice; by default state is in memory, and its changes go into the checkpoint.
  public init(_ name: String = "memory", options: [String: String] = [:]) {
    self.name = name
    self.options = options
  }
}

extension SparkSession {
  /// The provider of a choice. Throws `DATA_SOURCE_NOT_FOUND`, `CONNECTOR_NOT_A_STATE_STORE` or what is wrong with the options.
  func stateStoreProvider(_ choice: StateStoreChoice) throws -> any StateStoreProvider {
    try choice.provider(connectors)
  }
}

extension StateStoreChoice {
  /// What a name stands for: the store in memory, or a connector.
  package static func spec(_ name: String, _ connectors: ConnectorRegistry) throws
    -> (name: String, fields: [OptionField], connector: (any Connector)?)
  {
    if name.lowercased() == "memory" { return ("memory", [], nil) }
    let connector = try connectors.connector(name)
    let stores = connectors.specs.filter { $0.kinds.contains(.stateStore) }.map(\.name)
    guard connector.spec.kinds.contains(.stateStore) else {
      throw MillraceError(
        "CONNECTOR_NOT_A_STATE_STORE", "'\(connector.spec.name)' is not a state store",
        hint: "state stores are: \((["memory"] + stores).joined(separator: ", "))")
    }
    return (connector.spec.name, connector.spec.stateStoreFields, connector)
  }
}

extension StateStoreChoice {
  /// The provider of the choice.
  func provider(_ connectors: ConnectorRegistry) throws -> any StateStoreProvider {
    let spec = try StateStoreChoice.spec(name, connectors)
    let options = try Options(options, fields: spec.fields, of: "the state store '\(spec.name)'")
    guard let connector = spec.connector else { return MemoryStateStoreProvider() }
    return try connector.makeStateStore(StateStoreRequest(options: options))
  }
}
