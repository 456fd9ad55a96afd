#if TLS
  import MillraceCore
  import NIOCore
  import NIOEmbedded
  import NIOSSL
  import NIOTLS

  /// One side of a TLS connection as a machine for bytes: what the peer sent goes in and plain bytes come out, and the other way round. It does
  /// no I/O. All of it, its end included, belongs on one `TLSThread`.
  final class TLSEngine {
    /// What comes out at the end of the channel.
    private final class Outlet: ChannelInboundHandler {
      typealias InboundIn = NIOCore.ByteBuffer
      var plain: [NIOCore.ByteBuffer] = []
      var isSecured = false
      var hasEnded = false
      var failure: (any Error)?

      func channelRead(context: ChannelHandlerContext, data: NIOAny) { plain.append(unwrapInboundIn(data)) }

      func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent { isSecured = true }
        if case .shutdownCompleted = event as? TLSUserEvent { hasEnded = true }
      }

      func channelInactive(context: ChannelHandlerContext) { hasEnded = true }

      func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that just closes says no farewell; whether a record is cut off by that, the framing tells.
        if case .uncleanShutdown = error as? NIOSSLError { return hasEnded = true }
        if failure == nil { failure = error }
      }
    }

    private let channel: EmbeddedChannel
    private let outlet = Outlet()

    /// A server's side, or a client's with the name of the server and its address, for certificates that are for addresses.
    init(_ context: NIOSSLContext, isServer: Bool, serverName: String?, peer: NetworkAddress?) throws {
      let handler: any ChannelHandler =
        isServer
        ? NIOSSLServerHandler(context: context) : try NIOSSLClientHandler(context: context, serverHostname: serverName)
      channel = EmbeddedChannel(handlers: [handler, outlet])
      // A certificate for the address that the channel is connected to would do in place of one for the name.
      let place = serverName == nil ? peer : nil
      let address =
        try place?.host.map { try SocketAddress(ipAddress: $0, port: 0) } ?? SocketAddress(unixDomainSocketPath: "/")
      channel.connect(to: address, promise: nil)
    }

    var isSecured: Bool { outlet.isSecured }
    var hasEnded: Bool { outlet.hasEnded }

    /// Why it cannot go on.
    var failure: String? { outlet.failure.map { TLSText.reason(of: $0) } }

    /// Takes bytes of the peer.
    func receive(_ bytes: UnsafeRawBufferPointer) {
      do { _ = try channel.writeInbound(NIOCore.ByteBuffer(bytes: bytes)) } catch { note(error) }
    }

    /// Takes plain bytes for the peer.
    func send(_ bytes: UnsafeRawBufferPointer) {
      do { _ = try channel.writeOutbound(NIOCore.ByteBuffer(bytes: bytes)) } catch { note(error) }
    }

    /// Says farewell.
    func finish() { channel.close(promise: nil) }

    private func note(_ error: any Error) { if outlet.failure == nil, !outlet.hasEnded { outlet.failure = error } }

    /// Plain bytes that came out, appended.
    func takePlain(into out: inout [UInt8]) {
      for buffer in outlet.plain { out.append(contentsOf: buffer.readableBytesView) }
      outlet.plain = []
    }

    /// Bytes for the peer, appended.
    func takeSealed(into out: inout [UInt8]) {
      while let buffer = try? channel.readOutbound(as: NIOCore.ByteBuffer.self) {
        out.append(contentsOf: buffer.readableBytesView)
      }
    }
  }

  /// NIO's and BoringSSL's errors in words.
  enum TLSText {
    static func reason(of error: any Error) -> String {
      let text = "\(error)"
      for (part, words) in known where text.contains(part) { return words }
      return "TLS: \(text)"
    }

    private static let known = [
      ("CERTIFICATE_VERIFY_FAILED", "TLS: the other side's certificate is not trusted (tlsCA)"),
      ("failedToValidateHostname", "TLS: the server's certificate is for another name (tlsServerName, tlsVerify)"),
      ("unableToValidateCertificate", "TLS: the server's certificate is for another name (tlsServerName, tlsVerify)"),
      ("Couldn't find", "TLS: the server's certificate is for another name (tlsServerName, tlsVerify)"),
      ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "TLS: the client showed no certificate (tlsClientAuth)"),
      ("CERTIFICATE_REQUIRED", "TLS: the server wants a certificate (tlsCertificate, tlsKey)"),
      ("UNKNOWN_CA", "TLS: the other side does not trust our certificate"),
      ("WRONG_VERSION_NUMBER", "TLS: the other side does not speak TLS"),
      ("HTTP_REQUEST", "TLS: the other side does not speak TLS"),
    ]
  }
#endif
