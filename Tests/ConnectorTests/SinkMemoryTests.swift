import FileConnector
import Glibc
import GzipFileConnector
import MillraceCore
import MillraceTesting
import ProcessConnector
import RotatingFileConnector
import SQLiteConnector
import Testing

/// A batch of any size passes through a sink without being kept. Each sink has a process of its own, since the system counts for processes.
struct SinkMemoryTests {
  /// Ends the process: well, if the sink has kept little.
  static func check(_ connector: any Connector, _ options: @escaping (String) -> [String: String]) -> Never {
    let folder = ScratchFolder()
    let report = SinkAcceptance(connector) { .init(options: options(folder.path)) { [] } }.runMemory()
    for failure in report.failures { _ = "\(failure)\n".withCString { write(STDERR_FILENO, $0, strlen($0)) } }
    try? PosixFileSystem().removeTree(folder.path)
    exit(report.failures.isEmpty && report.lines.count == 1 ? 0 : 1)
  }

  @Test func filesInAFolder() async {
    await #expect(processExitsWith: .success) {
      SinkMemoryTests.check(FileConnector.all[0]) { ["path": "\($0)/out"] }
    }
  }

  @Test func gzipFile() async {
    await #expect(processExitsWith: .success) {
      SinkMemoryTests.check(GzipFileConnector()) { ["path": "\($0)/out.gz"] }
    }
  }

  @Test func rotatingFile() async {
    await #expect(processExitsWith: .success) {
      SinkMemoryTests.check(RotatingFileConnector()) { ["path": "\($0)/app.log", "maxFileBytes": "16 MiB"] }
    }
  }

  @Test func sqlite() async {
    await #expect(processExitsWith: .success) {
      SinkMemoryTests.check(SQLiteConnector()) { ["path": "\($0)/t.db", "table": "t"] }
    }
  }

  @Test func command() async {
    await #expect(processExitsWith: .success) {
      SinkMemoryTests.check(ExecConnector()) { _ in ["command": "cat > /dev/null"] }
    }
  }

  /// A sink that keeps everything is found.
  @Test func aSinkThatKeepsAllIsFound() async {
    await #expect(processExitsWith: .failure) {
      SinkMemoryTests.check(HoardingConnector()) { _ in [:] }
    }
  }
}

private struct HoardingConnector: Connector {
  var spec: ConnectorSpec { ConnectorSpec(name: "hoard", summary: "Keeps all.", kinds: [.sink]) }

  func makeSink(_ request: SinkRequest) throws -> SinkKind { .bytes(Hoard()) }

  final class Hoard: ByteSink, @unchecked Sendable {
    private var kept: [[UInt8]] = []
    let description = "hoard"
    let guarantee = SinkGuarantee.atLeastOnce
    let outputModes = Set(OutputMode.allCases)
    let compression: Compression? = nil
    func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }
    func begin(batchID: Int64) throws {}
    func write(_ block: EncodedBlock) throws { kept.append(Array(block.bytes)) }
    func commit(batchID: Int64) throws -> JSON { .dictionary(["blocks": .int(Int64(kept.count))]) }
  }
}
