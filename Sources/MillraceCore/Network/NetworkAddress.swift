import Glibc

/// Where a socket is bound or where something came from: an IP address with a port, or a path.
public struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
  /// The system's `sockaddr`.
  let bytes: [UInt8]

  init(bytes: UnsafeRawBufferPointer) { self.bytes = Array(bytes) }

  private var family: Int32 {
    bytes.count >= 2 ? bytes.withUnsafeBytes { Int32($0.loadUnaligned(as: sa_family_t.self)) } : AF_UNSPEC
  }

  /// The address of a Unix socket; nil for a path that is too long for one or has a zero byte.
  init?(path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let text = Array(path.utf8)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard !text.isEmpty, text.count < room, !text.contains(0) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: text) }
    bytes = withUnsafeBytes(of: address) { Array($0) }
  }

  /// The port; nil for a path.
  public var port: UInt16? {
    guard family == AF_INET || family == AF_INET6, bytes.count >= 4 else { return nil }
    return UInt16(bytes[2]) << 8 | UInt16(bytes[3])
  }

  /// The four or sixteen bytes of the IP address, an IPv4 one in IPv6's clothes without them; nil for a path.
  public var ip: [UInt8]? {
    switch family {
    case AF_INET where bytes.count >= 8: return Array(bytes[4..<8])
    case AF_INET6 where bytes.count >= 24:
      let long = Array(bytes[8..<24])
      let isMapped = long[..<10].allSatisfy { $0 == 0 } && long[10] == 0xFF && long[11] == 0xFF
      return isMapped ? Array(long[12...]) : long
    default: return nil
    }
  }

  /// The bytes of an IP address in text, as `ip` gives them; nil for anything else.
  public static func ip(_ text: String) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes[..<4]) }
    guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
    let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
    return isMapped ? Array(bytes[12...]) : bytes
  }

  /// The same address with another port; a path stays.
  public func withPort(_ port: UInt16) -> NetworkAddress {
    guard self.port != nil else { return self }
    var changed = bytes
    changed[2] = UInt8(port >> 8)
    changed[3] = UInt8(port & 0xFF)
    return changed.withUnsafeBytes { NetworkAddress(bytes: $0) }
  }

  /// The path of a Unix socket, empty for one without a name; nil for IP.
  public var path: String? {
    guard family == AF_UNIX else { return nil }
    return String(decoding: bytes.dropFirst(2).prefix { $0 != 0 }, as: UTF8.self)
  }

  /// The IP address as text; nil for a path.
  public var host: String? {
    guard let ip else { return nil }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let size = socklen_t(text.count)
    guard inet_ntop(ip.count == 4 ? AF_INET : AF_INET6, ip, &text, size) != nil else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// `127.0.0.1:514`, `[::1]:514`, a path, or `unix` for a peer without a name.
  public var description: String {
    if let host, let port { return NetworkEndpoint.host(host, port: port).description }
    if let path, !path.isEmpty { return path }
    return "unix"
  }

  func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
    // The system wants the alignment of its own type.
    var storage = sockaddr_storage()
    withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: bytes.prefix($0.count)) }
    return try withUnsafePointer(to: &storage) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, socklen_t(bytes.count)) }
    }
  }
}
