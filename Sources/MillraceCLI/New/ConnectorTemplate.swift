/// The files of a new connector's package. `«name»` stands for the connector's name, `«Name»` for its types', `«dependency»` and
/// `«identity»` for where Millrace is, and `«import»` for the keyword, so that nobody takes these lines for imports of this file.
enum ConnectorTemplate {
  static let files: [(path: String, text: String)] = [
    ("README.md", readme),
    ("Package.swift", manifest),
    ("Sources/«Name»Connector/«Name»Connector.swift", connector),
    ("Sources/«Name»Connector/«Name»Source.swift", source),
    ("Sources/«Name»Connector/«Name»Sink.swift", sink),
    ("Sources/«Name»Plugin/Plugin.swift", plugin),
    ("Sources/«name»-millrace/main.swift", main),
    ("Tests/«Name»ConnectorTests/«Name»ConnectorTests.swift", tests),
    ("pipeline.json", pipeline),
    ("plugin.json", pluginPipeline),
    ("build-plugin.sh", buildPlugin),
    (".gitignore", ".build/\nout/\n*.so\n"),
  ]

  private static let readme = """
    # «name»

    A connector for Millrace: a source that counts, and a sink that appends records to a file. Both are exactly-once and pass the
    acceptance kit; change them step by step and keep it so.

    ```sh
    swift test                                       # the kit tells what a change breaks
    swift run «name»-millrace run pipeline.json       # the command millrace, with this connector in it
    cat out/rows.json
    ```

    | file | what to do with it |
    | --- | --- |
    | `Sources/«Name»Connector/«Name»Connector.swift` | name options: they are checked, described and documented from here |
    | `Sources/«Name»Connector/«Name»Source.swift` | plan what a batch reads, then read just that, the same rows each time |
    | `Sources/«Name»Connector/«Name»Sink.swift` | write, make durable, and go back to a token after a crash |
    | `Tests/…` | put real input in front of the kit |
    | `pipeline.json` | try it |

    As a shared library it can be loaded by a `millrace` of the same version, built by the same compiler:

    ```sh
    sh build-plugin.sh                               # makes lib«Name».so
    millrace run plugin.json
    ```

    """

  private static let manifest = """
    // swift-tools-version: 6.2
    «import» PackageDescription

    let package = Package(
      name: "«name»",
      products: [
        .library(name: "«Name»Connector", targets: ["«Name»Connector"]),
        .executable(name: "«name»-millrace", targets: ["«name»-millrace"]),
      ],
      dependencies: [«dependency»],
      targets: [
        .target(name: "«Name»Connector", dependencies: [.product(name: "MillraceCore", package: "«identity»")]),
        // What a shared library exports; see build-plugin.sh.
        .target(
          name: "«Name»Plugin",
          dependencies: ["«Name»Connector", .product(name: "MillraceCore", package: "«identity»")]),
        .executableTarget(
          name: "«name»-millrace",
          dependencies: ["«Name»Connector", .product(name: "MillraceCLI", package: "«identity»")]),
        .testTarget(
          name: "«Name»ConnectorTests",
          dependencies: [
            "«Name»Connector", "«Name»Plugin", .product(name: "MillraceCore", package: "«identity»"),
            .product(name: "MillraceTesting", package: "«identity»"),
          ]),
      ]
    )

    """

  private static let connector = """
    «import» MillraceCore

    /// Counts, and appends records to a file.
    public struct «Name»Connector: Connector {
      /// Makes the connector.
      public init() {}

      /// Options are checked against this before anything is made from them.
      public var spec: ConnectorSpec {
        ConnectorSpec(
          name: "«name»", summary: "Counts, and appends records to a file.", kinds: [.source, .sink], maturity: .preview,
          sourceFields: [
            OptionField("rows", .integer, "How many rows there are.", default: "100", range: 0...1_000_000_000),
            OptionField("text", .string, "Stands beside each number.", default: "row"),
          ],
          sinkFields: [
            OptionField("path", .path, "The file.", isRequired: true, example: "out/rows.json")
          ])
      }

      /// Makes a source; nothing outside is touched before it starts.
      public func makeSource(_ request: SourceRequest) throws -> SourceKind {
        .rows(
          «Name»Source(
            rows: try request.options.int("rows") ?? 0, text: try request.options.required("text")))
      }

      /// Makes a sink; nothing outside is touched before it is opened.
      public func makeSink(_ request: SinkRequest) throws -> SinkKind {
        .bytes(«Name»Sink(path: try request.options.required("path"), files: request.environment.files))
      }
    }

    """

  private static let source = """
    «import» MillraceCore

    /// The numbers from 0 on, with a text beside each.
    ///
    /// An offset is the first number that was not read: `{"next": 40}`. The engine keeps it, and each plan before it is read.
    final class «Name»Source: RowSource {
      let schema = Schema([StructField("number", .long), StructField("text", .string)])
      private let rows: Int64
      private let text: String

      init(rows: Int64, text: String) {
        self.rows = rows
        self.text = text
      }

      var description: String { "«name»[\\(rows)]" }

      /// From now on only what is there counts. Here that is always so.
      func freeze() throws {}

      /// What the next batch reads, nil where there is nothing.
      func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? {
        let from = offset?.json["next"]?.int ?? 0
        let end = min(rows, from + (limit.rows ?? 10_000))
        if from >= end { return nil }
        return SourcePlan(
          splits: [SourceSplit(name: description, payload: .dictionary(["from": .int(from), "end": .int(end)]))],
          end: Offset(.dictionary(["next": .int(end)])))
      }

      func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset {
        plan.end ?? Offset(.dictionary(["next": .int(0)]))
      }

      /// Reads what was planned: the same rows however often, in this process or another.
      func open(_ split: SourceSplit, columns: [Int]) throws -> any RowReader {
        let range = (split.payload["from"]?.int ?? 0)..<(split.payload["end"]?.int ?? 0)
        let all = range.map { [Value.integer($0), .string("\\(text) \\($0)")] }
        let batch = RecordBatch.of(all, schema: schema)
        return Reader(RecordBatch(rowCount: batch.rowCount, columns: columns.map { batch.columns[$0] }))
      }

      private final class Reader: RowReader {
        private var batch: RecordBatch?

        init(_ batch: RecordBatch) { self.batch = batch }

        func next() throws -> RecordBatch? {
          defer { batch = nil }
          return batch
        }

        func close() {}
      }
    }

    """

