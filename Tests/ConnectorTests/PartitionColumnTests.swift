import FileConnector
import GzipFileConnector
import MemoryConnector
import Millrace
import MillraceCore
import MillraceExecution
import MillraceFormats
import MillraceStreaming
import MillraceTesting
import RotatingFileConnector
import Testing

/// Columns that folders tell, and files that need not be opened because of them. What Spark 4.3 answers where it has the same.
struct PartitionColumnTests {
  let folder: FileFolder

  init() throws { folder = try FileFolder() }

  private func path(_ name: String) -> String { "\(folder.path)/\(name)" }

  private static let connectors: [any Connector] = [
    GzipFileConnector(), FileConnector(.json), FileConnector(.text), MemoryConnector(MemoryHub()),
    RotatingFileConnector(),
  ]

  private func spark() -> SparkSession { SparkSession(connectors: Self.connectors, workers: 2) }

  /// `n` counts the files; the folders are made.
  private func write(_ names: [String]) throws {
    for (index, name) in names.enumerated() {
      let record = "{\"n\":\(index)}\n"
      try folder.files.createDirectory(path(FilePath.parent(name)))
      try folder.write(name, name.hasSuffix("gz") ? gzip(record) : Array(record.utf8))
    }
  }

  /// Rows as text, sorted; the code of an error.
  private func rows(_ frame: @autoclosure () async throws -> DataFrame) async -> [String] {
    do {
      return try await frame().collect().map { "\("\($0)".dropFirst().dropLast())" }.sorted()
    } catch {
      return [(error as? MillraceError)?.code ?? "\(error)"]
    }
  }

  private static let days = [
    "date=2026-01-30/host=a/1.json.gz", "date=2026-01-30/host=b%20c/2.json",
    "date=2026-01-31/host=__HIVE_DEFAULT_PARTITION__/3.json",
  ]

  @Test(arguments: [
    ("SELECT * FROM l", ["0,20483,a", "1,20483,b c", "2,20484,null"]),
    ("SELECT n, host FROM l WHERE date = '2026-01-30'", ["0,a", "1,b c"]),
    ("SELECT DATE, count(*) FROM l GROUP BY date", ["20483,2", "20484,1"]),
    ("SELECT n FROM l WHERE host IS NULL", ["2"]), ("SELECT n FROM l WHERE host IN ('a', 'b c') AND n > 0", ["1"]),
    ("SELECT host, _metadata.file_name FROM l WHERE month(date) = 1 AND host LIKE 'b%'", ["b c,2.json"]),
    ("SELECT max(date) FROM l", ["20484"]), ("SELECT typeof(date), typeof(host) FROM l LIMIT 1", ["date,string"]),
    ("SELECT count(*) FROM l a JOIN l b ON a.date = b.date WHERE a.host = 'a'", ["2"]),
  ])
  func areFoundInAFolder(query: String, answer: [String]) async throws {
    try write(Self.days)
    let spark = spark()
    try await spark.read.json(folder.path).createOrReplaceTempView("l")
    #expect(await rows(try await spark.sql(query)) == answer)
  }

  @Test(arguments: [
    (["k=1", "k=2"], "int"), (["k=01", "k=-3"], "int"), (["k=1", "k=3000000000"], "bigint"),
    (["k=1.5", "k=2"], "double"), (["k=2026-01-31"], "date"), (["k=2026-01-31", "k=x"], "string"),
    (["k=__HIVE_DEFAULT_PARTITION__"], "string"), (["k=__HIVE_DEFAULT_PARTITION__", "k=5"], "int"),
  ])
  func haveTheTypeOfAllValues(folders: [String], type: String) async throws {
    try write(folders.map { "\($0)/1.json" })
    let spark = spark()
    try await spark.read.json(folder.path).createOrReplaceTempView("l")
    #expect(await rows(try await spark.sql("SELECT DISTINCT typeof(k) FROM l")) == [type])
  }

  @Test func areDeclaredForPatterns() async throws {
    try write(Self.days)
    let spark = spark()
    try await spark.read.format("gzip-file").schema("n INT").decode("json")
      .option("partitionColumns", "host STRING, date DATE").load(path("*/*/*"))
      .createOrReplaceTempView("l")
    #expect(await rows(try await spark.sql("SELECT * FROM l")) == ["0,a,20483", "1,b c,20483", "2,null,20484"])
  }

