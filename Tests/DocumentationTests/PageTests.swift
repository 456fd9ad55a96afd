import ArgumentParser
import Glibc
import Millrace
import MillraceCore
import MillraceFormats
import MillracePipeline
import Testing

@testable import MillraceCLI

/// What the pages say of files, keys, codes and commands is so.
@Suite struct PageTests {
  @Test(arguments: Page.all.map(\.path)) func linksLeadSomewhere(path: String) {
    let page = Page(path)
    #expect(!page.text.isEmpty)
    let folder = path.split(separator: "/").dropLast().map { "\($0)/" }.joined()
    for link in page.links {
      #expect(Page.exists(folder + (link.split(separator: "#").first ?? "")), "\(path) links to \(link)")
    }
  }

  /// Paths in back-ticks, such as `Sources/MillraceCore` or `scripts/run`, exist.
  @Test(arguments: Page.all.map(\.path)) func pathsExist(path: String) {
    let tops = ["Sources/", "Tests/", "Plugins/", "docs/", "scripts/", "Benchmarks/"]
    for code in Page(path).codes where tops.contains(where: { code.hasPrefix($0) }) && !code.contains("*") {
      let words = code.split(separator: " ")[0]
      #expect(Page.exists(String(words)) || Page.exists("\(words).swift"), "\(path) names \(code)")
    }
  }

  /// `millrace run`, `millrace validate FILE`, … are commands.
  @Test(arguments: Page.all.map(\.path)) func commandsExist(path: String) {
    let known = Set(RootCommand.configuration.subcommands.map { $0._commandName })
    for code in Page(path).codes where code.hasPrefix("millrace ") {
      let word = String(code.split(separator: " ")[1])
      #expect(known.contains(word), "\(path) names `\(code)`")
    }
  }

  // MARK: Sockets

