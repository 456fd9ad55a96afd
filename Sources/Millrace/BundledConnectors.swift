import ConsoleConnector
import FileConnector
import GzipFileConnector
import MemoryConnector
public import MillraceCore
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
      GzipFileConnector(),
      MemoryConnector(),
      RateConnector(),
      RateMicroBatchConnector(),
      RotatingFileConnector(),
      SocketConnector(),
      SQLiteConnector(),
    ] + FileConnector.all
  }
}
