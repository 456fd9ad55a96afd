import MillraceCore

/// What the options say of TLS.
struct TLSSettings: Sendable {
  /// What is asked of the server's certificate.
  enum Verification: String, CaseIterable, Sendable {
    /// It is trusted, and for the server's name.
    case full
    /// It is trusted, whatever name it is for.
    case certificate
    /// Nothing: anybody can be the server.
    case none
  }

  /// Whether a server wants a certificate of its clients.
  enum ClientAuthentication: String, CaseIterable, Sendable {
    case none
    /// Who has one shows it, and it must be trusted.
    case optional
    case require
  }

  /// Files in PEM form.
  let certificate: String?
  let key: String?
  let authorities: String?
  let verification: Verification
  let clientAuthentication: ClientAuthentication
  /// The name that a server is asked for, and that its certificate must be for; nil: none, as for an address.
  let serverName: String?
  /// Microseconds until a handshake must be done.
  let handshakeTimeout: Int64

  /// All that are given, to be read again when one of them changes.
  var files: [String] { [certificate, key, authorities].compactMap { $0 } }

  private static let names = ["tlsCertificate", "tlsKey", "tlsCA", "tlsVerify", "tlsClientAuth", "tlsServerName"]

  /// What is given for a place; nil: no TLS.
  init?(_ options: Options, _ place: SocketPlace) throws {
    guard try options.bool("tls") ?? false else {
      for name in Self.names where options.isGiven(name) {
        throw Self.wrong(name, "is given, and 'tls' is not true", "set tls to true, or leave it out")
      }
      return nil
    }
    guard place.transport == .tcp else {
      throw Self.wrong(
        "tls", "is true with transport '\(place.transport.rawValue)'", "TLS goes over tcp only")
    }
    certificate = options.string("tlsCertificate")
    key = options.string("tlsKey")
    authorities = options.string("tlsCA")
    verification = options.string("tlsVerify").flatMap { Verification(rawValue: $0) } ?? .full
    clientAuthentication = options.string("tlsClientAuth").flatMap { ClientAuthentication(rawValue: $0) } ?? .none
    handshakeTimeout = place.connectTimeout
    serverName = options.string("tlsServerName") ?? place.endpoint.hostName
    if (certificate == nil) != (key == nil) {
      throw Self.wrong(
        certificate == nil ? "tlsKey" : "tlsCertificate", "is given alone", "certificate and key belong together")
    }
    switch place.mode {
    case .listen:
      if certificate == nil {
        throw MillraceError(
          "OPTION_MISSING", "a server with TLS needs the option 'tlsCertificate'",
          hint: "the file with its certificate, and in 'tlsKey' the one with the certificate's key")
      }
      if clientAuthentication != .none, authorities == nil {
        throw Self.wrong(
          "tlsClientAuth", "is '\(clientAuthentication.rawValue)', and nobody is trusted",
          "name in 'tlsCA' the file with the authorities whose clients may come")
      }
      for name in ["tlsVerify", "tlsServerName"] where options.isGiven(name) {
        throw Self.wrong(name, "is given with mode 'listen'", "it is for those who connect; see tlsClientAuth")
      }
    case .connect:
      if options.isGiven("tlsClientAuth") {
        throw Self.wrong("tlsClientAuth", "is given with mode 'connect'", "it is for servers; see tlsVerify")
      }
    }
    try Self.checkBuild()
  }

  private static func wrong(_ name: String, _ what: String, _ hint: String) -> MillraceError {
    MillraceError("OPTION_OUT_OF_RANGE", "option '\(name)' \(what)", hint: hint)
  }

  private static func checkBuild() throws {
    #if !TLS
      throw MillraceError(
        "TLS_NOT_BUILT_IN", "option 'tls' is true, and this build of Millrace has no TLS",
        hint: "build it with: swift build -c release --traits TLS,default")
    #endif
  }
}

extension NetworkEndpoint {
  /// The host where it is a name and no address.
  var hostName: String? {
    guard case .host(let host, _) = self, !host.contains(":"), host.contains(where: { $0.isLetter }) else { return nil }
    return host
  }
}

/// What became of certificates and keys whose files have changed.
enum TLSNews: Sendable {
  /// These files have changed, and all are read again.
  case readAgain([String])
  /// They cannot be used now, for this reason; those from before stay.
  case kept(MillraceError)

  /// A sentence for the log.
  var text: String {
    switch self {
    case .readAgain(let files):
      "new connections get the certificates that are in the files now: \(files.joined(separator: ", ")) changed"
    case .kept(let error):
      "new connections get the certificates from before, since the changed ones are of no use: \(error.message)"
    }
  }
}

extension SocketPlace {
  /// The environment whose network speaks TLS where the options say so. `tell` hears of certificates that have changed.
  func secured(
    _ environment: Environment, tell: @escaping @Sendable (TLSNews) -> Void = { _ in }
  ) -> Environment {
    #if TLS
      guard let tls else { return environment }
      var secured = environment
      secured.network = TLSNetwork(environment.network, tls, mode, files: environment.files, tell: tell)
      return secured
    #else
      return environment
    #endif
  }
}
