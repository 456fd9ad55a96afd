import Glibc
import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceStreaming
import MillraceTesting
import Testing

/// State stores as plug-ins: one that none of our modules knows runs the same queries as ours.
@Suite struct StateStoreTests {
  static let choices: [StateStoreChoice] = [
    StateStoreChoice(), StateStoreChoice("sqlite", options: ["cacheSize": "1 MiB"]),
    StateStoreChoice("whole-files", options: ["keep": "4"]),
  ]

  static func folder() -> String {
    var template = Array("/tmp/millrace-state-XXXXXX".utf8CString)
    return mkdtemp(&template).map { String(cString: $0) } ?? ""
  }

  @Test(arguments: StateStoreAcceptance.shapes, [1, 2])
  func aThirdStoreKeepsTheContract(shape: StateStoreAcceptance.Shape, seed: UInt64) throws {
    let folder = Self.folder()
    defer { try? PosixFileSystem().removeTree(folder) }
    try StateStoreAcceptance(OwnStateStoreProvider(kept: 2)).run(shape, seed: seed, directory: "\(folder)/0")
  }

  /// A row of the streams.
  static func line(_ word: String, _ number: Int64) -> [Value] {
    [.string(word), .integer(number), .integer(number * 1_000_000)]
  }

  struct Run {
    let hub = MemoryHub()
    let lines: MemoryStream
    let spark: SparkSession
    var options = StreamingOptions()

    init(_ choice: StateStoreChoice, _ checkpoint: String) throws {
      let schema = Schema([StructField("word", .string), StructField("n", .long), StructField("t", .timestamp)])
      lines = try hub.stream("lines", schema: schema)
      _ = try hub.stream("more", schema: schema)
      spark = SparkSession(connectors: [MemoryConnector(hub), OwnStateStoreConnector()], workers: 2)
      options.checkpointLocation = checkpoint
      options.stateStore = choice
      for name in ["lines", "more"] {
        var source = SourceOptions(format: "memory")
        source.options = ["stream": name]
        spark.register(
          try SourceDefinition(
            name: name, source, isStreaming: true, connectors: spark.connectors, environment: spark.environment))
      }
    }

    func start(_ sql: String, _ mode: OutputMode) throws -> StreamingQuery {
      let sink = StreamingSink(
        name: "counts", query: try spark.analyze(sql), outputMode: mode, format: "memory",
        options: ["queryName": "counts"])
      return try spark.start([sink], options)
    }

    var rows: Set<String> { Set(hub.table("counts").rows.map { row in row.map { "\($0)" }.joined(separator: " ") }) }
  }

  static let query = "SELECT word, count(*) AS n, sum(n) AS total FROM lines GROUP BY word"

  @Test(arguments: choices)
  func stateOutlivesTheQuery(choice: StateStoreChoice) async throws {
    let folder = Self.folder()
    defer { try? PosixFileSystem().removeTree(folder) }
    var run = try Run(choice, folder)
    run.options.checkpointLocation = "\(folder)/checkpoint"
    for start in 0..<3 {
      let query = try run.start(Self.query, .complete)
      for batch in 0..<3 {
        run.lines.addData([Self.line("a", Int64(batch)), Self.line("b\(start)", 1)])
        try await query.processAllAvailable()
      }
      // Not the last one, which after ten seconds tells that nothing comes.
      let progress = query.recentProgress.last { !$0.stateOperators.isEmpty }
      #expect(progress?.stateOperators.first?.rowsTotal == Int64(start + 2))
      try await query.stop()
      #expect(query.exception == nil)
    }
    let rows = run.rows
    for row in ["a 9 9", "b0 3 3", "b1 3 3", "b2 3 3"] {
      let parts = row.split(separator: " ")
      #expect(rows.contains("string(\"\(parts[0])\") integer(\(parts[1])) integer(\(parts[2]))"), "\(rows)")
    }
  }

  @Test func anotherStoreIsRefused() async throws {
    let folder = Self.folder()
    defer { try? PosixFileSystem().removeTree(folder) }
    let first = try Run(StateStoreChoice("sqlite"), "\(folder)/checkpoint")
    let query = try first.start(Self.query, .complete)
    first.lines.addData([Self.line("a", 1)])
    try await query.processAllAvailable()
    try await query.stop()
    let second = try Run(StateStoreChoice(), "\(folder)/checkpoint")
    let error = #expect(throws: MillraceError.self) { try second.start(Self.query, .complete) }
    #expect(error?.code == "STATE_STORE_CHANGED")
    #expect(error?.message.contains("checkpoint: sqlite") == true && error?.message.contains("memory") == true)
  }

  @Test func wrongChoicesAreRefused() throws {
    for (choice, code) in [
      (StateStoreChoice("rocksdb"), "DATA_SOURCE_NOT_FOUND"),
      (StateStoreChoice("socket"), "CONNECTOR_NOT_A_STATE_STORE"),
      (StateStoreChoice("sqlite", options: ["cashSize": "1 MiB"]), "OPTION_UNKNOWN"),
      (StateStoreChoice("sqlite", options: ["minVersionsToRetain": "1"]), "OPTION_OUT_OF_RANGE"),
    ] {
      let run = try Run(choice, "/nowhere")
      let error = #expect(throws: MillraceError.self) { try run.start(Self.query, .complete) }
      #expect(error?.code == code)
    }
  }
}
