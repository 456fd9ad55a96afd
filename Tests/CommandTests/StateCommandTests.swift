import Testing

/// `millrace state` and state in `millrace sql`, over checkpoints that the command made.
@Suite struct StateCommandTests {
  /// Words of three files, a batch for each.
  static func scene(_ store: String, sinks: String? = nil) async throws -> Sandbox {
    let sandbox = Sandbox()
    let counts = """
      "counts": { "query": "SELECT value AS word, count(*) AS n FROM lines GROUP BY value", "outputMode": "update",
                  "format": "sqlite", "options": { "path": "out/counts.db", "table": "counts", "keys": ["word"] } }
      """
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "lines": { "format": "text", "options": { "path": "in/*.txt", "maxFilesPerTrigger": 1 } } },
        "sinks": { \(sinks ?? counts) },
        "stateStore": "\(store)", "trigger": { "availableNow": true }, "checkpointLocation": "out/checkpoint" } } }
      """)
    _ = try await Oracle.shell("mkdir in", in: sandbox)
    for (index, words) in ["a\nb\na\n", "a\nc\n", "b\nd\nd\na\n"].enumerated() {
      sandbox.write("in/\(index + 1).txt", words)
      let outcome = try await Command(["run", "p.json"], in: sandbox).outcome()
      #expect(outcome.status == 0, "\(outcome.error)")
    }
    return sandbox
  }

  static func output(_ arguments: [String], in sandbox: Sandbox) async throws -> [String] {
    let outcome = try await Command(arguments, in: sandbox).outcome()
    #expect(outcome.status == 0, "\(arguments): \(outcome.error)")
    return outcome.output.split(separator: "\n").map(String.init).sorted()
  }

  static func row(_ word: String, _ count: Int) -> String { #"{"key.value":"\#(word)","value.count":\#(count)}"# }

  @Test(arguments: ["memory", "sqlite"])
  func everyVersionCanBeRead(store: String) async throws {
    let sandbox = try await Self.scene(store)
    let versions: [[String]] = [
      [], [Self.row("a", 2), Self.row("b", 1)], [Self.row("a", 3), Self.row("b", 1), Self.row("c", 1)],
      [Self.row("a", 4), Self.row("b", 2), Self.row("c", 1), Self.row("d", 2)],
    ]
    for (version, rows) in versions.enumerated() {
      let read = try await Self.output(
        ["state", "out/checkpoint", "--version", "\(version)", "--json"], in: sandbox)
      #expect(read == rows, "version \(version)")
    }
    #expect(try await Self.output(["state", "out/checkpoint", "--json"], in: sandbox) == versions[3])
    let sum = try await Self.output(
      [
        "sql", "SELECT sum(value.count) AS n, count(*) AS keys, count(DISTINCT partition_id) > 1 AS spread FROM s",
        "--table", "s=state:out/checkpoint?operator=0&version=3", "--json",
      ], in: sandbox)
    #expect(sum == [#"{"n":9,"keys":4,"spread":true}"#])
    let list = try await Self.output(["state", "out/checkpoint", "--list", "--json"], in: sandbox)
    #expect(
      list == [
        #"{"operatorId":0,"operatorName":"aggregation","stateStoreName":"\#(store)","numPartitions":4,"minVersion":0,"#
          + #""maxVersion":3,"keys":"value STRING","values":"count BIGINT"}"#
      ])
    let same = try await Self.output(
      ["sql", "SELECT maxVersion FROM m", "--table", "m=state-metadata:out/checkpoint", "--json"], in: sandbox)
    #expect(same == [#"{"maxVersion":3}"#])
  }

  /// Both sides of a join hold rows with their columns.
  @Test func sidesOfAJoin() async throws {
    let sandbox = try await Self.scene(
      "sqlite",
      sinks: """
        "pairs": { "query": "SELECT l.value AS left_word, r.value AS right_word FROM lines l JOIN lines r ON l.value = r.value AND r.value <> 'a'",
                   "format": "gzip-file", "options": { "path": "out/pairs.gz" } }
        """)
    let left = try await Self.output(
      [
        "sql", "SELECT value.row.value AS v, count(*) AS n FROM s GROUP BY 1 ORDER BY 1", "--table",
        "s=state:out/checkpoint?joinSide=left", "--json",
      ], in: sandbox)
    let right = try await Self.output(
      [
        "sql", "SELECT value.row.value AS v FROM s WHERE value.row.value = 'd'", "--table",
        "s=state:out/checkpoint?operator=0&joinSide=right", "--json",
      ], in: sandbox)
    #expect(left.contains(#"{"v":"b","n":2}"#))
    #expect(right == [#"{"v":"d"}"#, #"{"v":"d"}"#])
  }

  @Test func whatIsWrongIsSaid() async throws {
    let sandbox = try await Self.scene("memory")
    for (arguments, code) in [
      (["state", "out/nowhere"], "CHECKPOINT_NOT_FOUND"),
      (["state", "out/checkpoint", "--version", "4"], "STATE_VERSION_NOT_RETAINED"),
      (["state", "out/checkpoint", "--operator", "1"], "STATE_OPERATOR_NOT_FOUND"),
      (["state", "out/checkpoint", "--join-side", "left"], "STATE_NOT_A_JOIN"),
      (["sql", "SELECT 1 FROM s", "--table", "s=state:out/checkpoint?verson=1"], "verson=1"),
    ] {
      let outcome = try await Command(arguments, in: sandbox).outcome()
      #expect(outcome.status != 0 && outcome.error.contains(code), "\(arguments): \(outcome.error)")
    }
  }
}
