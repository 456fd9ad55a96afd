import Glibc
import Millrace
import MillraceColumnar
import Testing

/// `_metadata` and `input_file_name` over two files: `a b.txt` with the lines 1 and 2, and `c.txt` with the line 3. Answers are those of
/// Spark 4.3 but for the order of rows.
struct FileMetadataTests {
  private static func withFiles(_ body: (SparkSession, String) async throws -> Void) async throws {
    try await withTemporaryFiles(["a b.txt": "1\n2\n", "c.txt": "3\n"]) { path in
      let spark = SparkSession(workers: 2)
      for (view, files) in [("t", path), ("u", path + "/c.txt")] {
        try await spark.read.text(files).createOrReplaceTempView(view)
      }
      try await body(spark, path)
    }
  }

  /// Cells separated by commas, rows sorted.
  private static func rows(_ frame: @autoclosure () async throws -> DataFrame) async throws -> String {
    do {
      return try await frame().collect().map { row in
        row.values.map { value in
          switch value {
          case .integer(let number): "\(number)"
          case .string(let text): text
          case .null: "NULL"
          default: "\(value)"
          }
        }.joined(separator: ",")
      }.sorted().joined(separator: " ")
    } catch let error as MillraceError {
      return error.code
    }
  }

  @Test(arguments: [
    ("SELECT value, _metadata.file_name FROM t", "1,a%20b.txt 2,a%20b.txt 3,c.txt"),
    ("SELECT * FROM t", "1 2 3"), ("TABLE t", "1 2 3"), ("FROM t |> WHERE _metadata.file_size = 4", "1 2"),
    ("SELECT _metadata.file_name f, count(*) FROM t GROUP BY 1", "a%20b.txt,2 c.txt,1"),
    ("SELECT value FROM t WHERE _metadata.file_name LIKE 'c%'", "3"),
    ("SELECT value FROM t ORDER BY _metadata.file_name DESC LIMIT 1", "3"),
    ("SELECT x._METADATA.FILE_SIZE, x._metadata.file_block_start, value FROM t x", "2,0,3 4,0,1 4,0,2"),
    ("SELECT * FROM (SELECT _metadata.file_block_length n FROM t)", "2 4 4"),
    ("SELECT x._metadata.file_name FROM (SELECT * FROM t) x WHERE value > 1", "a%20b.txt c.txt"),
    ("SELECT _metadata.nothing FROM t", "FIELD_NOT_FOUND"),
    ("SELECT _metadata FROM VALUES (1) v(a)", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
    ("SELECT _metadata FROM (SELECT value, count(*) FROM t GROUP BY 1)", "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
    ("SELECT 5 AS _metadata", "5"), ("SELECT _metadata FROM (SELECT 5 AS _metadata FROM u)", "5"),
    ("SELECT _metadata.file_name FROM t JOIN u USING (value)", "AMBIGUOUS_REFERENCE"),
    ("SELECT t._metadata.file_name, value FROM t NATURAL JOIN u", "c.txt,3"),
    ("SELECT _metadata.file_name FROM u UNION ALL SELECT value FROM t WHERE _metadata.file_size = 2", "3 c.txt"),
    ("SELECT value FROM t x WHERE EXISTS (SELECT 1 FROM u WHERE _metadata.file_name <> x._metadata.file_name)", "1 2"),
    ("SELECT value FROM t WHERE _metadata.file_name IN (SELECT _metadata.file_name FROM u)", "3"),
    ("SELECT (SELECT max(_metadata.file_name) FROM u) FROM u", "c.txt"),
    (
      "SELECT value, (SELECT count(*) FROM u WHERE u._metadata.file_size < t._metadata.file_size) FROM t", "1,1 2,1 3,0"
    ),
    ("SELECT value, n FROM t, LATERAL (SELECT t._metadata.file_size + u.value AS n FROM u)", "1,7 2,7 3,5"),
    ("SELECT max(struct(_metadata.file_name, value)).value FROM t", "3"),
    ("SELECT value FROM t QUALIFY row_number() OVER (PARTITION BY _metadata.file_name ORDER BY value DESC) = 1", "2 3"),
    ("SELECT substring_index(input_file_name(), '/', -1) f, count(*) FROM t GROUP BY f", "a%20b.txt,2 c.txt,1"),
    ("SELECT input_file_block_start(), input_file_block_length(), value FROM t", "0,2,3 0,4,1 0,4,2"),
    ("SELECT input_file_name(), input_file_block_start(), input_file_block_length()", ",-1,-1"),
    ("SELECT input_file_name() FROM t JOIN u USING (value)", "MULTI_SOURCES_UNSUPPORTED_FOR_EXPRESSION"),
    ("SELECT input_file_name(1) FROM t", "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"),
  ])
  func isReadWhereItIsNamed(query: String, answer: String) async throws {
    try await Self.withFiles { spark, _ in
      let rows = try await Self.rows(await spark.sql(query))
      #expect(rows == answer)
    }
  }

  @Test func tellsPathAndTime() async throws {
    try await Self.withFiles { spark, path in
      var status = stat()
      stat(path + "/c.txt", &status)
      let seconds = Int64(status.st_mtim.tv_sec), milliseconds = Int64(status.st_mtim.tv_nsec) / 1_000_000
      let rows = try await spark.sql("SELECT _metadata.*, input_file_name() FROM u").collect()
      #expect(
        rows.map(\.values) == [
          [
            .string("file:\(path)/c.txt"), .string("c.txt"), .integer(2), .integer(0), .integer(2),
            .integer(seconds * 1_000_000 + milliseconds * 1000), .string("file://\(path)/c.txt"),
          ]
        ])
    }
  }

  @Test func isThereForDataFrames() async throws {
    try await Self.withFiles { spark, path in
      let lines = await spark.read.text(path)
      let columns = try lines.columns
      #expect(columns == ["value"])
      let named = lines.filter("value > 1").selectExpr("_metadata.file_name AS f", "value")
      #expect(try await Self.rows(named) == "a%20b.txt,2 c.txt,3")
      #expect(try await Self.rows(lines.select(input_file_name()).distinct().selectExpr("count(*)")) == "2")
      let other = await spark.read.text(path + "/c.txt").alias("o")
      let joined = lines.alias("l").join(other, joinExprs: "l._metadata.file_name = o._metadata.file_name")
      #expect(try await Self.rows(joined) == "3,3")
    }
  }
}
