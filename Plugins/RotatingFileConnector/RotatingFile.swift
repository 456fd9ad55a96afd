import MillraceCore
import MillraceFormats

/// A file that takes more rows.
final class RotatingFile {
  static let tailLength: Int64 = 256

  /// How its bytes are stored.
  private enum Body {
    case plain(length: Int64)
    case gzip(GzipAppender)
  }

  /// The partition's name.
  let partition: String
  let folder: String
  let date: String?
  let span: Int64?
  let number: Int64
  /// Its file name; nil with names that change.
  let name: String?
  /// Microseconds since the epoch of its first and its last row.
  private(set) var opened: Int64
  private(set) var written: Int64
  /// Without the header.
  private(set) var rows: Int64 = 0
  /// Sum of the last settled bytes when it was committed last.
  private(set) var tail: Int64?
  /// Counts uses of all files, so that the one that was not used for longest is found.
  var lastUse: Int64 = 0
  /// Whether it has bytes that are not committed.
  private(set) var isChanged = false
  private var body: Body
  private var file: (any File)?

  /// A new file.
  init(_ partition: String, date: String?, number: Int64, name: String?, now: Int64, appender: GzipAppender?) {
    self.name = name
    let key = PartitionKey(partition)
    self.partition = partition
    folder = key.folder
    span = key.span
    self.date = date
    self.number = number
    opened = now
    written = now
    body = appender.map { .gzip($0) } ?? .plain(length: 0)
  }

  /// What a token says of a file. `isGzip` is for tokens of a version that did not say whether it is.
  init?(_ token: JSON, isGzip: Bool, appender: (GzipAppender.Place) -> GzipAppender) {
    guard let number = token["number"]?.int, let place = GzipAppender.Place(token),
      let opened = token["opened"]?.int
    else { return nil }
    self.number = number
    name = token["name"]?.string
    partition = token["partition"]?.string ?? ""
    let key = PartitionKey(partition)
    folder = key.folder
    span = key.span
    date = token["date"]?.string
    self.opened = opened
    written = token["written"]?.int ?? opened
    rows = token["rows"]?.int ?? 0
    tail = token["tail"]?.int
    body = token["gzip"]?.bool ?? isGzip ? .gzip(appender(place)) : .plain(length: place.length)
  }

  /// For a token; `commit` was called before.
  var json: JSON {
    var members: [JSON.Member] = [.init("number", .int(number))]
    if !partition.isEmpty { members.append(.init("partition", .string(partition))) }
    if let date { members.append(.init("date", .string(date))) }
    if let name { members.append(.init("name", .string(name))) }
    members.append(.init("gzip", .bool(isGzip)))
    switch body {
    case .plain(let length): members.append(.init("length", .int(length)))
    case .gzip(let appender): members += appender.place.json
    }
    members += [.init("rows", .int(rows)), .init("opened", .int(opened)), .init("written", .int(written))]
    if let tail { members.append(.init("tail", .int(tail))) }
    return .object(members)
  }

  var isGzip: Bool { if case .gzip = body { true } else { false } }

  var length: Int64 {
    switch body {
    case .plain(let length): length
    case .gzip(let appender): appender.place.length
    }
  }

  private var settledLength: Int64 {
    switch body {
    case .plain(let length): length
    case .gzip(let appender): appender.place.settledLength
    }
  }

  // MARK: Recovery

  /// Makes the file at `path` the one that was committed. It may be done again after a crash.
  func cutBack(at path: String, _ files: any FileSystem) throws {
    if length == 0 { return }
    guard let status = try files.status(path), status.size >= settledLength else {
      throw MillraceError(
        "SINK_TRUNCATED", "'\(path)' is missing or shorter than the \(settledLength) bytes that were committed",
        hint: "put the file back, or start with a new checkpoint", fault: .external)
    }
    let file = try files.open(path, .update)
    defer { try? file.close() }
    if let tail, try checksum(file) != tail {
      throw MillraceError(
        "SINK_MODIFIED", "'\(path)' was changed by someone else before byte \(settledLength)",
        hint: "put the file back, or start with a new checkpoint", fault: .external)
    }
    switch body {
    case .plain(let length):
      if status.size == length { return }
      try file.truncate(to: length)
    case .gzip(let appender): try GzipAppender.cut(file, to: appender.place)
    }
    CrashPoint.pass("rotating.recover.cut")
    try file.sync()
    CrashPoint.pass("rotating.recovered")
  }

  private func checksum(_ file: any File) throws -> Int64 {
    let end = settledLength
    let count = min(end, Self.tailLength)
    let buffer = MemoryBuffer(capacity: Int(count))
    let bytes = UnsafeMutableRawBufferPointer(start: buffer.base, count: Int(count))
    let got = try file.read(into: bytes, at: end - count)
    return Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<got]))
  }

  // MARK: Writing

  /// Makes the file, which must not exist yet.
  func create(at path: String, _ files: any FileSystem) throws { file = try files.open(path, .createNew) }

  /// Opens the file.
  func open(at path: String, _ files: any FileSystem) throws { file = try files.open(path, .update) }

  var isOpen: Bool { file != nil }

  /// Appends a block; a header has no rows.
  func append(_ block: EncodedBlock, now: Int64) throws {
    guard let file else { throw MillraceError("SINK_NOT_OPEN", "file \(number) is not open", fault: .bug) }
    switch body {
    case .plain(let length):
      try file.write(block.bytes, at: length)
      body = .plain(length: length + Int64(block.bytes.count))
    case .gzip(let appender): try appender.append(block, to: file)
    }
    rows += Int64(block.rowCount)
    written = now
    isChanged = true
  }

  /// The rows so far are committed; `isDurable` waits for the disk.
  func commit(isDurable: Bool) throws {
    guard let file, isChanged else { return }
    if isDurable { try file.sync() }
    tail = try checksum(file)
    isChanged = false
  }

  /// Lets go of the file.
  func close() throws {
    try file?.close()
    file = nil
  }

  /// Makes what was written durable and lets go of the file.
  func finish(isDurable: Bool) throws {
    if isDurable, isChanged { try file?.sync() }
    try close()
  }
}
