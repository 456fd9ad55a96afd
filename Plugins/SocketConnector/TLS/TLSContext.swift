#if TLS
  import MillraceCore
  import NIOSSL

  /// Certificates and keys, read and put together.
  enum TLSContext {
    static func make(
      _ settings: TLSSettings, _ mode: SocketPlace.Mode, files: any FileSystem
    ) throws -> NIOSSLContext {
      var configuration = TLSConfiguration.makeClientConfiguration()
      if let path = settings.certificate, let keyPath = settings.key {
        let chain = try certificates(path, "tlsCertificate", files)
        let bytes = try read(keyPath, "tlsKey", files)
        let key = try attempt(keyPath, "tlsKey", "holds no private key in PEM form without a password") {
          try NIOSSLPrivateKey(bytes: bytes, format: .pem)
        }
        if mode == .listen {
          configuration = .makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        } else {
          configuration.certificateChain = chain.map { .certificate($0) }
          configuration.privateKey = .privateKey(key)
        }
      }
      configuration.minimumTLSVersion = .tlsv12
      if let path = settings.authorities {
        configuration.trustRoots = .certificates(try certificates(path, "tlsCA", files))
      }
      configuration.certificateVerification = verification(settings, mode)
      return try attempt(settings.certificate ?? "-", "tlsCertificate", "does not go with the key") {
        try NIOSSLContext(configuration: configuration)
      }
    }

    private static func verification(
      _ settings: TLSSettings, _ mode: SocketPlace.Mode
    ) -> CertificateVerification {
      switch mode {
      case .connect:
        switch settings.verification {
        case .full: .fullVerification
        case .certificate: .noHostnameVerification
        case .none: .none
        }
      case .listen:
        switch settings.clientAuthentication {
        case .none: .none
        case .optional: .optionalVerification
        case .require: .noHostnameVerification
        }
      }
    }

    private static func certificates(
      _ path: String, _ option: String, _ files: any FileSystem
    ) throws -> [NIOSSLCertificate] {
      let bytes = try read(path, option, files)
      return try attempt(path, option, "holds no certificate in PEM form") {
        let found = try NIOSSLCertificate.fromPEMBytes(bytes)
        if found.isEmpty { throw NIOSSLError.failedToLoadCertificate }
        return found
      }
    }

    private static func read(_ path: String, _ option: String, _ files: any FileSystem) throws -> [UInt8] {
      do {
        let file = try files.open(path, .read)
        defer { try? file.close() }
        let size = Int(try file.status().size)
        var bytes = [UInt8](repeating: 0, count: min(size, 1 << 20))
        let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return Array(bytes.prefix(got))
      } catch let error as MillraceError {
        throw MillraceError(
          "TLS_CERTIFICATE_UNUSABLE", "option '\(option)': \(error.message)",
          hint: "name a file in PEM form that this process may read", fault: .external)
      }
    }

    private static func attempt<Result>(
      _ path: String, _ option: String, _ problem: String, _ body: () throws -> Result
    ) throws -> Result {
      do { return try body() } catch let error where !(error is MillraceError) {
        throw MillraceError(
          "TLS_CERTIFICATE_UNUSABLE", "option '\(option)': '\(path)' \(problem)",
          hint: "see what is in it with: openssl x509 -in FILE -noout -text (openssl pkey for keys)", fault: .external)
      }
    }
  }
#endif
