import Glibc
import MillraceCore
import Testing

/// `run --profile` and its relatives, over the sample logs.
struct ProfileTests {
  /// The profile of the pipeline `traffic`.
  private static func traffic(in sandbox: Sandbox) async throws -> JSON {
    _ = try await Oracle.shell("ln -sfn \"$1/docs\" docs && cp \"$1/connectors.json\" .", [Sandbox.root], in: sandbox)
    let outcome = try await Command.millrace(["run", "--pipeline", "traffic", "--profile", "p.json"], in: sandbox)
    #expect(outcome.status == 0, "\(outcome.error)")
    return try JSON(parsing: Sandbox.read("\(sandbox.path)/p.json"))
  }

  /// All operators of a tree, the last one first.
  private static func operators(_ root: JSON?) -> [JSON] {
    guard let root else { return [] }
    return [root] + (root["inputs"]?.array ?? []).flatMap { operators($0) }
  }

  @Test func rowsAndBytesAreThoseOfTheData() async throws {
    let sandbox = Sandbox()
    let pipeline = try #require(try await Self.traffic(in: sandbox)["pipelines"]?.array?.first)
    #expect(pipeline["name"]?.string == "traffic")
    let nodes = Self.operators(pipeline["outputs"]?.array?.first?["root"])
    let names = nodes.compactMap { $0["name"]?.string }
    #expect(names == ["Sink", "Project", "Aggregate", "Filter", "EventTimeWatermark", "StreamingScan"])
    #expect(nodes[2]["detail"]?.string?.contains("count() AS count, sum(bytes) AS sum") == true)

    let logs = Oracle.logs(Array(1...12))
    let counts = try await Oracle.traffic(logs).split(separator: "\n").map { $0.split(separator: "|") }
    let hits = counts.reduce(0 as Int64) { $0 + (Int64($1[2]) ?? 0) }
    #expect(nodes.dropFirst(3).compactMap { $0["rowsOut"]?.int } == [hits, hits, hits])
    #expect(nodes[2]["rowsIn"]?.int == hits)
    #expect(nodes.prefix(3).compactMap { $0["rowsOut"]?.int } == Array(repeating: Int64(counts.count), count: 3))

    let sizes = try await Oracle.shell("cat \"$@\" | wc -c; zcat \"$@\" | wc -c", logs).split(separator: "\n")
    #expect(nodes[5]["storedBytes"]?.int == Int64(sizes[0]))
    #expect(nodes[5]["plainBytes"]?.int == Int64(sizes[1]))
    let steps = nodes.map { node in (node["steps"]?.array ?? []).compactMap { $0["name"]?.string } }
    #expect(steps[5] == ["read", "decode", "handOn"])
    #expect(steps[2] == ["partial", "merge", "state"])
    #expect(steps[0] == ["write", "commit"])
  }

