import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceStreaming
import Testing

/// A query that was changed goes on with its checkpoint, or is refused with old and new side by side.
@Suite struct ChangedQueryTests {
  /// A change and what becomes of it.
  struct Change: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var before: String
    var after: String
    var modes: (OutputMode, OutputMode) = (.update, .update)
    /// Nil: it goes on.
    var code: String?
    /// What the error shows of the checkpoint and of the query.
    var shown: (old: String, new: String) = ("", "")
  }

  static let counts = "SELECT word, count(*) AS c FROM lines GROUP BY word"
  static let join = "SELECT a.word, b.n FROM lines a JOIN more b ON a.word = b.word"

  static let compatible: [Change] = [
    Change(
      testDescription: "a filter", before: counts,
      after: "SELECT word, count(*) AS c FROM lines WHERE n > 0 GROUP BY word"),
    Change(
      testDescription: "another expression for a key", before: counts,
      after: "SELECT word, count(*) AS c FROM (SELECT lower(word) AS word FROM lines) GROUP BY word"),
    Change(
      testDescription: "columns behind the last operator", before: counts,
      after: "SELECT word, c, c * 2 AS twice, CASE WHEN c > 5 THEN word END AS many FROM (\(counts))"),
    Change(testDescription: "a filter of results", before: counts, after: "SELECT * FROM (\(counts)) WHERE c > 1"),
    Change(
      testDescription: "a projection of a stateless query", before: "SELECT word FROM lines",
      after: "SELECT n, word AS w FROM lines WHERE word > 'a'", modes: (.append, .append)),
  ]

  static let incompatible: [Change] = [
    Change(
      testDescription: "one more key", before: counts,
      after: "SELECT word, n, count(*) AS c FROM lines GROUP BY word, n",
      code: "STATE_SCHEMA_INCOMPATIBLE", shown: ("keys [word STRING]", "keys [word STRING, n BIGINT]")),
    Change(
      testDescription: "keys in another order", before: "SELECT count(*) AS c FROM lines GROUP BY word, n",
      after: "SELECT count(*) AS c FROM lines GROUP BY n, word", code: "STATE_SCHEMA_INCOMPATIBLE",
      shown: ("[word STRING, n BIGINT]", "[n BIGINT, word STRING]")),
    Change(
      testDescription: "a key of another type", before: counts,
      after: "SELECT word, count(*) AS c FROM (SELECT length(word) AS word FROM lines) GROUP BY word",
      code: "STATE_SCHEMA_INCOMPATIBLE", shown: ("word STRING", "word INT")),
    Change(
      testDescription: "another aggregate", before: counts,
      after: "SELECT word, sum(n) AS c FROM lines GROUP BY word", code: "STATE_SCHEMA_INCOMPATIBLE",
      shown: ("count", "sum(BIGINT)")),
    Change(
      testDescription: "one more aggregate", before: counts,
      after: "SELECT word, count(*) AS c, max(n) AS m FROM lines GROUP BY word", code: "STATE_SCHEMA_INCOMPATIBLE",
      shown: ("count", "max(BIGINT)")),
    Change(
      testDescription: "another window", before: "SELECT count(*) AS c FROM lines GROUP BY window(t, '1 minute')",
      after: "SELECT count(*) AS c FROM lines GROUP BY window(t, '2 minutes')", code: "STATE_SCHEMA_INCOMPATIBLE",
      shown: ("window", "window")),
    Change(
      testDescription: "the output mode", before: counts, after: counts, modes: (.update, .complete),
      code: "STATE_SCHEMA_INCOMPATIBLE", shown: ("mode update", "mode complete")),
    Change(
      testDescription: "a deduplication by other keys", before: "SELECT DISTINCT word FROM lines",
      after: "SELECT DISTINCT n FROM lines", code: "STATE_SCHEMA_INCOMPATIBLE",
      shown: ("word STRING", "n BIGINT")),
    Change(
      testDescription: "the condition of a join", before: join, after: "\(join) AND a.n = b.n",
      modes: (.append, .append),
      code: "STATE_SCHEMA_INCOMPATIBLE", shown: ("=(word, word)", "=(n, n)")),
    Change(
      testDescription: "no state any more", before: counts, after: "SELECT word, n AS c FROM lines",
      code: "STATE_SCHEMA_INCOMPATIBLE", shown: ("aggregation 0", "nothing")),
    Change(
      testDescription: "another source", before: counts, after: "SELECT word, count(*) AS c FROM more GROUP BY word",
      code: "CHECKPOINT_SOURCES_CHANGED", shown: ("source lines", "source more")),
    Change(
      testDescription: "one more source", before: "SELECT word FROM lines",
      after: "SELECT word FROM lines UNION ALL SELECT word FROM more", modes: (.append, .append),
      code: "CHECKPOINT_SOURCES_CHANGED", shown: ("nothing", "source more")),
    Change(
      testDescription: "sources in another order", before: "SELECT word FROM lines UNION ALL SELECT word FROM more",
      after: "SELECT word FROM more UNION ALL SELECT word FROM lines", modes: (.append, .append),
      code: "CHECKPOINT_SOURCES_CHANGED", shown: ("source lines", "source more")),
  ]

  static func run(_ change: Change) async throws -> (any Error)? {
    let folder = StateStoreTests.folder()
    defer { try? PosixFileSystem().removeTree(folder) }
    let run = try StateStoreTests.Run(StateStoreChoice(), "\(folder)/checkpoint")
    let first = try run.start(change.before, change.modes.0)
    run.lines.addData([StateStoreTests.line("a", 1), StateStoreTests.line("b", 2)])
    try await first.processAllAvailable()
    try await first.stop()
    do {
      let second = try run.start(change.after, change.modes.1)
      run.lines.addData([StateStoreTests.line("a", 3)])
      try await second.processAllAvailable()
      try await second.stop()
      // Later ones may tell of a query that waits.
      #expect(second.recentProgress.first?.batchID == 1)
      return second.exception
    } catch {
      return error
    }
  }

  @Test(arguments: compatible) func goesOn(change: Change) async throws {
    let error = try await Self.run(change)
    #expect(error == nil, "\(String(describing: error))")
  }

  @Test(arguments: incompatible) func isRefused(change: Change) async throws {
    let error = try #require(try await Self.run(change) as? MillraceError)
    #expect(error.code == change.code)
    let lines = error.message.split(separator: "\n").map(String.init)
    let old = lines.filter { $0.contains("checkpoint:") }.joined(),
      new = lines.filter { $0.contains("query:") }.joined()
    #expect(old.contains(change.shown.old) && new.contains(change.shown.new), "\(error)")
    #expect(error.hint?.contains("new checkpoint") == true)
  }

  /// A count goes on, and counts what a changed filter lets in.
  @Test func stateIsKeptThroughAChange() async throws {
    let folder = StateStoreTests.folder()
    defer { try? PosixFileSystem().removeTree(folder) }
    let run = try StateStoreTests.Run(StateStoreChoice("sqlite"), "\(folder)/checkpoint")
    for (sql, number) in [
      (Self.counts, 1), ("SELECT word, count(*) AS c FROM lines WHERE n > 5 GROUP BY word", 2), (Self.counts, 9),
    ] as [(String, Int64)] {
      let query = try run.start(sql, .complete)
      run.lines.addData([StateStoreTests.line("a", number)])
      try await query.processAllAvailable()
      try await query.stop()
    }
    #expect(run.rows.contains("string(\"a\") integer(2)"), "\(run.rows)")
  }
}
