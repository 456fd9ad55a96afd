import GzipFileConnector
import MillraceColumnar
import MillraceCore
import MillraceFormats
import Testing

@Suite struct GzipFileSourceTests {
  let folder: FileFolder

  init() throws { folder = try FileFolder() }

  func driver(_ more: [String: String] = [:], pattern: String = "*") throws -> ByteDriver {
    try ByteDriver(GzipFileConnector(), more.merging(["path": "\(folder.path)/\(pattern)"]) { first, _ in first })
  }

  @Test func readsRotationsOldestFirst() throws {
    for (name, text) in [
      ("a.log", "5"), ("a.log.1", "4"), ("a.log.2.gz", "3"), ("a.log.10.gz", "1"), ("a.log.9.gz", "2"),
    ] {
      try folder.write(name, name.hasSuffix("gz") ? gzip(text) : Array(text.utf8))
    }
    var driver = try driver()
    #expect(try driver.all() == [["1", "2", "3", "4", "5"]])
    #expect(try driver.batch() == nil)
  }

  @Test func readsDatesInOrder() throws {
    for (index, name) in ["x-20260103.gz", "x-20260101.gz", "x-2025-12-31.gz", "x-20260102.gz"].enumerated() {
      try folder.write(name, gzip("\(index)"))
    }
    var driver = try driver()
    #expect(try driver.batch() == ["2", "1", "3", "0"])
  }

  /// Numbers with zeros in front are no rotations': they count the parts of an export.
  @Test(arguments: [
    ["part.00.json.gz", "part.01.json.gz", "part.09.json.gz", "part.10.json.gz"],
    ["log.98.gz", "log.099.gz", "log.100.gz"],
    ["x.2025.12.31.gz", "x.2026.01.05.gz", "x.2026.01.30.gz", "x.2026.02.01.gz"],
    // Another series keeps its rotations.
    ["b.log.2.gz", "b.log.1.gz", "a.01.gz", "a.2.gz"],
  ])
  func readsPartsInOrder(names: [String]) throws {
    for (index, name) in names.enumerated().reversed() { try folder.write(name, gzip("\(index)")) }
    var driver = try driver()
    #expect(try driver.batch() == names.indices.map { "\($0)" })
  }

  /// Dates of folders go before all that the names in them say; folders without one keep rotations together.
  @Test(arguments: [
    ["2026-01-30/x.2.gz", "2026-01-30/x.1.gz", "2026-01-31/x.2.gz", "2026-01-31/x.1.gz"],
    ["date=2026-01-30/part.00.gz", "date=2026-01-30/part.01.gz", "date=2026-01-31/part.00.gz"],
    ["2025/12/31/x.gz", "2026/01/02/x.gz", "2026/01/10/x.gz", "2026/02/01/x.gz"],
    ["year=2026/month=1/day=9/x.gz", "year=2026/month=1/day=10/x.gz", "year=2026/month=11/day=1/x.gz"],
    ["date=20260130/hour=7/x.3.gz", "date=20260130/hour=13/x.9.gz", "date=20260131/hour=0/x.gz"],
    ["2026-01-30T07/b.gz", "2026-01-30T13/a.gz", "now/a.gz"],
    ["a/x.4.gz", "b/x.3.gz", "a/x.2.gz", "b/x.1.gz"],
    ["2024/a/x.3.gz", "2023/a/x.2.gz", "2024/a/x.1.gz"],
  ])
  func readsFoldersInOrder(paths: [String]) throws {
    for (index, path) in paths.enumerated().reversed() {
      try PosixFileSystem().createDirectory("\(folder.path)/\(FilePath.parent(path))")
      try folder.write(path, gzip("\(index)"))
    }
    let depth = paths[0].split(separator: "/").count
    var driver = try driver(pattern: Array(repeating: "*", count: depth).joined(separator: "/"))
    #expect(try driver.batch() == paths.indices.map { "\($0)" })
  }

  @Test func readsAFolder() throws {
    try folder.write("b.3.json.gz", gzip("old"))
    try folder.write("b.1.json.gz", gzip("new"))
    try folder.write(".hidden", [65])
    try folder.write("_marker", [65])
    var driver = try ByteDriver(GzipFileConnector(), ["path": folder.path])
    #expect(try driver.batch() == ["old", "new"])
  }

