import MillraceCore
import MillraceTesting
import Testing

/// Every bundled connector keeps the contract that the author's kit checks. What the kit finds is the page
/// `docs/reference/acceptance.md`; with `MILLRACE_WRITE_ACCEPTANCE=1` in the environment the page is written.
struct AcceptanceTests {
  /// Lines of many lengths.
  static let lines = (0..<40).map { "line \($0)" + String(repeating: "x", count: $0 * 7 % 31) }

  @Test(arguments: Subject.all)
  func keepsTheContract(subject: Subject) throws {
    let report = try subject.run()
    #expect(report.failures.isEmpty, "\(report)")
    #expect(!report.lines.isEmpty)
    if Self.isWriting { return }
    #expect(
      try Self.page().contains(Self.section(report, subject)),
      "scripts/docs writes the page; the kit found\n\(Self.section(report, subject))")
  }

  @Test(.enabled(if: isWriting)) func writePage() throws {
    var text = """
      # Acceptance of the bundled connectors

      What the author's kit (`SourceAcceptance`, `LiveSourceAcceptance` and `SinkAcceptance` in `MillraceTesting`) finds; see
      [streaming](../streaming.md#connectors-of-your-own). Lost and doubled records are counted over all runs of a check.

      """
    for subject in Subject.all { text += Self.section(try subject.run(), subject) }
    let file = try PosixFileSystem().open(Self.path, .create)
    try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0), at: 0) }
    try file.close()
  }

  static func section(_ report: AcceptanceReport, _ subject: Subject) -> String {
    // What is special about a subject stands behind its name.
    let name = subject.testDescription
    return "\n## \(name.hasPrefix(report.subject) ? name : report.subject)\n\n\(report)\n"
  }

  static let path =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    + "/docs/reference/acceptance.md"

  static func page() throws -> String {
    let file = try PosixFileSystem().open(path, .read)
    var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
    _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    try file.close()
    return String(decoding: bytes, as: UTF8.self)
  }
}
