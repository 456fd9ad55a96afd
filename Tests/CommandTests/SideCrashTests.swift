import Glibc
import MillraceTesting
import Testing

/// A pipeline with dead letters and late rows is killed at its durable steps; started again, each of them is there once.
@Suite(.serialized)
struct SideCrashTests {
  /// Where dead letters and late rows go.
  struct Sinks: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var deadLetter: String
    var lateRows: String
    /// Scripts that print `batch number record` of each dead letter, and `batch number row` of each late row.
    var readDead: String
    var readLate: String

    private static func json(_ command: String, _ member: String) -> String {
      "\(command) | sed -E 's/.*\"batch_id\":([0-9]+),\"number\":([0-9]+),.*\"\(member)\":\"(.*)\"(,\"encoding\".*)?\\}/\\1 \\2 \\3/'"
    }

    static let all = [
      Sinks(
        testDescription: "a database and a gzip file",
        deadLetter: #""format": "sqlite", "options": { "path": "dead.db", "table": "letters" }"#,
        lateRows: #""format": "gzip-file", "options": { "path": "late.json.gz" }"#,
        readDead: "sqlite3 -separator ' ' dead.db 'SELECT batch_id, number, record FROM letters'",
        readLate: json("gzip -dc late.json.gz", "row")),
      Sinks(
        testDescription: "rotating files and a folder",
        deadLetter: #""format": "rotating-file", "options": { "path": "dead/dead.log", "maxFileBytes": "600 B" }"#,
        lateRows: #""format": "json", "options": { "path": "late" }"#,
        readDead: json("cat dead/dead*.log", "record"), readLate: json("cat late/*.json", "row")),
    ]
  }

  /// Files of events, of which some are no events, and some late: the watermark is the latest second before less three.
  struct Scene {
    let sandbox = Sandbox()
    let sinks: Sinks
    private var files: [[String]] = []

    init(_ sinks: Sinks) {
      self.sinks = sinks
      var random = SeededGenerator(seed: 11)
      for number in 0..<8 {
        var lines = (0..<8).map { _ in "{\"s\":\(max(0, number * 10 - Int.random(in: 0...40, using: &random)))}" }
        if number % 3 != 2 { lines.insert("broken \(number)", at: 3) }
        if number % 4 == 1 { lines.insert("{\"s\":\"x\(number)\"}", at: 5) }
        files.append(lines)
      }
      for (number, lines) in files.enumerated() {
        sandbox.write("in/part\(number).json", lines.map { "\($0)\n" }.joined())
      }
      sandbox.write(
        "p.json",
        """
        { "version": 1, "pipelines": { "p": {
          "sources": { "raw": { "format": "json", "options": { "path": "in/*.json", "maxFilesPerTrigger": 1 },
                                "schema": "s BIGINT", "onBadRecord": "deadLetter" } },
          "sinks": { "out": { "query": "SELECT unix_seconds(window.start) AS start, count(*) AS n FROM (SELECT timestamp_seconds(s) AS time, s FROM raw) WATERMARK time DELAY OF INTERVAL 3 SECONDS GROUP BY window(time, '5 seconds')",
                              "format": "sqlite", "options": { "path": "out.db", "table": "counts" } } },
          "deadLetter": { \(sinks.deadLetter) }, "lateRows": { \(sinks.lateRows) }, "onEndOfInput": "close",
          "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint", "delivery": "exactly-once" } } }
        """)
    }

    /// Records that are none, and seconds that are late, in their order; counts by window.
    var expected: (dead: [String], late: [Int], counts: [String]) {
      var dead: [String] = [], late: [Int] = []
      var counts: [Int: Int] = [:]
      var latest = 0, watermark = 0, lateMark = 0
      for lines in files {
        // Rows are late by the watermark of the batch before, which comes from the rows before that batch.
        lateMark = watermark
        watermark = max(watermark, latest - 3)
        for line in lines {
          guard let second = Int(line.drop { !$0.isNumber }.prefix { $0.isNumber }), line.hasPrefix("{\"s\":"),
            !line.contains("x")
          else {
            dead.append(line)
            continue
          }
          let start = second / 5 * 5
          if start + 5 <= lateMark { late.append(second) } else { counts[start, default: 0] += 1 }
          latest = max(latest, second)
        }
      }
      return (dead, late, counts.map { "\($0.key)|\($0.value)" }.sorted())
    }

    func run(_ crash: String? = nil, points: Bool = false) async throws -> (isKilled: Bool, error: String) {
      var environment: [String: String] = [:]
      if let crash { environment["MILLRACE_CRASH"] = crash }
      if points { environment["MILLRACE_CRASH_POINTS"] = "1" }
      let outcome = try await Command.millrace(["run", "p.json"], in: sandbox, environment: environment)
      #expect(outcome.status == 0 || outcome.status == -SIGKILL, "\(outcome.error)")
      return (outcome.status == -SIGKILL, outcome.error)
    }

    func check(_ history: String) async throws {
      let expected = self.expected
      let counts = try await Oracle.shell("sqlite3 out.db 'SELECT start, n FROM counts' | LC_ALL=C sort", in: sandbox)
      #expect(counts.split(separator: "\n").map(String.init) == expected.counts.sorted(), "\(history)")
      let dead = try await Oracle.shell("\(sinks.readDead) | sort -n -k1,1 -k2,2", in: sandbox)
      let records = dead.split(separator: "\n").map { line in
        String(line.split(separator: " ", maxSplits: 2).last ?? "").replacing("\\\"", with: "\"")
      }
      #expect(records == expected.dead, "\(history)")
      let late = try await Oracle.shell("\(sinks.readLate) | sort -n -k1,1 -k2,2", in: sandbox)
      let seconds = late.split(separator: "\n").map { line in
        Int((line.split(separator: "\\\"s\\\":").dropFirst().first ?? "").prefix { $0.isNumber }) ?? -1
      }
      #expect(seconds == expected.late, "\(history)")
    }
  }

  static let isLong = CrashTests.isLong

  @Test(arguments: Sinks.all) func undisturbed(sinks: Sinks) async throws {
    let scene = Scene(sinks)
    #expect(scene.expected.dead.count == 8 && scene.expected.late.count > 5)
    _ = try await scene.run()
    try await scene.check("no crash")
  }

  @Test(arguments: Sinks.all) func everyCrashPoint(sinks: Sinks) async throws {
    let names = try await Scene(sinks).run(points: true).error.split(separator: "\n").compactMap { line in
      line.hasPrefix("crash point ") ? String(line.dropFirst(12)) : nil
    }
    let passes = Dictionary(grouping: names) { $0 }.mapValues(\.count)
    #expect(passes.count > 15 && passes["batch.after-side-commit"] != nil)
    var count = 0
    for (name, total) in passes.sorted(by: { $0.key < $1.key }) {
      // What is written beside the query's own rows is written between these; the others are the same for every sink.
      guard Self.isLong || name.hasPrefix("batch.") || name.hasPrefix("log.commit") || name.hasPrefix("recovery.")
      else {
        continue
      }
      for pass in Self.isLong ? Array(1...total) : [total / 2 + 1] {
        let scene = Scene(sinks)
        #expect(try await scene.run("\(name):\(pass)").isKilled, "\(name):\(pass) was not passed")
        let isKilledAgain = try await scene.run("*:\(count % 9 + 1)").isKilled
        _ = try await scene.run()
        try await scene.check("\(name):\(pass), then \(isKilledAgain ? "a kill" : "none") in the recovery")
        count += 1
      }
    }
  }

  /// Each start is killed one step later than the one before it, until one comes to the end.
  @Test func everyStepOfARecovery() async throws {
    let scene = Scene(Sinks.all[0])
    var step = 1
    while try await scene.run("*:\(step)").isKilled { step += Self.isLong ? 1 : 3 }
    #expect(step > 10)
    try await scene.check("a walk")
  }

  /// Dead letters are handed over and read again once, whatever step is killed on the way.
  @Test func everyStepOfAReplay() async throws {
    for crash in ["replay.after-list:1", "replay.after-write:1", "replay.after-rename:1"] {
      let sandbox = DeadLetterTests.sandbox()
      _ = try await Command.millrace(["run", "p.json"], in: sandbox)
      sandbox.write("p.json", DeadLetterTests.file(schema: "n STRING"))
      let killed = try await Command.millrace(
        ["dlq", "replay", "p.json"], in: sandbox, environment: ["MILLRACE_CRASH": crash])
      #expect(killed.status == -SIGKILL, "\(crash)")
      _ = try await Command.millrace(["dlq", "replay", "p.json"], in: sandbox)
      _ = try await Command.millrace(["run", "p.json"], in: sandbox)
      #expect(DeadLetterTests.out(sandbox) == ["1", "2", "3", "four"], "\(crash)")
    }
    let whole = DeadLetterTests.sandbox()
    _ = try await Command.millrace(["run", "p.json"], in: whole)
    whole.write("p.json", DeadLetterTests.file(schema: "n STRING"))
    _ = try await Command.millrace(["dlq", "replay", "p.json"], in: whole)
    var step = 1
    while try await Command.millrace(["run", "p.json"], in: whole, environment: ["MILLRACE_CRASH": "*:\(step)"]).status
      == -SIGKILL
    { step += 1 }
    #expect(step > 10 && DeadLetterTests.out(whole) == ["1", "2", "3", "four"])
  }
}