  /// The page's pipeline is one, and its words for metrics and answers are the source's.
  @Test func socketPageIsSo() throws {
    for block in Page.sockets.blocks("json") { #expect(PipelinePages.complaints(block) == []) }
    let source = Page.read("Plugins/SocketConnector/SocketCounters.swift")
    for name in ["connectionsPaused", "datagramsDropped", "repeatedRecords", "connectionsTimedOut"] {
      #expect(source.contains("\"\(name)\"") && Page.sockets.text.contains("`\(name)`"))
    }
  }

  // MARK: Following logs

  /// The page's pipelines are some, and so are its ways to say where records begin; its metrics are the source's.
  @Test func followingLogsPageIsSo() throws {
    let page = Page.followingLogs
    for block in page.blocks("json") { #expect(PipelinePages.complaints(block) == []) }
    let ways = page.codes.filter { $0.hasPrefix("{ \"") }
    #expect(ways.count == 9)
    for way in ways {
      let source = #"{ "format": "rotating-file", "options": { "path": "a.log", "multiline": \#(way) } }"#
      let sink = #"{ "query": "SELECT * FROM s", "format": "console" }"#
      let text =
        #"{ "version": 1, "pipelines": { "p": { "sources": { "s": \#(source) }, "sinks": { "o": \#(sink) } } } }"#
      #expect(PipelinePages.complaints(text) == [], "\(way)")
    }
    let source = Page.read("Plugins/RotatingFileConnector/RotatingFileSource.swift")
    for name in ["numFilesOutstanding", "numBytesOutstanding", "oldestOutstandingTime"] {
      #expect(source.contains("\"\(name)\"") && page.text.contains("`\(name)`"))
    }
  }

  // MARK: The reference

  static let references = BundledConnectors.registry().specs.map(\.name)

  /// The examples of a connector's page can be read where they belong.
  @Test(arguments: references) func examplesOfAReferencePageAreRead(name: String) throws {
    let page = Page("docs/reference/connectors/\(name).md")
    let blocks = page.blocks("json")
    #expect(!blocks.isEmpty, "scripts/docs writes the page")
    for link in page.links {
      #expect(Page.exists("docs/reference/connectors/" + (link.split(separator: "#").first ?? "")), "\(name): \(link)")
    }
    // What is not there: columns that the user declares, and the files of other programs.
    let missing = [
      "UNABLE_TO_INFER_SCHEMA", "SCHEMA_REQUIRED", "MEMORY_STREAM_NOT_FOUND", "SOURCE_CANNOT_OPEN",
      "CHECKPOINT_NOT_FOUND",
    ]
    for block in blocks {
      let part = block.replacing("\n", with: "")
      let source =
        part.hasPrefix("\"sources\"")
        ? "" : "\"sources\": { \"input\": { \"format\": \"socket\", \"options\": { \"host\": \"h\", \"port\": 1 } } },"
      let sink =
        part.hasPrefix("\"sinks\"")
        ? "" : "\"sinks\": { \"out\": { \"query\": \"SELECT * FROM input\", \"format\": \"console\" } },"
      let rest = "\"checkpointLocation\": \"c\""
      let file = "{ \"version\": 1, \"pipelines\": { \"p\": { \(source) \(sink) \(part), \(rest) } } }"
      let complaints = PipelinePages.complaints(file).filter { complaint in
        !missing.contains { complaint.contains("[\($0)]") }
      }
      #expect(complaints == [], "\(file)")
    }
  }

  // MARK: Programs

  /// The page's pipelines can be read, with the connectors that the example programs would bring; its calls and answers are JSON, and its
  /// calls are those that are made.
  @Test func programPageIsSo() throws {
    let blocks = Page.programs.blocks("json")
    #expect(blocks.count == 3)
    for block in blocks where block.contains("\"pipelines\"") {
      if block.contains("python3"), system("python3 -c '' 2>/dev/null") != 0 { continue }
      #expect(PipelinePages.complaints(block) == [])
    }
    let specs = try #require(blocks.first { $0.contains("\"connectors\"") && !$0.contains("\"pipelines\"") })
    let spec = try #require(try JSON(parsing: specs)["ok"])
    let connectors = try ProgramPages.connectors(answering: spec)
    #expect(connectors.map(\.spec.name) == ["weather"] && connectors[0].spec.sourceFields.count == 3)
    let lines = Page.programs.codes.filter { $0.hasPrefix("{\"") && !$0.contains("…") && !$0.contains(": ") }
    #expect(lines.count > 15)
    for line in lines { _ = try JSON(parsing: line) }
    let sources = ["ProgramSource", "ProgramLiveSource", "ProgramSink", "Program"].map {
      Page.read("Plugins/ProcessConnector/\($0).swift")
    }.joined()
    for call in Set(try lines.compactMap { try JSON(parsing: $0)["call"]?.string }) {
      #expect(sources.contains("\"\(call)\""), "\(call) is not called")
    }
  }

  // MARK: The pipeline file

  /// The page's parts of a source and a sink, put into a file, make a pipeline.
  @Test func partsOfAPipelineAreRead() throws {
    let blocks = Page.pipeline.blocks("jsonc")
    #expect(blocks.count == 14)
    let letters = try #require(blocks.first { $0.contains("\"deadLetter\": {") })
    let late = try #require(blocks.first { $0.hasPrefix("\"lateRows\"") })
    #expect(blocks.contains { $0.contains("\"schema\": \"infer\"") })
    let restart = try #require(blocks.first { $0.hasPrefix("\"restart\"") })
    let sequence = try #require(blocks.first { $0.hasPrefix("\"old\"") })
    let merged = try #require(blocks.first { $0.hasPrefix("\"cluster\"") })
    let source = try #require(blocks.first { $0.hasPrefix("\"requests\"") })
    let folders = try #require(blocks.first { $0.hasPrefix("\"by-day\"") })
    let sinks = try #require(blocks.first { $0.hasPrefix("\"per-minute\"") })
    let rotating = try #require(blocks.first { $0.hasPrefix("\"hits\"") })
    let settings = try #require(blocks.first { $0.hasPrefix("\"settings\"") })
    let store = try #require(blocks.first { $0.hasPrefix("\"stateStore\"") })
    let query = "SELECT time AS minute, status FROM requests"
    let file = """
      { "version": 1,
        "connectors": { "archive": { "format": "gzip-file", "options": { "path": "x" } } },
        "pipelines": { "p": {
          "sources": { \(source), \(sequence), \(merged), \(folders) },
          "sinks": { \(sinks.split(separator: "SELECT … FROM requests …").map(String.init).joined(separator: query)),
                     \(rotating) },
          "checkpointLocation": "c", \(store), \(restart), \(settings)
        }, "q": {
          \(letters), \(late),
          "sinks": { "s": { "query": "SELECT value FROM requests", "format": "console" } }
        } } }
      """
    #expect(PipelinePages.complaints(file) == [])
  }

  /// The page's test fits the example that comes with the project.
  @Test func theTestIsRead() throws {
    let tests = try #require(Page.pipeline.blocks("jsonc").first { $0.hasPrefix("\"tests\"") })
    let example = Page.read("connectors.json")
    let own = try #require(example.firstRange(of: "\"tests\""))
    #expect(PipelinePages.complaints("\(example[..<own.lowerBound])\(tests) }", file: "connectors.json") == [])
  }

  /// Every key that a pipeline file can have stands on the page. Options of connectors are in the reference.
  @Test func everyKeyIsToldOf() throws {
    let schema = PipelineSchema(PipelinePages.catalog).json
    let pipeline = try #require(schema["properties"]?["pipelines"]?["additionalProperties"])
    let top = schema["properties"]?.members ?? []
    let parts = pipeline["properties"]?.members ?? []
    let ends = ["sources", "tables", "sinks"].flatMap { Self.keys(of: pipeline["properties"]?[$0]) }
    let settings = ["trigger", "restart", "settings"].flatMap { Self.keys(of: pipeline["properties"]?[$0]) }
    let tests = Self.keys(of: schema["properties"]?["tests"]?["items"])
    let keys = Set(top.map(\.key) + parts.map(\.key) + ends + settings + tests)
    #expect(keys.isSuperset(of: ["sources", "watermark", "encode", "availableNow", "startAfter"]))
    for key in keys.sorted() {
      let isToldOf = Page.pipeline.text.contains("\"\(key)\"") || Page.pipeline.codes.contains(key)
      #expect(isToldOf, "docs/pipeline.md does not tell of '\(key)'")
    }
  }

  /// Keys of the objects that a part of the schema allows: directly, as values of a map, or as one of several forms.
  private static func keys(of schema: JSON?) -> [String] {
    guard let schema else { return [] }
    let forms = ["anyOf", "oneOf", "allOf"].flatMap { schema[$0]?.array ?? [] }
    return (schema["properties"]?.members ?? []).map(\.key) + keys(of: schema["additionalProperties"])
      + forms.flatMap { keys(of: $0) }
  }

  /// The codes of the table are in the code, and all codes of pipeline files are in the table.
  @Test func codesAreTheOnesThereAre() {
    let told = Set(
      Page.pipeline.codes.filter { $0.allSatisfy { $0.isUppercase || $0 == "_" } && $0.contains("_") && $0.count > 1 })
    let sources = Self.swiftFiles(below: [
      "Sources/MillracePipeline", "Sources/MillraceCLI", "Sources/MillraceCore", "Sources/Millrace",
      "Sources/MillraceFormats", "Sources/MillraceExecution",
    ])
    .map { Page.read($0) }.joined()
    let quoted = Set(sources.split(separator: "\"").map(String.init))
    #expect(told.count > 15)
    for code in told.sorted() { #expect(quoted.contains(code), "no code says \(code)") }
    for code in quoted.sorted() where code.hasPrefix("PIPELINE_") && code.allSatisfy({ $0.isUppercase || $0 == "_" }) {
      #expect(told.contains(code), "docs/pipeline.md does not tell of \(code)")
    }
  }

  private static func swiftFiles(below folders: [String]) -> [String] {
    folders.flatMap { folder -> [String] in
      let files = PosixFileSystem()
      let names = (try? files.list("\(Page.root)/\(folder)")) ?? []
      return names.flatMap { name -> [String] in
        name.hasSuffix(".swift")
          ? ["\(folder)/\(name)"] : name.contains(".") ? [] : swiftFiles(below: ["\(folder)/\(name)"])
      }
    }
  }

  /// The decoders of the page are those of the registry.
  @Test func decodersAreToldOf() {
    for format in FormatRegistry.decoders {
      #expect(Page.pipeline.codes.contains(format.name), "docs/pipeline.md does not tell of decoder '\(format.name)'")
    }
    for format in FormatRegistry.encoders {
      #expect(Page.pipeline.codes.contains(format.name), "docs/pipeline.md does not tell of encoder '\(format.name)'")
    }
  }
}
