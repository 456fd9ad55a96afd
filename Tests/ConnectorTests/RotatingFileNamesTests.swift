import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats
import RotatingFileConnector
import Testing

/// Names, folders, links and retention of the sink `rotating-file`; crashes are in `SinkCrashTests`.
struct RotatingFileNamesTests {
  let folder = ScratchFolder()
  let clock = TestClock(1_700_000_000_000_000)
  let reopening = ReopenRequests()
  static let schema = Schema([
    StructField("value", .string), StructField("host", .string), StructField("status", .integer),
    StructField("time", .timestamp),
  ])

  final class Query {
    let sink: any ByteSink
    var batch: Int64 = 0
    var token = JSON.null

    init(_ sink: any ByteSink) { self.sink = sink }
  }

  func sink(_ options: [String: String]) throws -> any ByteSink {
    try RotatingFileConnector().sink(
      ["path": folder.file("out/app.log")].merging(options) { $1 }, Self.schema,
      environment: Environment(files: PosixFileSystem(), clock: clock, reopening: reopening)
    ).byteSink
  }

  func query(_ options: [String: String], _ token: JSON? = nil, query: String = "q") throws -> Query {
    let sink = try sink(options)
    try sink.open(SinkContext(queryID: query, sinkName: "s"))
    _ = try sink.recover(batchID: token == nil ? nil : 0, token: token)
    if token != nil { try sink.publish(batchID: 0) }
    return Query(sink)
  }

  func write(_ query: Query, _ rows: [String], partition: String? = nil) throws {
    try query.sink.begin(batchID: query.batch)
    for row in rows {
      try Array("\(row)\n".utf8).withUnsafeBytes {
        try query.sink.write(
          EncodedBlock(bytes: $0, rowCount: 1, plainByteCount: $0.count, partition: partition))
      }
    }
    query.token = try query.sink.commit(batchID: query.batch)
    try query.sink.publish(batchID: query.batch)
    query.batch += 1
  }

  /// Visible files below a folder and what they hold.
  func files(_ path: String = "out") throws -> [String: String] {
    var found: [String: String] = [:]
    for name in try PosixFileSystem().list(folder.file(path)) where !name.hasPrefix(".") {
      let inner = "\(path)/\(name)"
      if try PosixFileSystem().status(folder.file(inner))?.isDirectory == true {
        for (below, text) in try files(inner) { found["\(name)/\(below)"] = text }
      } else {
        let reader = try GzipReader(PosixFileSystem().open(folder.file(inner), .read))
        defer { reader.close() }
        found[name] = String(decoding: try bytes(reader), as: UTF8.self)
      }
    }
    return found
  }

