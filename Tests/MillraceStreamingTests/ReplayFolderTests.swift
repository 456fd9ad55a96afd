import MillraceCore
import MillraceTesting
import Testing

@testable import MillraceStreaming

/// Handing dead letters over survives a crash at every change of the disk, and hands over none twice.
@Suite struct ReplayFolderTests {
  static func records(_ numbers: Range<Int64>) -> [(id: DeadLetterID, bytes: [UInt8])] {
    numbers.map { (DeadLetterID(queryID: "q", batchID: 1, number: $0), Array("record \($0)".utf8)) }
  }

  static func folder(_ files: SimulatedFileSystem) -> ReplayFolder {
    ReplayFolder(checkpoint: "/cp", source: "in", files: files)
  }

  static func text(_ files: SimulatedFileSystem, _ number: Int64) -> String {
    String(decoding: files.bytes("/cp/replay/in/00000\(number).records") ?? [], as: UTF8.self)
  }

  @Test func handedOverOnce() throws {
    let files = SimulatedFileSystem()
    let folder = Self.folder(files)
    #expect(try folder.parts().isEmpty && folder.waiting(after: 0) == [])
    #expect(try folder.add(Self.records(0..<3)) == 1)
    #expect(try folder.add(Self.records(0..<3)) == 0, "none is handed over twice")
    #expect(try folder.add(Self.records(2..<5)) == 2)
    #expect(Self.text(files, 2) == "\nrecord 3\nrecord 4\n")
    #expect(try folder.waiting(after: 0) == [1, 2] && folder.waiting(after: 1) == [2])
    try folder.remove(through: 1)
    #expect(try folder.parts().map(\.isWaiting) == [false, true])
    #expect(try folder.add(Self.records(0..<5)) == 0, "what was read stays known")
    #expect(try folder.add(Self.records(5..<6)) == 3)
  }

  @Test(arguments: CrashTests.losses) func everyCrash(loss: SimulatedFileSystem.Loss) throws {
    let first = SimulatedFileSystem()
    try Self.folder(first).add(Self.records(0..<3))
    try Self.folder(first).remove(through: 1)
    for change in 1...first.changes {
      let files = SimulatedFileSystem()
      files.crash(at: change)
      let folder = Self.folder(files)
      #expect(throws: (any Error).self) {
        try folder.add(Self.records(0..<3))
        try folder.remove(through: 1)
      }
      files.reboot(loss)
      _ = try folder.add(Self.records(0..<3))
      let parts = try folder.parts()
      #expect(parts.flatMap(\.letters).map(\.number) == [0, 1, 2], "crash at \(change), \(loss)")
      if parts[0].isWaiting {
        #expect(Self.text(files, 1) == "\nrecord 0\nrecord 1\nrecord 2\n", "crash at \(change), \(loss)")
      }
    }
  }
}
