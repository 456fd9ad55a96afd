import CSQLite
import ConsoleConnector
import FileConnector
import Glibc
import GzipFileConnector
import MemoryConnector
import MillraceCore
import MillraceFormats
import MillraceTesting
import ProcessConnector
import RateConnector
import RotatingFileConnector
import SQLiteConnector
import SocketConnector
import Synchronization
import Testing

extension AcceptanceTests {
  static let isWriting = getenv("MILLRACE_WRITE_ACCEPTANCE") != nil

  /// A bundled connector with something to read or write.
  struct Subject: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let run: @Sendable () throws -> AcceptanceReport

    init(_ name: String, _ run: @escaping @Sendable () throws -> AcceptanceReport) {
      testDescription = name
      self.run = run
    }

    static let all: [Subject] =
      FileConnector.all.map(files) + [
        gzipSource, gzipTraces, tail, traces, sqliteSource, memorySource, rate, rateMicroBatch, socketSource,
        execSource, liveSocket,
        liveCommand,
      ]
      + FileConnector.all.map(folders) + [gzipSink, rotating, sqliteSink, memorySink, console, execSink, socketSink]

    // MARK: Sources

    static func files(_ connector: FileConnector) -> Subject {
      Subject("\(connector.spec.name) source") {
        let folder = ScratchFolder()
        defer { withExtendedLifetime(folder) {} }
        for part in 0..<4 {
          try folder.write(lines[part * 10..<part * 10 + 10].map { $0 + "\n" }.joined(), to: "\(part).txt")
        }
        return SourceAcceptance(
          connector, options: ["path": folder.file("*.txt")], expected: lines, folder: folder.path
        ).run()
      }
    }

    static let gzipSource = Subject("gzip-file source") {
      let folder = try FileFolder()
      defer { withExtendedLifetime(folder) {} }
      let archives = (0..<4).map { lines[$0 * 10..<$0 * 10 + 10].map { $0 + "\n" }.joined() }
      for (part, text) in archives.enumerated() { try folder.write("a.log.\(4 - part).gz", gzip(text)) }
      return SourceAcceptance(
        GzipFileConnector(), options: ["path": "\(folder.path)/a.log.*.gz"], expected: lines, folder: folder.path
      ).run()
    }

    static let tail = Subject("rotating-file source") {
      let folder = ScratchFolder()
      defer { withExtendedLifetime(folder) {} }
      try folder.write(lines.map { $0 + "\n" }.joined(), to: "app.log")
      return SourceAcceptance(
        RotatingFileConnector(), options: ["path": folder.file("app.log"), "rotateWait": "0 seconds"], expected: lines,
        folder: folder.path
      ).run()
    }

    static let traces = Subject("rotating-file source, records of several lines") {
      let folder = ScratchFolder()
      defer { withExtendedLifetime(folder) {} }
      try folder.write(records.map { $0 + "\n" }.joined(), to: "app.log")
      return SourceAcceptance(
        RotatingFileConnector(),
        options: ["path": folder.file("app.log"), "multiline.preset": "java", "multiline.timeout": "0 seconds"],
        expected: records, folder: folder.path
      ).run()
    }

