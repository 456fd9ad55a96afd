import FileConnector
import Glibc
import GzipFileConnector
import MillraceColumnar
import MillraceCore
import MillraceFormats
import RotatingFileConnector
import MillraceTesting
import Testing

/// A sink of files and how it is set up.
struct FileSinkCase: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var connector: any Connector
  var options: [String: String]
  /// Whether rows go to different folders.
  var isPartitioned = false
  /// Whether files begin with a line that is no row.
  var hasHeader = false
  /// Whether old files are removed, so that only the end of the rows is there.
  var removes = false
  /// How many files there are in the end, where it is known.
  var fileCount: Int?

  private static func rotating(
    _ name: String, _ options: [String: String], partitioned: Bool = false, header: Bool = false, removes: Bool = false,
    files: Int? = nil
  ) -> FileSinkCase {
    FileSinkCase(
      testDescription: name, connector: RotatingFileConnector(),
      options: ["path": "app.log", "maxFileBytes": "20"].merging(options) { $1 }, isPartitioned: partitioned,
      hasHeader: header, removes: removes, fileCount: files)
  }

  static let all: [FileSinkCase] = [
    FileSinkCase(testDescription: "gzip-file", connector: GzipFileConnector(), options: ["path": "a.gz"]),
    FileSinkCase(
      testDescription: "gzip-file, small members", connector: GzipFileConnector(),
      options: ["path": "a.gz", "memberSize": "20"]),
    FileSinkCase(
      testDescription: "folder", connector: FileConnector(.csv), options: ["path": "parts"], hasHeader: true),
    FileSinkCase(
      testDescription: "folder, compressed", connector: FileConnector(.json),
      options: ["path": "parts", "compression": "gzip"]),
    rotating("rotating", ["maxFileBytes": "1 MiB"]),
    rotating("rotating by size, header", [:], header: true),
    rotating("rotating by rows, gzip", ["path": "app.log.gz", "maxFileBytes": "1 MiB", "maxFileRows": "2"]),
    rotating("rotating, gzip, one file", ["path": "app.log.gz", "maxFileBytes": "1 MiB"]),
    rotating("rotating, keepFiles", ["keepFiles": "2"], removes: true, files: 2),
    rotating("rotating, keepBytes", ["keepBytes": "60"], removes: true),
    rotating(
      "rotating, dated, compressed later, link", ["naming": "dated", "compress": "onRotation", "currentLink": "true"]),
    rotating("logrotate", ["naming": "logrotate"]),
    rotating("logrotate, compressed later, header", ["naming": "logrotate", "compress": "onRotation"], header: true),
    rotating(
      "logrotate, gzip, keepFiles", ["naming": "logrotate", "compress": "gzip", "keepFiles": "3"], removes: true,
      files: 3),
    rotating(
      "partitions, few open", ["partitionBy": "k", "maxOpenFiles": "2", "maxFileBytes": "1 MiB"], partitioned: true),
    rotating("partitions, logrotate", ["partitionBy": "k", "naming": "logrotate"], partitioned: true),
    rotating("partitions, gzip", ["partitionBy": "k", "path": "app.log.gz", "maxFileBytes": "60"], partitioned: true),
  ]
}

/// Every sink of files, killed after each change that it makes to the disk, and again in the recovery: each row is there once, and
/// after every commit all files can be read.
///
/// `MILLRACE_KILLS` set to anything kills the recovery after each of its changes, too.
struct SinkCrashTests {
  static let schema = Schema([StructField("value", .string), StructField("k", .string)])
  static let isLong = getenv("MILLRACE_KILLS") != nil

  /// One life of a sink, with what its query has logged.
  final class Life {
    let folder = ScratchFolder()
    let sinkCase: FileSinkCase
    private(set) var committed: (batch: Int64, token: JSON)?

    init(_ sinkCase: FileSinkCase) { self.sinkCase = sinkCase }

    private func sink(_ environment: Environment) throws -> any ByteSink {
      var options = sinkCase.options
      options["path"] = folder.file("out/\(options["path"] ?? "")")
      let sink = try sinkCase.connector.sink(options, SinkCrashTests.schema, environment: environment).byteSink
      if sinkCase.hasHeader {
        Array("head\n".utf8).withUnsafeBytes {
          (sink as? any HeaderedByteSink)?.setHeader(EncodedBlock(bytes: $0, rowCount: 0, plainByteCount: 5))
        }
      }
      return sink
    }

