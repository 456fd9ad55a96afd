import Glibc
import MillraceCore

/// Knows where to connect to and how patiently.
struct SocketDialer: Sendable {
  let host: String
  let port: UInt16
  /// Microseconds.
  let connectTimeout: Int64
  let connectRetry: Int64
  let clock: any Clock

  init(_ options: Options, clock: any Clock) throws {
    host = try options.required("host")
    if host.isEmpty || host.utf8.contains(0) {
      throw MillraceError("OPTION_OUT_OF_RANGE", "option 'host' is '\(host)'", hint: "it takes a name or an address")
    }
    port = UInt16(clamping: try options.int("port") ?? 0)
    connectTimeout = try options.duration("connectTimeout") ?? 10_000_000
    connectRetry = try options.duration("connectRetry") ?? 0
    self.clock = clock
  }

  /// `host:port`, with brackets around an IPv6 address.
  var name: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// Connects `connection`, trying again with growing pauses for `patience` microseconds (nil: for ever) until it is ended.
  func connect(_ connection: SocketConnection, patience: Int64?) throws {
    let start = clock.monotonicNanoseconds()
    var pause: Int64 = 50_000
    while true {
      do { return try connectOnce(connection) } catch let error as MillraceError {
        let spent = (clock.monotonicNanoseconds() - start) / 1000
        if connection.isEnded { throw error }
        if let patience, spent + pause > patience { throw error }
      }
      var left = pause
      while left > 0 && !connection.isEnded {
        clock.sleep(microseconds: min(left, 50_000))
        left -= 50_000
      }
      pause = min(pause * 2, 5_000_000)
    }
  }

  /// Tries each address of the host in turn.
  private func connectOnce(_ connection: SocketConnection) throws {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var found: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &found)
    defer { freeaddrinfo(found) }
    if status != 0 {
      throw MillraceError(
        "SOCKET_HOST_UNKNOWN", "finding the address of '\(host)': \(String(cString: gai_strerror(status)))",
        hint: "check the option 'host'", fault: .external, isRetryable: true)
    }
    var reason: Int32 = 0
    var next = found
    while let address = next {
      reason = connection.connect(address.pointee, timeout: connectTimeout)
      if reason == 0 { return }
      next = address.pointee.ai_next
    }
    if reason == ECONNREFUSED {
      throw MillraceError(
        "SOCKET_CONNECT_FAILED", "connecting to \(name): nobody listens there",
        hint: "start the server first, for example 'nc -lk \(port)', or set 'connectRetry' to wait for it",
        fault: .external, isRetryable: true)
    }
    throw MillraceError(
      "SOCKET_CONNECT_FAILED", "connecting to \(name): \(String(cString: strerror(reason)))",
      hint: "check host, port and network", fault: .external, isRetryable: true)
  }
}