    static let gzipTraces = Subject("gzip-file source, records of several lines") {
      let folder = try FileFolder()
      defer { withExtendedLifetime(folder) {} }
      let archives = (0..<2).map { records[$0 * 20..<$0 * 20 + 20].map { $0 + "\n" }.joined() }
      for (part, text) in archives.enumerated() { try folder.write("a.log.\(2 - part).gz", gzip(text)) }
      return SourceAcceptance(
        GzipFileConnector(), options: ["path": "\(folder.path)/a.log.*.gz", "multiline.continuation": #"^\s"#],
        expected: records, folder: folder.path
      ).run()
    }

    /// Lines with traces behind them.
    private static var records: [String] { lines.map { "\($0)\n\tat \($0)\n\tat main" } }

    static let sqliteSource = Subject("sqlite source") {
      let folder = ScratchFolder()
      defer { withExtendedLifetime(folder) {} }
      try execute(folder.file("t.db"), "CREATE TABLE t (record TEXT, at INT)")
      for (number, line) in lines.enumerated() {
        try execute(folder.file("t.db"), "INSERT INTO t VALUES ('\(line)', \(number / 3))")
      }
      let rows = lines.enumerated().map { "\([Value.string($1), .integer(Int64($0 / 3))])" }
      return SourceAcceptance(
        SQLiteConnector(), options: ["path": folder.file("t.db"), "table": "t", "incremental": "at"], expected: rows,
        folder: folder.path
      ).run()
    }

    static let memorySource = Subject("memory source") {
      let hub = MemoryHub()
      let schema = Schema([StructField("record", .string), StructField("number", .long)])
      let rows = lines.enumerated().map { [Value.string($1), .integer(Int64($0))] }
      try hub.stream("in", schema: schema).addData(rows)
      return SourceAcceptance(MemoryConnector(hub), options: [:], expected: rows.map { "\($0)" }).run()
    }

    static let rate = Subject("rate source") {
      // The clock moves by a second whenever it is read, so that there are rows between the start and the end of a life.
      SourceAcceptance(
        RateConnector(), options: ["rowsPerSecond": "7", "numPartitions": "2"], batches: 5,
        environment: Environment(files: PosixFileSystem(), clock: SteppingClock())
      ).run()
    }

    static let rateMicroBatch = Subject("rate-micro-batch source") {
      SourceAcceptance(RateMicroBatchConnector(), options: ["rowsPerBatch": "7", "numPartitions": "2"], batches: 5)
        .run()
    }

    static let socketSource = Subject("socket source") {
      SourceAcceptance(SocketConnector(), options: ["host": "127.0.0.1", "port": "9"]).run()
    }

    static let execSource = Subject("exec source") {
      SourceAcceptance(ExecConnector(), options: ["command": "seq 1 9"]).run()
    }

    // MARK: Sinks

    static func folders(_ connector: FileConnector) -> Subject {
      Subject("\(connector.spec.name) sink") {
        let folder = ScratchFolder()
        let number = Counter()
        return SinkAcceptance(connector, folder: folder.path) {
          let path = folder.file("\(number.next())")
          return .init(options: ["path": path]) { try records(path) }
        }.run()
      }
    }

    static let gzipSink = Subject("gzip-file sink") {
      let folder = ScratchFolder()
      let number = Counter()
      return SinkAcceptance(GzipFileConnector(), folder: folder.path) {
        let path = folder.file("\(number.next()).gz")
        return .init(options: ["path": path]) {
          let reader = try GzipReader(PosixFileSystem().open(path, .read))
          defer { reader.close() }
          return cut(try bytes(reader))
        }
      }.run()
    }

    static let rotating = Subject("rotating-file sink") {
      let folder = ScratchFolder()
      let number = Counter()
      return SinkAcceptance(RotatingFileConnector(), folder: folder.path) {
        let path = folder.file("\(number.next())")
        return .init(options: ["path": "\(path)/app.log", "maxFileBytes": "20"]) { try records(path) }
      }.run()
    }

    static let sqliteSink = Subject("sqlite sink") {
      let folder = ScratchFolder()
      let number = Counter()
      return SinkAcceptance(SQLiteConnector(), folder: folder.path) {
        let path = folder.file("\(number.next()).db")
        return .init(options: ["path": path, "table": "t"]) {
          try execute(path, "SELECT record FROM t ORDER BY rowid")
        }
      }.run()
    }

    static let memorySink = Subject("memory sink") {
      let hub = MemoryHub()
      let number = Counter()
      return SinkAcceptance(MemoryConnector(hub)) {
        let name = "t\(number.next())"
        return .init(options: ["queryName": name]) {
          hub.table(name).rows.map { row in if case .string(let text) = row[1] { text } else { "?" } }
        }
      }.run()
    }

    static let console = Subject("console sink") {
      let screen = ConsoleSinkTests.Screen()
      return SinkAcceptance(screen.connector) {
        screen.texts.withLock { $0 = [] }
        return .init(options: ["truncate": "false"]) {
          screen.text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.filter { $0 != " " } }
            return cells.count == 2 && cells[1].hasPrefix("b") && cells[1] != "batch" ? cells[1] : nil
          }.filter { $0.contains(".") }
        }
      }.run()
    }

    static let execSink = Subject("exec sink") {
      let folder = ScratchFolder()
      let number = Counter()
      return SinkAcceptance(ExecConnector()) {
        let name = "\(number.next())"
        return .init(options: [
          "command": "cat > \(folder.file(name)).part && cat \(folder.file(name)).part >> \(folder.file(name))"
        ]) { cut(Array((folder.text(name) ?? "").utf8)) }
      }.run()
    }

    static let socketSink = Subject("socket") { SpecAcceptance(SocketConnector()).run() }

    // MARK: Helpers

    /// Lines of the visible files of a folder, in the order of their names; the file that is being written comes last.
    static func records(_ folder: String) throws -> [String] {
      let files = PosixFileSystem()
      var all: [UInt8] = []
      for name in try files.list(folder) where !name.hasPrefix(".") {
        let file = try files.open("\(folder)/\(name)", .read)
        var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
        _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        try file.close()
        all += bytes
      }
      return cut(all)
    }

    static func cut(_ bytes: [UInt8]) -> [String] {
      bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Runs a statement; the first column of what it answers.
    @discardableResult
    static func execute(_ path: String, _ sql: String) throws -> [String] {
      var handle: OpaquePointer?
      defer { sqlite3_close(handle) }
      var statement: OpaquePointer?
      defer { sqlite3_finalize(statement) }
      guard sqlite3_open(path, &handle) == SQLITE_OK, sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK
      else { throw MillraceError("TEST", String(cString: sqlite3_errmsg(handle))) }
      var rows: [String] = []
      while true {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: rows.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "NULL")
        case SQLITE_DONE: return rows
        default: throw MillraceError("TEST", String(cString: sqlite3_errmsg(handle)))
        }
      }
    }
  }

  /// Counts upwards.
  final class Counter: Sendable {
    private let number = Mutex(0)
    func next() -> Int {
      number.withLock { number in
        number += 1
        return number
      }
    }
  }

  /// A clock that goes on by a second each time that it is read.
  final class SteppingClock: Clock {
    private let time = Mutex<Int64>(0)
    func now() -> Int64 {
      time.withLock { time in
        time += 1_000_000
        return time
      }
    }
    func monotonicNanoseconds() -> Int64 { now() * 1000 }
    func sleep(microseconds: Int64) {}
  }
}