  @Test func timesAreThoseOfTheThreads() async throws {
    let profile = try await Self.traffic(in: Sandbox())
    let pipeline = try #require(profile["pipelines"]?.array?.first)
    let nodes = Self.operators(pipeline["outputs"]?.array?.first?["root"])
    let phases = pipeline["phases"]?.array ?? []
    let names = Set(phases.compactMap { $0["name"]?.string })
    #expect(names.isSuperset(of: ["planning", "recovery", "log", "stateFiles"]))
    let wall = try #require(pipeline["wallNanoseconds"]?.int)
    let busy = try #require(pipeline["busyNanoseconds"]?.int)
    #expect(wall > 0 && wall <= profile["wallNanoseconds"]?.int ?? 0)
    #expect((profile["peakResidentBytes"]?.int ?? 0) > 1 << 20 && (profile["userNanoseconds"]?.int ?? 0) > 0)

    var byThread: [Int64: Int64] = [:]
    var working: Int64 = 0
    for part in nodes.flatMap({ $0["steps"]?.array ?? [] }) + phases {
      var sum: Int64 = 0
      for thread in part["threads"]?.array ?? [] {
        let time = try #require(thread["nanoseconds"]?.int)
        #expect(time >= 0)
        byThread[try #require(thread["thread"]?.int), default: 0] += time
        sum += time
      }
      #expect(sum == part["nanoseconds"]?.int)
      if part["name"]?.string?.hasPrefix("waitFor") == false { working += sum }
    }
    #expect(working == busy)
    #expect(byThread[0] == wall, "the control thread is charged for all of its time")
    for (thread, time) in byThread { #expect(time <= wall, "thread \(thread)") }
    #expect(byThread.count <= pipeline["threads"]?.array?.count ?? 0)
  }

  @Test func anInterruptedRunHasAProfile() async throws {
    let sandbox = Sandbox()
    sandbox.write(
      "p.json",
      WrongInputTests.file(more: #", "trigger": {"#).split(separator: "\"trigger\": { \"availableNow\": true }, ")
        .joined().split(separator: ", \"trigger\": {").joined())
    _ = try await Oracle.shell("mkdir logs && cp \"$1\" logs/a.gz", Oracle.logs([10]), in: sandbox)
    let command = try Command(["run", "p.json", "--profile", "profile.json"], in: sandbox)
    for _ in 0..<1000 where !command.errorSoFar.contains("batch 0") { try await Task.sleep(for: .milliseconds(10)) }
    command.signal(SIGINT)
    let outcome = try await command.outcome(within: 30)
    #expect(outcome.status == 0, "\(outcome.error)")
    let pipeline = try JSON(parsing: Sandbox.read("\(sandbox.path)/profile.json"))["pipelines"]?.array?.first
    #expect((pipeline?["batches"]?.int ?? 0) >= 1)
    #expect(Self.operators(pipeline?["outputs"]?.array?.first?["root"]).last?["rowsOut"]?.int ?? 0 > 0)
  }

  // MARK: The tree

  /// The tree with a mark for each number before it. What depends on the number of threads is left out.
  private static func shape(_ text: String) -> String {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).drop { !$0.hasSuffix("  operator") }
    let header = Array(lines.first ?? "")
    // Columns are two blanks apart, and numbers flush with the end of their heading.
    let ends = header.indices.filter { $0 > 1 && header[$0 - 2...$0].elementsEqual([header[$0 - 2], " ", " "]) }
      .map { $0 - 1 }.filter { header[$0 - 1] != " " }
    let rows = lines.dropFirst().prefix { !$0.isEmpty }.filter { !$0.hasSuffix("  wait for workers") }
    return rows.map { row in
      let cells = zip([0] + ends, ends).map { row.dropFirst($0).prefix($1 - $0) }
      return cells.map { $0.allSatisfy { $0 == " " } ? "." : "#" }.joined() + row.dropFirst(ends.last ?? 0) + "\n"
    }.joined()
  }

  private static func expectGolden(_ name: String, _ shape: String) {
    let path = "\(Sandbox.root)/Tests/Golden/profile/\(name).txt"
    if getenv("MILLRACE_UPDATE_GOLDEN") == nil {
      #expect(shape == Sandbox.read(path))
    } else {
      Sandbox.write(shape, to: path)
    }
  }

  @Test func theTreeOfTraffic() async throws {
    let sandbox = Sandbox()
    _ = try await Oracle.shell("ln -sfn \"$1/docs\" docs && cp \"$1/connectors.json\" .", [Sandbox.root], in: sandbox)
    let run = try await Command.millrace(["run", "--pipeline", "traffic", "--profile", "-"], in: sandbox)
    Self.expectGolden("traffic", Self.shape(run.error))
    #expect(run.error.contains("\nprocess: "))
    // The page shows such a tree.
    #expect(Self.shape(Sandbox.read("\(Sandbox.root)/docs/profile.md")) == Self.shape(run.error))
  }

  /// One read for all outputs, a join with a table, two chains into one sink, and encoding on the workers.
  @Test func theTreesOfSeveralOutputs() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", Self.several)
    _ = try await Oracle.shell(
      "mkdir logs && cp \"$1\" \"$2\" logs && cp \"$3\" table.gz", Oracle.logs([10, 11, 12]), in: sandbox)
    let analyzed = try await Command.millrace(["explain", "p.json", "--analyze"], in: sandbox)
    #expect(analyzed.status == 0, "\(analyzed.error)")
    Self.expectGolden("several", Self.shape(analyzed.output))
  }

  private static let several = """
    { "version": 1, "pipelines": { "p": {
      "sources": { "r": { "format": "gzip-file", "options": { "path": "logs/*.gz" }, "decode": "combined" } },
      "tables": { "t": { "format": "gzip-file", "options": { "path": "table.gz" }, "decode": "combined" } },
      "sinks": {
        "errors": { "query": "SELECT host, status FROM r WHERE status >= 400",
          "format": "gzip-file", "options": { "path": "out/errors.gz" } },
        "known": { "query": "SELECT r.host, count(*) AS n FROM r JOIN (SELECT DISTINCT host FROM t) AS t ON r.host = t.host \
    GROUP BY r.host ORDER BY n DESC LIMIT 3", "outputMode": "complete",
          "format": "sqlite", "options": { "path": "out/known.db", "table": "known" } },
        "both": { "query": "SELECT host FROM r WHERE status = 500 UNION ALL SELECT host FROM r WHERE status = 404",
          "format": "rotating-file", "options": { "path": "out/both.log" } },
        "first": { "query": "SELECT host FROM r WHERE status = 404 LIMIT 5",
          "format": "rotating-file", "options": { "path": "out/first.log" } }
      },
      "trigger": { "availableNow": true }, "checkpointLocation": "out/checkpoint" } } }
    """

  // MARK: SQL

  @Test func sqlIsAnalyzed() async throws {
    let tree = try await Command.millrace(["sql", "--analyze", "SELECT id FROM range(10) WHERE id > 4"])
    #expect(tree.status == 0, "\(tree.error)")
    #expect(tree.output.contains("  Filter >(id, 4)\n") && tree.output.contains("+- Range range [id]\n"))
    let json = try await Command.millrace(["sql", "--analyze", "--json", "SELECT id FROM range(10) WHERE id > 4"])
    let root = try JSON(parsing: json.output)["pipelines"]?.array?.first?["outputs"]?.array?.first?["root"]
    #expect(Self.operators(root).compactMap { $0["rowsOut"]?.int } == [5, 10])
    let statement = try await Command.millrace(["sql", "EXPLAIN ANALYZE SELECT id FROM range(10) WHERE id > 4"])
    #expect(statement.output.contains("Filter >(id, 4)") && statement.output.contains("|process: "))
  }

  /// Parts of a union read a table together, and so do DISTINCT aggregates; the table of a join is built before, from a read of its own.
  @Test(arguments: [
    ("SELECT k FROM t WHERE v = 'a' UNION ALL SELECT k + 10 FROM t", 36, 1),
    ("SELECT count(*) AS k FROM t UNION ALL SELECT k FROM t UNION ALL SELECT max(k) FROM t", 10, 2),
    ("SELECT k FROM (SELECT k, v FROM t GROUP BY CUBE (k, v)) WHERE k IS NOT NULL", 8, 3),
    ("SELECT count(DISTINCT k) * 100 + count(DISTINCT v) * 10 + count(*) AS k FROM t", 233, 1),
    ("SELECT count(DISTINCT k) * 10 + count(DISTINCT v) + max(k) AS k FROM t WHERE v > 'a' GROUP BY k", 14, 1),
    ("SELECT count(DISTINCT k) + count(DISTINCT v) AS k FROM (SELECT k, v, rand() FROM t LIMIT 2)", 4, 0),
    ("SELECT count(DISTINCT k) + count(DISTINCT v) AS k FROM t WHERE k > 5", 0, 1),
    ("SELECT k FROM t UNION SELECT k FROM t WHERE v <> 'a'", 3, 1),
    ("SELECT k FROM t EXCEPT SELECT k FROM t WHERE v = 'a'", 2, 1),
    ("SELECT a.k FROM t a JOIN t b ON a.k = b.k UNION ALL SELECT k FROM t", 14, 1),
    ("SELECT a.k FROM t a FULL JOIN t b ON a.v = b.v UNION ALL SELECT k FROM t", 10, 1),
    ("SELECT a.k FROM t a JOIN (SELECT k FROM t UNION ALL SELECT k FROM t) b ON a.k = b.k", 18, 1),
  ])
  func partsOfAUnionReadATableOnce(sql: String, sum: Int, shared: Int) async throws {
    let sandbox = Sandbox()
    sandbox.write("t.csv", "k,v\n1,a\n2,b\n2,c\n")
    let whole = "SELECT sum(k) AS total FROM (\(sql))"
    let rows = try await Command.millrace(["sql", whole, "--table", "t=t.csv", "--json"], in: sandbox)
    #expect(rows.output.contains("{\"total\":\(sum)}"), "\(rows.output) \(rows.error)")
    let tree = try await Command.millrace(["sql", "--analyze", whole, "--table", "t=t.csv"], in: sandbox)
    #expect(tree.output.split(separator: "(read once, see ").count - 1 == shared, "\(tree.output)")
  }

  @Test func whatCannotBeWrittenIsRefusedFirst() async throws {
    let sandbox = Sandbox()
    sandbox.write("p.json", WrongInputTests.file())
    let run = try await Command.millrace(["run", "p.json", "--profile", "nowhere/profile.json"], in: sandbox)
    #expect(run.status == 1)
    #expect(run.error.contains("nowhere/profile.json") && !run.error.contains("exactly-once"))
    #expect(try await Command.millrace(["explain", "p.json", "--json"], in: sandbox).status == 2)
  }
}
