import Glibc
import MillraceCore
import SocketConnector
import Synchronization
import Testing

/// What the options of TLS say wrongly, in any build.
struct SocketTLSOptionTests {
  @Test(arguments: [
    (["tlsKey": "k"], "option 'tlsKey' is given, and 'tls' is not true"),
    (["tls": "true", "transport": "udp"], "option 'tls' is true with transport 'udp'"),
    (["tls": "true"], "a server with TLS needs the option 'tlsCertificate'"),
    (["tls": "true", "tlsKey": "k"], "option 'tlsKey' is given alone"),
    (
      ["tls": "true", "tlsKey": "k", "tlsCertificate": "c", "tlsClientAuth": "require"],
      "option 'tlsClientAuth' is 'require', and nobody is trusted"
    ),
    (
      ["tls": "true", "tlsKey": "k", "tlsCertificate": "c", "tlsVerify": "none"],
      "option 'tlsVerify' is given with mode 'listen'"
    ),
    (
      ["tls": "true", "mode": "connect", "port": "1", "host": "h", "tlsClientAuth": "require"],
      "option 'tlsClientAuth' is given with mode 'connect'"
    ),
  ])
  func wrongOptions(options: [String: String], text: String) {
    let said = message {
      _ = try SourceHarness(["mode": "listen", "port": "0"].merging(options) { $1 })
    }
    #expect(said.contains(text), "\(said)")
  }

  #if !TLS
    @Test func buildWithoutTLSSaysHowToGetIt() {
      let said = message {
        _ = try SourceHarness(["mode": "connect", "host": "localhost", "port": "1", "tls": "true"])
      }
      #expect(said.contains("[TLS_NOT_BUILT_IN] option 'tls' is true, and this build of Millrace has no TLS"))
      #expect(said.contains("hint: build it with: swift build -c release --traits TLS,default"))
    }
  #endif
}

