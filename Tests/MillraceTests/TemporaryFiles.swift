import Glibc
import Testing

/// Writes files, texts by name, into a folder of their own, which is there for as long as `body` runs.
func withTemporaryFiles(_ files: [String: String], _ body: (_ folder: String) async throws -> Void) async throws {
  var template = Array("/tmp/millrace-files-XXXXXX".utf8CString)
  let folder = template.withUnsafeMutableBufferPointer { buffer in
    buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
  }
  let path = try #require(folder)
  defer {
    for name in files.keys { unlink("\(path)/\(name)") }
    rmdir(path)
  }
  for (name, text) in files {
    let file = try #require(fopen("\(path)/\(name)", "w"))
    #expect(fputs(text, file) >= 0)
    fclose(file)
  }
  try await body(path)
}