  @Test(arguments: [
    ("date DATE, n INT", "PARTITION_COLUMN_CONFLICT"), ("date DATE, Date STRING", "PARTITION_COLUMN_CONFLICT"),
    ("date", "OPTION_WRONG_TYPE"),
    ("date TIMESTAMP", "PARTITION_COLUMN_TYPE"), ("date ARRAY<INT>", "PARTITION_COLUMN_TYPE"),
    ("date INT", "PARTITION_VALUE_INVALID"), ("day DATE", "PARTITION_NOT_IN_PATH"),
  ])
  func areCheckedWhereTheyAreDeclared(columns: String, code: String) async throws {
    try write(Self.days)
    let reader = spark().read.format("json").schema("n INT").option("partitionColumns", columns)
    #expect(await rows(await reader.load(path("*/*/*"))) == [code])
  }

  @Test func foldersOfOneKindEach() async throws {
    try write(["date=2026-01-30/1.json", "host=a/2.json"])
    #expect(await rows(await spark().read.json(folder.path)) == ["PARTITION_NOT_IN_PATH"])
  }

  /// Folders without a name and a sign are no part of the table, as before.
  @Test func otherFoldersAreNotRead() async throws {
    try write(["1.json", "old/2.json", "_x=1/3.json", ".x=1/4.json"])
    #expect(await rows(await spark().read.json(folder.path)) == ["0"])
  }

  /// The results of many splits were read after their memory was given back.
  @Test func manyFilesAreReadAgainAndAgain() async throws {
    try write((0..<60).map { "k=\($0)/1.json" })
    let spark = spark()
    try await spark.read.json(folder.path).createOrReplaceTempView("l")
    for _ in 0..<30 {
      #expect(await rows(try await spark.sql("SELECT count(*), sum(n), sum(k) FROM l")) == ["60,1770,1770"])
    }
  }

  // MARK: Files that are left out

  private static let broken = "2026-02-01"

  /// Two days of good files, and one whose content cannot be inflated.
  private func writeBroken() throws {
    try write(["date=2026-01-30/1.json.gz", "date=2026-01-31/1.json.gz"])
    try folder.files.createDirectory(path("date=\(Self.broken)"))
    try folder.write(
      "date=\(Self.broken)/1.json.gz", Array(gzip("{\"n\":5}\n").prefix(10)) + Array(repeating: 0xFF, count: 40))
  }

  private func table(_ spark: SparkSession) async throws {
    try await spark.read.format("gzip-file").schema("n INT").decode("json")
      .option("partitionColumns", "date DATE").load(folder.path).createOrReplaceTempView("l")
  }

