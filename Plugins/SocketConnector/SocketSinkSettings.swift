import MillraceCore
import MillraceFormats

/// What a sink is told.
struct SocketSinkSettings: Sendable {
  let place: SocketPlace
  /// Microseconds.
  let connectRetry: Int64
  let acknowledges: Bool
  let acknowledgeTimeout: Int64
  let maxConnections: Int
  let clientBuffer: Int
  let blocksForSlowClients: Bool
  let allow: AddressRanges

  init(_ options: Options) throws {
    place = try SocketPlace(options, datagramsListen: false)
    connectRetry = try options.duration("connectRetry") ?? 30_000_000
    acknowledges = try options.bool("acknowledge") ?? false
    acknowledgeTimeout = try options.duration("acknowledgeTimeout") ?? 30_000_000
    maxConnections = Int(try options.int("maxConnections") ?? 256)
    clientBuffer = Int(try options.byteCount("clientBuffer") ?? 4 << 20)
    blocksForSlowClients = options.string("onSlowClient") == "block"
    allow = try AddressRanges(options.list("allow"))
    if acknowledges, place.transport.isDatagram || place.mode == .listen {
      throw MillraceError(
        "OPTION_OUT_OF_RANGE",
        "option 'acknowledge' is true with \(place.transport.isDatagram ? "datagrams" : "mode 'listen'")",
        hint: "one receiver confirms what it has: connect to it over tcp or unix")
    }
  }
}
