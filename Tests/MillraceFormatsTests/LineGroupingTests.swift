import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// Rules that options ask for.
func recordRules(_ options: [String: String]) throws -> RecordRules {
  try RecordRules(Options(options, fields: RecordRules.fields, of: "test"))
}

/// The records of a text, as the decoder of lines gives them.
func records(_ text: String, _ rules: RecordRules) throws -> [String] {
  let buffer = window(text)
  var origin = RecordOrigin(name: "test", offset: 0)
  origin.grouping = rules.grouping
  let decoder = try TextDecoding().makeDecoder(columns: [0], filters: [])
  let bytes = UnsafeRawBufferPointer(start: buffer.base, count: buffer.capacity)
  return try decoder.decode(bytes, owner: buffer, origin: origin).rows().map { row in
    if case .string(let value) = row[0] { return value }
    return "NULL"
  }
}

struct LineGroupingTests {
  func preset(_ name: String, _ text: String) throws -> [String] {
    try records(text, recordRules(["multiline.preset": name]))
  }

  @Test func javaTraces() throws {
    let trace = """
      2026-01-01 12:00:00 ERROR cannot serve
      java.lang.IllegalStateException: no room
      \tat org.example.Store.put(Store.java:12)
      \tat org.example.Main.main(Main.java:3)
      Caused by: java.io.IOException: disk full
      \tat org.example.Disk.write(Disk.java:9)
      \t... 2 more
      \tSuppressed: java.lang.RuntimeException: while closing
      \t\tat org.example.Disk.close(Disk.java:30)
      """
    let second = "java.lang.OutOfMemoryError\n\tat org.example.Main.main(Main.java:4)"
    let uncaught = "Exception in thread \"main\" java.lang.NullPointerException\n\tat org.example.A.b(A.java:1)"
    let lines = ["2026-01-01 11:59:59 INFO begins", trace, second, uncaught, "2026-01-01 12:00:01 INFO goes on"]
    #expect(try preset("java", lines.joined(separator: "\n") + "\n") == lines)
  }

  @Test func pythonTraces() throws {
    let trace = """
      ERROR:root:cannot serve
      Traceback (most recent call last):
        File "a.py", line 3, in <module>
          f()
      KeyError: 'x'

      During handling of the above exception, another exception occurred:

      Traceback (most recent call last):
        File "a.py", line 5, in <module>
          g()
      store.Full: no room
      """
    let second = "Traceback (most recent call last):\n  File \"b.py\", line 1, in <module>\nValueError: bad"
    let third = "Traceback (most recent call last):\n  File \"b.py\", line 2, in <module>\nValueError: worse"
    let lines = ["INFO:root:begins", trace, "INFO:root:between", "plain", second, third, "INFO:root:goes on"]
    // A trace belongs to the message in front of it, here to "plain".
    let expected = ["INFO:root:begins", trace, "INFO:root:between", "plain\n" + second, third, "INFO:root:goes on"]
    #expect(try preset("python", lines.joined(separator: "\n") + "\n") == expected)
  }

  @Test func goPanics() throws {
    let panic = """
      panic: runtime error: index out of range [5] with length 3

      goroutine 1 [running]:
      main.(*Server).handle(0xc000012345, 0x5)
      \t/src/main.go:12 +0x1d
      main.main()
      \t/src/main.go:5 +0x20
      created by main.start in goroutine 7
      \t/src/main.go:44 +0x99

      goroutine 5 [select]:
      net/http.(*conn).serve(0xc0000b2000)
      \t/usr/lib/go/net/http/server.go:1 +0x1
      exit status 2
      """
    let lines = ["2026/01/01 12:00:00 begins", panic, "2026/01/01 12:00:01 goes on (now)", "main.go (not a frame)"]
    #expect(try preset("go", lines.joined(separator: "\n") + "\n") == lines)
  }

