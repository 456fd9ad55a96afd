/// A pipeline over a few of the sample logs with a sink of every durable kind, in batches of one file.
struct ReplayPipeline {
  let sandbox = Sandbox()
  private let logs: [Int]

  init(logs: [Int] = [11, 10, 9]) throws {
    self.logs = logs
    sandbox.write("replay.json", Self.text)
  }

  /// Copies the logs, so that the pipeline sees only these.
  func prepare() async throws {
    _ = try await Oracle.shell("mkdir logs && cp \"$@\" logs/", Oracle.logs(logs), in: sandbox)
  }

  private static let text = """
    { "version": 1, "pipelines": { "replay": {
      "sources": { "requests": { "format": "gzip-file", "options": { "path": "logs/access.log.*.gz", "maxFilesPerTrigger": 1 },
                                 "decode": "combined", "onBadRecord": "skip", "watermark": { "column": "time", "delay": "10 minutes" } } },
      "views": { "errors": "SELECT concat(host, ' ', status) AS value FROM requests WHERE status >= 500" },
      "sinks": {
        "table": { "query": "SELECT window.start AS minute, status, count(*) AS hits, sum(bytes) AS bytes FROM requests GROUP BY window(time, '1 minute'), status",
                   "outputMode": "update", "format": "sqlite", "options": { "path": "out/traffic.db", "table": "traffic", "keys": ["minute", "status"] } },
        "packed": { "query": "SELECT value FROM errors", "format": "gzip-file", "options": { "path": "out/errors.gz" }, "encode": "text" },
        "folder": { "query": "SELECT value FROM errors", "format": "text", "options": { "path": "out/folder" } }
      },
      "trigger": { "availableNow": true }, "checkpointLocation": "out/checkpoint", "delivery": "exactly-once" } } }
    """

  /// Starts the pipeline.
  func start(_ environment: [String: String] = [:]) throws -> Command {
    try Command(["run", "replay.json"], in: sandbox, environment: environment)
  }

  /// What the sinks hold, each in the oracle's form.
  func results() async throws -> [String: String] {
    [
      "table": try await Oracle.table("\(sandbox.path)/out/traffic.db"),
      "packed": try await Oracle.shell("gzip -dc out/errors.gz | LC_ALL=C sort", in: sandbox),
      "folder": try await Oracle.shell("cat out/folder/* | LC_ALL=C sort", in: sandbox),
    ]
  }

  /// What they must hold.
  func expected() async throws -> [String: String] {
    let files = Oracle.logs(logs)
    let errors = try await Oracle.errors(files)
    return ["table": try await Oracle.traffic(files), "packed": errors, "folder": errors]
  }
}
