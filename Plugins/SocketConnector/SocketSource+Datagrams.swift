import MillraceCore
import MillraceFormats

// Messages that come whole, each by itself.
extension SocketSource {
  func receiveDatagrams(_ socket: any NetworkSocket, _ inbox: LiveInbox) throws {
    guard let batch = datagrams else { return }
    let out = inbox.records
    // As many as are there, but no more than the journal should take at a time.
    while out.count < Self.turnSize {
      let count = try socket.receive(into: batch)
      if count == 0 { break }
      counters.datagrams += Int64(count)
      let received = settings.origins.isEmpty ? 0 : clock.now()
      var isAllowed = true
      for index in 0..<count {
        let isSame = index > 0 && batch.hasSameSender(index - 1, index)
        if !settings.allow.allowsAll, !isSame { isAllowed = settings.allow.allows(batch.sender(index)) }
        guard isAllowed else {
          counters.refused += 1
          inbox.droppedRecords += 1
          continue
        }
        take(datagram: batch.bytes(index), inbox)
        if !settings.origins.isEmpty, index + 1 == count || !batch.hasSameSender(index, index + 1) {
          inbox.note(peer: batch.sender(index).description, received: received)
        }
      }
      if count < DatagramBatch.capacity { break }
    }
    if out.count >= Self.turnSize { hasMore = true }
    counters.datagramsDropped = listeners.reduce(0) { $0 + $1.droppedDatagrams() }
  }

  private func take(datagram: UnsafeRawBufferPointer, _ inbox: LiveInbox) {
    var record = datagram
    if record.count > settings.maxRecordBytes {
      counters.longRecords += 1
      guard settings.longRecords == .truncate else {
        inbox.droppedRecords += 1
        return
      }
      record = UnsafeRawBufferPointer(rebasing: record[..<settings.maxRecordBytes])
    }
    if settings.place.framing == .newline {
      inbox.records.append(record)
      if record.last != 0x0A { inbox.records.append(0x0A) }
      return
    }
    // Senders put a line end behind a message or leave it out; it is no part of it.
    if record.last == 0x0A { record = UnsafeRawBufferPointer(rebasing: record.dropLast()) }
    if record.last == 0x0D { record = UnsafeRawBufferPointer(rebasing: record.dropLast()) }
    RecordEscaping.append(record, to: inbox.records)
  }
}
