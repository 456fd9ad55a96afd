/// What the progress shows of a source.
struct SocketCounters: Sendable {
  var connections = 0
  var connectionsPaused = 0
  var accepted: Int64 = 0
  var refused: Int64 = 0
  var closedForTime: Int64 = 0
  var reconnects: Int64 = 0
  var bytes: Int64 = 0
  var datagrams: Int64 = 0
  var datagramsDropped: Int64 = 0
  var longRecords: Int64 = 0
  var partialRecords: Int64 = 0
  var repeatedRecords: Int64 = 0
  /// Where the source is bound, when it listens.
  var address: String?

  /// Those that say something, by name.
  var metrics: [(name: String, value: String)] {
    var all: [(name: String, value: String)] = []
    if let address { all.append(("address", address)) }
    all.append(("connections", String(connections)))
    let counts: [(String, Int64)] = [
      ("connectionsPaused", Int64(connectionsPaused)), ("connectionsAccepted", accepted),
      ("connectionsRefused", refused), ("connectionsTimedOut", closedForTime), ("reconnects", reconnects),
      ("bytesReceived", bytes), ("datagramsReceived", datagrams), ("datagramsDropped", datagramsDropped),
      ("longRecords", longRecords), ("partialRecords", partialRecords), ("repeatedRecords", repeatedRecords),
    ]
    return all + counts.filter { $0.1 > 0 }.map { ($0.0, String($0.1)) }
  }
}