#if TLS
  /// Certificates of authorities that nobody else knows.
  struct TestCertificates {
    let folder = ScratchFolder()
    static let shared = TestCertificates()

    private init() {
      let names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
      let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
      var script = "set -e; cd '\(folder.path)'; printf '\(names)' > names\n"
      for authority in ["ca", "other"] {
        script +=
          "openssl req -x509 \(key) -keyout \(authority).key -out \(authority).pem -subj '/CN=\(authority)' -days 2\n"
      }
      for (name, authority) in [("server", "ca"), ("client", "ca"), ("stranger", "other")] {
        script += "openssl req \(key) -keyout \(name).key -out \(name).csr -subj '/CN=\(name)'\n"
        script += "openssl x509 -req -in \(name).csr -CA \(authority).pem -CAkey \(authority).key -CAcreateserial "
        script += "-out \(name).pem -days 2 -extfile names\n"
      }
      #expect(system("(\(script)) > /dev/null 2>&1") == 0)
    }

    static func file(_ name: String) -> String { shared.folder.file(name) }

    static func own(_ name: String) -> [String: String] {
      ["tls": "true", "tlsCertificate": file("\(name).pem"), "tlsKey": file("\(name).key")]
    }

    static var trusting: [String: String] { ["tls": "true", "tlsCA": file("ca.pem")] }
  }

  /// Sources and sinks that speak TLS, with each other and with OpenSSL.
  @Suite(.serialized) struct SocketTLSTests {
    static func listening(_ more: [String: String] = [:]) throws -> (SourceHarness, UInt16) {
      try SourceHarness.listening(TestCertificates.own("server").merging(more) { $1 })
    }

    /// Sends over a thread of its own and gives what went wrong.
    static func sender(_ port: UInt16, _ text: String, _ options: [String: String]) -> Worker<String> {
      let all = ["host": "localhost", "port": "\(port)", "connectRetry": "0 seconds"].merging(options) { $1 }
      return Worker {
        message {
          let sink = try SocketSinkTests.sink(all)
          try SocketSinkTests.run(0, text, sink)
          try sink.close()
        }
      }
    }

    /// By name and by address, with certificates of one side and of both.
    @Test(arguments: ["localhost", "127.0.0.1"], ["none", "optional", "require"])
    func sinkToSource(host: String, authentication: String) throws {
      var server = ["tlsClientAuth": authentication]
      if authentication != "none" { server["tlsCA"] = TestCertificates.file("ca.pem") }
      let (harness, port) = try Self.listening(server)
      var client = TestCertificates.trusting.merging(["host": host]) { $1 }
      if authentication == "require" { client.merge(TestCertificates.own("client")) { $1 } }
      let sender = Self.sender(port, "one\ntwo\n", client)
      #expect(try harness.lines(2) == ["one", "two"])
      #expect(sender.join() == "none")
      harness.source.close()
    }

    /// Megabytes in one batch come whole, in pieces of the receiver's choice.
    @Test func muchAtATime() throws {
      let (harness, port) = try Self.listening(["maxRecordBytes": "1 MiB"])
      let lines = (0..<60_000).map { "line \($0) \(String(repeating: "x", count: $0 % 97))" }
      let sender = Self.sender(port, lines.joined(separator: "\n") + "\n", TestCertificates.trusting)
      #expect(try harness.lines(lines.count) == lines)
      #expect(sender.join() == "none")
      harness.source.close()
    }

    /// Acknowledgements go the other way.
    @Test func acknowledgement() throws {
      let (harness, port) = try Self.listening(["acknowledge": "true"])
      let all = ["host": "localhost", "port": "\(port)", "acknowledge": "true"].merging(TestCertificates.trusting) {
        $1
      }
      let sender = Worker {
        message {
          let sink = try SocketSinkTests.sink(all)
          _ = try sink.recover(batchID: nil, token: nil)
          try SocketSinkTests.run(0, "a\nb\n", sink)
          try sink.close()
        }
      }
      var received: [String] = []
      while received.count < 2 {
        received += try #require(try harness.receive()).split(separator: "\n").map(String.init)
        harness.source.acknowledge(harness.inbox.sequences)
      }
      #expect(received == ["a", "b"])
      let answering = Worker { try? harness.receive() }
      #expect(sender.join() == "none")
      harness.source.close()
      #expect(answering.join() == .some(nil))
    }

    @Test(arguments: [
      (["tls": "true", "tlsCA": "other.pem"], "TLS: the other side's certificate is not trusted (tlsCA)"),
      (
        ["tls": "true", "tlsCA": "ca.pem", "tlsServerName": "elsewhere.example"],
        "TLS: the server's certificate is for another name"
      ),
    ])
    func clientRefusesServer(options: [String: String], text: String) throws {
      let (harness, port) = try Self.listening()
      var options = options
      options["tlsCA"] = options["tlsCA"].map { TestCertificates.file($0) }
      let receiver = Worker { try? harness.receive() }
      let said = Self.sender(port, "a\n", options).join()
      #expect(said.contains("[SOCKET_CONNECT_FAILED]") && said.contains(text), "\(said)")
      // Who does not look, or not at the name, comes through.
      options["tlsVerify"] = options["tlsServerName"] == nil ? "none" : "certificate"
      #expect(Self.sender(port, "b\n", options).join() == "none")
      #expect(receiver.join() == "b\n")
      harness.source.close()
    }

    /// Neither strangers nor those without TLS are let in, and none of them is in the way of others.
    @Test func serverRefusesClients() throws {
      let (harness, port) = try Self.listening([
        "tlsClientAuth": "require", "tlsCA": TestCertificates.file("ca.pem"), "connectTimeout": "300 ms",
      ])
      let plain = LoopbackClient(port: port)
      plain.send("GET / HTTP/1.1\r\n\r\n")
      let silent = LoopbackClient(port: port)
      let receiver = Worker { try? harness.receive() }
      for name in ["", "stranger"] {
        var options = TestCertificates.trusting
        if !name.isEmpty { options.merge(TestCertificates.own(name)) { $1 } }
        // TLS 1.3 clients hear of it after their own part is done: a batch may be lost, and is not received.
        _ = Self.sender(port, "bad\n", options).join()
      }
      #expect(plain.line() != nil && silent.line() == "")
      let good = TestCertificates.trusting.merging(TestCertificates.own("client")) { $1 }
      #expect(Self.sender(port, "good\n", good).join() == "none")
      #expect(receiver.join() == "good\n")
      harness.source.close()
    }

    /// A sink that others connect to.
    @Test func sinkThatListens() throws {
      let folder = ScratchFolder()
      let options = TestCertificates.own("server").merging(
        ["mode": "listen", "port": "0", "portFile": folder.file("port")]
      ) { $1 }
      let sink = try SocketSinkTests.sink(options)
      let port = try #require(folder.text("port")).filter { $0.isNumber }
      let source = try SourceHarness(["host": "localhost", "port": port].merging(TestCertificates.trusting) { $1 })
      let receiver = Worker { () -> [String] in
        do {
          try source.source.connect()
          return try source.lines(3)
        } catch { return ["\(error)"] }
      }
      SystemClock().sleep(microseconds: 300_000)
      try SocketSinkTests.run(0, "a\nb\n", sink)
      try SocketSinkTests.run(1, "c\n", sink)
      #expect(receiver.join() == ["a", "b", "c"])
      source.source.close()
      try sink.close()
    }

    /// Copies a certificate and its key, or one of both, to the place where a server has its own.
    private static func install(_ certificate: String, key: String, in folder: ScratchFolder) {
      for (name, file) in [("own.pem", "\(certificate).pem"), ("own.key", "\(key).key")] {
        let path = folder.file(name)
        #expect(system("cp '\(TestCertificates.file(file))' '\(path).new' && mv '\(path).new' '\(path)'") == 0)
      }
    }

    /// Renewed certificates are for the next connections, without a restart; those that are of no use leave the ones from before in force.
    @Test func changedCertificates() throws {
      let folder = ScratchFolder()
      Self.install("server", key: "server", in: folder)
      let (harness, port) = try SourceHarness.listening([
        "tls": "true", "tlsCertificate": folder.file("own.pem"), "tlsKey": folder.file("own.key"),
      ])
      let ours = TestCertificates.trusting
      let other = ["tls": "true", "tlsCA": TestCertificates.file("other.pem")]
      let notices = Mutex<[String]>([])
      func received(_ count: Int) -> Worker<[String]> {
        nonisolated(unsafe) let harness = harness
        return Worker {
          var lines: [String] = []
          while lines.count < count {
            try? harness.turn()
            notices.withLock { $0 += harness.inbox.notices }
            lines += String(decoding: harness.inbox.records.bytes, as: UTF8.self).split(separator: "\n").map(
              String.init)
          }
          return lines
        }
      }
      var receiver = received(1)
      #expect(Self.sender(port, "before\n", ours).join() == "none")
      #expect(receiver.join() == ["before"])
      #expect(!notices.withLock { $0 }.contains { $0.contains("certificates") })

      Self.install("stranger", key: "server", in: folder)
      receiver = received(1)
      #expect(Self.sender(port, "kept\n", ours).join() == "none")
      #expect(receiver.join() == ["kept"])
      let kept = notices.withLock { $0 }.filter { $0.contains("certificates from before") }
      #expect(kept.count == 1 && kept[0].contains("does not go with the key"), "\(kept)")

      Self.install("stranger", key: "stranger", in: folder)
      receiver = received(1)
      #expect(Self.sender(port, "refused\n", ours).join().contains("certificate is not trusted"))
      #expect(Self.sender(port, "after\n", other).join() == "none")
      #expect(receiver.join() == ["after"])
      let again = notices.withLock { $0 }.filter { $0.contains("in the files now") }
      #expect(again.count == 1 && again[0].contains("own.key"), "\(again)")
      harness.source.close()
    }

    /// A client shows the certificate that its file has when it connects again.
    @Test func changedCertificateOfClient() throws {
      let folder = ScratchFolder()
      Self.install("stranger", key: "stranger", in: folder)
      let (harness, port) = try Self.listening([
        "tlsClientAuth": "require", "tlsCA": TestCertificates.file("ca.pem"),
      ])
      let own = [
        "tlsCertificate": folder.file("own.pem"), "tlsKey": folder.file("own.key"), "connectRetry": "1 second",
      ]
      let receiver = Worker { try? harness.lines(1) }
      let sink = try SocketSinkTests.sink(
        ["host": "localhost", "port": "\(port)"].merging(TestCertificates.trusting) { $1 }.merging(own) { $1 })
      // TLS 1.3 clients hear that they are refused after their own part is done, so the batch may seem to have arrived.
      _ = message { try SocketSinkTests.run(0, "a\n", sink) }
      Self.install("client", key: "client", in: folder)
      for batch in 1..<10 {
        _ = message { try SocketSinkTests.run(Int64(batch), "b\n", sink) }
        SystemClock().sleep(microseconds: 50_000)
      }
      #expect(receiver.join() == ["b"])
      try sink.close()
      harness.source.close()
    }

    /// OpenSSL's own client and server on the other side.
    @Test func openSSL() throws {
      let (harness, port) = try Self.listening()
      let ca = TestCertificates.file("ca.pem")
      let client = Worker {
        system(
          "(printf 'x\\ny\\n'; sleep 0.3) | openssl s_client -quiet -verify_return_error -CAfile '\(ca)' -connect localhost:\(port) > /dev/null 2>&1"
        )
      }
      #expect(try harness.lines(2) == ["x", "y"])
      // It does not end with its input, but with the connection.
      harness.source.close()
      #expect(try harness.receive() == nil)
      _ = client.join()

      let free = LoopbackServer()
      let other = free.port
      free.closePeer()
      let (pem, key) = (TestCertificates.file("server.pem"), TestCertificates.file("server.key"))
      let server = Worker {
        system(
          "(sleep 0.6; printf 'p\\nq\\n'; sleep 0.4) | openssl s_server -quiet -naccept 1 -cert '\(pem)' -key '\(key)' -accept \(other + 1) > /dev/null 2>&1"
        )
      }
      let source = try SourceHarness(
        ["host": "localhost", "port": "\(other + 1)", "connectRetry": "1 second"].merging(TestCertificates.trusting) {
          $1
        })
      try source.source.connect()
      #expect(try source.lines(2) == ["p", "q"])
      source.source.close()
      _ = try? source.receive()
      _ = server.join()
    }

    @Test func certificatesThatCannotBeUsed() {
      func said(_ more: [String: String]) -> String {
        message { try SourceHarness(["mode": "listen", "port": "0"].merging(more) { $1 }).source.connect() }
      }
      var options = TestCertificates.own("server")
      options["tlsCertificate"] = TestCertificates.file("none.pem")
      #expect(said(options).contains("[TLS_CERTIFICATE_UNUSABLE] option 'tlsCertificate': "))
      options["tlsCertificate"] = TestCertificates.file("server.key")
      #expect(said(options).contains("server.key' holds no certificate in PEM form"))
      options = TestCertificates.own("server")
      options["tlsKey"] = TestCertificates.file("client.key")
      #expect(said(options).contains("server.pem' does not go with the key"))
      options["tlsKey"] = TestCertificates.file("client.pem")
      #expect(said(options).contains("client.pem' holds no private key in PEM form without a password"))
    }
  }
#endif
