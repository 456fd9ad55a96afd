import Testing

/// Records that cannot be decoded go to a sink of their own, and come back from there once the pipeline can read them.
struct DeadLetterTests {
  /// A pipeline over `in/*.json`, a batch a file. Its sink for dead letters is `deadLetter`; `schema` is what `n` and more are.
  static func file(
    schema: String = "n INT", deadLetter: String = #""format": "json", "options": { "path": "rejected" }"#,
    source: String = "", more: String = ""
  ) -> String {
    """
    { "version": 1, "pipelines": { "p": {
      "sources": { "numbers": { "format": "json", "options": { "path": "in/*.json", "maxFilesPerTrigger": 1 },
                                "schema": "\(schema)", "onBadRecord": "deadLetter"\(source) } },
      "sinks": { "out": { "query": "SELECT n FROM numbers", "format": "text", "encode": { "format": "csv" }, "options": { "path": "out" } } },
      "deadLetter": { \(deadLetter) }, \(more)
      "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint", "delivery": "exactly-once" } } }
    """
  }

  static func sandbox(_ file: String = file()) -> Sandbox {
    let sandbox = Sandbox()
    sandbox.write("p.json", file)
    sandbox.write("in/a.json", "{\"n\":1}\nnonsense\n{\"n\":2}\n{\"n\":\n")
    sandbox.write("in/b.json", "{\"n\":3}\n{\"n\":\"four\"}\n")
    return sandbox
  }

  static func out(_ sandbox: Sandbox) -> [String] {
    Sandbox.visibleFiles("\(sandbox.path)/out").flatMap { Sandbox.read($0).split(separator: "\n").map(String.init) }
      .sorted()
  }

  /// The members of each line of JSON that a test looks at.
  static func list(_ sandbox: Sandbox, _ arguments: [String] = [], file: String = "p.json") async throws -> [String] {
    let outcome = try await Command.millrace(["dlq", "list", file, "--json"] + arguments, in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    return outcome.output.split(separator: "\n").map(String.init)
  }

  static let sinks = [
    #""format": "json", "options": { "path": "rejected" }"#,
    #""format": "csv", "options": { "path": "rejected", "header": true, "compression": "gzip" }"#,
    #""format": "gzip-file", "options": { "path": "rejected/all.json.gz" }"#,
    #""format": "rotating-file", "options": { "path": "rejected/all.log.gz", "maxFileBytes": "300 B" }, "encode": "csv""#,
    #""format": "sqlite", "options": { "path": "rejected.db", "table": "letters" }"#,
  ]

  @Test(arguments: sinks)
  func everySinkKeepsThem(deadLetter: String) async throws {
    let sandbox = Self.sandbox(Self.file(deadLetter: deadLetter))
    sandbox.makeFolder("rejected")
    #expect(try await Self.list(sandbox) == [])
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains(", 3 records unreadable"), "\(outcome.error)")
    #expect(Self.out(sandbox) == ["1", "2", "3"])
    let letters = try await Self.list(sandbox)
    try #require(letters.count == 3, "\(letters)")
    #expect(letters[0].contains(#""batch_id":0,"number":0,"origin":"source","name":"numbers","file":"in/a.json""#))
    #expect(letters[0].contains(#""offset":8,"line":2,"code":"MALFORMED_RECORD_IN_PARSING""#))
    #expect(letters[0].contains(#""record":"nonsense","encoding":"text","length":8"#))
    #expect(letters[1].contains(#""number":1"#) && letters[1].contains(#""offset":25,"line":4"#))
    #expect(letters[2].contains(#""batch_id":1,"number":0"#) && letters[2].contains(#""file":"in/b.json""#))
    #expect(letters[2].contains(#""code":"CANNOT_PARSE_FIELD","message":"the value of 'n' is no INT","column":"n""#))
    #expect(try await Self.list(sandbox, ["--code", "CANNOT_PARSE_FIELD"]) == [letters[2]])
    #expect(try await Self.list(sandbox, ["--where", "line = 4", "--source", "numbers"]) == [letters[1]])
    #expect(try await Self.list(sandbox, ["--source", "o'ther"]) == [])
  }

