import Millrace
import MillraceColumnar
import Testing

/// Files that several workers compute together: windows change hands, and large tables of groups are merged while others still read.
struct SharedScanTests {
  /// Files of `counts` lines: line i of each says `key<i> <i mod 7>`.
  private static func withFiles(_ counts: [Int], _ body: (String) async throws -> Void) async throws {
    let files = counts.enumerated().map { number, count in
      ("part\(number).txt", (0..<count).map { "key\($0) \($0 % 7)\n" }.joined())
    }
    try await withTemporaryFiles(Dictionary(uniqueKeysWithValues: files), body)
  }

  private static func query(_ path: String, _ sql: String, workers: Int) async throws -> [[Value]] {
    let spark = SparkSession(workers: workers)
    let lines = await spark.read.text(path)
    try await lines.createOrReplaceTempView("lines")
    return try await spark.sql(sql).collect().map(\.values)
  }

  @Test(arguments: [[170_000], [120_000, 120_000, 9], [3]], [1, 2, 4])
  func givesEachLineToOneWorker(counts: [Int], workers: Int) async throws {
    try await Self.withFiles(counts) { path in
      let groups = try await Self.query(
        path,
        """
        SELECT c AS n, count(DISTINCT key), sum(c), avg(c) FROM
          (SELECT split(value, ' ')[0] AS key, count(*) AS c FROM lines GROUP BY ALL) GROUP BY c ORDER BY n
        """, workers: workers)
      // How many keys come once, twice, three times.
      var expected: [Int: Int] = [:]
      for line in 0..<(counts.max() ?? 0) { expected[counts.count { $0 > line }, default: 0] += 1 }
      let rows = expected.sorted { $0.key < $1.key }.map { times, keys -> [Value] in
        [.integer(Int64(times)), .integer(Int64(keys)), .integer(Int64(times * keys)), .double(Double(times))]
      }
      #expect(groups == rows)
      let totals = try await Self.query(
        path, "SELECT count(*), sum(CAST(split(value, ' ')[1] AS INT)) FROM lines", workers: workers)
      let sum = counts.reduce(0) { total, count in total + (0..<count).reduce(0) { $0 + $1 % 7 } }
      #expect(totals == [[.integer(Int64(counts.reduce(0, +))), .integer(Int64(sum))]])
    }
  }

  /// Rows that wait for another worker's partition are added even by a worker that ends with windows that others read.
  @Test(arguments: [2, 4]) func losesNoRowOfManyGroups(workers: Int) async throws {
    try await Self.withFiles([400_000]) { path in
      for _ in 0..<4 {
        let sums = try await Self.query(
          path, "SELECT count(*), sum(c) FROM (SELECT value, count(*) AS c FROM lines GROUP BY value)", workers: workers
        )
        #expect(sums == [[.integer(400_000), .integer(400_000)]])
      }
    }
  }
}
