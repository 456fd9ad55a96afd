#if TLS
  import Glibc
  import MillraceCore

  /// A network whose connections speak TLS. Certificates are read when the first connection or listener is made, and again when their files
  /// have changed.
  final class TLSNetwork: Network {
    private let base: any Network
    private let settings: TLSSettings
    private let credentials: TLSCredentials

    init(
      _ base: any Network, _ settings: TLSSettings, _ mode: SocketPlace.Mode, files: any FileSystem,
      tell: @escaping @Sendable (TLSNews) -> Void
    ) {
      self.base = base
      self.settings = settings
      credentials = TLSCredentials(settings, mode, files: files, tell: tell)
    }

    func resolve(_ endpoint: NetworkEndpoint, isPassive: Bool) throws -> [NetworkAddress] {
      try base.resolve(endpoint, isPassive: isPassive)
    }

    func makePoller() throws -> any NetworkPoller { TLSPoller(try base.makePoller()) }

    func listen(_ transport: NetworkTransport, on address: NetworkAddress) throws -> any NetworkSocket {
      // What is wrong with the certificates shows before anybody can connect.
      _ = try credentials.current()
      return TLSListener(try base.listen(transport, on: address), credentials)
    }

    /// Connects and agrees with the server, within one `timeout`.
    func connect(
      _ transport: NetworkTransport, to address: NetworkAddress, timeout: Int64, isCancelled: () -> Bool
    ) throws -> any NetworkSocket {
      let current = try credentials.current()
      let socket = try base.connect(transport, to: address, timeout: timeout, isCancelled: isCancelled)
      let secured: TLSSocket
      do {
        secured = try TLSSocket(
          socket, current.thread, current.context, isServer: false, serverName: settings.serverName, peer: address)
      } catch {
        socket.close()
        throw NetworkFailure(number: EPROTO, reason: TLSText.reason(of: error))
      }
      do { try agree(secured, timeout, isCancelled) } catch {
        secured.close()
        throw error
      }
      return secured
    }

    private func agree(_ socket: TLSSocket, _ timeout: Int64, _ isCancelled: () -> Bool) throws {
      let poller = try makePoller()
      poller.add(socket, tag: 0, .reading)
      defer { poller.remove(socket) }
      var left = timeout
      while socket.isHandshaking {
        if let failure = socket.agree() { throw failure }
        if !socket.isHandshaking { break }
        if isCancelled() { throw NetworkFailure(number: ECANCELED, reason: "the query ends") }
        if left <= 0 {
          throw NetworkFailure(number: ETIMEDOUT, reason: "TLS: the server does not answer the handshake")
        }
        _ = poller.wait(microseconds: min(left, 50_000))
        left -= 50_000
      }
    }
  }
#endif
