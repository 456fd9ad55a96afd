import MillraceCore
import MillraceFormats

/// Where and how, as the options say it.
struct SocketPlace: Sendable {
  enum Mode: String, Sendable {
    case connect
    case listen
  }

  let transport: NetworkTransport
  let mode: Mode
  let endpoint: NetworkEndpoint
  let framing: RecordFraming
  let portFile: String?
  /// Microseconds.
  let connectTimeout: Int64
  /// Nil: bytes go as they are.
  private(set) var tls: TLSSettings?

  init(_ options: Options, datagramsListen: Bool) throws {
    transport = options.string("transport").flatMap { NetworkTransport(rawValue: $0) } ?? .tcp
    mode =
      options.string("mode").flatMap { Mode(rawValue: $0) }
      ?? (transport.isDatagram && datagramsListen ? .listen : .connect)
    endpoint = try Self.endpoint(options, transport, mode)
    framing = try Self.framing(options, transport)
    portFile = options.string("portFile")
    connectTimeout = try options.duration("connectTimeout") ?? 10_000_000
    if transport.isDatagram, mode == (datagramsListen ? .connect : .listen) {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'mode' is '\(mode.rawValue)' with transport '\(transport.rawValue)'",
        hint: datagramsListen
          ? "datagrams have no server to ask for them: listen" : "datagrams go to one place: connect")
    }
    if portFile != nil, mode == .connect || transport.isLocal {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'portFile' is given, and no port is listened at", hint: "set mode to listen")
    }
    tls = try TLSSettings(options, self)
  }

  private static func endpoint(
    _ options: Options, _ transport: NetworkTransport, _ mode: Mode
  ) throws -> NetworkEndpoint {
    if transport.isLocal {
      for name in ["host", "port"] where options.isGiven(name) {
        throw MillraceError(
          "OPTION_OUT_OF_RANGE", "option '\(name)' is given with transport '\(transport.rawValue)'",
          hint: "a Unix socket has a path")
      }
      guard let path = options.string("path"), !path.isEmpty else {
        throw MillraceError(
          "OPTION_MISSING", "transport '\(transport.rawValue)' needs the option 'path'",
          hint: "the path of the Unix socket")
      }
      if path.utf8.count > 107 || path.utf8.contains(0) {
        throw MillraceError(
          "OPTION_OUT_OF_RANGE", "option 'path' has \(path.utf8.count) bytes",
          hint: "the path of a Unix socket has at most 107")
      }
      return .path(path)
    }
    if options.isGiven("path") {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'path' is given with transport '\(transport.rawValue)'",
        hint: "set transport to unix or unixgram, or give host and port")
    }
    guard let host = options.string("host") ?? (mode == .listen ? "127.0.0.1" : nil) else {
      throw MillraceError("OPTION_MISSING", "the option 'host' is needed", hint: "name or address of the server")
    }
    if host.isEmpty || host.utf8.contains(0) {
      throw MillraceError("OPTION_OUT_OF_RANGE", "option 'host' is '\(host)'", hint: "it takes a name or an address")
    }
    guard let port = try options.int("port") else {
      throw MillraceError(
        "OPTION_MISSING", "the option 'port' is needed",
        hint: mode == .listen ? "0 takes a free one" : "port of the server")
    }
    if port == 0, mode == .connect {
      throw MillraceError("OPTION_OUT_OF_RANGE", "option 'port' is 0", hint: "from 1 to 65535; 0 is for mode listen")
    }
    return .host(host, port: UInt16(clamping: port))
  }

  private static func framing(_ options: Options, _ transport: NetworkTransport) throws -> RecordFraming {
    let name = options.string("framing") ?? (transport.isDatagram ? "datagram" : "newline")
    if transport.isDatagram, name != "newline", name != "datagram" {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'framing' is '\(name)' with transport '\(transport.rawValue)'",
        hint: "one of: datagram, newline")
    }
    switch name {
    case "delimiter": return .delimiter(try delimiter(options.string("delimiter") ?? ""))
    case "length":
      return .length(
        width: Int(options.string("lengthBytes") ?? "4") ?? 4, isBigEndian: options.string("lengthOrder") != "little")
    case "octet-counted": return .octetCounted
    case "datagram":
      if transport.isDatagram { return .datagram }
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'framing' is 'datagram' with transport '\(transport.rawValue)'",
        hint: "a stream has no datagrams: newline, delimiter, length or octet-counted")
    default: return .newline
    }
  }

  /// The bytes that a text with escapes stands for.
  static func delimiter(_ text: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
        bytes.append(byte)
        continue
      }
      switch escape {
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "0"): bytes.append(0)
      case UInt8(ascii: "\\"): bytes.append(escape)
      case UInt8(ascii: "x"):
        let digits = String(decoding: rest.prefix(2), as: UTF8.self)
        guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { throw wrongDelimiter(text) }
        bytes.append(value)
        rest = rest.dropFirst(2)
      default: throw wrongDelimiter(text)
      }
    }
    if bytes.isEmpty || bytes.count > 64 { throw wrongDelimiter(text) }
    return bytes
  }

  private static func wrongDelimiter(_ text: String) -> MillraceError {
    MillraceError(
      "OPTION_OUT_OF_RANGE", "option 'delimiter' is '\(text)'",
      hint: #"it takes 1 to 64 bytes; \n, \r, \t, \0, \\ and \xHH stand for such bytes"#)
  }

  /// For people: where the socket is.
  var name: String { endpoint.description }
}

