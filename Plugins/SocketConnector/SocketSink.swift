import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats
import Synchronization

/// Sends encoded records to a server, or as a server to all who are connected.
///
/// To a server: a batch is done when the server's system has confirmed its bytes, or with `acknowledge` when the server has confirmed its
/// records by number. When the connection breaks before that, what is not confirmed is sent again over a new one. Without `acknowledge`
/// that is the whole batch, so records may arrive twice; with it the server can leave out by their numbers those that it has.
final class SocketSink: ByteSink, @unchecked Sendable {
  /// Bytes of a batch that are kept for sending again; of a larger batch nothing is kept, and a break fails the batch.
  private static let resendLimit = 64 << 20
  private let settings: SocketSinkSettings
  private let dialer: SocketDialer
  private let clock: any Clock
  private let isEnded = Atomic<Bool>(false)
  private let encoder: RecordEncoder
  private var channel: SinkChannel?
  private var hub: ClientHub?
  private var backoff: Backoff
  /// The batch's records as they are sent.
  private let batch = ByteBuffer(capacity: 64 << 10)
  private var canResend = true
  /// Bytes of `batch` that the system has taken over the present connection.
  private var handed = 0
  /// With `acknowledge`: the number of the last record before the batch, and the last one of it.
  private var numberBefore: Int64 = 0
  private var number: Int64 = 0
  private var sender = ""

  init(_ settings: SocketSinkSettings, environment: Environment) {
    self.settings = settings
    clock = environment.clock
    let warn = environment.warn
    let secured = settings.place.secured(environment) {
      if case .kept(let error) = $0 { warn(error) }
    }
    dialer = SocketDialer(place: settings.place, environment: secured)
    encoder = RecordEncoder(framing: settings.place.framing)
    backoff = Backoff(limit: 5_000_000, seed: environment.clock.monotonicNanoseconds())
  }

  var description: String {
    guard settings.place.mode == .listen else { return "socket[\(settings.place.name)]" }
    return "socket[listens at \(hub?.address ?? settings.place.name)]"
  }

  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { Set(OutputMode.allCases) }
  var compression: Compression? { nil }

  func open(_ context: SinkContext) throws {
    if settings.acknowledges {
      if !context.repeatsExactly {
        throw MillraceError(
          "ACKNOWLEDGE_NEEDS_MICRO_BATCH",
          "'\(context.sinkName)' is to number its records, and its query may cut them otherwise after a crash",
          hint: "use a processingTime trigger without asyncCommit, or leave out 'acknowledge'")
      }
      sender = Self.senderName(context)
    }
    if settings.place.mode == .listen {
      hub = try ClientHub(settings, dialer)
    } else if !settings.acknowledges {
      try connect(patience: settings.connectRetry)
    }
  }

