import Millrace
import MillraceCore
import MillraceFormats
import MillracePlan
import Testing

@testable import MillracePipeline

struct PipelineFileReaderTests {
  @Test func readsAWholePipeline() throws {
    let text = """
      { "$schema": "s.json", "version": 1,
        "connectors": {
          "archive": { "format": "gzip-file", "options": { "path": "${env:HOME}/*.gz", "order": "name" }, "decode": "combined" },
          "db": { "format": "sqlite", "options": { "path": "x.db" } },
        },
        "pipelines": { "traffic": {
          "sources": {
            "old": { "use": "archive", "options": { "ORDER": "rotation" }, "watermark": { "column": "time", "delay": "10 minutes",
                       "idleTimeout": "5 s", "maxFutureSkew": "1 hour" } },
            "live": { "format": "Socket", "options": { "host": "${env:NONE:-localhost}", "port": "${env:PORT}" },
                      "decode": { "format": "csv", "header": true }, "schema": "a INT", "startAfter": "old", "onBadRecord": "skip" } },
          "views": { "b": "SELECT 1", "a": "SELECT 2" },
          "sinks": { "out": { "query": "SELECT '$${x}', 'a$'", "outputMode": "Update", "use": "db",
                              "options": { "table": "t", "keys": ["x", "y"] } } },
          "trigger": { "processingTime": "2 seconds" }, "checkpointLocation": "cp", "delivery": "exactly-once",
          "onEndOfInput": "close", "compatibility": "spark",
          "stateStore": { "format": "SQLite", "options": { "CacheSize": "1 GiB" } } } } }
      """
    let file = try TestCatalog.reader().read(Array(text.utf8), file: "p.json")
    let pipeline = try file.pipeline("traffic")
    let (old, live, out) = (pipeline.sources[0], pipeline.sources[1], pipeline.sinks[0])
    #expect(file.warnings.isEmpty)
    #expect(old.end.format == "gzip-file" && old.end.options.string("path") == "/home/ada/*.gz")
    #expect(old.end.options.string("order") == "rotation" && old.decode?.name == "combined")
    let settings = WatermarkSettings(delay: 600_000_000, idleTimeout: 5_000_000, maxFutureSkew: 3_600_000_000)
    #expect(old.watermark?.settings == settings && old.watermark?.column == "time")
    #expect(pipeline.onEndOfInput == .close && pipeline.compatibility == .spark)
    #expect(try live.end.options.int("port") == 9999 && live.end.options.string("host") == "localhost")
    #expect(try live.decode?.options.bool("header") == true && live.onBadRecord == .skip)
    #expect(live.schema?.fields.first?.type == .integer && live.startAfter.map(\.text) == ["old"])
    #expect(pipeline.views.map(\.name) == ["b", "a"])
    #expect(out.query.text == "SELECT '${x}', 'a$'" && out.outputMode == .update)
    #expect(out.end.options.list("keys") == ["x", "y"] && out.end.options.string("path") == "x.db")
    #expect(pipeline.trigger == .processingTime(2_000_000) && pipeline.checkpointLocation?.text == "cp")
    #expect(pipeline.delivery == .exactlyOnce)
    #expect(pipeline.stateStore?.choice.name == "sqlite")
    #expect(pipeline.stateStore?.choice.options.values.contains("1 GiB") == true)
  }

