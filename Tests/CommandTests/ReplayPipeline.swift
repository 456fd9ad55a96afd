/// A pipeline over a few of the sample logs with a group of sinks, in batches of one file.
struct ReplayPipeline {
  let sandbox = Sandbox()
  private let group: ReplayGroup
  private let logs: [Int]

  init(_ group: ReplayGroup, logs: [Int] = [11, 10, 9]) {
    self.group = group
    self.logs = logs
    sandbox.write("replay.json", Self.text(group))
  }

  /// Copies the logs, so that the pipeline sees only these.
  func prepare() async throws {
    _ = try await Oracle.shell("mkdir logs && cp \"$@\" logs/", Oracle.logs(logs), in: sandbox)
  }

  private static func text(_ group: ReplayGroup) -> String {
    """
    { "version": 1, "pipelines": { "replay": {
      "sources": { "requests": { "format": "gzip-file", "options": { "path": "logs/access.log.*.gz", "maxFilesPerTrigger": 1 },
                                 "decode": "combined", "onBadRecord": "skip", "watermark": { "column": "time", "delay": "10 minutes" } } },
      "views": { "errors": "SELECT concat(host, ' ', status) AS value FROM requests WHERE status >= 500",
                 "moved": "SELECT concat(host, ' ', status) AS value FROM requests WHERE status >= 300" },
      "sinks": { \(group.sinks.map { "\"\($0.name)\": { \($0.entry) }" }.joined(separator: ",\n")) },
      "trigger": { "availableNow": true }, "checkpointLocation": "out/checkpoint", "stateStore": "\(group.stateStore)", "delivery": "exactly-once" } } }
    """
  }

  /// Changes the queries of all sinks so that they give no rows any more.
  func silence() {
    let queries = Self.text(group).split(separator: "status >= ", omittingEmptySubsequences: false)
    sandbox.write("replay.json", queries.joined(separator: "status >= 900 AND status >= "))
  }

  /// Starts the pipeline.
  func start(_ environment: [String: String] = [:]) throws -> Command {
    try Command(["run", "replay.json"], in: sandbox, environment: environment)
  }

  /// What the sinks hold, each in the oracle's form.
  func results() async throws -> [String: String] {
    var results: [String: String] = [:]
    for sink in group.sinks {
      results[sink.name] = try await Oracle.shell("{ \(sink.read)\n} > read && LC_ALL=C sort read", in: sandbox)
    }
    return results
  }

  /// Fails if a whole run has not spread its output over files as the tests want it.
  func check() async throws {
    for sink in group.sinks { _ = try await Oracle.shell(sink.check, in: sandbox) }
  }

  /// What they must hold.
  func expected() async throws -> [String: String] {
    let files = Oracle.logs(logs)
    var results: [String: String] = [:]
    for sink in group.sinks {
      switch sink.oracle {
      case .traffic: results[sink.name] = try await Oracle.traffic(files)
      case .requests(let least, let form): results[sink.name] = try await Oracle.errors(files, least: least, as: form)
      }
    }
    return results
  }
}
