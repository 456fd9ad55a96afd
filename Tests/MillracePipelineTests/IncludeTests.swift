import MillraceCore
import Testing

@testable import MillracePipeline

/// `include`.
struct IncludeTests {
  static let pipeline =
    #"{ "sources": { "l": { "use": "hub" } }, "sinks": { "s": { "query": "SELECT 1 AS n FROM l", "format": "console" } } }"#
  static let hub = #""hub": { "format": "socket", "options": { "host": "h", "port": 1 } }"#

  static func read(_ files: [String: String], main: String = "conf/main.json") throws -> PipelineFile {
    try TestCatalog.reader(files: files).read(Array(files[main, default: ""].utf8), file: main)
  }

  static func complaints(_ files: [String: String]) -> [String] {
    do {
      return try read(files).warnings.map { "\($0)" }
    } catch let error as PipelineFileError {
      return error.diagnostics.map { "\($0)" }
    } catch {
      return ["\(error)"]
    }
  }

  @Test func filesAreReadInOrderRelativeToTheOneThatNamesThem() throws {
    let file = try Self.read([
      "conf/main.json":
        #"{ "version": 1, "include": ["parts/*.json", "../ends.json"], "pipelines": { "m": \#(Self.pipeline) } }"#,
      "conf/parts/b.json": #"{ "pipelines": { "b": \#(Self.pipeline) } }"#,
      "conf/parts/a.json": #"{ "include": "deeper/c.json", "pipelines": { "a": \#(Self.pipeline) } }"#,
      "conf/parts/deeper/c.json": #"{ "version": 1, "pipelines": { "c": \#(Self.pipeline) } }"#,
      "conf/../ends.json": #"{ "connectors": { \#(Self.hub) }, "include": "conf/parts/b.json" }"#,
    ])
    #expect(file.pipelines.map(\.name) == ["m", "a", "c", "b"])
    #expect(file.pipelines.allSatisfy { $0.sources[0].end.format == "socket" })
    #expect(file.pipelines[2].place.file == "conf/parts/deeper/c.json")
    #expect(
      file.watched == [
        "conf/main.json", "conf/parts/*.json", "conf/parts/deeper/c.json", "conf/../ends.json",
        "conf/../conf/parts/b.json",
      ])
  }

  @Test("1.3 Vector #23008, #8063, #9093: a complaint names file, line, column and field, in included files, too")
  func complaintsNameTheFile() {
    let complaints = Self.complaints([
      "conf/main.json": #"{ "version": 1, "include": "a.json", "pipelines": {} }"#,
      "conf/a.json": """
      { "connectors": { \(Self.hub) },
        "pipelines": { "p": {
          "sources": { "l": { "use": "hub", "options": { "prot": 2 } } },
          "sinks": { "s": { "query": "SELECT n FORM l", "format": "console" } } } } }
      """,
    ])
    #expect(complaints.count == 2)
    #expect(
      complaints.first?.hasPrefix(
        "conf/a.json:3:52: [OPTION_UNKNOWN] pipelines.p.sources.l.options.prot: the source 'socket' has no option 'prot'\n  hint: did you mean 'port'?"
      ) == true, "\(complaints)")
    // FORM is read as another name of n; it is the l behind it that cannot stand there.
    #expect(complaints.last?.hasPrefix("conf/a.json:4:47: [PARSE_SYNTAX_ERROR]") == true, "\(complaints)")
  }

  @Test("1.3 Vector #13783: a mistyped option is refused, wherever it stands")
  func mistypedOptionsAreRefused() {
    for (key, text) in [
      ("sources", #""l": { "format": "socket", "options": { "host": "h", "port": 1 }, "optoins": {} }"#),
      ("sources", #""l": { "format": "socket", "options": { "host": "h", "port": 1, "retryy": "1 s" } }"#),
      (
        "sources",
        #""l": { "format": "socket", "options": { "host": "h", "port": 1 }, "decode": { "format": "csv", "haeder": true } }"#
      ),
      (
        "sources",
        #""l": { "format": "socket", "options": { "host": "h", "port": 1 }, "watermark": { "column": "a", "delay": "1 s", "idleTimeot": "1 s" } }"#
      ),
    ] {
      let complaints = TestCatalog.complaints(TestCatalog.file(sources: text))
      #expect(complaints.contains("UNKNOWN") && complaints.contains("did you mean"), "\(key): \(complaints)")
    }
  }

  @Test func aNameInTwoFilesIsRefusedWithBothPlaces() {
    let complaints = Self.complaints([
      "conf/main.json":
        "{ \"version\": 1, \"include\": \"a.json\",\n  \"connectors\": { \(Self.hub) },\n  \"pipelines\": { \"p\": \(Self.pipeline) } }",
      "conf/a.json": "{ \"connectors\": {\n  \(Self.hub) }, \"pipelines\": { \"p\": \(Self.pipeline) } }",
    ])
    #expect(
      complaints == [
        "conf/a.json:2:3: [PIPELINE_DUPLICATE_NAME] connectors.hub: the connector 'hub' is defined twice\n  hint: conf/main.json:2:19 has it, too: rename or remove one",
        "conf/a.json:2:90: [PIPELINE_DUPLICATE_NAME] pipelines.p: the pipeline 'p' is defined twice\n  hint: conf/main.json:3:18 has it, too: rename or remove one",
      ], "\(complaints)")
  }

  @Test func circlesAreRefused() {
    let complaints = Self.complaints([
      "conf/main.json":
        #"{ "version": 1, "include": "a.json", "connectors": { \#(Self.hub) }, "pipelines": { "p": \#(Self.pipeline) } }"#,
      "conf/a.json": #"{ "include": ["b.json"] }"#, "conf/b.json": #"{ "include": ["./a.json"] }"#,
    ])
    #expect(
      complaints == [
        "conf/b.json:1:15: [PIPELINE_INCLUDE_CIRCLE] include[0]: 'conf/./a.json' is being read already\n  hint: conf/a.json includes conf/b.json includes conf/a.json: remove one of them"
      ])
    #expect(Self.complaints(["conf/main.json": #"{ "version": 1, "include": "main.json" }"#]).count == 2)
  }

  @Test func whatCannotBeReadIsSaidAtTheInclude() {
    let complaints = Self.complaints([
      "conf/main.json":
        #"{ "version": 1, "include": ["gone.json", 7, "none/*.json"], "connectors": { \#(Self.hub) }, "pipelines": { "p": \#(Self.pipeline) } }"#
    ])
    #expect(
      complaints == [
        "conf/main.json:1:29: [PIPELINE_FILE_NOT_FOUND] include[0]: 'conf/gone.json' does not exist",
        "conf/main.json:1:42: [PIPELINE_WRONG_TYPE] include[1]: 'include' has a number\n  hint: it takes a file's name or a pattern, or an array of them",
        "conf/main.json:1:45: warning: [PIPELINE_INCLUDE_EMPTY] include[2]: no file matches 'conf/none/*.json'\n  hint: a file that appears later is included then",
      ], "\(complaints)")
  }

  /// Reload compares pipelines by this.
  @Test func identityIsThatOfTheResolvedPipeline() throws {
    func identity(_ options: String, host: String = "h", comment: String = "") throws -> String {
      let text = """
        { "version": 1, \(comment) "connectors": { "hub": { "format": "socket", "options": { \(options) } },
            "other": { "format": "console" } },
          "pipelines": { "p": \(Self.pipeline) } }
        """
      return try TestCatalog.reader(["HOST": host], files: [:]).read(Array(text.utf8), file: "m.json").pipelines[0]
        .identity
    }
    let first = try identity(#""host": "${env:HOST}", "port": 1"#)
    #expect(try identity(#""port": 1,   "host": "h""#, comment: "/* moved */\n") == first)
    #expect(try identity(#""host": "${env:HOST}", "port": 2"#) != first)
    #expect(try identity(#""host": "${env:HOST}", "port": 1"#, host: "elsewhere") != first)
  }

  @Test func settingsAreSparks() throws {
    let text = TestCatalog.file(
      more: #""settings": { "spark.sql.session.timeZone": "Europe/Berlin", "spark.sql.ansi.enabled": false }"#)
    let settings = try TestCatalog.reader().read(Array(text.utf8), file: "p.json").pipelines[0].settings
    #expect(settings.map(\.name) == ["spark.sql.session.timeZone", "spark.sql.ansi.enabled"])
    #expect(settings.map(\.value) == ["Europe/Berlin", "false"])
  }
}
