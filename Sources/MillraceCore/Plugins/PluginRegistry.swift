/// Takes the connectors of a shared library. The library exports two C functions, and nothing else of it is looked for:
///
/// ```swift
/// import MillraceCore
///
/// @_cdecl("millrace_plugin_facts")
/// public func facts(_ target: UnsafeMutableRawPointer) { PluginFacts.write(to: target) }
///
/// @_cdecl("millrace_plugin_register")
/// public func register(_ registry: UnsafeMutableRawPointer) {
///   PluginRegistry.open(registry) { $0.add(WeatherConnector()) }
/// }
/// ```
public final class PluginRegistry {
  /// What was added.
  public private(set) var connectors: [any Connector] = []
  /// Whether the library uses this program's copy of the author's API, which it must: types of another copy are other types.
  public private(set) var sharesTypes = false

  /// An empty registry.
  public init() {}

  /// Adds a connector.
  public func add(_ connector: any Connector) { connectors.append(connector) }

  /// Notes which class the library takes this one for.
  public func note(_ type: ObjectIdentifier) { sharesTypes = type == ObjectIdentifier(PluginRegistry.self) }

  /// Gives `body` the registry that a library's `millrace_plugin_register` got.
  @_alwaysEmitIntoClient public static func open(
    _ registry: UnsafeMutableRawPointer, _ body: (PluginRegistry) -> Void
  ) {
    let registry = Unmanaged<PluginRegistry>.fromOpaque(registry).takeUnretainedValue()
    registry.note(ObjectIdentifier(PluginRegistry.self))
    body(registry)
  }
}
