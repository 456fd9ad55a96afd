import Glibc
import Millrace
import MillraceCLI
import MillraceCore
import MillraceFormats
import MillracePipeline
import Synchronization
import Testing

/// The examples of the README are those that are compiled and run here.
@Suite struct ReadmeTests {
  private static func trimmed(_ text: some StringProtocol) -> Substring {
    Substring(text).drop { $0 == " " }
  }

  /// Each line of the block, imports apart, stands in the source, in the same order.
  @Test(arguments: [0, 1]) func swiftExampleIsTheOneThatIsCompiled(number: Int) throws {
    let blocks = Page.readme.blocks("swift")
    #expect(blocks.count == 2)
    let wanted = try #require(blocks.dropFirst(number).first).split(separator: "\n")
      .filter { !$0.hasPrefix("import ") }.map { Self.trimmed($0) }
    var source = Page("Tests/DocumentationTests/ReadmeExamples.swift").lines.map { Self.trimmed($0) }[...]
    for line in wanted {
      guard let place = source.firstIndex(of: line) else {
        Issue.record("the README has '\(line)', the compiled example has not")
        return
      }
      source = source[(place + 1)...]
    }
  }

  /// Word count as the README has it, over a server at the README's port; where the port is taken there is nothing to see.
  @Test(.timeLimit(.minutes(5))) func wordCountCounts() async throws {
    guard let server = LineServer(port: 9999, ["apache spark\n", "apache hadoop\n"]) else { return }
    let (queries, started) = AsyncStream<StreamingQuery>.makeStream()
    async let run: Void = wordCount { started.yield($0) }
    for await query in queries {
      while query.isActive, query.recentProgress.reduce(0, { $0 + $1.inputRows }) < 2 {
        try await query.awaitTermination(10)
      }
      #expect(query.lastProgress?.sinks.map(\.outputRows) == [3])
      try await query.stop()
      break
    }
    try await run
    server.wait()
  }

  @Test func connectorIsKnownToItsCommand() async throws {
    #expect(MillraceCommandLine.run(["describe", "greeting"]) != 0)
    #expect(MillraceCommandLine.run(["describe", "greeting"], connectors: [GreetingConnector()]) == 0)
    let spark = SparkSession(connectors: [GreetingConnector()])
    let rows = await spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 3).load()
    let query = try await rows.writeStream.format("greeting").option("name", "reader").trigger(.once).start()
    try await query.awaitTermination()
    #expect(GreetingSink.greetings.withLock { $0 } == ["hello, reader"])
  }

  // MARK: The pipeline

  private static let pipelineText = Page.readme.blocks("jsonc").first ?? ""

  @Test func pipelineIsValid() throws {
    let plans = try PipelinePages.plans(Self.pipelineText)
    #expect(plans.map(\.definition.name) == ["errors"])
    #expect(plans.map(\.guarantee) == [.exactlyOnce])
  }

  /// The complaint that the README shows is the one that its pipeline gets for the misspelling.
  @Test func complaintIsTheOneThatIsShown() throws {
    let shown = Page.readme.lines.drop { !$0.hasPrefix("    errors.json:") }.prefix { $0.hasPrefix("    ") }
      .map { String($0.dropFirst(4)) }.joined(separator: "\n")
    let misspelt = Self.pipelineText.split(separator: "\"outputMode\"").joined(separator: "\"outputMod\"")
    #expect(PipelinePages.complaints(misspelt, file: "errors.json") == [shown])
  }

  // MARK: Guarantees

  /// Sources and sinks by the rows of the table, with a checkpoint and without.
  @Test(arguments: [
    ("gzip-file", "sqlite", "exactly-once", "at-least-once"),
    ("rotating-file", "gzip-file", "exactly-once", "at-least-once"),
    ("text", "rotating-file", "exactly-once", "at-least-once"), ("json", "csv", "exactly-once", "at-least-once"),
    ("csv", "json", "exactly-once", "at-least-once"), ("socket", "sqlite", "exactly-once", "at-most-once"),
    ("gzip-file", "console", "at-least-once", "at-least-once"),
    ("gzip-file", "socket", "at-least-once", "at-least-once"),
    ("socket", "console", "at-least-once", "at-most-once"),
  ])
  func guaranteeIsTheOneOfTheTable(source: String, sink: String, with: String, without: String) throws {
    for (checkpoint, expected) in [("\"checkpointLocation\": \"c\",", with), ("", without)] {
      let text = """
        { "version": 1, "pipelines": { "p": { \(checkpoint)
          "sources": { "i": { "format": "\(source)", "options": \(Self.options[source] ?? "{}")\(Self.schemas[source] ?? "") } },
          "sinks": { "o": { "query": "SELECT * FROM i", "format": "\(sink)", "options": \(Self.outputs[sink] ?? "{}") } } } } }
        """
      #expect(
        try PipelinePages.plans(text).map(\.guarantee.rawValue) == [expected], "\(source) to \(sink) \(checkpoint)")
    }
  }

  private static let options = [
    "gzip-file": #"{ "path": "x.gz" }"#, "rotating-file": #"{ "path": "x.log" }"#, "text": #"{ "path": "in" }"#,
    "json": #"{ "path": "in" }"#, "csv": #"{ "path": "in" }"#, "socket": #"{ "host": "localhost", "port": 9998 }"#,
  ]
  private static let schemas = ["json": #", "schema": "a STRING""#, "csv": #", "schema": "a STRING""#]
  private static let outputs = [
    "gzip-file": #"{ "path": "x.gz" }"#, "rotating-file": #"{ "path": "x.log" }"#, "json": #"{ "path": "out" }"#,
    "csv": #"{ "path": "out" }"#, "sqlite": #"{ "path": "x.db", "table": "t" }"#,
    "socket": #"{ "host": "localhost", "port": 9998 }"#,
  ]

  /// `"delivery"` refuses what the table does not promise.
  @Test func demandIsChecked() {
    let text = """
      { "version": 1, "pipelines": { "p": { "delivery": "at-least-once",
        "sources": { "i": { "format": "socket", "options": { "host": "localhost", "port": 9998 } } },
        "sinks": { "o": { "query": "SELECT * FROM i", "format": "console" } } } } }
      """
    #expect(
      PipelinePages.complaints(text, file: "p.json") == [
        """
        p.json:1:51: [DELIVERY_NOT_MET] pipelines.p.delivery: the pipeline demands at-least-once, but there is no \
        checkpointLocation that keeps what the source 'i' sent
          hint: set 'checkpointLocation', or weaken 'delivery'
        """
      ])
  }
}

/// Serves a few lines to one client and closes.
final class LineServer {
  private let listener: Int32
  private var thread = pthread_t()

  /// Listens; nil where the port is taken.
  init?(port: UInt16, _ lines: [String]) {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    var yes: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) == 0 }
    }
    guard isBound, listen(listener, 1) == 0 else {
      close(listener)
      return nil
    }
    let work = Unmanaged.passRetained(Work(listener: listener, text: lines.joined()))
    pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, work.toOpaque())
  }

  /// Waits until the lines are sent.
  func wait() { pthread_join(thread, nil) }

  private final class Work: Sendable {
    let listener: Int32
    let text: String

    init(listener: Int32, text: String) {
      self.listener = listener
      self.text = text
    }

    func run() {
      let client = accept(listener, nil, nil)
      _ = text.withCString { send(client, $0, strlen($0), 0) }
      close(client)
      close(listener)
    }
  }
}
