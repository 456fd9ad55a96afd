import MillraceCore

/// A connector that a program in any language is: `docs/out-of-process.md` has the protocol.
struct ProgramConnector: Connector, CheckableConnector {
  private let program: Program
  private let description: ProgramSpec

  init(_ program: Program, _ description: ProgramSpec) {
    self.program = program
    self.description = description
  }

  var spec: ConnectorSpec { description.connector }

  func makeSource(_ request: SourceRequest) throws -> SourceKind {
    guard spec.kinds.contains(.source) else {
      throw MillraceError("CONNECTOR_NOT_A_SOURCE", "'\(spec.name)' is not a source")
    }
    let end = ProgramEnd(
      program: program, connector: spec.name, name: request.name, kind: .source,
      options: try Self.values(request.options, spec.sourceFields), environment: request.environment)
    if !description.isReplayable { return .liveRecords(ProgramLiveSource(end)) }
    if let columns = description.columns { return .rows(try ProgramRowSource(end, columns)) }
    return .bytes(ProgramByteSource(end))
  }

  func makeSink(_ request: SinkRequest) throws -> SinkKind {
    guard spec.kinds.contains(.sink) else {
      throw MillraceError("CONNECTOR_NOT_A_SINK", "'\(spec.name)' is not a sink")
    }
    let end = ProgramEnd(
      program: program, connector: spec.name, name: request.name, kind: .sink,
      options: try Self.values(request.options, spec.sinkFields), environment: request.environment)
    return .bytes(
      description.rejectsRows
        ? RejectingProgramSink(end, description, request) : ProgramSink(end, description, request))
  }

  /// The options that hold, defaults included, typed: durations in seconds, sizes in bytes.
  private static func values(_ options: Options, _ fields: [OptionField]) throws -> JSON {
    var members: [JSON.Member] = []
    for field in fields {
      guard let text = options.string(field.name) else { continue }
      let value: JSON
      switch field.type {
      case .integer: value = try options.int(field.name).map { .int($0) } ?? .null
      case .byteCount: value = try options.byteCount(field.name).map { .int($0) } ?? .null
      case .boolean: value = try options.bool(field.name).map { .bool($0) } ?? .null
      case .duration: value = try options.duration(field.name).map { .double(Double($0) / 1e6) } ?? .null
      case .number: value = Double(text).map { .double($0) } ?? .string(text)
      case .list: value = .array(options.list(field.name).map { .string($0) })
      case .string, .choice, .path: value = .string(text)
      }
      members.append(.init(field.name, value))
    }
    return .object(members)
  }

  func needs(ofSource request: SourceRequest) throws -> [ResourceNeed] { [need(request.environment)] }

  func needs(ofSink request: SinkRequest) throws -> [ResourceNeed] { [need(request.environment)] }

  private func need(_ environment: Environment) -> ResourceNeed {
    ResourceNeed("the program '\(program.text)' starts and answers") {
      let conversation = try Conversation(program, name: spec.name, environment)
      defer { conversation.stop() }
      _ = try conversation.call("spec", [.init("protocol", .int(Program.protocolVersion))])
    }
  }
}
