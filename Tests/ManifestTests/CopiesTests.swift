import Glibc
import Testing

/// The benchmark kit and the conformance corpus are copies of data that other projects share with us. Where the
/// originals lie beside the repository, the copies must not have drifted.
struct CopiesTests {
  @Test(arguments: [("bench", "Benchmarks"), ("conformance", "Tests/Conformance")])
  func copyEqualsOriginal(original: String, copy: String) throws {
    let shared = Repository.root + "/../shared/" + original
    guard access(shared, R_OK) == 0 else { return }
    for file in Repository.files(under: shared) where !file.contains("__pycache__") {
      let mine = Repository.root + "/" + copy + "/" + file
      #expect(
        Repository.bytes(mine) == Repository.bytes(shared + "/" + file),
        "\(copy)/\(file) differs from ../shared/\(original)")
    }
  }
}
