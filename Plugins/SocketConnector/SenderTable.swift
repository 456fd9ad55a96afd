/// The senders that number their records: what came from each, what of it is durable, and which connection each has.
struct SenderTable {
  private struct Sender {
    /// Number of the last record that was taken.
    var received: Int64
    /// Number of the last record that is durable.
    var durable: Int64
    var connection: Int?
  }

  private var senders: [String: Sender] = [:]
  private let limit: Int

  /// A table of at most `limit` senders.
  init(limit: Int) { self.limit = limit }

  /// What is durable from before.
  mutating func restore(_ sequences: [String: Int64]) {
    for (name, number) in sequences { senders[name] = Sender(received: number, durable: number, connection: nil) }
  }

  /// A sender has a new connection: the number of its last durable record, and the connection that it had, which is dead or about to be.
  /// Nil when there are too many senders.
  mutating func greet(_ name: String, connection: Int) -> (durable: Int64, replaced: Int?)? {
    if senders[name] == nil {
      guard senders.count < limit else { return nil }
      senders[name] = Sender(received: 0, durable: 0, connection: nil)
    }
    let replaced = senders[name]?.connection
    senders[name]?.connection = connection
    return (senders[name]?.durable ?? 0, replaced)
  }

  /// Whether a record is new; it then counts as received.
  mutating func take(_ name: String, _ number: Int64) -> Bool {
    guard let sender = senders[name], number > sender.received else { return false }
    senders[name]?.received = number
    return true
  }

  /// Records up to a number are durable; the connection to say so to.
  mutating func acknowledge(_ name: String, _ number: Int64) -> (durable: Int64, connection: Int?)? {
    guard let sender = senders[name] else { return nil }
    senders[name]?.durable = max(sender.durable, number)
    return (max(sender.durable, number), sender.connection)
  }

  /// The number of a sender's last durable record.
  func durable(_ name: String) -> Int64 { senders[name]?.durable ?? 0 }

  /// A connection is gone.
  mutating func leave(_ name: String, connection: Int) {
    if senders[name]?.connection == connection { senders[name]?.connection = nil }
  }
}
