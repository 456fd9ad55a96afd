import ConsoleConnector
import FileConnector
import GzipFileConnector
import MemoryConnector
public import MillraceCore
import ProcessConnector
import RateConnector
import RotatingFileConnector
import SQLiteConnector
import SocketConnector

/// The connectors that come with Millrace: an explicit list, one line each.
public enum BundledConnectors {
  /// One of each.
  public static var all: [any Connector] {
    [
      ConsoleConnector(),
      ExecConnector(),
      GzipFileConnector(),
      MemoryConnector(),
      RateConnector(),
      RateMicroBatchConnector(),
      RotatingFileConnector(),
      SocketConnector(),
      SQLiteConnector(),
    ] + FileConnector.all
  }

  /// The bundled connectors, `more`, and readers of the state that queries with any of them keep.
  public static func registry(with more: [any Connector] = []) -> ConnectorRegistry {
    var registry = ConnectorRegistry(all + more)
    let stores = registry
    registry.register(StateConnector(stores))
    registry.register(StateMetadataConnector(stores))
    return registry
  }
}
