import Glibc
import MillraceCore

/// A program that takes records.
class ProgramSink: ByteSink, @unchecked Sendable {
  let end: ProgramEnd
  let guarantee: SinkGuarantee
  let outputModes: Set<OutputMode>
  private let columns: String
  private let outputMode: OutputMode
  private var conversation: Conversation?

  init(_ end: ProgramEnd, _ description: ProgramSpec, _ request: SinkRequest) {
    self.end = end
    guarantee = description.guarantee
    outputModes = description.outputModes
    columns = request.schema.ddl
    outputMode = request.outputMode
  }

  var description: String { "\(end.connector)[\(end.program.text)]" }
  var compression: Compression? { nil }

  func open(_ context: SinkContext) throws {
    conversation = try end.open(
      [
        .init("queryID", .string(context.queryID)), .init("columns", .string(columns)),
        .init("outputMode", .string(outputMode.rawValue)),
      ] + moreAtOpen)
  }

  /// What `open` says besides.
  var moreAtOpen: [JSON.Member] { [] }

  /// What the program says of a block that it took.
  func took(_ block: EncodedBlock, _ answer: JSON) throws {
    guard answer["rejected"]?.array?.isEmpty ?? true else {
      throw MillraceError(
        "PROGRAM_ANSWER", "the program of '\(end.name)' rejects rows, and its description does not say that it does",
        hint: "add \"rejectsRows\": true to the sink in the answer to 'spec'", fault: .external)
    }
  }

  func call(_ call: String, _ arguments: [JSON.Member]) throws -> JSON {
    guard let conversation else {
      throw MillraceError("PROGRAM_STOPPED", "the sink '\(end.name)' is not open", fault: .bug)
    }
    return try conversation.call(call, arguments)
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    let answer = try call(
      "recover", [.init("batch", batchID.map { .int($0) } ?? .null), .init("token", token ?? .null)])
    return guarantee == .transactional ? answer["batch"]?.int : nil
  }

  func begin(batchID: Int64) throws { _ = try call("begin", [.init("batch", .int(batchID))]) }

  func write(_ block: EncodedBlock) throws {
    guard let conversation, let base = block.bytes.baseAddress, !block.bytes.isEmpty else { return }
    var lines: Int64 = 0
    var at = 0
    while let feed = memchr(base + at, 0x0A, block.bytes.count - at) {
      at = UnsafeRawPointer(feed) - base + 1
      lines += 1
    }
    let isOpen = at < block.bytes.count
    try conversation.begin("write", [.init("records", .int(lines + (isOpen ? 1 : 0)))])
    try conversation.send(block.bytes, "write")
    if isOpen { try [UInt8(0x0A)].withUnsafeBytes { try conversation.send($0, "write") } }
    guard case .done(let facts) = try conversation.answer(to: "write") else {
      throw MillraceError("PROGRAM_ANSWER", "the program of '\(end.name)' gave records at 'write'", fault: .external)
    }
    try took(block, facts)
  }

  func commit(batchID: Int64) throws -> JSON {
    let answer = try call("commit", [.init("batch", .int(batchID))])
    return answer["token"] ?? .null
  }

  func publish(batchID: Int64) throws { _ = try call("publish", [.init("batch", .int(batchID))]) }

  func close() throws {
    conversation?.stop()
    conversation = nil
  }
}