  @Test func rotatesByRows() throws {
    let query = try query(["maxFileRows": "2"])
    #expect(query.sink.blockRows == 2)
    try write(query, ["1", "2", "3"])
    try write(query, ["4", "5"])
    #expect(
      try files() == ["app.000001.log": "1\n2\n", "app.000002.log": "3\n4\n", "app.000003.log": "5\n"])
  }

  /// At midnight of the zone, not of UTC; the hour that summer time repeats ends no file.
  @Test func rotatesByTheWallClock() throws {
    // 2026-01-31T22:59:59Z is a second before midnight in Berlin.
    let clock = self.clock
    clock.set(1_769_900_399_000_000)
    let query = try query(["rollEvery": "1 day", "timeZone": "Europe/Berlin", "naming": "dated"])
    try write(query, ["a"])
    clock.advance(500_000)
    try write(query, ["b"])
    clock.advance(500_000)
    try write(query, ["c"])
    #expect(
      try files() == ["app-2026-01-31.000001.log": "a\nb\n", "app-2026-02-01.000002.log": "c\n"])

    // On 2026-10-25 the clock goes from 02:59:59 back to 02:00:00 in Berlin, at 01:00 UTC.
    clock.set(1_792_888_200_000_000)
    let hourly = try self.query([
      "path": folder.file("hourly/app.log"), "rollEvery": "1 hour", "timeZone": "Europe/Berlin", "naming": "dated",
    ])
    for text in ["02:30", "02:30 again", "03:30"] {
      try write(hourly, [text])
      clock.advance(3_600_000_000)
    }
    #expect(
      try files("hourly") == [
        "app-2026-10-25T02.000001.log": "02:30\n02:30 again\n", "app-2026-10-25T03.000002.log": "03:30\n",
      ])
  }

  @Test func rotatesWhenIdle() throws {
    let query = try query(["rollIdle": "1 minute"])
    for (text, pause) in [("a", 59), ("b", 59), ("c", 60), ("d", 0)] as [(String, Int64)] {
      try write(query, [text])
      clock.advance(pause * 1_000_000)
    }
    #expect(try files() == ["app.000001.log": "a\nb\nc\n", "app.000002.log": "d\n"])
    // A start counts from the last row, too.
    try query.sink.close()
    clock.advance(60_000_000)
    let again = try self.query(["rollIdle": "1 minute"], query.token)
    try write(again, ["e"])
    #expect(try files()["app.000003.log"] == "e\n")
  }

  /// Each file has rows of one span only; a late row begins another file of a span that is done.
  @Test func rotatesByEventTime() throws {
    let options = [
      "eventTimeColumn": "time", "eventTimeInterval": "1 hour", "eventTimeDelay": "30 minutes", "naming": "dated",
    ]
    let query = try query(options)
    let partitioner = try #require(try (query.sink as? any PartitionedByteSink)?.makePartitioner())
    #expect(partitioner.writtenColumns == [0, 1, 2, 3])
    let hour: Int64 = 3_600_000_000
    let ten: Int64 = 1_769_853_600_000_000  // 2026-01-31T10:00:00Z
    func span(_ time: Int64?) throws -> String? {
      let row: [Value] = [.string("v"), .string("h"), .integer(1), time.map { .integer($0) } ?? .null]
      var number: [UInt32] = [0]
      try partitioner.partition(.of([row], schema: Self.schema), into: &number)
      return try partitioner.name(Int(number[0]))
    }
    try write(query, ["10:00"], partition: span(ten))
    try write(query, ["10:59"], partition: span(ten + hour - 1))
    try write(query, ["11:10"], partition: span(ten + hour + 600_000_000))
    try write(query, ["10:05"], partition: span(ten + 300_000_000))
    try write(query, ["none"], partition: span(nil))
    try write(query, ["12:00"], partition: span(ten + 2 * hour))
    try write(query, ["10:06 late"], partition: span(ten + 360_000_000))
    #expect(
      try files() == [
        "app-2026-01-31T10.000001.log": "10:00\n10:59\n10:05\n", "app-2026-01-31T11.000002.log": "11:10\n",
        "app.000003.log": "none\n", "app-2026-01-31T12.000004.log": "12:00\n",
        "app-2026-01-31T10.000005.log": "10:06 late\n",
      ])
  }

  /// The newest has the plain name, and one that another program put in the way of a rotation is moved like any other.
  @Test func namesAsLogrotate() throws {
    let query = try query(["naming": "logrotate", "maxFileRows": "1", "keepFiles": "3", "compress": "onRotation"])
    for text in ["1", "2", "3", "4"] { try write(query, [text]) }
    #expect(try files() == ["app.log": "4\n", "app.log.1.gz": "3\n", "app.log.2.gz": "2\n"])
    try PosixFileSystem().remove(folder.file("out/app.log.1.gz"))
    try write(query, ["5"])
    #expect(try files() == ["app.log": "5\n", "app.log.1.gz": "4\n", "app.log.2.gz": "2\n"])
    try query.sink.close()
    #expect(code { _ = try self.query(["naming": "logrotate"], query: "other") } == "SINK_NOT_EMPTY")
    #expect(try files().count == 3)
  }

  /// A crash can come between the last rotation and the compression of what it moved away; the next start compresses it, if nothing is
  /// rotated any more, too.
  @Test func compressesWhatACrashLeftPlain() throws {
    let options = ["naming": "logrotate", "maxFileRows": "1", "compress": "onRotation"]
    let query = try query(options)
    for text in ["1", "2"] { try write(query, [text]) }
    let token = query.token
    try query.sink.close()
    let compressed = folder.file("out/app.log.1.gz")
    try PosixFileSystem().remove(compressed)
    let plain = try PosixFileSystem().open(folder.file("out/app.log.1"), .create)
    try Array("1\n".utf8).withUnsafeBytes { try plain.write($0, at: 0) }
    try plain.close()
    _ = try self.query(options, token)
    #expect(try files() == ["app.log": "2\n", "app.log.1.gz": "1\n"])
  }

  /// What logrotate does: it moves the file away and sends SIGHUP.
  @Test(arguments: ["numbered", "logrotate"]) func reopens(naming: String) throws {
    let query = try query(["naming": naming])
    try write(query, ["a"])
    let name = naming == "numbered" ? "app.000001.log" : "app.log"
    try PosixFileSystem().rename(folder.file("out/\(name)"), to: folder.file("out/moved"))
    // Until the signal comes rows go to the file that was moved.
    try write(query, ["b"])
    reopening.request()
    try write(query, [])
    try write(query, ["c"])
    #expect(try files() == ["moved": "a\nb\n", (naming == "numbered" ? "app.000002.log" : "app.log"): "c\n"])
    try query.sink.close()
    let again = try self.query(["naming": naming], query.token)
    try write(again, ["d"])
    #expect(try files()[naming == "numbered" ? "app.000002.log" : "app.log"] == "c\nd\n")
  }

  @Test func linksToTheNewest() throws {
    let query = try query(["currentLink": "true", "maxFileRows": "1"])
    for text in ["1", "2"] {
      try write(query, [text])
      #expect(folder.text("out/app.log") == "\(text)\n")
    }
    #expect(try PosixFileSystem().linkTarget(folder.file("out/app.log")) == "app.000002.log")
    try query.sink.close()
    try PosixFileSystem().remove(folder.file("out/app.log"))
    try folder.write("precious", to: "out/app.log")
    #expect(code { _ = try self.query(["currentLink": "true"], query.token) } == "SINK_NOT_EMPTY")
    #expect(folder.text("out/app.log") == "precious")
  }

  /// Only files with the sink's names, and of those only such as it wrote.
  @Test func removesNoForeignFiles() throws {
    try PosixFileSystem().createDirectory(folder.file("out"))
    let foreign = ["app.log", "app.1.log", "app.000001.log.bak", "app.000002.log", "xapp.000003.log", "app.log.7"]
    for name in foreign { try folder.write("foreign", to: "out/\(name)") }
    let query = try query(["maxFileRows": "1", "keepFiles": "1"])
    for text in ["1", "2", "3"] { try write(query, [text]) }
    #expect(try Set(files().keys) == Set(foreign + ["app.000005.log"]))
    #expect(try files().filter { foreign.contains($0.key) }.allSatisfy { $0.value == "foreign" })
  }

  @Test func removesByAge() throws {
    let query = try query(["maxFileRows": "1", "keepFor": "1 hour"])
    // Times of files come from the machine's clock.
    clock.set(SystemClock().now())
    for text in ["1", "2"] { try write(query, [text]) }
    #expect(try files().count == 2)
    clock.advance(3_700_000_000)
    try write(query, ["3"])
    #expect(try files() == ["app.000003.log": "3\n"])
  }

  @Test func removesByBytes() throws {
    let query = try query(["maxFileRows": "1", "keepBytes": "10"])
    for number in 1...9 { try write(query, ["row\(number)"]) }
    #expect(try files() == ["app.000008.log": "row8\n", "app.000009.log": "row9\n"])
  }

  /// Values become names of folders below the sink's own, whatever they are.
  @Test func staysInItsFolder() throws {
    let query = try query(["partitionBy": "HOST, status"])
    let partitioner = try #require(try (query.sink as? any PartitionedByteSink)?.makePartitioner())
    #expect(partitioner.writtenColumns == [0, 3])
    let hosts = [
      "a", "../../x", "/etc/passwd", "..", ".", "a\u{0}b", "a=b%", "", "ü", String(repeating: "long", count: 100),
      String(repeating: "long", count: 99) + "gone", "a\u{1}5",
    ]
    let rows: [[Value]] =
      hosts.map { [.string("v"), .string($0), .integer(1), .null] } + [[.string("v"), .null, .null, .null]]
    var numbers = [UInt32](repeating: 0, count: rows.count)
    try partitioner.partition(.of(rows, schema: Self.schema), into: &numbers)
    let names = try numbers.map { try partitioner.name(Int($0)) }
    #expect(Set(names).count == hosts.count + 1)
    #expect(
      names.prefix(9) + names.suffix(1) == [
        "host=a/status=1", "host=..%2F..%2Fx/status=1", "host=%2Fetc%2Fpasswd/status=1", "host=../status=1",
        "host=./status=1", "host=a%00b/status=1", "host=a%3Db%25/status=1", "host=__HIVE_DEFAULT_PARTITION__/status=1",
        "host=ü/status=1", "host=__HIVE_DEFAULT_PARTITION__/status=__HIVE_DEFAULT_PARTITION__",
      ])
    for name in names {
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      #expect(parts.count == 2 && parts.allSatisfy { $0.utf8.count <= 255 && $0 != "." && $0 != ".." })
      try write(query, ["x"], partition: name)
    }
    #expect(try PosixFileSystem().list(folder.path) == ["out"])
    #expect(try files().count == names.count)
  }

  /// A link in the place of a folder would lead rows elsewhere.
  @Test func followsNoLinks() throws {
    let query = try query(["partitionBy": "host"])
    try PosixFileSystem().createDirectory(folder.file("elsewhere"))
    try PosixFileSystem().createLink(folder.file("out/host=evil"), to: folder.file("elsewhere"))
    #expect(code { try write(query, ["x"], partition: "host=evil") } == "SINK_PATH_IS_LINK")
    #expect(try PosixFileSystem().list(folder.file("elsewhere")).isEmpty)
  }

  /// A file that must make room for others gets no more rows.
  @Test func holdsFewFilesOpen() throws {
    let query = try query(["partitionBy": "host", "maxOpenFiles": "2"])
    for host in ["a", "b", "a", "c", "a", "b"] { try write(query, [host], partition: "host=\(host)") }
    #expect(
      try files() == [
        "host=a/app.000001.log": "a\na\na\n", "host=b/app.000002.log": "b\n", "host=c/app.000003.log": "c\n",
        "host=b/app.000004.log": "b\n",
      ])
    #expect(query.token["files"]?.array?.count == 2)
  }

  /// The disk is waited for when the option says so.
  @Test(arguments: [("commit", 3), ("rotation", 0), ("never", 0)]) func syncs(policy: String, atLeast: Int) throws {
    let files = CountingFileSystem()
    let sink = try RotatingFileConnector().sink(
      ["path": folder.file("out/app.log"), "sync": policy], Self.schema,
      environment: Environment(files: files, clock: clock)
    ).byteSink
    try sink.open(SinkContext(queryID: "q", sinkName: "s"))
    _ = try sink.recover(batchID: nil, token: nil)
    let query = Query(sink)
    let before = files.syncs
    for text in ["1", "2", "3"] { try write(query, [text]) }
    #expect(files.syncs - before >= atLeast && (atLeast > 0 || files.syncs == before))
  }

  /// Tokens of the version that had one file.
  @Test func goesOnFromAnOldToken() throws {
    let query = try query([:])
    try write(query, ["1"])
    try query.sink.close()
    let old = JSON.dictionary(["version": .int(1), "file": .int(1), "length": .int(2), "opened": .int(5)])
    try folder.write("lost", to: "out/app.000001.log", appending: true)
    let again = try self.query([:], old)
    try write(again, ["2"])
    #expect(try files() == ["app.000001.log": "1\n2\n"])
  }

  @Test(arguments: [
    (["rollEvery": "7 hours"], "OPTION_OUT_OF_RANGE"), (["timeZone": "Mars"], "INVALID_TIMEZONE"),
    (["partitionBy": "hots"], "UNRESOLVED_COLUMN"), (["partitionBy": "host,HOST"], "OPTION_OUT_OF_RANGE"),
    (["partitionBy": "value,host,status,time"], "ALL_PARTITION_COLUMNS_NOT_ALLOWED"),
    (["eventTimeColumn": "host"], "OPTION_OUT_OF_RANGE"),
    (["naming": "logrotate", "currentLink": "true"], "OPTION_CONFLICT"),
    (["naming": "logrotate", "eventTimeColumn": "time"], "OPTION_CONFLICT"),
    (["sync": "sometimes"], "OPTION_OUT_OF_RANGE"), (["maxOpenFiles": "0"], "OPTION_OUT_OF_RANGE"),
  ])
  func options(options: [String: String], expected: String) {
    #expect(code { _ = try sink(options) } == expected)
  }
}