  private static let sink = """
    «import» MillraceCore

    /// Appends records to a file. The token of a batch is the file's size behind it: what a crash left beyond is cut off.
    final class «Name»Sink: ByteSink, @unchecked Sendable {
      private let path: String
      private let files: any FileSystem
      private var file: (any File)?
      private var size: Int64 = 0

      init(path: String, files: any FileSystem) {
        self.path = path
        self.files = files
      }

      var description: String { "«name»[\\(path)]" }
      var guarantee: SinkGuarantee { .truncatable }
      var outputModes: Set<OutputMode> { [.append, .update] }
      var compression: Compression? { nil }

      func open(_ context: SinkContext) throws {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        if !folder.isEmpty { try files.createDirectory(folder) }
        file = try files.open(path, .update)
      }

      /// Back to where the last committed batch ended.
      func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
        size = token?["size"]?.int ?? 0
        try file?.truncate(to: size)
        return nil
      }

      func begin(batchID: Int64) throws {}

      func write(_ block: EncodedBlock) throws {
        try file?.write(block.bytes, at: size)
        size += Int64(block.bytes.count)
      }

      /// Durable from here on.
      func commit(batchID: Int64) throws -> JSON {
        try file?.sync()
        return .dictionary(["size": .int(size)])
      }

      func close() throws { try file?.close() }
    }

    """

  private static let plugin = """
    «import» MillraceCore
    «import» «Name»Connector

    /// What this library was compiled with: a `millrace` that does not fit refuses it by that.
    @_cdecl("millrace_plugin_facts")
    public func facts(_ target: UnsafeMutableRawPointer) { PluginFacts.write(to: target) }

    @_cdecl("millrace_plugin_register")
    public func register(_ registry: UnsafeMutableRawPointer) {
      PluginRegistry.open(registry) { $0.add(«Name»Connector()) }
    }

    """

  private static let main = """
    «import» MillraceCLI
    «import» «Name»Connector

    MillraceCommandLine.main(connectors: [«Name»Connector()])

    """

  private static let tests = """
    «import» MillraceCore
    «import» MillraceTesting
    «import» Testing
    «import» «Name»Connector
    «import» «Name»Plugin

    struct «Name»ConnectorTests {
      @Test func theSourceKeepsTheContract() {
        let rows = (0..<50).map { "\\([Value.integer(Int64($0)), .string("row \\($0)")])" }
        let report = SourceAcceptance(«Name»Connector(), options: ["rows": "50"], expected: rows).run()
        #expect(report.failures.isEmpty, "\\(report)")
      }

      @Test func theSinkKeepsTheContract() throws {
        let folder = "/tmp/«name»-tests-\\(UInt64.random(in: 0 ... .max))"
        let files = PosixFileSystem()
        defer { try? files.removeTree(folder) }
        var number = 0
        let report = SinkAcceptance(«Name»Connector(), folder: folder) {
          number += 1
          let path = "\\(folder)/\\(number)"
          return .init(options: ["path": path]) {
            let file = try files.open(path, .read)
            defer { try? file.close() }
            var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
            let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
            return String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\\n").map(String.init)
          }
        }.run()
        #expect(report.failures.isEmpty, "\\(report)")
      }
    }

    """

  private static let pipeline = pipeline(plugins: "")
  private static let pluginPipeline = pipeline(plugins: "\n  \"plugins\": [{ \"library\": \"lib«Name».so\" }],")

  private static func pipeline(plugins: String) -> String {
    """
    {
      "version": 1,\(plugins)
      "pipelines": {
        "«name»": {
          "sources": { "numbers": { "format": "«name»", "options": { "rows": 20 } } },
          "sinks": {
            "even": {
              "query": "SELECT number, text FROM numbers WHERE number % 2 = 0",
              "format": "«name»",
              "options": { "path": "out/rows.json" }
            }
          },
          "trigger": { "availableNow": true },
          "checkpointLocation": "out/checkpoint",
          "delivery": "exactly-once"
        }
      }
    }

    """
  }

  private static let buildPlugin = """
    #!/bin/sh
    # Makes lib«Name».so of what `swift build` has compiled. MillraceCore is left out on purpose: the library uses that of the millrace which
    # loads it, so that both mean the same types.
    set -eu
    cd "$(dirname "$0")"
    swift build --product «name»-millrace "$@"
    swift build --target «Name»Plugin "$@"
    folder=$(swift build --show-bin-path "$@")
    swiftc -emit-library -module-name «Name»Plugin -o lib«Name».so \\
      "$folder"/«Name»Connector.build/*.o "$folder"/«Name»Plugin.build/*.o
    echo lib«Name».so

    """
}
