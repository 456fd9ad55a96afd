import Glibc
import Testing

/// The benchmark kit and the conformance corpus are copies of data that other projects share with us. Where the
/// originals lie beside the repository, the copies must not have drifted.
struct CopiesTests {
  /// Files of the kit that queries of our own have been added to, or that we had to change.
  static let extended: Set<String> = [
    "README.md", "gen.py", "verify.py", "peers/common.py", "peers/duckdb_q.py", "peers/chdb_q.py", "peers/polars_q.py",
    "peers/shell_q.sh", "streaming/spark_state.py",
  ]

  @Test(arguments: [("bench", "Benchmarks"), ("conformance", "Tests/Conformance")])
  func copyEqualsOriginal(original: String, copy: String) throws {
    let shared = Repository.root + "/../shared/" + original
    guard access(shared, R_OK) == 0 else { return }
    for file in Repository.files(under: shared)
    where !file.contains("__pycache__") && !(copy == "Benchmarks" && Self.extended.contains(file)) {
      let mine = Repository.root + "/" + copy + "/" + file
      #expect(
        Repository.bytes(mine) == Repository.bytes(shared + "/" + file),
        "\(copy)/\(file) differs from ../shared/\(original)")
    }
  }
}
