import MillraceCore
import Testing

@testable import MillracePipeline

/// `control`.
struct ControlReaderTests {
  private func file(_ control: String, include: String = "") -> String {
    #"{ "version": 1, \#(include)\#(control)"connectors": { \#(IncludeTests.hub) }, "pipelines": { "p": \#(IncludeTests.pipeline) } }"#
  }

  @Test func aPathIsTakenAsItStands() throws {
    #expect(try IncludeTests.read(["conf/main.json": file("")]).control == nil)
    #expect(try IncludeTests.read(["conf/main.json": file(#""control": "out/c.sock", "#)]).control == "out/c.sock")
    let included = try IncludeTests.read([
      "conf/main.json": file("", include: #""include": "a.json", "#), "conf/a.json": #"{ "control": "a.sock" }"#,
    ])
    #expect(included.control == "a.sock")
  }

  @Test func aPathThatNoSocketCanHaveIsRefused() {
    for (control, part) in [
      (#""""#, "'control' is empty"), ("\"\(String(repeating: "x", count: 108))\"", "'control' has 108 bytes"),
      ("7", "'control' is a number"),
    ] {
      let complaints = IncludeTests.complaints(["conf/main.json": file("\"control\": \(control), ")])
      #expect(complaints.count == 1 && complaints[0].hasPrefix("conf/main.json:1:28:"), "\(complaints)")
      #expect(complaints[0].contains(part), "\(complaints)")
    }
    let two = IncludeTests.complaints([
      "conf/main.json": file(#""control": "m.sock", "#, include: #""include": "a.json", "#),
      "conf/a.json": #"{ "control": "a.sock" }"#,
    ])
    #expect(two.count == 1 && two[0].hasPrefix("conf/a.json:1:14: [PIPELINE_WRONG_VALUE]"), "\(two)")
  }

  /// Who asks a run needs none of what else stands in the file, and starts none of its plug-ins.
  @Test func whatIsWrongElsewhereDoesNotMatter() throws {
    let text =
      #"{ "version": 7, "control": "c.sock", "plugins": [{ "process": ["no-such-program"] }], "pipelines": 9 }"#
    #expect(try TestCatalog.reader().control(Array(text.utf8), file: "p.json") == "c.sock")
    #expect(throws: PipelineFileError.self) { try TestCatalog.reader().control(Array("{".utf8), file: "p.json") }
    #expect(try TestCatalog.reader().control(Array("{}".utf8), file: "p.json") == nil)
  }
}
