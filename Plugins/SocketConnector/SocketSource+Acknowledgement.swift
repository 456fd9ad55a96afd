import Glibc
import MillraceCore
import MillraceFormats
import Synchronization

// Senders that number their records.
extension SocketSource {
  /// Takes the numbered records of a sender: those that came before are left out, and confirmed again.
  func takeNumbered(
    _ bytes: UnsafeRawBufferPointer, _ connection: SourceConnection, _ inbox: LiveInbox
  ) throws {
    var rest = bytes
    var repeated = false
    while let base = rest.baseAddress, let feed = memchr(base, 0x0A, rest.count) {
      let length = UnsafeRawPointer(feed) - base
      let line = UnsafeRawBufferPointer(rebasing: rest[..<length])
      rest = UnsafeRawBufferPointer(rebasing: rest[(length + 1)...])
      switch connection.session.read(line) {
      case .greeting(let sender): try greet(sender, connection, inbox)
      case .fault(let reason): throw FramingFault(reason)
      case .record(let place, let number):
        guard let sender = connection.session.sender else { continue }
        if senders.take(sender, number) {
          inbox.records.append(UnsafeRawBufferPointer(rebasing: line[place]))
          inbox.records.append(0x0A)
          inbox.sequences[sender] = number
        } else {
          counters.repeatedRecords += 1
          repeated = true
        }
      }
    }
    if repeated, let sender = connection.session.sender { _ = connection.answer("ACK \(senders.durable(sender))\n") }
  }

  private func greet(_ sender: String, _ connection: SourceConnection, _ inbox: LiveInbox) throws {
    guard let (durable, replaced) = senders.greet(sender, connection: connection.tag) else {
      throw FramingFault("there are \(settings.maxSenders) senders already (maxSenders)")
    }
    if let old = replaced.flatMap({ connections[$0] }) {
      close(old, inbox, because: "'\(sender)' has connected again")
    }
    if !connection.answer("OK \(durable)\n") { throw FramingFault("it does not read answers") }
  }

  /// Tells senders what has become durable.
  func answerSenders() {
    guard settings.acknowledges else { return }
    let numbers = shared.withLock { state in
      defer { state.acknowledged = [:] }
      return state.acknowledged
    }
    for (sender, number) in numbers {
      guard let (durable, tag) = senders.acknowledge(sender, number), let connection = tag.flatMap({ connections[$0] })
      else { continue }
      if connection.answer("ACK \(durable)\n") {
        poller?.change(connection.socket, tag: connection.tag, connection.interest)
      } else {
        // What it has sent is kept; the rest it sends again over its next connection.
        connection.socket.finishSending()
      }
    }
  }
}