  @Test func theyAreReadAgainOnceThePipelineCanReadThem() async throws {
    let sandbox = Self.sandbox()
    _ = try await Command.millrace(["run", "p.json"], in: sandbox)
    sandbox.write("p.json", Self.file(schema: "n STRING"))
    let dry = try await Command.millrace(["dlq", "replay", "p.json", "--dry-run"], in: sandbox)
    #expect(dry.output == "p: 3 dead letters of 'numbers' would wait for the next batch\n")
    let replay = try await Command.millrace(["dlq", "replay", "p.json", "--where", "number = 0"], in: sandbox)
    #expect(replay.output == "p: 2 dead letters of 'numbers' wait for the next batch\n", "\(replay.error)")
    #expect(try await Self.list(sandbox, ["--where", "replay = 'waiting'"]).count == 2)
    let again = try await Command.millrace(["dlq", "replay", "p.json", "--where", "number = 0"], in: sandbox)
    #expect(again.output == "p: nothing to replay\n")
    sandbox.write("in/c.json", "{\"n\":5}\n")
    _ = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(Self.out(sandbox) == ["1", "2", "3", "5", "four"])
    // The one that still is none is a dead letter again.
    let letters = try await Self.list(sandbox)
    #expect(letters.count == 4 && letters[3].contains(#""batch_id":2"#) && letters[3].contains("000001.records"))
    #expect(letters.filter { $0.contains(#""replay":"replayed""#) }.count == 2)
    _ = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(Self.out(sandbox) == ["1", "2", "3", "5", "four"])
  }

  /// The first line of a file names its columns; a record that is read again is not that line.
  @Test func aReplayedRecordIsNoHeader() async throws {
    let sandbox = Sandbox()
    let text = Self.file().replacing(
      "\"format\": \"json\", \"options\": { \"path\": \"in/*.json\"",
      with:
        "\"format\": \"gzip-file\", \"decode\": { \"format\": \"csv\", \"header\": true }, \"options\": { \"path\": \"in/*.csv\""
    )
    sandbox.write("p.json", text)
    sandbox.write("in/a.csv", "n\n1\nx\n3\n")
    _ = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(Self.out(sandbox) == ["1", "3"])
    sandbox.write("p.json", text.replacing("n INT", with: "n STRING"))
    _ = try await Command.millrace(["dlq", "replay", "p.json"], in: sandbox)
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(Self.out(sandbox) == ["1", "3", "x"], "\(outcome.error)")
  }

  @Test func bytesThatAreNoTextComeBackAsTheyWere() async throws {
    let sandbox = Self.sandbox()
    _ = try await Oracle.shell("printf '\\377\\001{\\n{\"n\":7}\\n' > in/c.json", in: sandbox)
    _ = try await Command.millrace(["run", "p.json"], in: sandbox)
    let letters = try await Self.list(sandbox, ["--where", "encoding = 'base64'"])
    #expect(letters.count == 1 && letters[0].contains(#""record":"/wF7","encoding":"base64","length":3"#), "\(letters)")
    _ = try await Command.millrace(["dlq", "replay", "p.json", "--where", "encoding = 'base64'"], in: sandbox)
    _ = try await Oracle.shell(
      "printf '\\n\\377\\001{\\n' | cmp - checkpoint/replay/numbers/000001.records", in: sandbox)
  }

