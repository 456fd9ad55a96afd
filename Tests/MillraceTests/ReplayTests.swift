import MemoryConnector
import Millrace
import MillraceColumnar
import MillraceCore
import MillraceTesting
import Testing

/// Archives of several hosts, merged by event time and paced.
struct ReplayTests {
  static let schema = "time TIMESTAMP, host STRING, n BIGINT"
  static let minute: Int64 = 60_000_000

  /// Files of hosts with rows at given seconds.
  struct Archive {
    let folder: TemporaryDirectory
    private(set) var rows: [(second: Int64, host: String, n: Int64)] = []

    init() throws { folder = try TemporaryDirectory() }

    /// A file `HOST.log.NUMBER`.
    mutating func add(_ host: String, _ number: Int, _ seconds: [Int64?]) throws {
      var text = ""
      for second in seconds {
        let n = Int64(rows.count)
        let time = second.map { "\"\(Self.text($0))\"" } ?? "null"
        text += "{\"time\":\(time),\"host\":\"\(host)\",\"n\":\(n)}\n"
        rows.append((second ?? -1, host, n))
      }
      let file = try PosixFileSystem().open("\(folder.path)/\(host).log.\(number)", .create)
      defer { try? file.close() }
      try Array(text.utf8).withUnsafeBytes { try file.write($0, at: 0) }
    }

    /// A second since the epoch, within its first day.
    static func text(_ second: Int64) -> String {
      func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
      return "1970-01-01T\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }
  }

  struct Bench {
    let hub: MemoryHub
    let clock = ManualClock(microseconds: 1_700_000_000_000_000)
    let spark: SparkSession

    init(hub: MemoryHub = MemoryHub()) {
      self.hub = hub
      spark = SparkSession(
        connectors: [MemoryConnector(hub)], environment: Environment(files: PosixFileSystem(), clock: clock), workers: 2
      )
    }

    func read(_ archive: Archive, _ options: [String: String]) async -> DataFrame {
      await spark.readStream.format("gzip-file").decode("json").schema(ReplayTests.schema).options(options)
        .load("\(archive.folder.path)/*")
    }

    /// The batches of a memory sink are its rows in order.
    func numbers(_ table: String, _ column: Int = 0) -> [Int64] {
      hub.table(table).rows.map { if case .integer(let number) = $0[column] { number } else { -1 } }
    }
  }

  static func merged(_ options: [String: String] = [:]) -> [String: String] {
    options.merging(["orderBy": "event-time"]) { first, _ in first }
  }

