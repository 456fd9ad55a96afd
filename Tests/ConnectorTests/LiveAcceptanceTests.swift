import Glibc
import MillraceCore
import MillraceTesting
import ProcessConnector
import SocketConnector
import Testing

extension AcceptanceTests.Subject {
  /// A socket that connects to a server, which sends when a test says so.
  static let liveSocket = Self("socket live source") {
    let folder = ScratchFolder()
    return LiveSourceAcceptance(SocketConnector(), folder: folder.path) {
      let server = LoopbackServer()
      var isConnected = false
      return .init(options: ["host": "127.0.0.1", "port": "\(server.port)"]) { records in
        if !isConnected { server.accept() }
        isConnected = true
        server.send(records.map { $0 + "\n" }.joined())
      }
    }.run()
  }

  /// A command that follows a file, which a test writes.
  static let liveCommand = Self("exec live source") {
    let folder = ScratchFolder()
    let number = AcceptanceTests.Counter()
    return LiveSourceAcceptance(ExecConnector(), folder: folder.path) {
      let name = "input\(number.next())"
      try folder.write("", to: name)
      return .init(options: ["command": "exec tail -n +1 -f \(folder.file(name))"]) { records in
        try folder.write(records.map { $0 + "\n" }.joined(), to: name, appending: true)
      }
    }.run()
  }
}

struct LiveAcceptanceTests {
  /// The kit finds a source that does not keep what it gave in order.
  @Test func aSourceThatTurnsRecordsRoundIsFound() {
    let folder = ScratchFolder()
    let report = LiveSourceAcceptance(ExecConnector(), folder: folder.path) {
      .init(options: ["command": "seq 40 -1 1; sleep 30"]) { _ in }
    }.run()
    #expect(report.failures.count == 1, "\(report)")
  }
}
