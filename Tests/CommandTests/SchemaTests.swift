import Glibc
import MillraceCore
import Testing

/// The schema of pipeline files, held to a validator that is none of ours (Python's `jsonschema`, which `scripts/validator` installs): what
/// editors show as wrong is what `millrace validate` refuses, and where.
struct SchemaTests {
  static let python = "\(Sandbox.root)/.build/validator/bin/python"
  static let isThere = access(python, X_OK) == 0
  static let missing: Comment = "there is no jsonschema here; scripts/validator installs it"

  /// Places of what is wrong with each text.
  static func errors(_ texts: [String], schema: String = "\(Sandbox.root)/docs/connectors.schema.json") async throws
    -> [[String]]
  {
    let sandbox = Sandbox()
    let job: JSON = .dictionary(["schema": .string(schema), "files": .array(texts.map { .string($0) })])
    let file = sandbox.write("job.json", job.text)
    let answer = try await Oracle.shell(
      "'\(python)' '\(Sandbox.root)/Tests/SchemaValidation/validate.py' < '\(file)'", in: sandbox)
    return (try JSON(parsing: answer).array ?? []).map { ($0.array ?? []).compactMap(\.string) }
  }

  /// Whole pipeline files of the repository: those that are files, and those in fenced blocks of its pages.
  static let examples: [(name: String, text: String)] = {
    var found = [("connectors.json", Sandbox.read("\(Sandbox.root)/connectors.json"))]
    let pages = ["README.md"] + Sandbox.visibleFiles("\(Sandbox.root)/docs").filter { $0.hasSuffix(".md") }
    for page in pages {
      let text = Sandbox.read(page.hasPrefix("/") ? page : "\(Sandbox.root)/\(page)")
      for (number, block) in text.split(separator: "\n```json").dropFirst().enumerated() {
        let body = block.split(separator: "\n```").first.map { $0.drop { $0 != "\n" } } ?? ""
        if body.contains("\"version\"") && body.contains("\"pipelines\"") && !body.contains("…") {
          found.append(("\(page) \(number)", String(body)))
        }
      }
    }
    return found
  }()

  @Test(.enabled(if: isThere, missing)) func everyExampleIsValid() async throws {
    #expect(Self.examples.count >= 5)
    // With the programs of the examples in the schema.
    let sandbox = Sandbox()
    sandbox.write("p.json", ProgramTests.file())
    let own = try await Command.millrace(["schema", "--file", "p.json"], in: sandbox)
    let schema =
      own.status == 0 ? sandbox.write("schema.json", own.output) : "\(Sandbox.root)/docs/connectors.schema.json"
    let shown = own.status == 0 ? Self.examples : Self.examples.filter { !$0.text.contains("\"process\"") }
    for (example, errors) in zip(shown, try await Self.errors(shown.map(\.text), schema: schema)) {
      #expect(errors == [], "\(example.name)")
    }
    // Goldens of other tests have the drafts of all connectors.
    for words in ["gzip-file/combined/sqlite", "socket/json/rotating-file", "rate/sql/console", "exec/csv/exec"] {
      let draft = try await Command.millrace(["create", words])
      #expect(draft.status == 0, "\(draft.error)")
      #expect(try await Self.errors([draft.output]) == [[]], "\(words)")
    }
  }

  /// A part of a file and where it is wrong.
  static let wrong: [(file: String, place: String)] = [
    (#"{ "pipelines": {} }"#, ""),
    (#"{ "version": 2, "pipelines": {} }"#, "version"),
    (#"{ "version": 1, "pipelins": {} }"#, ""),
    (part(source: #""format": "gzip-fil", "options": { "path": "x" }"#), "pipelines.p.sources.s.format"),
    (part(source: #""format": "gzip-file", "options": { "pth": "x" }"#), "pipelines.p.sources.s.options"),
    (part(source: #""format": "gzip-file""#), "pipelines.p.sources.s"),
    (part(source: #""format": "gzip-file", "options": {}"#), "pipelines.p.sources.s.options"),
    (part(source: #""options": {}"#), "pipelines.p.sources.s"),
    (
      part(source: #""format": "gzip-file", "options": { "path": "x", "maxFilesPerTrigger": true }"#),
      "pipelines.p.sources.s.options.maxFilesPerTrigger"
    ),
    (
      part(source: #""format": "rate", "options": { "rowsPerSecond": 0 }"#),
      "pipelines.p.sources.s.options.rowsPerSecond"
    ),
    (
      part(source: #""format": "exec", "options": { "command": "x", "restart": "sometimes" }"#),
      "pipelines.p.sources.s.options.restart"
    ),
    (part(source: #""format": "rate", "decode": "jsn""#), "pipelines.p.sources.s.decode"),
    (part(source: #""format": "rate", "watermark": { "column": "timestamp" }"#), "pipelines.p.sources.s.watermark"),
    (part(source: #""format": "rate", "startAfter": 1"#), "pipelines.p.sources.s.startAfter"),
    (part(sink: #""format": "console""#), "pipelines.p.sinks.t"),
    (part(sink: #""query": "SELECT 1", "format": "console", "outputMode": "some""#), "pipelines.p.sinks.t.outputMode"),
    (part(more: #", "trigger": { "every": "1 second" }"#), "pipelines.p.trigger"),
    (part(more: #", "restart": { "on": "always" }"#), "pipelines.p.restart.on"),
    (part(more: #", "delivery": "once""#), "pipelines.p.delivery"),
    (part(top: #""plugins": [{ "proces": ["x"] }],"#), "plugins.0"),
    (part(top: #""tests": [{ "name": "t", "expect": {} }],"#), "tests.0"),
  ]

  static func part(
    top: String = "", source: String = #""format": "rate""#,
    sink: String = #""query": "SELECT value FROM s", "format": "console""#, more: String = ""
  ) -> String {
    """
    { "version": 1, \(top) "pipelines": { "p": { "sources": { "s": { \(source) } }, "sinks": { "t": { \(sink) } }\(more) } } }
    """
  }

  @Test(.enabled(if: isThere, missing)) func bothRefuseTheSame() async throws {
    let errors = try await Self.errors([Self.part()] + Self.wrong.map(\.file))
    #expect(errors.first == [])
    for ((file, place), found) in zip(Self.wrong, errors.dropFirst()) {
      #expect(found.contains { $0 == place || $0.hasPrefix(place + ".") }, "\(file): \(found)")
      let sandbox = Sandbox()
      sandbox.write("p.json", file)
      let ours = try await Command.millrace(["validate", "p.json", "--json"], in: sandbox)
      #expect(ours.status == 3, "\(file) is valid for us")
      let diagnostics = try JSON(parsing: ours.output)["diagnostics"]?.array ?? []
      let paths = diagnostics.compactMap { $0["path"]?.string }.map {
        $0.replacing("[", with: ".").replacing("]", with: "")
      }
      // One may name the key that is not known, the other the object that has it.
      #expect(
        paths.contains { $0 == place || $0.hasPrefix(place) || place.hasPrefix($0) }, "\(file): \(paths), \(place)")
    }
  }
}
