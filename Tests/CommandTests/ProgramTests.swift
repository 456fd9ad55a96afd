import Glibc
import Testing

/// Pipelines with connectors that are programs, as a user runs them.
@Suite(.serialized)
struct ProgramTests {
  /// The interpreter itself; nil where there is none.
  static let python: String? = {
    guard let pipe = popen("python3 -c 'import sys; print(sys.executable)' 2>/dev/null", "r") else { return nil }
    defer { pclose(pipe) }
    var room = [CChar](repeating: 0, count: 4096)
    guard fgets(&room, 4096, pipe) != nil else { return nil }
    let line = room.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
  }()

  static let missingPython: Comment = "there is no python3 here, which the examples are written in"

  static func example(_ name: String, _ more: String = "") -> String {
    "{ \"process\": [\"\(python ?? "python3")\", \"-S\", \"-E\", \"\(Sandbox.root)/docs/examples/\(name).py\"]\(more) }"
  }

  /// From the counting source to the appending sink, five numbers a batch.
  static func file(limit: Int = 40, options: String = "", more: String = "") -> String {
    """
    { "version": 1,
      "plugins": [\(example("counter")), \(example("appender"))],
      "pipelines": { "p": {
        "sources": { "numbers": { "format": "counter", "options": { "limit": \(limit)\(options) } } },
        "sinks": { "rows": { "query": "SELECT number * 2 AS double, word FROM numbers", "format": "appender",
                             "encode": "csv", "options": { "path": "rows" } } },
        "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint"\(more) } } }
    """
  }

  @Test(.enabled(if: python != nil, missingPython)) func programsAreConnectors() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(limit: 2500, more: #", "delivery": "exactly-once""#))
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(Sandbox.read("\(sandbox.path)/rows") == (0..<2500).map { "\($0 * 2),row \($0)\n" }.joined())
    let again = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(again.status == 0, "\(again.error)")
    #expect(Sandbox.read("\(sandbox.path)/rows").split(separator: "\n").count == 2500)
  }

  /// Runs `p.json`, killed at one step after the other, `most` at most, until it comes to its end; gives how often it was killed.
  private static func killedAtEachStep(_ most: Int, in sandbox: Sandbox) async throws -> Int {
    var kills = 0
    for step in 1...most {
      let outcome = try await Command.millrace(
        ["run", "p.json"], in: sandbox, environment: ["MILLRACE_CRASH": "*:\(step)"])
      if outcome.status == 0 { break }
      #expect(outcome.status == -SIGKILL, "\(outcome.error)")
      kills += 1
    }
    let last = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(last.status == 0, "\(last.error)")
    return kills
  }

