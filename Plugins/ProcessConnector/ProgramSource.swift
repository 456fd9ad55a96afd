import MillraceColumnar
import MillraceCore
import MillraceFormats
import Synchronization

/// A program whose records can be read again by their positions.
///
/// A plan is the place where it ends, which the program gives; the engine keeps it in the commit log before anything is read.
class ProgramSource: Source, @unchecked Sendable {
  let end: ProgramEnd
  private let state = Mutex<(conversation: Conversation?, backlog: Int64?)>((nil, nil))

  init(_ end: ProgramEnd) { self.end = end }

  var description: String { "\(end.connector)[\(end.program.text)]" }

  /// The running program.
  func conversation() throws -> Conversation {
    guard let conversation = state.withLock({ $0.conversation }) else {
      throw MillraceError("PROGRAM_STOPPED", "the source '\(end.name)' is not started", fault: .bug)
    }
    return conversation
  }

  /// Place of an offset in the program's own words.
  private static func position(_ offset: Offset?) -> JSON { offset?.json["position"] ?? .null }

  private static func offset(_ position: JSON) -> Offset { Offset(.dictionary(["position": position])) }

  func start(after offset: Offset?) throws {
    let conversation = try end.open([.init("after", Self.position(offset))])
    state.withLock { $0.conversation = conversation }
  }

  func freeze() throws { _ = try conversation().turn("freeze") }

  func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
    var bounds: [JSON.Member] = []
    if let rows = limit.rows { bounds.append(.init("rows", .int(rows))) }
    if let bytes = limit.byteBound() { bounds.append(.init("bytes", .int(bytes))) }
    let after = Self.position(offset)
    let answer = try conversation().turn("plan", [.init("after", after), .init("limit", .object(bounds))])
    state.withLock { $0.backlog = answer["backlog"]?.int }
    guard let place = answer["end"], place != .null, place != after else { return nil }
    let split = SourceSplit(name: description, payload: .dictionary(["after": after, "end": place]))
    return SourcePlan(splits: [split], end: Self.offset(place))
  }

  func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
    plan.end ?? Self.offset(plan.splits.last?.payload["end"] ?? .null)
  }

  func commit(_ offset: Offset) throws {
    _ = try conversation().turn("commit", [.init("position", Self.position(offset))])
  }

  func backlog(after offset: Offset?) -> Int64? { state.withLock { $0.backlog } }

  func close() {
    let conversation = state.withLock { state in
      defer { state.conversation = nil }
      return state.conversation
    }
    conversation?.stop()
  }
}

/// A program whose records are lines that the pipeline decodes.
final class ProgramByteSource: ProgramSource, ByteSource, @unchecked Sendable {
  func open(_ split: SourceSplit) throws -> any ByteReader {
    try RecordReader(try conversation(), split.payload.members ?? [])
  }
}

/// A program whose records are JSON objects with columns that it names beforehand.
final class ProgramRowSource: ProgramSource, RowSource, @unchecked Sendable {
  let schema: Schema
  private let decoding: JSONDecoding

  init(_ end: ProgramEnd, _ schema: Schema) throws {
    self.schema = schema
    decoding = try JSONDecoding(schema: schema, badRecords: .fail)
    super.init(end)
  }

  func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
    let names: [JSON] = columns.map { .string(schema.fields[$0].name) }
    let decoder = try decoding.makeDecoder(columns: columns, filters: [])
    let reader = try RecordReader(
      try conversation(), (split.payload.members ?? []) + [.init("columns", .array(names))])
    return ProgramRowReader(reader, decoder, name: split.name)
  }
}

/// Takes the records of one range. The conversation is the reader's until it is closed.
private final class RecordReader: ByteReader {
  private let conversation: Conversation
  private var hasEnded = false
  private var isClosed = false

  init(_ conversation: Conversation, _ range: [JSON.Member]) throws {
    self.conversation = conversation
    try conversation.take("read")
    do { try conversation.begin("read", range) } catch {
      conversation.giveBack()
      throw error
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if hasEnded { return 0 }
    do {
      let (count, end) = try conversation.records(into: buffer, "read")
      if end != nil { hasEnded = true }
      return count
    } catch {
      hasEnded = true
      throw error
    }
  }

  /// What was not read is left out, so that the next call gets its own answer.
  func close() {
    if isClosed { return }
    isClosed = true
    let rest = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { rest.deallocate() }
    while !hasEnded { _ = try? read(into: rest) }
    conversation.giveBack()
  }

  deinit { close() }
}

/// Decodes the records of one range.
private final class ProgramRowReader: RowReader {
  /// So many bytes hold fewer rows than a batch may have, however short they are.
  private static let blockSize = 128 << 10
  private let reader: RecordReader
  private let decoder: any Decoder
  private let name: String
  private var pending = ByteBuffer(capacity: ProgramRowReader.blockSize)
  private var offset: Int64 = 0

  init(_ reader: RecordReader, _ decoder: any Decoder, name: String) {
    self.reader = reader
    self.decoder = decoder
    self.name = name
  }

  func next() throws -> RecordBatch? {
    while true {
      let start = pending.count
      let room = UnsafeMutableRawBufferPointer(start: pending.reserve(Self.blockSize), count: Self.blockSize)
      let count = try reader.read(into: room)
      if count == 0 { return nil }
      pending.advance(count)
      guard start + count > 0, let end = LineFraming.lastRecordEnd(in: pending.bytes) else { continue }
      let whole = MemoryBuffer(copying: UnsafeRawBufferPointer(rebasing: pending.bytes[..<end]))
      let rest = Array(pending.bytes[end...])
      pending.removeAll()
      rest.withUnsafeBytes { pending.append($0) }
      defer { offset += Int64(end) }
      return try decoder.decode(
        UnsafeRawBufferPointer(start: whole.base, count: end), owner: whole,
        origin: RecordOrigin(name: name, offset: offset))
    }
  }

  func close() { reader.close() }
}