  @Test(arguments: [
    "date < '2026-02-01'", "date BETWEEN '2026-01-01' AND '2026-01-31'",
    "n >= 0 AND year(date) = 2026 AND month(date) = 1",
    "date IN (DATE '2026-01-30', DATE '2026-01-31')", "_metadata.file_path NOT LIKE '%2026-02%'",
    "date <> '2026-02-01' AND rand() >= 0", "_metadata.file_size < 45",
  ])
  func isNotOpenedWhereNoRowIsWanted(condition: String) async throws {
    try writeBroken()
    let spark = spark()
    try await table(spark)
    #expect(await rows(try await spark.sql("SELECT n FROM l WHERE \(condition)")) == ["0", "1"])
    #expect(
      await rows(try await spark.sql("SELECT count(*), sum(n) FROM (SELECT * FROM l) WHERE \(condition)")) == ["2,1"])
  }

  @Test(arguments: [
    "true", "date < '2026-02-01' OR n = 5", "n < 5", "date IS NOT NULL", "coalesce(n, 1) < 5 AND date > '2026-01-01'",
    "date < current_date()", "rand() < 2",
  ])
  func isOpenedWhereARowMayBe(condition: String) async throws {
    try writeBroken()
    let spark = spark()
    try await table(spark)
    #expect(await rows(try await spark.sql("SELECT n FROM l WHERE \(condition)")) != ["0", "1"])
  }

  private func run(_ sinks: [(name: String, sql: String)], _ checkpoint: String? = nil) async -> String {
    do {
      let spark = spark()
      try await spark.readStream.format("gzip-file").schema("n INT").decode("json")
        .option("partitionColumns", "date DATE").load(folder.path).createOrReplaceTempView("l")
      var options = StreamingOptions()
      options.trigger = .availableNow
      options.checkpointLocation = checkpoint
      var parts: [StreamingSink] = []
      for sink in sinks {
        parts.append(
          StreamingSink(
            name: sink.name, query: try await spark.sql(sink.sql).analyzed(), outputMode: .append, format: "json",
            options: ["path": path("out-\(sink.name)")]))
      }
      let query = try spark.start(parts, options)
      try await query.awaitTermination()
      return "\(query.recentProgress.reduce(0) { $0 + $1.inputRows }) rows"
    } catch {
      return (error as? MillraceError)?.code ?? "\(error)"
    }
  }

  /// One read feeds all sinks of a query: a file is left out only where none of them wants it.
  @Test func isReadWhereOneOfTheSinksWantsIt() async throws {
    try writeBroken()
    let january = "SELECT n FROM l WHERE date < '2026-02-01'", first = "SELECT n FROM l WHERE date = '2026-01-30'"
    #expect(await run([("a", first)]) == "1 rows")
    #expect(await run([("b", january), ("c", first)]) == "2 rows")
    let all = await run([("d", january), ("e", "SELECT n FROM l")])
    #expect(all == "GZIP_DAMAGED")
  }

  /// A query goes on after files that it left out, and reads what is new.
  @Test func goesOnBehindThem() async throws {
    try writeBroken()
    let january = [("a", "SELECT n FROM l WHERE date < '2026-02-01'")]
    #expect(await run(january, path("_checkpoint")) == "2 rows")
    #expect(await run(january, path("_checkpoint")) == "0 rows")
    try write(["date=2026-01-29/9.json.gz", "date=2026-03-01/9.json.gz"])
    #expect(await run(january, path("_checkpoint")) == "1 rows")
  }

  /// A source that starts after an archive must know how far each of its files was read.
  @Test func isReadWhereAnotherSourceComesAfter() throws {
    let source = FileSource(
      FileSourceSettings(connector: "gzip-file", path: folder.path, order: .rotation), files: PosixFileSystem())
    let archive = ScanBinding(name: "archive", input: .bytes(source, TextDecoding()), isStreaming: true)
    var live = archive
    live.name = "live"
    let arranged = SourceSequence.arrange([1: archive, 2: live], startAfter: [2: ["archive"]])
    #expect(arranged.values.allSatisfy { !($0.input.source is any FileNamingSource) })
    #expect(SourceSequence.arrange([1: archive], startAfter: [:])[1]?.input.source is any FileNamingSource)
  }

  /// What `partitionBy` writes is read back whole.
  @Test func readsWhatPartitionByWrote() async throws {
    let hub = MemoryHub()
    let stream = try hub.stream("s", schema: Schema([StructField("n", .long), StructField("k", .string)]))
    let values: [Value] = [.string("a/b=c %"), .null, .string("ü\n'x'"), .string("1")]
    stream.addData(values.enumerated().map { [.integer(Int64($0)), $1] })
    let spark = SparkSession(
      connectors: [MemoryConnector(hub), RotatingFileConnector(), FileConnector(.json)], workers: 2)
    try await spark.readStream.format("memory").option("stream", "s").load().createOrReplaceTempView("s")
    var options = StreamingOptions()
    options.trigger = .availableNow
    var sink = StreamingSink(
      name: "out", query: try await spark.sql("SELECT * FROM s").analyzed(), outputMode: .append,
      format: "rotating-file", options: ["path": path("out/x.json"), "partitionBy": "k"])
    sink.encode = "json"
    try await spark.start([sink], options).awaitTermination()
    try await spark.read.json(path("out")).createOrReplaceTempView("l")
    #expect(await rows(try await spark.sql("SELECT n, k FROM l")) == ["0,a/b=c %", "1,null", "2,ü\n'x'", "3,1"])
  }
}
