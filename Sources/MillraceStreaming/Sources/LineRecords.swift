import MillraceColumnar
import MillraceCore

/// The lines of a source of bytes, as records.
final class LineRecords: LiveRecordSource, @unchecked Sendable {
  private let live: any LiveSource
  private let buffer = MemoryBuffer(capacity: 256 << 10)
  private let emitsPartialRecords: Bool
  private var records: RecordAssembler
  private var dropped: Int64 = 0

  init(_ live: any LiveSource, maxRecordBytes: Int, emitsPartialRecords: Bool) {
    self.live = live
    self.emitsPartialRecords = emitsPartialRecords
    records = RecordAssembler(maxRecordBytes: maxRecordBytes)
  }

  var description: String { live.description }
  var originColumns: [OriginColumn] { [] }
  var escapesRecords: Bool { false }
  var acknowledges: Bool { false }
  func restore(_ sequences: [String: Int64]) {}
  func connect() throws { try live.connect() }
  func acknowledge(_ sequences: [String: Int64]) {}
  func metrics() -> [(name: String, value: String)] { [] }
  func close() { live.close() }

  func receive(into inbox: LiveInbox) throws -> Bool {
    defer {
      inbox.droppedRecords += records.dropped - dropped
      dropped = records.dropped
    }
    let target = UnsafeMutableRawBufferPointer(start: buffer.base, count: buffer.capacity)
    let count: Int
    do { count = try live.receive(into: target) } catch {
      finish(inbox)
      throw error
    }
    if count == 0 {
      finish(inbox)
      return false
    }
    records.add(UnsafeRawBufferPointer(rebasing: target[..<count])) { inbox.records.append($0) }
    return true
  }

  private func finish(_ inbox: LiveInbox) {
    records.finish(emits: emitsPartialRecords) { inbox.records.append($0) }
  }
}