  /// A name that is the same after a restart: visible characters, no blank.
  private static func senderName(_ context: SinkContext) -> String {
    let name = "\(context.queryID)/\(context.sinkName)"
    return String(
      decoding: name.utf8.map { $0 > 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "_") }.prefix(128), as: UTF8.self)
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    numberBefore = token?["number"]?.int ?? 0
    if settings.acknowledges { try connect(patience: settings.connectRetry) }
    return nil
  }

  func begin(batchID: Int64) throws {
    batch.removeAll()
    handed = 0
    canResend = true
    number = numberBefore
  }

  func write(_ block: EncodedBlock) throws {
    if settings.place.transport.isDatagram { return try sendDatagrams(block.bytes) }
    let start = batch.count
    try encode(block.bytes)
    if let hub {
      try hub.send(
        UnsafeRawBufferPointer(rebasing: batch.bytes[start...]), while: { !isEnded.load(ordering: .relaxed) })
      return batch.removeAll()
    }
    try sendBatch()
    if batch.count > Self.resendLimit {
      if settings.acknowledges { try confirm() }
      canResend = settings.acknowledges
      batch.removeAll()
      handed = 0
    }
  }

  private func encode(_ block: UnsafeRawBufferPointer) throws {
    if encoder.framing == .newline, !settings.acknowledges { return batch.append(block) }
    do {
      try RecordEncoder.lines(block) { line in
        guard settings.acknowledges else { return try encoder.append(line, to: batch) }
        number += 1
        let numbered = ByteBuffer(capacity: line.count + 24)
        numbered.append("\(number) ")
        numbered.append(line)
        try encoder.append(numbered.bytes, to: batch)
      }
    } catch let fault as FramingFault {
      throw MillraceError(
        "SOCKET_RECORD_TOO_LONG", "sending to \(settings.place.name): \(fault.reason)",
        hint: "set 'lengthBytes' to 4, or another framing")
    }
  }

  func commit(batchID: Int64) throws -> JSON {
    if hub == nil, !settings.place.transport.isDatagram {
      if settings.acknowledges { try confirm() } else { try drain() }
    }
    numberBefore = number
    batch.removeAll()
    handed = 0
    if settings.acknowledges {
      return .dictionary(["version": .int(1), "batch": .int(batchID), "number": .int(number)])
    }
    return .dictionary(["version": .int(1), "batch": .int(batchID)])
  }

  func close() throws {
    isEnded.store(true, ordering: .relaxed)
    channel?.close()
    channel = nil
    hub?.close()
  }

  // MARK: To a server

  /// Connects; with `acknowledge` the server says what it has, and only what it lacks is sent.
  private func connect(patience: Int64) throws {
    let (socket, _) = try dialer.connect(patience: patience, backoff: &backoff) {
      isEnded.load(ordering: .relaxed)
    }
    let channel = try SinkChannel(socket, network: dialer.environment.network, clock: clock)
    self.channel = channel
    handed = 0
    guard settings.acknowledges else { return }
    let greeting = ByteBuffer()
    try Array("HELLO \(sender)".utf8).withUnsafeBytes { try encoder.append($0, to: greeting) }
    try send(greeting.bytes, over: channel)
    _ = try channel.confirmation("OK ", atLeast: .min, within: settings.acknowledgeTimeout).get()
  }

  private func send(_ bytes: UnsafeRawBufferPointer, over channel: SinkChannel) throws {
    if let failure = channel.send(bytes, while: { !isEnded.load(ordering: .relaxed) }) { throw failure }
  }

  /// Gives the system what of the batch it does not have.
  private func sendBatch() throws {
    try withReconnecting { channel in
      let rest = UnsafeRawBufferPointer(rebasing: batch.bytes[handed...])
      if let failure = channel.send(rest, while: { !isEnded.load(ordering: .relaxed) }) { throw failure }
      handed = batch.count
    }
  }

  /// Waits until the server's system has all bytes.
  private func drain() throws {
    try withReconnecting { channel in
      if handed < batch.count {
        try send(UnsafeRawBufferPointer(rebasing: batch.bytes[handed...]), over: channel)
        handed = batch.count
      }
      if let failure = channel.drain(while: { !isEnded.load(ordering: .relaxed) }) { throw failure }
    }
  }

  /// Waits until the server has confirmed the last record.
  private func confirm() throws {
    guard number > numberBefore else { return }
    try withReconnecting { channel in
      if handed < batch.count {
        try send(UnsafeRawBufferPointer(rebasing: batch.bytes[handed...]), over: channel)
        handed = batch.count
      }
      _ = try channel.confirmation("ACK ", atLeast: number, within: settings.acknowledgeTimeout).get()
    }
  }

  /// Tries again over a new connection until that has worked or the time is over.
  private func withReconnecting(_ body: (SinkChannel) throws -> Void) throws {
    let start = clock.monotonicNanoseconds()
    while true {
      do {
        let spent = (clock.monotonicNanoseconds() - start) / 1000
        if channel == nil { try connect(patience: max(0, settings.connectRetry - spent)) }
        if let channel { try body(channel) }
        return
      } catch let failure as NetworkFailure {
        channel?.close()
        channel = nil
        let isOver = (clock.monotonicNanoseconds() - start) / 1000 > settings.connectRetry
        guard canResend, !isOver, !isEnded.load(ordering: .relaxed) else {
          throw MillraceError(
            "SOCKET_SEND_FAILED", "sending to \(settings.place.name): \(failure.reason)",
            hint: canResend
              ? nil : "the batch is too large to be kept for sending again: lower the source's limits per batch",
            fault: .external, isRetryable: true)
        }
        clock.sleep(microseconds: min(backoff.next(), 1_000_000))
      }
    }
  }

  // MARK: Datagrams

  private func sendDatagrams(_ block: UnsafeRawBufferPointer) throws {
    try RecordEncoder.lines(block) { line in
      batch.removeAll()
      try encoder.append(line, to: batch)
      try withReconnecting { channel in
        if let failure = channel.send(batch.bytes, while: { !isEnded.load(ordering: .relaxed) }) {
          // Nobody listens at the moment: datagrams are lost then, as they may be anyway.
          if failure.number != ECONNREFUSED { throw failure }
        }
      }
    }
    batch.removeAll()
  }
}
