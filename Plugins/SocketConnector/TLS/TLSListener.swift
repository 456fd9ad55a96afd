#if TLS
  import Glibc
  import MillraceCore

  /// A listening socket whose connections speak TLS.
  final class TLSListener: NetworkSocket, @unchecked Sendable {
    let base: any NetworkSocket
    private let credentials: TLSCredentials

    init(_ base: any NetworkSocket, _ credentials: TLSCredentials) {
      self.base = base
      self.credentials = credentials
    }

    var localAddress: NetworkAddress { base.localAddress }
    func accept() throws -> (socket: any NetworkSocket, peer: NetworkAddress)? {
      guard let (socket, peer) = try base.accept() else { return nil }
      do {
        let current = try credentials.current()
        return (try TLSSocket(socket, current.thread, current.context, isServer: true), peer)
      } catch {
        socket.close()
        throw NetworkFailure(number: EPROTO, reason: TLSText.reason(of: error))
      }
    }
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> NetworkTransfer { .wouldBlock }
    func receive(into batch: DatagramBatch) throws -> Int { 0 }
    func send(_ bytes: UnsafeRawBufferPointer) -> NetworkTransfer { .wouldBlock }
    func unconfirmedByteCount() throws -> Int { 0 }
    func droppedDatagrams() -> Int64 { 0 }
    func reserveReceiveBuffer(_ bytes: Int) { base.reserveReceiveBuffer(bytes) }
    func finishSending() {}
    func close() { base.close() }
  }
#endif