  /// A checkpoint that was begun without dead letters goes on with them, after the record that stopped it.
  @Test func afterAStopByABadRecord() async throws {
    let sandbox = Self.sandbox(Self.file().replacing(#""onBadRecord": "deadLetter""#, with: #""onBadRecord": "fail""#))
    let stopped = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(stopped.status == 4)
    sandbox.write("p.json", Self.file())
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(Self.out(sandbox) == ["1", "2", "3"])
    #expect(try await Self.list(sandbox).count == 3)
  }

  @Test(arguments: [
    (#", "maxBadRecords": 1"#, "2 bad records in batch 0, more than maxBadRecords = 1"),
    (#", "maxBadRatio": 0.4"#, "2 bad records among 4 in batch 0, more than maxBadRatio = 0.4"),
  ])
  func tooManyStopTheQuery(limit: String, message: String) async throws {
    let sandbox = Self.sandbox(Self.file(source: limit))
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 4)
    #expect(outcome.error.contains("in/a.json@8: [BAD_RECORD_LIMIT_EXCEEDED]"), "\(outcome.error)")
    #expect(outcome.error.contains(message), "\(outcome.error)")
    #expect(Self.out(sandbox) == [] && Sandbox.visibleFiles("\(sandbox.path)/rejected") == [])
    sandbox.write("p.json", Self.file(source: #", "maxBadRecords": 2, "maxBadRatio": 0.5"#))
    #expect(try await Command.millrace(["run", "p.json"], in: sandbox).status == 0)
  }

  @Test("Fluent Bit #370, #10435, #736: one endless line does not stop a file, and the lines after it arrive")
  func aLineWithoutEnd() async throws {
    let sandbox = Self.sandbox()
    _ = try await Oracle.shell(
      """
      { printf '{"n":8}\\n'; head -c 40000000 /dev/zero | tr '\\0' x; printf '\\n{"n":9}\\nbad\\n'; } > in/c.json
      """, in: sandbox)
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(Self.out(sandbox) == ["1", "2", "3", "8", "9"])
    let letters = try await Self.list(sandbox, ["--where", "file = 'in/c.json'"])
    try #require(letters.count == 2)
    #expect(letters[0].contains(#""offset":8,"line":2,"code":"RECORD_TOO_LARGE""#))
    #expect(letters[0].contains(#""length":40000000"#) && letters[0].utf8.count < 20_000)
    #expect(letters[1].contains(#""offset":40000017,"line":4"#), "\(letters[1])")
    let replay = try await Command.millrace(["dlq", "replay", "p.json"], in: sandbox)
    #expect(replay.error.contains("1 were too large to be kept whole"))
  }

  /// Files that are merged by event time: what is too long is left out, and dead letters come back in a batch of their own.
  @Test func mergedFiles() async throws {
    func file(_ type: String) -> String {
      Self.file(schema: "time TIMESTAMP, n \(type)").replacing(
        #""format": "json", "options": { "path": "in/*.json", "maxFilesPerTrigger": 1 }"#,
        with: #""format": "gzip-file", "options": { "path": "in/*.json", "orderBy": "event-time" }, "decode": "json""#)
    }
    func record(_ second: Int, _ n: String) -> String { "{\"time\":\"1970-01-01T00:00:0\(second)Z\",\"n\":\(n)}\n" }
    let sandbox = Sandbox()
    sandbox.write("p.json", file("INT"))
    sandbox.write("in/a.json", record(1, "1") + record(3, "\"three\"") + record(5, "5"))
    sandbox.write("in/b.json", record(2, "2"))
    _ = try await Oracle.shell(
      "{ head -c 20000000 /dev/zero | tr '\\0' x; printf '\\n'; } >> in/b.json", in: sandbox)
    _ = try await Oracle.shell(#"printf '{"time":"1970-01-01T00:00:04Z","n":4}\n' >> in/b.json"#, in: sandbox)
    let first = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(first.status == 0, "\(first.error)")
    #expect(Self.out(sandbox) == ["1", "2", "4", "5"])
    let letters = try await Self.list(sandbox)
    try #require(letters.count == 2, "\(letters)")
    #expect(letters.contains { $0.contains(#""file":"in/a.json""#) && $0.contains(#""code":"CANNOT_PARSE_FIELD""#) })
    #expect(letters.contains { $0.contains(#""file":"in/b.json""#) && $0.contains(#""code":"RECORD_TOO_LARGE""#) })
    sandbox.write("p.json", file("STRING"))
    sandbox.write("in/c.json", record(6, "6"))
    let replay = try await Command.millrace(["dlq", "replay", "p.json"], in: sandbox)
    #expect(
      replay.output == "p: 1 dead letters of 'numbers' wait for the next batch\n", "\(replay.output)\(replay.error)")
    for _ in 0..<2 {
      let next = try await Command.millrace(["run", "p.json"], in: sandbox)
      #expect(next.status == 0, "\(next.error)")
      #expect(Self.out(sandbox) == ["1", "2", "4", "5", "6", "three"])
    }
  }

  @Test("Fluent Bit #11457: lines that are skipped are counted where a user sees it")
  func skippedLinesAreCounted() async throws {
    let sandbox = Self.sandbox(Self.file().replacing(#""onBadRecord": "deadLetter""#, with: #""onBadRecord": "skip""#))
    let outcome = try await Command.millrace(["run", "p.json", "--progress", "-"], in: sandbox)
    #expect(outcome.output.contains(#""badRecords":"2""#) && outcome.error.contains("3 records unreadable"))
  }

  /// Several workers decode one file; each letter has its own place, and they come in the order of the file.
  @Test func placesOfManyWorkers() async throws {
    let text = Self.file().replacing("SELECT n FROM numbers", with: "SELECT count(*) AS n FROM numbers")
    let sandbox = Self.sandbox(
      text.replacing(#""format": "text""#, with: #""outputMode": "complete", "format": "console""#)
        .replacing(#", "encode": { "format": "csv" }, "options": { "path": "out" }"#, with: "")
        .replacing(#", "delivery": "exactly-once""#, with: ""))
    _ = try await Oracle.shell(
      """
      rm in/*; awk 'BEGIN { for (i = 0; i < 400000; i++) if (i % 4001 == 7) print "bad " i; else print "{\\"n\\":" i "}" }' > in/d.json
      """, in: sandbox)
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    let expected = try await Oracle.shell(
      """
      grep -nb bad in/d.json | awk -F: '{ printf "\\"offset\\":%s,\\"line\\":%s %s\\n", $2, $1, $3 }'
      """, in: sandbox)
    let letters = try await Self.list(sandbox, ["--limit", "1000"])
    let found = letters.map { letter in
      let place = letter.split(separator: #""offset":"#)[1].split(separator: #","code""#)[0]
      let record = letter.split(separator: #""record":""#)[1].split(separator: "\"")[0]
      return "\"offset\":\(place) \(record)\n"
    }
    #expect(found.count == 100 && found.joined() == expected)
  }

  @Test(arguments: [
    (#""deadLetter": { "format": "json", "options": { "path": "rejected" } }, "#, "", "DEAD_LETTER_NEEDS_SINK"),
    (#""path": "rejected""#, #""pth": "rejected""#, "OPTION_UNKNOWN"),
    (#""out": {"#, #""deadLetter": {"#, "SINK_NAME_TAKEN"),
    (
      #""query": "SELECT n FROM numbers""#, #""onBadRecord": "skip", "query": "SELECT n FROM numbers""#,
      "BAD_RECORDS_NOT_APPLICABLE"
    ),
    (#""format": "json", "options": { "path": "rejected" }"#, #""format": "console""#, "DELIVERY_NOT_MET"),
    (#""onBadRecord": "deadLetter""#, #""onBadRecord": "deadLetter", "maxBadRatio": 1.5"#, "PIPELINE_WRONG_TYPE"),
    (
      #""onBadRecord": "deadLetter""#,
      #""onBadRecord": "deadLetter", "decode": { "format": "json", "mode": "FAILFAST" }"#, "OPTION_CONFLICT"
    ),
  ])
  func whatCannotBeIsRefused(part: String, other: String, code: String) async throws {
    let text = Self.file()
    #expect(text.contains(part))
    let sandbox = Self.sandbox(text.replacing(part, with: other))
    let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(
      outcome.status == 3 && (outcome.error + outcome.output).contains("[\(code)]"), "\(outcome.error)\(outcome.output)"
    )
  }
}