/// What a source is told.
struct SocketSourceSettings: Sendable {
  let place: SocketPlace
  let reconnects: Bool
  let maxRecordBytes: Int
  let longRecords: LongRecordPolicy
  let emitsPartialRecords: Bool
  let maxConnections: Int
  let maxBytesPerSecond: Int64?
  /// Microseconds.
  let idleTimeout: Int64?
  let recordTimeout: Int64?
  let connectRetry: Int64
  let maxReconnectPause: Int64
  let allow: AddressRanges
  let receiveBuffer: Int
  let acknowledges: Bool
  let maxSenders: Int
  let origins: [OriginColumn]

  init(_ options: Options) throws {
    place = try SocketPlace(options, datagramsListen: true)
    reconnects = try options.bool("reconnect") ?? false
    maxRecordBytes = Int(try options.byteCount("maxRecordBytes") ?? 1 << 20)
    longRecords = options.string("onLongRecord").flatMap { LongRecordPolicy(rawValue: $0) } ?? .skip
    emitsPartialRecords = options.string("partialRecord") == "emit"
    maxConnections = Int(try options.int("maxConnections") ?? 256)
    maxBytesPerSecond = try options.byteCount("maxBytesPerSecond")
    idleTimeout = try options.duration("idleTimeout")
    recordTimeout = try options.duration("recordTimeout")
    connectRetry = try options.duration("connectRetry") ?? 0
    maxReconnectPause = try options.duration("maxReconnectPause") ?? 10_000_000
    allow = try AddressRanges(options.list("allow"))
    receiveBuffer = Int(try options.byteCount("receiveBuffer") ?? 4 << 20)
    acknowledges = try options.bool("acknowledge") ?? false
    maxSenders = Int(try options.int("maxSenders") ?? 1000)
    var origins: [OriginColumn] = []
    if try options.bool("includeTimestamp") ?? false { origins.append(OriginColumn("timestamp", .received)) }
    if try options.bool("metadata") ?? false {
      origins += [OriginColumn("_peer", .peer), OriginColumn("_received", .received)]
    }
    self.origins = origins
    if acknowledges, place.transport.isDatagram {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE", "option 'acknowledge' is true with transport '\(place.transport.rawValue)'",
        hint: "datagrams come without order: use tcp or unix")
    }
  }
}