    /// Runs batches from where the log stands, each of three blocks of a row.
    func run(upTo last: Int64, changes: Int? = nil) throws {
      let files = DyingFileSystem(after: changes ?? .max)
      let sink = try sink(Environment(files: files, clock: TestClock(1_700_000_000_000_000)))
      try sink.open(SinkContext(queryID: "q", sinkName: "s"))
      defer { try? sink.close() }
      _ = try sink.recover(batchID: committed?.batch, token: committed?.token)
      if let committed { try sink.publish(batchID: committed.batch) }
      var batch = (committed?.batch ?? -1) + 1
      while batch <= last {
        try sink.begin(batchID: batch)
        for row in 0..<3 { try put("b\(batch).\(row)...\n", row, sink) }
        committed = (batch, try JSON(parsing: try sink.commit(batchID: batch).text))
        try sink.publish(batchID: batch)
        batch += 1
      }
    }

    private func put(_ text: String, _ row: Int, _ sink: any ByteSink) throws {
      // A sink that takes whole members gets one.
      let isMember = if case .gzip = sink.compression { true } else { false }
      try (isMember ? gzip(text) : Array(text.utf8)).withUnsafeBytes {
        try sink.write(
          EncodedBlock(
            bytes: $0, rowCount: 1, plainByteCount: text.utf8.count, isCompressed: isMember,
            partition: sinkCase.isPartitioned ? "k=\(row)" : nil))
      }
    }

    /// The rows of all visible files; a damaged file is an error.
    func rows() throws -> [String] { try rows(in: folder.file("out")).sorted() }

    private func rows(in path: String) throws -> [String] {
      let files = PosixFileSystem()
      var rows: [String] = []
      for name in try files.list(path) where !name.hasPrefix(".") {
        let inner = "\(path)/\(name)"
        if try files.linkTarget(inner) != nil { continue }
        if try files.status(inner)?.isDirectory == true {
          rows += try self.rows(in: inner)
          continue
        }
        let reader = try GzipReader(files.open(inner, .read))
        defer { reader.close() }
        var lines = String(decoding: try bytes(reader), as: UTF8.self).split(separator: "\n").map(String.init)
        if sinkCase.hasHeader && !lines.isEmpty { #expect(lines.removeFirst() == "head", "\(name)") }
        rows += lines
      }
      return rows
    }

    /// Compares with what was committed.
    func check(_ history: String) throws {
      let expected = (0...(committed?.batch ?? -1)).flatMap { batch in (0..<3).map { "b\(batch).\($0)..." } }
      let found = try rows()
      if sinkCase.removes {
        #expect(Set(found).count == found.count && found == expected.suffix(found.count), "\(history)")
        let files = try PosixFileSystem().list(folder.file("out")).filter { !$0.hasPrefix(".") }
        #expect(!found.isEmpty && files.count == sinkCase.fileCount ?? files.count, "\(history): \(files)")
      } else {
        #expect(found == expected, "\(history)")
      }
    }
  }

  @Test(arguments: FileSinkCase.all)
  func isKilledEverywhere(sinkCase: FileSinkCase) throws {
    let recoveries = Self.isLong ? Array(0...40) : [0, 1, 3, 6, 8]
    var kills = 0
    for begins in [Int64(-1), 1] {
      var first = 0
      var isKilled = true
      while isKilled {
        isKilled = false
        for second in recoveries where Self.isLong || (first + second) % 2 == 0 {
          let life = Life(sinkCase)
          if begins >= 0 { try life.run(upTo: begins) }
          var history = "\(sinkCase), batch \(begins), killed after"
          for changes in [first, second] {
            do { try life.run(upTo: begins + 2, changes: changes) } catch let error as MillraceError {
              #expect(error.code == "TEST_CRASH", "\(history) \(changes): \(error)")
              if changes == first { isKilled = true }
              kills += 1
            }
            history += " \(changes)"
          }
          try life.run(upTo: begins + 3)
          try life.check(history)
          if !isKilled { break }
        }
        first += 1
      }
    }
    #expect(kills > 20)
  }

  /// What a query committed can be read at once, and again after each start.
  @Test(arguments: FileSinkCase.all)
  func isReadableAfterEachCommit(sinkCase: FileSinkCase) throws {
    let life = Life(sinkCase)
    for batch in Int64(0)..<8 {
      try life.run(upTo: batch)
      try life.check("\(sinkCase), batch \(batch)")
    }
  }
}
