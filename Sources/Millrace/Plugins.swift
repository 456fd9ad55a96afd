public import MillraceCore
import MillraceSQL
import ProcessConnector

/// Connectors that are not compiled into the program, for `SparkSession(connectors:)` and `MillraceCommandLine.main(connectors:)`.
public enum Plugins {
  /// The connectors that a program in any language has: it is started, asked, and ended again. Throws `PROGRAM_…` errors.
  ///
  /// - Parameters:
  ///   - words: the program and its arguments.
  ///   - timeout: microseconds in which each call must be answered; nil: 30 seconds.
  ///   - variables: variables that it gets in addition to those of this process.
  ///   - environment: where processes are started and the log goes.
  public static func program(
    _ words: [String], timeout: Int64? = nil, variables: [String: String] = [:], environment: Environment = .live
  ) throws -> [any Connector] {
    var program = Program(words, variables: variables)
    if let timeout { program.timeout = timeout }
    return try program.connectors(environment) { try SQLParser.parseSchema($0) }
  }
}
