import ArgumentParser
import Millrace
import MillraceCore

/// `state:CHECKPOINT?operator=0&version=3&joinSide=left` or `state-metadata:CHECKPOINT`, where a file can stand.
struct StateArgument {
  private static let names = [
    "operator": "operatorId", "version": "version", "batch": "batchId", "joinside": "joinSide",
  ]

  var format: String
  var options: [String: String]

  /// Nil if the text names a file.
  init?(_ text: String) throws {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    switch text[..<colon] {
    case "state": format = "statestore"
    case "state-metadata": format = "state-metadata"
    default: return nil
    }
    let parts = text[text.index(after: colon)...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    options = ["path": String(parts[0])]
    guard parts.count == 2, !parts[1].isEmpty else { return }
    for part in parts[1].split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1)
      guard pair.count == 2, let name = Self.names[pair[0].lowercased()] else {
        throw ValidationError("'\(part)' is no part of a state: operator=N, version=N, batch=N, joinSide=left|right")
      }
      options[name] = String(pair[1])
    }
  }

  /// The state of a checkpoint.
  init(checkpoint: String, operatorID: Int, version: Int64?, joinSide: String?) {
    format = "statestore"
    options = ["path": checkpoint, "operatorId": String(operatorID)]
    options["version"] = version.map { String($0) }
    options["joinSide"] = joinSide
  }

  /// The state as a bounded source.
  func definition(name: String, in session: SparkSession) throws -> SourceDefinition {
    var given = SourceOptions(format: format)
    given.options = options
    return try SourceDefinition(
      name: name, given, isStreaming: false, connectors: session.connectors, environment: session.environment)
  }
}
