public import MillraceCore

/// A program that is a connector, as a user names it.
public struct Program: Sendable, Hashable {
  /// The program and its arguments.
  public var words: [String]
  /// Microseconds in which each call must be answered, or an answer go on.
  public var timeout: Int64
  /// Variables in addition to those of this process.
  public var variables: [String: String]

  /// Names a program.
  public init(_ words: [String], timeout: Int64 = 30_000_000, variables: [String: String] = [:]) {
    self.words = words
    self.timeout = timeout
    self.variables = variables
  }

  /// The version of the protocol that is spoken here.
  static let protocolVersion: Int64 = 1

  var text: String { words.joined(separator: " ") }

  /// Starts the program, asks which connectors it has, and ends it. `columns` reads DDL such as `id BIGINT, name STRING`.
  public func connectors(
    _ environment: Environment, columns: (String) throws -> Schema
  ) throws -> [any Connector] {
    let conversation = try Conversation(self, name: words.last ?? "program", environment)
    defer { conversation.stop() }
    let answer = try conversation.call("spec", [.init("protocol", .int(Self.protocolVersion))])
    return try ProgramSpec.read(answer, of: self, columns: columns).map { ProgramConnector(self, $0) }
  }
}

/// An end of a pipeline that a program serves.
struct ProgramEnd: Sendable {
  var program: Program
  var connector: String
  /// The end's name in the pipeline.
  var name: String
  var kind: ConnectorSpec.Kind
  /// The options as the program gets them.
  var options: JSON
  var environment: Environment

  /// Starts the program and tells it what it is to be.
  func open(_ more: [JSON.Member]) throws -> Conversation {
    let conversation = try Conversation(program, name: name, environment)
    do {
      _ = try conversation.call(
        "open",
        [
          .init("protocol", .int(Program.protocolVersion)), .init("connector", .string(connector)),
          .init("kind", .string(kind.rawValue)), .init("name", .string(name)), .init("options", options),
        ] + more)
      return conversation
    } catch {
      conversation.stop()
      throw error
    }
  }
}