  /// Each case of `Tests/Golden/pipeline-messages.txt` is a file's text and, behind `----`, what reading it complains of.
  /// With `MILLRACE_UPDATE_GOLDEN` set the file is written anew: read its change before you commit it.
  @Test func messages() throws {
    let path = Golden.path(#filePath, "pipeline-messages.txt")
    var cases: [Golden.Case] = Golden.read(path)
    #expect(cases.count > 25)
    for index in cases.indices {
      let complaints = TestCatalog.complaints(cases[index].input)
      if !Golden.isUpdating { #expect(complaints == cases[index].output, "\(cases[index].input)") }
      cases[index].output = complaints
    }
    if Golden.isUpdating { Golden.write(cases, to: path) }
  }

  @Test func valuesOfReferencesCannotChangeTheStructure() throws {
    let text = TestCatalog.file(
      sources: #""s": { "format": "socket", "options": { "host": "${env:EVIL}", "port": 1 } }"#)
    let evil = #"h", "port": 2, "x": ""#
    let file = try TestCatalog.reader(["EVIL": evil]).read(Array(text.utf8), file: "p.json")
    #expect(file.pipelines[0].sources[0].end.options.string("host") == evil)
    #expect(try file.pipelines[0].sources[0].end.options.int("port") == 1)
  }

  @Test func secretsAreNotShown() throws {
    let text = TestCatalog.file(
      sources: #""s": { "format": "socket", "options": { "host": "h", "port": 1, "password": "a-b-c" } }"#)
    let end = try TestCatalog.reader().read(Array(text.utf8), file: "p.json").pipelines[0].sources[0].end
    #expect(end.options.string("password") == "a-b-c")
    #expect(end.shownOptions.first { $0.name == "password" }?.value == "***")
  }

  @Test func anUnknownPipelineNamesTheNearest() throws {
    let file = try TestCatalog.reader().read(Array(TestCatalog.file().utf8), file: "p.json")
    #expect(throws: MillraceError.self) { try file.pipeline("q") }
    do {
      _ = try file.pipeline("pp")
    } catch let error as MillraceError {
      #expect(error.description == "[PIPELINE_NOT_FOUND] p.json has no pipeline 'pp'\n  hint: did you mean 'p'?")
    }
  }

  /// The words that the query of a file's only sink complains of.
  static let brokenQueries: [(String, String)] = [
    (#"SELECT 1 + FROM t"#, "FROM t"), (#"SELECT\n  \u0061, 'é' \"b\" )"#, ")"), (#"SELECT 'é' FROM t WHER x"#, "x"),
    ("SELECT (1", ""),
  ]

  /// Behind what was put in for references, whatever its length and lines, and in it.
  @Test(arguments: [
    ("SELECT '${env:LONG}' FROM t WHER x", "x"), ("SELECT '$${a}', '${env:LONG}${env:LONG}é' FROM t WHER x", "x"),
    ("SELECT 'é' , ${env:BROKEN} FROM t", "${env:BROKEN} FROM t"), ("SELECT '${env:NOTHING:-}' FROM t WHER x", "x"),
  ])
  func faultsOfAQueryWithReferencesAreFoundInTheFile(query: String, rest: String) throws {
    let text = TestCatalog.file(sinks: "\"s\": { \"query\": \"\(query)\", \"format\": \"console\" }")
    let reader = TestCatalog.reader(["LONG": "é\nmuch longer than its name, over lines\n.", "BROKEN": ") x"])
    let error = try #require(throws: PipelineFileError.self) { try reader.read(Array(text.utf8), file: "p.json") }
    let place = error.diagnostics[0].place
    let found = String(decoding: Array(text.utf8)[place.offset...], as: UTF8.self)
    #expect(found.hasPrefix(rest + "\", \"format\""), "\(error)")
  }

  @Test(arguments: brokenQueries)
  func faultsOfAQueryAreFoundInTheFile(query: String, rest: String) throws {
    let text = TestCatalog.file(sinks: "\"s\": { \"query\": \"\(query)\", \"format\": \"console\" }")
    let error = try #require(throws: PipelineFileError.self) {
      try TestCatalog.reader().read(Array(text.utf8), file: "p.json")
    }
    let place = error.diagnostics[0].place
    let found = String(decoding: Array(text.utf8)[place.offset...], as: UTF8.self)
    #expect(found.hasPrefix(rest + "\", \"format\""), "\(error)")
    let line = text.split(separator: "\n")[place.line - 1]
    #expect(line.utf8.dropFirst(place.column - 1).elementsEqual(found.split(separator: "\n")[0].utf8))
  }
}