  /// The head of such a file grows with it, and what was the head before is still known.
  @Test(arguments: [0, 1, 500, 1023, 1024, 3000])
  func goesOnWithAFileOfWhichTheHeadGrew(before: Int) throws {
    let line = String(repeating: "x", count: 99) + "\n"
    let first = String((0..<before).map { $0 % 100 == 99 ? "\n" : "a" }) + (before % 100 == 0 ? "" : "\n")
    try folder.write("x", Array(first.utf8))
    var driver = try driver()
    let lines = try driver.all().joined().joined()
    try folder.append("x", Array(String(repeating: line, count: 30).utf8))
    let added = try driver.all().joined().joined()
    #expect("\(lines)\(added)" == first + String(repeating: line, count: 30))
  }

  @Test func limitsFiles() throws {
    for index in 1...5 { try folder.write("\(index)", gzip("\(index)")) }
    var driver = try driver(["maxFilesPerTrigger": "2"])
    #expect(try driver.all().map(\.count) == [2, 2, 1])
  }

  @Test func limitsBytesButKeepsWorkersBusy() throws {
    let text = String(repeating: "line of text\n", count: 100)
    for index in 1...6 { try folder.write("f.\(index).gz", gzip(text)) }
    var alone = try driver(["maxBytesPerTrigger": "1500"])
    #expect(try alone.all(ReadLimit(parallelism: 1)).map(\.count) == [1, 1, 1, 1, 1, 1])
    var busy = try driver(["maxBytesPerTrigger": "1500"])
    #expect(try busy.all(ReadLimit(parallelism: 4)).map(\.count) == [4, 2])
    var limited = try driver()
    #expect(try limited.all(ReadLimit(bytes: 2600)).map(\.count) == [2, 2, 2])
  }

  @Test func cutsLargeFilesInOrder() throws {
    let lines = (0..<1000).map { "line \($0)\n" }
    let members = stride(from: 0, to: 1000, by: 100).flatMap { gzip(lines[$0..<$0 + 100].joined()) }
    try folder.write("f.2.gz", members)
    try folder.write("f.1.gz", gzip("last\n"))
    var driver = try driver(["maxBytesPerTrigger": "3000"])
    var text = ""
    var batches = 0
    while let texts = try driver.batch() {
      text += texts.joined()
      batches += 1
      let again = try self.driver(["maxBytesPerTrigger": "3000"])
      let offset = try #require(driver.offset)
      driver = again
      driver.offset = Offset(try JSON(parsing: offset.json.text))
    }
    #expect(text == lines.joined() + "last\n")
    #expect(batches >= 3)
  }

  /// The last part of a cut file goes on with the reader of the part before, as the others do: opened anew, it would inflate
  /// all of the file again.
  @Test func partsOfACutFileContinueEachOther() throws {
    try folder.write("f.1.gz", gzip(String(repeating: "a line \n", count: 200)))
    var driver = try driver(["maxBytesPerTrigger": "600"])
    var keys: [String?] = []
    while let plan = try driver.source.plan(after: driver.offset, limit: ReadLimit()) {
      keys += plan.splits.map(\.continuationKey)
      _ = try driver.run(plan)
    }
    #expect(keys.count == 3)
    #expect(Set(keys).count == 1 && keys.first != .some(nil))
  }

  /// Files of the size of the limit are seldom exactly that: what is left of one must not become a batch of its own.
  @Test func leavesFilesNearTheLimitWhole() throws {
    let text = String(repeating: "line of text\n", count: 100)
    for index in 1...3 { try folder.write("f.\(index).gz", gzip(text)) }
    var driver = try driver(["maxBytesPerTrigger": "1200"])
    #expect(try driver.all(ReadLimit(parallelism: 1)) == [[text], [text], [text]])
    var busy = try self.driver(["maxBytesPerTrigger": "1200"])
    #expect(try busy.all(ReadLimit(parallelism: 2)) == [[text, text], [text]])
  }

  @Test func knowsRenamedFiles() throws {
    try folder.write("a.log.1.gz", gzip("one\n"))
    var driver = try driver()
    #expect(try driver.batch() == ["one\n"])
    try folder.rename("a.log.1.gz", "a.log.2.gz")
    try folder.write("a.log.1.gz", gzip("two\n"))
    #expect(try driver.batch() == ["two\n"])
    #expect(try driver.batch() == nil)
  }

  @Test func readsWhatWasAdded() throws {
    try folder.write("a.gz", gzip("one\n"))
    var driver = try driver()
    _ = try driver.batch()
    try folder.append("a.gz", gzip("two\n"))
    #expect(try driver.batch() == ["two\n"])
    #expect(try driver.batch() == nil)
  }

  @Test func freezesWhatExists() throws {
    try folder.write("a.gz", gzip("one\n"))
    var driver = try driver()
    try driver.source.freeze()
    try folder.write("b.gz", gzip("two\n"))
    #expect(try driver.all() == [["one\n"]])
  }

