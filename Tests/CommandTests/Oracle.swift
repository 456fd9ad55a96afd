/// Answers that do not come from the engine: awk over the unpacked logs, and sqlite3 over the database.
enum Oracle {
  /// What a shell command prints; fails the test with what it says if it does not end well.
  static func shell(_ script: String, _ arguments: [String] = [], in sandbox: Sandbox = Sandbox()) async throws
    -> String
  {
    let outcome = try await Command(["-c", script, "sh"] + arguments, in: sandbox, executable: "/bin/sh").outcome()
    guard outcome.status == 0 else { throw Failure(error: outcome.error) }
    return outcome.output
  }

  struct Failure: Error {
    var error: String
  }

  /// The sample logs by number, oldest first.
  static func logs(_ numbers: [Int]) -> [String] {
    numbers.map { "\(Sandbox.root)/docs/examples/logs/access.log.\($0).gz" }
  }

  /// `minute|status|hits|bytes` by awk.
  static func traffic(_ files: [String]) async throws -> String {
    try await shell("\(Sandbox.root)/Tests/Oracles/traffic.sh \"$@\"", files)
  }

  /// `host status` of all requests with at least a status, passed through a script, sorted, by awk.
  static func errors(_ files: [String], least: Int = 500, as form: String = "cat") async throws -> String {
    try await shell("LEAST=\(least) \(Sandbox.root)/Tests/Oracles/errors.sh \"$@\" | \(form) | LC_ALL=C sort", files)
  }

  /// The rows of a table in the same form, by sqlite3.
  static func table(_ database: String, _ query: String = "SELECT minute, status, hits, bytes FROM traffic")
    async throws -> String
  {
    try await shell("sqlite3 \"$1\" \"$2\" | LC_ALL=C sort", [database, query])
  }
}
