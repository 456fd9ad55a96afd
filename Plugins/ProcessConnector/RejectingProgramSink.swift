import Glibc
import MillraceCore

/// A program that may refuse single records, each with a reason, in its answers to `write`.
final class RejectingProgramSink: ProgramSink, RejectingSink, @unchecked Sendable {
  /// Whether refused records are left out; else the first one ends the query.
  private var isolates = false
  /// The batch that was begun.
  private var begun: Int64?
  private var rows: [RejectedRow] = []

  func isolateRejectedRows() { isolates = true }

  override var moreAtOpen: [JSON.Member] { [.init("rejects", .bool(isolates))] }

  override func open(_ context: SinkContext) throws {
    begun = nil
    try super.open(context)
  }

  override func begin(batchID: Int64) throws {
    rows = []
    begun = batchID
    try super.begin(batchID: batchID)
  }

  override func took(_ block: EncodedBlock, _ answer: JSON) throws {
    guard let refused = answer["rejected"]?.array, !refused.isEmpty else { return }
    var lines = Lines(block.bytes)
    for entry in refused {
      guard let number = entry["record"]?.int, let record = lines.line(number) else {
        throw unclear("'record' of a rejected row is \(entry["record"]?.text ?? "absent")", Self.orderHint)
      }
      try add(try row(entry, record))
    }
  }

  private func add(_ row: RejectedRow) throws {
    if isolates { return rows.append(row) }
    throw MillraceError(
      row.code, "'\(end.name)' refused the row \(row.record.prefix(200)): \(row.message)",
      hint: "mend the query, or set \"onBadRecord\" of the sink to deadLetter or skip", fault: .user)
  }

  /// The rows of the batch that was begun; those of a batch that the program holds already it has kept.
  func rejectedRows(batchID: Int64) throws -> [RejectedRow] {
    if begun == batchID || guarantee != .transactional { return rows }
    let answer = try call("rejected", [.init("batch", .int(batchID))])
    return try (answer["rejected"]?.array ?? []).map { entry in
      guard let record = entry["record"]?.string else {
        throw unclear(
          "'record' of a rejected row is \(entry["record"]?.text ?? "absent")",
          "answer 'rejected' with the records themselves")
      }
      return try row(entry, record)
    }
  }

  private func row(_ entry: JSON, _ record: String) throws -> RejectedRow {
    guard let message = entry["message"]?.string else {
      throw unclear("a rejected row has no 'message'", "say what is wrong with it")
    }
    return RejectedRow(
      record: record, code: Conversation.code(in: entry) ?? "ROW_REJECTED", message: message,
      column: entry["column"]?.string)
  }

  private static let orderHint = "it is the place of the record among those of the call, from 0, in ascending order"

  private func unclear(_ what: String, _ hint: String) -> MillraceError {
    MillraceError("PROGRAM_ANSWER", "the program of '\(end.name)': \(what)", hint: hint, fault: .external)
  }
}

/// Lines of a block, looked for in ascending order.
private struct Lines {
  private let bytes: UnsafeRawBufferPointer
  private var next: Int64 = 0
  private var at = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// The line of a number, from 0; nil where there is none, or one behind it was asked for before.
  mutating func line(_ number: Int64) -> String? {
    guard number >= next, let base = bytes.baseAddress else { return nil }
    while at < bytes.count {
      let feed = memchr(base + at, 0x0A, bytes.count - at).map { UnsafeRawPointer($0) - base } ?? bytes.count
      defer {
        next += 1
        at = feed + 1
      }
      if next == number { return String(decoding: bytes[at..<feed], as: UTF8.self) }
    }
    return nil
  }
}