  /// What idle threads begin with is what the next batch then reads, as long as nothing comes in between.
  @Test(arguments: [["maxFilesPerTrigger": "2"], ["maxBytesPerTrigger": "2500"], [:]])
  func tellsWhatComesNext(options: [String: String]) throws {
    let text = String(repeating: "line of text\n", count: 100)
    for index in 1...7 { try folder.write("f.\(index).gz", gzip(text)) }
    var driver = try driver(options)
    let source = try #require(driver.source as? any ReadAheadSource)
    #expect(source.nextSplits.isEmpty)
    try source.freeze()
    var next: [SourceSplit]?
    while let plan = try source.plan(after: driver.offset, limit: ReadLimit(parallelism: 2)) {
      if let next { #expect(next.map(\.payload) == plan.splits.prefix(2).map(\.payload)) }
      next = source.nextSplits
      #expect(next?.contains { split in plan.splits.contains { $0.payload == split.payload } } == false)
      _ = try driver.run(plan)
    }
    #expect(next?.isEmpty == true)
  }

  /// The rest of a file that is cut comes next, whose reader is open; so does what is added while nothing is frozen.
  @Test func doesNotTellWhatMayNotComeNext() throws {
    for index in 1...3 {
      try folder.write("f.\(index).gz", gzip(String(repeating: "line\n", count: index == 1 ? 10 : 900)))
    }
    let cut = try driver(["maxBytesPerTrigger": "500"]).source
    let source = try #require(cut as? any ReadAheadSource)
    try source.freeze()
    #expect(try source.plan(after: nil, limit: ReadLimit())?.splits.first?.byteLimit == 500)
    #expect(source.nextSplits.isEmpty)
    let live = try #require(try driver(["maxFilesPerTrigger": "1"]).source as? any ReadAheadSource)
    #expect(try live.plan(after: nil, limit: ReadLimit())?.splits.count == 1)
    #expect(live.nextSplits.isEmpty)
  }

  /// Of many files a batch opens only its own: once to see what they are, and once to read them.
  @Test func opensNoMoreThanTheBatchTakes() throws {
    for index in 0..<20 { try folder.write("f.\(index).gz", gzip("line \(index)\n")) }
    let files = CountingFileSystem()
    var environment = Environment.live
    environment.files = files
    var driver = try ByteDriver(
      GzipFileConnector(), ["path": "\(folder.path)/*", "maxFilesPerTrigger": "3"], environment)
    try driver.source.start(after: nil)
    try driver.source.freeze()
    #expect(files.opens == 0)
    #expect(try driver.batch()?.count == 3 && files.opens == 6)
    #expect(try driver.batch()?.count == 3 && files.opens == 12)
    // What was looked into is known as long as it does not change.
    let live = try ByteDriver(GzipFileConnector(), ["path": "\(folder.path)/*"], environment).source
    for _ in 0..<3 { #expect(try live.plan(after: nil, limit: ReadLimit())?.splits.count == 20) }
    #expect(files.opens == 32)
    try folder.append("f.7.gz", gzip("more\n"))
    _ = try live.plan(after: nil, limit: ReadLimit())
    #expect(files.opens == 33)
  }

  /// Files are looked into with their batch, which may be long after they were found.
  @Test func readsWhatWasThereUnderItsNewName() throws {
    try folder.write("a.2.gz", gzip("one\n"))
    try folder.write("a.1.gz", gzip("two\n"))
    var driver = try driver(["maxFilesPerTrigger": "1"])
    try driver.source.freeze()
    #expect(try driver.batch() == ["one\n"])
    try folder.rename("a.1.gz", "a.3.gz")
    try folder.append("a.3.gz", gzip("added\n"))
    try folder.write("a.1.gz", gzip("newer\n"))
    #expect(try driver.all() == [["two\n"]])
  }

  @Test func saysThatWhatWasThereIsGone() throws {
    try folder.write("a.2.gz", gzip("one\n"))
    try folder.write("a.1.gz", gzip("two\n"))
    var driver = try driver(["maxFilesPerTrigger": "1"])
    try driver.source.freeze()
    #expect(try driver.batch() == ["one\n"])
    try folder.files.remove("\(folder.path)/a.1.gz")
    let error = #expect(throws: MillraceError.self) { try driver.batch() }
    #expect(error?.code == "SOURCE_FILE_MISSING")
    // Of files that are looked for anew it is just one fewer.
    var live = try self.driver()
    #expect(try live.all() == [["one\n"]])
  }

  /// A start anew looks into files with their batch, too; one that was read before may go meanwhile.
  @Test func missesNothingThatWasReadBefore() throws {
    try folder.write("a.1.gz", gzip("read\n"))
    var before = try driver()
    #expect(try before.batch() == ["read\n"])
    for index in 2...4 { try folder.write("a.\(index).gz", gzip("\(index)\n")) }
    var driver = try driver(["maxFilesPerTrigger": "1"])
    driver.offset = before.offset
    try driver.source.freeze()
    #expect(try driver.batch() == ["4\n"])
    try folder.files.remove("\(folder.path)/a.1.gz")
    #expect(try driver.all() == [["3\n"], ["2\n"]])
  }

  /// A plan that a restart runs again does not make a source forget files that it has not looked for.
  @Test func forgetsNoFilesBeforeItHasLooked() throws {
    try folder.write("a.gz", gzip("one\n"))
    let plan = try #require(try driver().source.plan(after: nil, limit: ReadLimit()))
    let entry = { (inode: Int) in "[[1, \(inode), 9, 9, 9], 9, 0, 0, true]" }
    let read = (1...10_050).map(entry).joined(separator: ",")
    let offset = Offset(try JSON(parsing: "{\"version\": 1, \"files\": [\(read)]}"))
    let results = plan.splits.map { _ in SplitResult(bytesConsumed: 4, rowCount: 1) }
    let source = try driver().source
    #expect(try source.offset(after: offset, plan: plan, results: results).json["files"]?.array?.count == 10_051)
    try source.freeze()
    #expect(try source.offset(after: offset, plan: plan, results: results).json["files"]?.array?.count == 1)
  }

  @Test func replaysAPlanAfterRenames() throws {
    try folder.write("a.1.gz", gzip("one\n"))
    var driver = try driver()
    let plan = try #require(try driver.source.plan(after: nil, limit: ReadLimit()))
    try folder.rename("a.1.gz", "a.2.gz")
    try folder.write("a.1.gz", gzip("newer\n"))
    try folder.append("a.2.gz", gzip("added\n"))
    #expect(try driver.run(plan) == ["one\n"])
  }

  @Test func refusesAnotherFileThanPlanned() throws {
    func code(_ change: () throws -> Void) throws -> String? {
      try folder.write("a.gz", gzip("one\n"))
      let source = try driver().source
      let plan = try #require(try source.plan(after: nil, limit: ReadLimit()))
      try change()
      do {
        _ = try source.open(plan.splits[0])
        return nil
      } catch {
        return (error as? MillraceError)?.code
      }
    }
    #expect(try code {} == nil)
    #expect(try code { try folder.files.remove("\(folder.path)/a.gz") } == "SOURCE_FILE_MISSING")
    #expect(try code { try folder.write("a.gz", gzip("another text\n")) } == "SOURCE_FILE_REPLACED")
    #expect(try code { try folder.write("a.gz", Array(gzip("one\n")[..<20])) } == "SOURCE_FILE_TRUNCATED")
  }

  @Test func saysThatNothingMatches() throws {
    let source = try driver(pattern: "none*").source
    let error = #expect(throws: MillraceError.self) { try source.start(after: nil) }
    #expect(error?.code == "PATH_NOT_FOUND" && error?.message.contains("none*") == true)
  }

  @Test func tellsWhatWaits() throws {
    try folder.write("a.gz", gzip(String(repeating: "x", count: 1000)))
    var driver = try driver()
    #expect(driver.source.backlog(after: nil) == 1000)
    _ = try driver.batch()
    #expect(driver.source.backlog(after: driver.offset) == 0)
  }

  @Test func guessesWhatWaitsOfManyFiles() throws {
    let content = gzip(String(repeating: "line of text\n", count: 100))
    for index in 0..<600 { try folder.write("f.\(index).gz", content) }
    let files = CountingFileSystem()
    var environment = Environment.live
    environment.files = files
    var driver = try ByteDriver(
      GzipFileConnector(), ["path": "\(folder.path)/*", "maxFilesPerTrigger": "100"], environment)
    try driver.source.freeze()
    let waiting = try #require(driver.source.backlog(after: nil))
    #expect(abs(waiting - 780_000) < 1000 && files.opens == 256)
    var counts: [Int] = []
    while let batch = try driver.batch() { counts.append(batch.count) }
    #expect(counts == [100, 100, 100, 100, 100, 100] && files.opens == 1200)
    #expect(driver.source.backlog(after: driver.offset) == 0)
    // A start anew looks into nothing only to say that nothing waits.
    let again = try ByteDriver(GzipFileConnector(), ["path": "\(folder.path)/*"], environment).source
    #expect(again.backlog(after: driver.offset) == 0 && files.opens == 1200)
  }
}
