import Glibc
import MillraceCore
import Testing

/// A folder of its own for one test.
final class ScratchFolder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/millrace-connectors-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      mkdtemp(buffer.baseAddress!).map { String(cString: $0) } ?? "/nowhere"
    }
  }

  deinit { try? PosixFileSystem().removeTree(path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The whole text of a file, nil when there is none.
  func text(_ name: String) -> String? {
    guard let file = try? PosixFileSystem().open(file(name), .read), let size = try? file.status().size else {
      return nil
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(size), alignment: 8)
    defer { buffer.deallocate() }
    let count = (try? file.read(into: buffer, at: 0)) ?? 0
    return String(decoding: UnsafeRawBufferPointer(rebasing: buffer[..<count]), as: UTF8.self)
  }

  /// Writes or appends text.
  func write(_ text: String, to name: String, appending: Bool = false) throws {
    let file = try PosixFileSystem().open(file(name), appending ? .update : .create)
    var copy = text
    let end = try file.status().size
    try copy.withUTF8 { try file.write(UnsafeRawBufferPointer($0), at: end) }
    try file.close()
  }
}

extension Connector {
  /// A sink of this connector with checked options.
  func sink(
    _ options: [String: String], _ schema: Schema, _ mode: OutputMode = .append, name: String = "out",
    environment: Environment = .live
  ) throws -> SinkKind {
    let checked = try Options(options, fields: spec.sinkFields, of: "sink '\(name)'")
    return try makeSink(
      SinkRequest(name: name, options: checked, schema: schema, outputMode: mode, environment: environment))
  }

  /// A source of this connector with checked options.
  func source(
    _ options: [String: String], schema: Schema? = nil, name: String = "in", environment: Environment = .live
  ) throws -> SourceKind {
    let checked = try Options(options, fields: spec.sourceFields, of: "source '\(name)'")
    return try makeSource(SourceRequest(name: name, options: checked, schema: schema, environment: environment))
  }
}

extension SinkKind {
  var rowSink: any RowSink {
    get throws {
      guard case .rows(let sink) = self else { throw MillraceError("TEST", "no row sink") }
      return sink
    }
  }

  var byteSink: any ByteSink {
    get throws {
      guard case .bytes(let sink) = self else { throw MillraceError("TEST", "no byte sink") }
      return sink
    }
  }
}

extension SourceKind {
  var rowSource: any RowSource {
    get throws {
      guard case .rows(let source) = self else { throw MillraceError("TEST", "no row source") }
      return source
    }
  }

  var byteSource: any ByteSource {
    get throws {
      guard case .bytes(let source) = self else { throw MillraceError("TEST", "no byte source") }
      return source
    }
  }

  var liveRecords: any LiveRecordSource {
    get throws {
      guard case .liveRecords(let source) = self else { throw MillraceError("TEST", "no source of live records") }
      return source
    }
  }

  var liveSource: any LiveSource {
    get throws {
      guard case .live(let source) = self else { throw MillraceError("TEST", "no live source") }
      return source
    }
  }
}

extension RowSink {
  /// One whole batch of rows, and its token.
  @discardableResult
  func run(_ batchID: Int64, _ rows: [[Value]], _ schema: Schema) throws -> JSON {
    try begin(batchID: batchID)
    try write(.of(rows, schema: schema))
    let token = try commit(batchID: batchID)
    try publish(batchID: batchID)
    return token
  }
}

extension RowSource {
  /// All rows of a plan, all columns.
  func rows(of plan: SourcePlan) throws -> [[Value]] {
    var rows: [[Value]] = []
    for split in plan.splits {
      let reader = try open(split, columns: Array(schema.fields.indices))
      while let batch = try reader.next() { rows += batch.rows() }
      reader.close()
    }
    return rows
  }

  /// The next batch of rows and where the source then stands; nil when there is nothing.
  func next(after offset: Offset?, limit: ReadLimit = ReadLimit()) throws -> (rows: [[Value]], end: Offset)? {
    guard let plan = try plan(after: offset, limit: limit) else { return nil }
    let rows = try rows(of: plan)
    let results = plan.splits.map { _ in SplitResult(rowCount: Int64(rows.count)) }
    return (rows, try self.offset(after: offset, plan: plan, results: results))
  }
}

/// The code of the error that `body` throws, or "none".
func code(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "none"
  } catch { return (error as? MillraceError)?.code ?? "\(error)" }
}

/// The error that `body` throws, as text.
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "none"
  } catch { return "\(error)" }
}

/// A clock that stands still until a test moves it.
final class TestClock: Clock, @unchecked Sendable {
  private var time: Int64

  init(_ time: Int64 = 0) { self.time = time }

  func now() -> Int64 { time }
  func monotonicNanoseconds() -> Int64 { time * 1000 }
  func sleep(microseconds: Int64) { time += microseconds }
  func advance(_ microseconds: Int64) { time += microseconds }
  func set(_ time: Int64) { self.time = time }
}
