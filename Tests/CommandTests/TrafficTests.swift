import Testing

/// The example that `scripts/run` runs, against an independent count.
struct TrafficTests {
  /// The repository's own connectors.json, run in a folder of the test's own.
  static func run(in sandbox: Sandbox) async throws -> Command.Outcome {
    _ = try await Oracle.shell("ln -sfn \"$1/docs\" docs && cp \"$1/connectors.json\" .", [Sandbox.root], in: sandbox)
    return try await Command.millrace(["run", "--pipeline", "traffic"], in: sandbox)
  }

  @Test func theDatabaseHoldsWhatAwkCounts() async throws {
    let sandbox = Sandbox()
    let first = try await Self.run(in: sandbox)
    #expect(first.status == 0, "\(first.error)")
    let expected = try await Oracle.traffic(Oracle.logs(Array(1...12)))
    #expect(expected.split(separator: "\n").count > 8000)
    #expect(try await Oracle.table("\(sandbox.path)/out/traffic.db") == expected)

    let second = try await Self.run(in: sandbox)
    #expect(second.status == 0)
    #expect(second.error.contains("traffic: nothing new, everything was processed already"))
    #expect(try await Oracle.table("\(sandbox.path)/out/traffic.db") == expected)
  }
}