  /// Three hosts with random times and some disorder: the order is that of a sort by each record's place, whatever the batches.
  @Test(arguments: [Int64](1...6))
  func mergesLikeASort(seed: Int64) async throws {
    var random = SeededGenerator(seed: UInt64(seed))
    var archive = try Archive()
    var places: [(place: Int64, file: String, n: Int64)] = []
    for host in ["a", "b", "c"] {
      var second = Int64.random(in: 0...50, using: &random)
      for number in [3, 2, 1] {
        var seconds: [Int64?] = []
        for _ in 0..<Int.random(in: 0...60, using: &random) {
          second += Int64.random(in: 0...4, using: &random)
          let isBack = Int.random(in: 0..<5, using: &random) == 0
          let isUnknown = Int.random(in: 0..<10, using: &random) == 0
          seconds.append(isUnknown ? nil : isBack ? max(0, second - 3) : second)
        }
        let from = archive.rows.count
        try archive.add(host, number, seconds)
        var place = Int64.min
        for row in archive.rows[from...] {
          if row.second >= 0 { place = max(place, row.second) }
          places.append((place, "\(host)\(number)", row.n))
        }
      }
    }
    let bench = Bench()
    let limit = [nil, "300", "2000", "100000"][Int(seed) % 4]
    let frame = await bench.read(archive, Self.merged(limit.map { ["maxBytesPerTrigger": $0] } ?? [:]))
    let query = try await frame.select("n", "time").writeStream.queryName("out").format("memory").trigger(
      availableNow: true
    ).start()
    try await query.awaitTermination()
    let got = bench.numbers("out")
    #expect(got.sorted() == archive.rows.map(\.n).sorted())
    let place = Dictionary(uniqueKeysWithValues: places.map { ($0.n, $0.place) })
    let order = got.map { place[$0] ?? 0 }
    #expect(order == order.sorted())
    // Each file stays in its own order.
    let file = Dictionary(uniqueKeysWithValues: places.map { ($0.n, $0.file) })
    for (name, own) in Dictionary(grouping: got, by: { file[$0] ?? "" }) { #expect(own == own.sorted(), "\(name)") }
  }

  /// Files of many windows that are cut in their middle by every batch.
  @Test func cutsLargeFiles() async throws {
    var archive = try Archive()
    try archive.add("a", 1, (0..<12_000).map { Int64($0 * 2) })
    try archive.add("b", 1, (0..<12_000).map { Int64($0 * 2 + 1) })
    try archive.add("c", 1, (0..<100).map { Int64(8000 + $0) })
    let bench = Bench()
    let frame = await bench.read(archive, Self.merged(["maxBytesPerTrigger": "300000"]))
    let query = try await frame.select("time", "n").writeStream.queryName("out").format("memory").trigger(
      availableNow: true
    ).start()
    try await query.awaitTermination()
    let times = bench.numbers("out")
    #expect(times.count == 24_100)
    #expect(times == times.sorted())
    #expect(Set(bench.numbers("out", 1)).count == 24_100)
    #expect(query.recentProgress.count > 3)
  }

  /// File after file the second host's rows come too late; merged none does.
  @Test(arguments: [true, false])
  func nothingIsLate(isMerged: Bool) async throws {
    var archive = try Archive()
    for (host, shift) in [("a", Int64(0)), ("b", 5)] {
      for number in 0..<3 {
        try archive.add(host, (host == "a" ? 13 : 3) - number, (0..<20).map { Int64(number * 200 + $0 * 10) + shift })
      }
    }
    let bench = Bench()
    let options = isMerged ? Self.merged(["maxBytesPerTrigger": "400"]) : ["maxFilesPerTrigger": "1"]
    let frame = await bench.read(archive, options).withWatermark("time", "0 seconds")
    let counts = frame.groupBy(window(col("time"), "1 minute")).count().select("count")
    let query = try await counts.writeStream.queryName("out").outputMode("append").format("memory").trigger(
      availableNow: true
    ).start()
    try await query.awaitTermination()
    let late = query.recentProgress.flatMap(\.stateOperators).reduce(0) { $0 + $1.rowsDroppedByWatermark }
    #expect((late == 0) == isMerged)
    if isMerged { #expect(bench.numbers("out") == [Int64](repeating: 12, count: 9)) }
  }

  /// At full speed each trigger's batch has what came since the one before it, by the clock of the events.
  @Test func triggersGoByReplayedTime() async throws {
    var archive = try Archive()
    try archive.add("a", 1, [3600, 3610, 3661, 3900])
    try archive.add("b", 1, [3605, 3662, 4000])
    let bench = Bench()
    let frame = await bench.read(archive, Self.merged(["speed": "max"]))
    let query = try await frame.select(unix_seconds(col("time")), unix_seconds(current_timestamp())).writeStream
      .queryName("out").format("memory").trigger(processingTime: "1 minute").start()
    while bench.numbers("out").count < 7 && query.isActive { try await Task.sleep(nanoseconds: 1_000_000) }
    try await query.stop()
    #expect(bench.numbers("out") == [3600, 3605, 3610, 3661, 3662, 3900, 4000])
    // The first batch is at once, when the first record was there.
    #expect(bench.numbers("out", 1) == [3600, 3660, 3660, 3720, 3720, 3900, 4020])
  }

  /// Sixty seconds of events take a second of the base's clock.
  @Test func speedHoldsBack() async throws {
    var archive = try Archive()
    try archive.add("a", 1, [0, 30, 120])
    try archive.add("b", 1, [60, 180])
    let bench = Bench()
    let frame = await bench.read(archive, Self.merged(["speed": "60x"]))
    let query = try await frame.select(unix_seconds(col("time"))).writeStream.queryName("out").format("memory").trigger(
      availableNow: true
    ).start()
    func wait(for count: Int) async throws {
      while bench.numbers("out").count < count && query.isActive { try await Task.sleep(nanoseconds: 1_000_000) }
    }
    try await wait(for: 1)
    #expect(bench.numbers("out") == [0])
    bench.clock.advance(500_000)
    try await wait(for: 2)
    #expect(bench.numbers("out") == [0, 30])
    bench.clock.advance(1_400_000)
    try await wait(for: 3)
    #expect(bench.numbers("out") == [0, 30, 60])
    #expect(query.isActive)
    bench.clock.advance(1_100_000)
    try await query.awaitTermination()
    #expect(bench.numbers("out") == [0, 30, 60, 120, 180])
  }

  /// A query that is stopped and started again goes on where it was, its clock too.
  @Test func goesOnAfterARestart() async throws {
    var archive = try Archive()
    for host in ["a", "b", "c"] {
      for number in [2, 1] {
        try archive.add(
          host, number, (0..<50).map { Int64((2 - number) * 500 + $0 * 10 + Int(host.utf8.first ?? 0) - 97) })
      }
    }
    let checkpoint = try TemporaryDirectory()
    let hub = MemoryHub()
    hub.table("out").failOnce(atBatches: [0, 1, 4, 5, 8])
    var runs = 0
    while runs < 10 {
      runs += 1
      let bench = Bench(hub: hub)
      let frame = await bench.read(archive, Self.merged(["maxBytesPerTrigger": "2000", "speed": "max"]))
      let query = try await frame.select(col("n"), unix_seconds(col("time")), unix_seconds(current_timestamp()))
        .writeStream.queryName("out").format("memory").option("checkpointLocation", checkpoint.path).trigger(
          availableNow: true
        ).start()
      if await Self.failure(of: query) == nil { break }
    }
    #expect(runs == 6)
    let bench = Bench(hub: hub)
    #expect(Set(bench.numbers("out")).count == 300)
    let times = bench.numbers("out", 1), clocks = bench.numbers("out", 2)
    #expect(times.count == 300)
    #expect(times == times.sorted())
    #expect(clocks == clocks.sorted())
    #expect(zip(times, clocks).allSatisfy { $0 >= $1 })
    #expect(hub.table("out").batches.count > 8)
  }

  private static func failure(of query: StreamingQuery) async -> (any Error)? {
    do {
      try await query.awaitTermination()
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    (["speed": "60x"], "OPTION_NOT_APPLICABLE"),
    (["orderBy": "event-time", "speed": "fast"], "OPTION_WRONG_TYPE"),
    (["orderBy": "event-time", "maxFilesPerTrigger": "1"], "OPTION_NOT_APPLICABLE"),
    (["orderBy": "event-time", "eventTimeColumn": "host"], "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE"),
    (["orderBy": "event-time", "eventTimeColumn": "when"], "UNRESOLVED_COLUMN.WITH_SUGGESTION"),
    (["orderBy": "name"], "OPTION_OUT_OF_RANGE"),
  ])
  func refusesWhatCannotBe(options: [String: String], code: String) async throws {
    let bench = Bench()
    let error = await #expect(throws: MillraceError.self) {
      _ = try await bench.read(try Archive(), options).schema
    }
    #expect(error?.code == code)
  }
}