  @Test func linesThatContainersCutAreJoined() throws {
    let cri = """
      2026-01-01T00:00:00.1Z stdout F whole
      2026-01-01T00:00:00.2Z stdout P first,
      2026-01-01T00:00:00.3Z stdout P  second
      2026-01-01T00:00:00.4Z stdout F  and last
      2026-01-01T00:00:00.5Z stderr P cut by another stream
      2026-01-01T00:00:00.6Z stdout F next
      """
    #expect(
      try preset("cri", cri) == [
        "2026-01-01T00:00:00.1Z stdout F whole", "2026-01-01T00:00:00.2Z stdout P first, second and last",
        "2026-01-01T00:00:00.5Z stderr P cut by another stream", "2026-01-01T00:00:00.6Z stdout F next",
      ])
    let docker = #"""
      {"log":"whole\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}
      {"log":"first \"","stream":"stdout","time":"2026-01-01T00:00:01Z"}
      {"log":"second\\n","stream":"stdout","time":"2026-01-01T00:00:02Z"}
      {"log":" last\n","stream":"stdout","time":"2026-01-01T00:00:03Z"}
      {"log":"next\n","stream":"stdout","time":"2026-01-01T00:00:04Z"}
      """#
    #expect(
      try preset("docker", docker) == [
        #"{"log":"whole\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}"#,
        #"{"log":"first \"second\\n last\n","stream":"stdout","time":"2026-01-01T00:00:03Z"}"#,
        #"{"log":"next\n","stream":"stdout","time":"2026-01-01T00:00:04Z"}"#,
      ])
  }

  @Test func patterns() throws {
    let text = "1 a\n  b\n2 c\\\nd;\n"
    #expect(try records(text, recordRules(["multiline.start": #"^\d"#])) == ["1 a\n  b", "2 c\\\nd;"])
    #expect(try records(text, recordRules(["multiline.continuation": #"^\s"#])) == ["1 a\n  b", "2 c\\", "d;"])
    #expect(try records(text, recordRules(["multiline.continued": #"\\$"#])) == ["1 a", "  b", "2 c\\\nd;"])
    #expect(try records(text, recordRules(["multiline.end": ";$"])) == ["1 a\n  b\n2 c\\\nd;"])
    #expect(try records("a\r\n b\r\nc", recordRules(["multiline.continuation": "^ "])) == ["a\r\n b", "c"])
    #expect(try records("a\n\nb\n", recordRules(["multiline.continuation": "^$"])) == ["a\n", "b"])
  }

  @Test func recordsAreCut() throws {
    let lines = "a\n b\n c\n d\n e\nf\n"
    let byLines = try recordRules(["multiline.continuation": "^ ", "multiline.maxLines": "2"])
    #expect(try records(lines, byLines) == ["a\n b", " c\n d", " e", "f"])
    let long = String(repeating: "x", count: 40)
    let byBytes = try recordRules(["multiline.continuation": "^ ", "maxRecordBytes": "64"])
    #expect(try records("a\n \(long)\n \(long)\nb\n", byBytes) == ["a\n \(long)", " \(long)", "b"])
  }

  @Test func placesAreThoseOfTheFirstLines() throws {
    let decoding = try JSONDecoding(schema: Schema([StructField("id", .long)]), badRecords: .deadLetter)
    let decoder = try decoding.makeDecoder(columns: [0], filters: [])
    let text = "{\"id\":\n 1}\nbad\n record\n{\"id\": 2}\nbad\n"
    let buffer = window(text)
    var origin = RecordOrigin(name: "test", offset: 1000)
    origin.grouping = try recordRules(["multiline.continuation": #"^\s"#]).grouping
    let bytes = UnsafeRawBufferPointer(start: buffer.base, count: buffer.capacity)
    #expect(try decoder.decode(bytes, owner: buffer, origin: origin).rows() == [[.integer(1)], [.integer(2)]])
    let keeper = try #require(decoder as? any BadRecordKeeper)
    let bad = keeper.takeBadRecords()
    #expect(bad.records.map(\.offset) == [1011, 1033])
    #expect(bad.records.map(\.line) == [2, 5])
    #expect(keeper.lineCount == 6)
  }

  @Test func endsThatAreSure() throws {
    func last(_ text: String, _ options: [String: String]) throws -> Int? {
      var text = text
      let splitter = RecordSplitter(try recordRules(options))
      return try text.withUTF8 { try splitter.lastEnd(in: UnsafeRawBufferPointer($0)) }
    }
    #expect(try last("a\n b\nc\n", ["multiline.continuation": "^ "]) == 5)
    #expect(try last("a\n b\n", ["multiline.continuation": "^ "]) == nil)
    #expect(try last("a\n b\nc", ["multiline.continuation": "^ "]) == nil)
    // A line may tell that its record is over, whatever comes.
    #expect(try last("a\nb;\n", ["multiline.end": ";$"]) == 5)
    #expect(try last("a\\\nb\n", ["multiline.continued": #"\\$"#]) == 5)
    #expect(try last("t stdout P a\n", ["multiline.preset": "cri"]) == nil)
    #expect(try last("t stdout F a\n", ["multiline.preset": "cri"]) == 13)
  }

  @Test func optionsThatDoNotFit() {
    func code(_ options: [String: String]) -> String {
      do {
        _ = try recordRules(options)
        return "none"
      } catch { return (error as? MillraceError)?.code ?? "\(error)" }
    }
    #expect(code(["multiline.start": "^a", "multiline.end": "b$"]) == "OPTION_CONFLICT")
    #expect(code(["multiline.maxLines": "5"]) == "OPTION_CONFLICT")
    #expect(code(["multiline.preset": "docker", "encoding": "utf-16le"]) == "OPTION_CONFLICT")
    #expect(code(["multiline.start": "("]) == "INVALID_PARAMETER_VALUE.PATTERN")
    #expect(code(["multiline.preset": "perl"]) == "OPTION_OUT_OF_RANGE")
  }
}