  /// Killed at every step in turn, with the programs left to themselves each time, each row is there once.
  @Test(.enabled(if: python != nil, missingPython)) func everyCrashLeavesEachRowOnce() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file(limit: 3000))
    #expect(try await Self.killedAtEachStep(60, in: sandbox) > 5)
    #expect(Sandbox.read("\(sandbox.path)/rows") == (0..<3000).map { "\($0 * 2),row \($0)\n" }.joined())
  }

  // MARK: Refused rows

  /// A sink that keeps all it has in one file, which it replaces at each commit: transactional. It refuses what has `long` in it.
  private static let keeper = """
    import json, os, sys
    held = {"batch": None, "rows": [], "rejected": []}
    for line in sys.stdin.buffer:
        call, answer = json.loads(line), {}
        if call["call"] == "spec":
            answer = {"protocol": 1, "connectors": [{"name": "appender", "summary": "Keeps rows.", "sink": {
                "guarantee": "transactional", "rejectsRows": True, "options": [
                    {"name": "path", "summary": "The file."}, {"name": "longest", "summary": "Of no use."}]}}]}
        elif call["call"] == "open":
            path = call["options"]["path"]
            if os.path.exists(path): held = json.load(open(path))
        elif call["call"] == "recover": answer = {"batch": held["batch"]}
        elif call["call"] == "begin": held["rejected"] = []
        elif call["call"] == "write":
            answer["rejected"] = []
            for number in range(call["records"]):
                row = sys.stdin.buffer.readline().decode().rstrip()
                if "long" not in row: held["rows"].append(row); continue
                reason = {"code": "TOO_LONG", "message": "a long one", "column": "word"}
                answer["rejected"].append({"record": number, **reason})
                held["rejected"].append({"record": row, **reason})
        elif call["call"] == "rejected": answer = {"rejected": held["rejected"]}
        elif call["call"] == "commit":
            held["batch"] = call["batch"]
            with open(path + ".new", "w") as file: json.dump(held, file)
            os.replace(path + ".new", path)
        print(json.dumps({"ok": answer}), flush=True)
    """

  private static let query =
    "SELECT number, CASE WHEN number % 100 = 7 THEN concat('a long, long word ', number) ELSE word END AS word FROM numbers"

  private static func refusing(_ sink: String, _ policy: String) -> String {
    """
    { "version": 1, "plugins": [\(example("counter")), \(sink)],
      "pipelines": { "p": {
        "sources": { "numbers": { "format": "counter", "options": { "limit": 2100 } } },
        "sinks": { "rows": { "query": "\(query)", "format": "appender", "options": { "path": "rows", "longest": "36" }\(policy) } },
        "deadLetter": { "format": "json", "options": { "path": "dead" } },
        "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint", "delivery": "exactly-once" } } }
    """
  }

  /// Killed at every step in turn, each row is in the sink or among the dead letters, once.
  @Test(.enabled(if: python != nil, missingPython), arguments: [false, true])
  func everyCrashLeavesEachRefusedRowOnce(isTransactional: Bool) async throws {
    let sandbox = Sandbox()
    sandbox.write("keeper.py", Self.keeper)
    let program =
      isTransactional
      ? "{ \"process\": [\"\(Self.python ?? "")\", \"-S\", \"-E\", \"keeper.py\"] }" : Self.example("appender")
    sandbox.write("p.json", Self.refusing(program, #", "onBadRecord": "deadLetter""#))
    #expect(try await Self.killedAtEachStep(80, in: sandbox) > 8)
    let refused = (0..<21).map { $0 * 100 + 7 }
    let text = Sandbox.read("\(sandbox.path)/rows")
    // The keeper has the refused rows of its last batch, too.
    let count = isTransactional ? text.ranges(of: #"\"number\":"#).count - 1 : text.split(separator: "\n").count
    #expect(count == 2079)
    let letters = try await Command.millrace(["dlq", "list", "p.json", "--json", "--source", "rows"], in: sandbox)
      .output
      .split(separator: "\n")
    #expect(letters.count == refused.count)
    for (letter, number) in zip(letters, refused) {
      #expect(letter.contains(#""origin":"sink","name":"rows""#) && letter.contains(#""code":"TOO_LONG""#))
      #expect(
        letter.contains(#""record":"{\"number\":\#(number),\"word\":\"a long, long word \#(number)\"}""#), "\(letter)")
    }
  }

  @Test(.enabled(if: python != nil, missingPython)) func aRefusedRowEndsTheQueryOrIsLeftOut() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.refusing(Self.example("appender"), ""))
    let failed = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(failed.status == 4)
    for part in ["[TOO_LONG] 'rows' refused the row {\"number\":7,", "a record of 4", "to deadLetter or skip"] {
      #expect(failed.error.contains(part), "\(part) in \(failed.error)")
    }
    #expect(Sandbox.read("\(sandbox.path)/rows").isEmpty || !Sandbox.read("\(sandbox.path)/rows").contains("long word"))
    sandbox.write("p.json", Self.refusing(Self.example("appender"), #", "onBadRecord": "skip""#))
    let skipped = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(skipped.status == 0 && skipped.error.contains("21 rows refused"), "\(skipped.error)")
    #expect(Sandbox.read("\(sandbox.path)/rows").split(separator: "\n").count == 2079)
    #expect(Sandbox.visibleFiles("\(sandbox.path)/dead").isEmpty)

    // A program that does not say that it refuses rows is not asked to.
    sandbox.write("keeper.py", Self.keeper.replacing("\"rejectsRows\": True, ", with: ""))
    let keeper = "{ \"process\": [\"\(Self.python ?? "")\", \"-S\", \"-E\", \"keeper.py\"] }"
    sandbox.write("p.json", Self.refusing(keeper, #", "onBadRecord": "skip""#))
    let silent = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(silent.status == 3 && silent.error.contains("[BAD_RECORDS_NOT_APPLICABLE]"), "\(silent.error)")
    sandbox.write("p.json", Self.refusing(keeper, "").replacing("\"checkpoint\"", with: "\"other\""))
    unlink("\(sandbox.path)/rows")
    let wrong = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(wrong.error.contains("\"rejectsRows\": true"), "\(wrong.error)")
  }

  @Test(.enabled(if: python != nil, missingPython)) func optionsOfAProgramAreCheckedWhereTheyStand() async throws {
    let sandbox = Sandbox()
    sandbox.write(
      "p.json", Self.file(options: ", \"wort\": \"x\"").replacing("\"limit\": 40", with: "\"limit\": \"many\""))
    let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(outcome.status == 3)
    for part in [
      "p.json:4:74: [OPTION_WRONG_TYPE]", "option 'limit' is 'many'", "p.json:4:82: [OPTION_UNKNOWN]",
      "did you mean 'word'?",
    ] { #expect(outcome.error.contains(part), "\(part) in \(outcome.error)") }
    let table = try await Command.millrace(["describe", "counter", "--file", "p.json"], in: sandbox)
    #expect(table.output.contains("The first number that does not come."), "\(table.output)\(table.error)")
    let schema = try await Command.millrace(["schema", "--file", "p.json"], in: sandbox)
    #expect(schema.output.contains("\"counter\"") && schema.output.contains("\"appender\""))
    let list = try await Command.millrace(["list", "--file", "p.json"], in: sandbox)
    #expect(list.output.contains("Counts from 0."), "\(list.error)")
  }

  @Test(.enabled(if: python != nil, missingPython)) func programsAreLookedAtByCheck() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.file())
    let outcome = try await Command.millrace(["check", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.output.contains("counter.py' starts and answers"), "\(outcome.output)")
  }

  // MARK: Programs in a shell

  /// A source in a shell that gives the lines 1 to 9, three per batch; `read` comes before it answers.
  private static func shell(_ read: String) -> String {
    #"""
    while read -r line; do
      case $line in
        *'"call":"spec"'*) echo '{"ok":{"protocol":1,"connectors":[{"name":"nine","summary":"Nine lines.","source":{"replayable":true}}]}}' ;;
        *'"call":"plan"'*) after=$(echo "$line" | sed 's/.*"after":\([0-9]*\).*/\1/')
          after=${after:-0}
          if [ "$after" -lt 9 ]; then echo "{\"ok\":{\"end\":$((after + 3))}}"; else echo '{"ok":{}}'; fi ;;
        *'"call":"read"'*) \#(read)
          end=$(echo "$line" | sed 's/.*"end":\([0-9]*\).*/\1/')
          echo '{"records":3}'; seq $((end - 2)) $end; echo '{"ok":{}}' ;;
        *) echo '{"ok":{}}' ;;
      esac
    done
    """#
  }

  private static func pipeline(_ plugin: String, _ more: String = "") -> String {
    """
    { "version": 1, "plugins": [\(plugin)], "pipelines": { "p": {
      "sources": { "lines": { "format": "nine" } },
      "sinks": { "rows": { "query": "SELECT value FROM lines", "format": "gzip-file", "encode": "text", "options": { "path": "rows.gz" } } },
      "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint"\(more) } } }
    """
  }

  private static func rows(_ sandbox: Sandbox) async throws -> String {
    try await Oracle.shell("gzip -dc rows.gz", in: sandbox)
  }

  @Test func aProgramThatFailsEndsTheQuery() async throws {
    let sandbox = Sandbox()
    sandbox.write("nine.sh", Self.shell("echo 'boom' >&2; exit 7"))
    sandbox.write("p.json", Self.pipeline(#"{ "process": ["/bin/sh", "nine.sh"] }"#))
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("lines: boom"), "standard error is logged: \(outcome.error)")
    #expect(outcome.error.contains("[PROGRAM_ENDED]") && outcome.error.contains("with status 7"), "\(outcome.error)")
  }

  @Test func theRestartPolicyCountsForPrograms() async throws {
    let sandbox = Sandbox()
    sandbox.write("nine.sh", Self.shell("if [ ! -e failed ] && [ \"$after\" = 3 ]; then touch failed; exit 7; fi;"))
    sandbox.write(
      "p.json",
      Self.pipeline(
        #"{ "process": ["/bin/sh", "nine.sh"] }"#, #", "restart": { "on": "transient", "backoff": "10 ms" }"#))
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("starts again in"), "\(outcome.error)")
    #expect(try await Self.rows(sandbox) == (1...9).map { "\($0)\n" }.joined())
  }

  @Test func aProgramThatHangsIsGivenUp() async throws {
    let sandbox = Sandbox()
    sandbox.write("nine.sh", Self.shell("sleep 60;"))
    sandbox.write("p.json", Self.pipeline(#"{ "process": ["/bin/sh", "nine.sh"], "timeout": "400 ms" }"#))
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("[PROGRAM_TIMEOUT]") && outcome.error.contains("400 ms"), "\(outcome.error)")
  }

  @Test func aProgramGetsItsEnvironment() async throws {
    let sandbox = Sandbox()
    sandbox.write("nine.sh", Self.shell("echo \"sees $CITY\" >&2;"))
    sandbox.write(
      "p.json", Self.pipeline(#"{ "process": ["/bin/sh", "nine.sh"], "environment": { "CITY": "${env:TOWN}" } }"#))
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox, environment: ["TOWN": "Ulm"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("lines: sees Ulm"), "\(outcome.error)")
  }

  static let wrongPlugins: [(plugin: String, parts: [String])] = [
    (#"{ "process": ["/nowhere/x"] }"#, ["p.json:1:42: [PROCESS_NOT_STARTED]", "/nowhere/x"]),
    (#"{ "process": ["/bin/echo", "hello"] }"#, ["p.json:1:42: [PROGRAM_ANSWER]", "line 1", "'hello'"]),
    (#"{ "process": ["/bin/false"] }"#, ["p.json:1:42: [PROGRAM_ENDED]", "status 1", "'spec'"]),
    (#"{ "process": [] }"#, ["p.json:1:42: [PIPELINE_WRONG_VALUE]", "names no program"]),
    (#"{ "proces": ["x"] }"#, ["[PIPELINE_UNKNOWN_KEY]", "did you mean 'process'?"]),
    (#"{ "library": "nowhere.so" }"#, ["p.json:1:42: [PLUGIN_NOT_LOADED]", "nowhere.so", "No such file"]),
    (#"{ "library": "p.json" }"#, ["[PLUGIN_NOT_LOADED]", "it is no shared library"]),
    (#"{ "library": "x.so", "process": ["x"] }"#, ["either a program or a shared library"]),
    (#""nine""#, ["p.json:1:29: [PIPELINE_NOT_SUPPORTED]", "no connector 'nine'"]),
  ]

  @Test(arguments: wrongPlugins.indices) func aWrongPluginIsNamedWhereItStands(index: Int) async throws {
    let (plugin, parts) = Self.wrongPlugins[index]
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.pipeline(plugin))
    let outcome = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(outcome.status == 3)
    for part in parts { #expect(outcome.error.contains(part), "\(part) in \(outcome.error)") }
    #expect(!outcome.error.contains("DATA_SOURCE_NOT_FOUND"), "one complaint is enough: \(outcome.error)")
  }

  /// What a program does not give again by its positions may come twice, and a pipeline that demands otherwise is refused where it does.
  @Test func aProgramThatIsNotReplayableIsAtLeastOnce() async throws {
    let sandbox = Sandbox()
    sandbox.write("nine.sh", Self.shell("").replacing("\"replayable\":true", with: "\"replayable\":false"))
    let plugin = #"{ "process": ["/bin/sh", "nine.sh"] }"#
    sandbox.write("p.json", Self.pipeline(plugin))
    let weak = try await Command.millrace(["validate", "p.json", "--json"], in: sandbox)
    #expect(weak.output.contains(#""delivery":"at-least-once""#), "\(weak.output)\(weak.error)")
    sandbox.write("p.json", Self.pipeline(plugin, ", \"delivery\": \"exactly-once\""))
    let strong = try await Command.millrace(["validate", "p.json"], in: sandbox)
    #expect(strong.status == 3)
    #expect(
      strong.error.contains("[DELIVERY_NOT_MET]") && strong.error.contains("'lines' can give a record again"),
      "\(strong.error)")
  }

  // MARK: Commands

  @Test func commandsAreSourcesAndSinks() async throws {
    let sandbox = Sandbox()
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "numbers": { "format": "exec", "options": { "command": "seq 1 20000; sleep 0.3; seq 20001 30000" } } },
        "sinks": { "even": { "query": "SELECT value FROM numbers WHERE value % 2 = 0", "encode": "text",
                             "format": "exec", "options": { "command": "cat >> rows" } } },
        "trigger": { "availableNow": true }, "checkpointLocation": "checkpoint" } } }
      """)
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    let rows = Sandbox.read("\(sandbox.path)/rows").split(separator: "\n").map(String.init)
    #expect(rows == stride(from: 2, through: 30000, by: 2).map(String.init))
  }

  @Test func aCommandThatFailsEndsTheQuery() async throws {
    let sandbox = Sandbox()
    sandbox.write(
      "p.json",
      """
      { "version": 1, "pipelines": { "p": {
        "sources": { "lines": { "format": "exec", "options": { "command": "echo one; echo no more >&2; exit 3" } } },
        "sinks": { "rows": { "query": "SELECT value FROM lines", "format": "console" } },
        "trigger": { "availableNow": true } } } }
      """)
    let outcome = try await Command.millrace(["run", "p.json"], in: sandbox)
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("one") && outcome.error.contains("[EXEC_FAILED]"), "\(outcome.error)")
    #expect(outcome.error.contains("lines: no more") && outcome.error.contains("status 3"), "\(outcome.error)")
  }
}
