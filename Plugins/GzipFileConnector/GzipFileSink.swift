import MillraceColumnar
import MillraceCore
import MillraceFormats

/// Appends to one gzip file, small batches joined into members (see `GzipAppender`).
///
/// The file begins with an empty member whose comment names the query, so that the sink knows its own file and cuts no other. A commit
/// makes the file durable and says where it ends; recovery makes it the file that ended there.
final class GzipFileSink: ByteSink {
  private static let tailLength: Int64 = 256

  private let path: String
  private let level: Int
  private let memberSize: Int64
  private let overwrites: Bool
  private let files: any FileSystem
  // Used by the query's control thread only.
  nonisolated(unsafe) private var file: (any File)?
  nonisolated(unsafe) private var owner = GzipOwner(queryID: "", sinkName: "")
  nonisolated(unsafe) private var deflate: SmallDeflate?
  nonisolated(unsafe) private var appender: GzipAppender?
  /// What is durable and logged, or will be.
  nonisolated(unsafe) private var committed = GzipAppender.Place()
  /// Sum of the last settled bytes of that.
  nonisolated(unsafe) private var tail: Int64?

  init(path: String, level: Int, memberSize: Int64, overwrites: Bool, files: any FileSystem) {
    self.path = path
    self.level = level
    self.memberSize = memberSize
    self.overwrites = overwrites
    self.files = files
  }

  var description: String { "gzip-file[\(path)]" }
  let guarantee = SinkGuarantee.truncatable
  let outputModes: Set<OutputMode> = [.append, .update]
  var compression: Compression? { .deflateBlocks(level: level) }
  var blockSize: Int? { Int(min(memberSize, 1 << 20)) }

  func open(_ context: SinkContext) throws {
    owner = GzipOwner(queryID: context.queryID, sinkName: context.sinkName)
    try files.createParentDurably(of: path)
    let file = try files.open(path, .update)
    guard try file.tryLock() else {
      throw MillraceError(
        "SINK_IN_USE", "'\(path)' is being written by another query",
        hint: "end that query, or give this one another path")
    }
    CrashPoint.pass("gzip.created")
    try files.syncDirectory(FilePath.parent(path))
    self.file = file
    deflate = SmallDeflate(level: level)
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    let file = try opened()
    let size = try file.status().size
    var place = GzipAppender.Place()
    if let token {
      guard let known = GzipAppender.Place(token) else {
        throw MillraceError("SINK_TOKEN", "'\(token.text)' is no token of a gzip file")
      }
      place = known
    }
    if size < place.settledLength {
      throw MillraceError(
        "SINK_TRUNCATED", "'\(path)' has \(size) bytes, but \(place.settledLength) were committed",
        hint: "put the file back, or start with a new checkpoint and another path", fault: .external)
    }
    if size > 0 && !(place.length == 0 && overwrites) { try checkOwner(file, size, isCommitted: place.length > 0) }
    committed = place
    tail = token?["tail"]?.int
    if let tail, try checksum(file) != tail {
      throw modified("was changed by someone else before byte \(place.length)")
    }
    if place.memberLength > 0 || size > place.length {
      CrashPoint.pass("gzip.before-cut")
      try GzipAppender.cut(file, to: place)
      CrashPoint.pass("gzip.after-cut")
      try file.sync()
      CrashPoint.pass("gzip.after-cut-sync")
    }
    appender = makeAppender()
    return nil
  }

  private func makeAppender() -> GzipAppender? {
    deflate.map { GzipAppender(at: committed, memberSize: memberSize, deflate: $0) }
  }

  private func checkOwner(_ file: any File, _ size: Int64, isCommitted: Bool) throws {
    if try owner.owns(file, size: size) { return }
    if isCommitted { throw modified("is not the file that this query wrote") }
    throw MillraceError(
      "SINK_NOT_EMPTY", "'\(path)' exists and was not written by this query",
      hint: "remove the file, choose another path, or set the option ifExists to overwrite")
  }

  private func modified(_ what: String) -> MillraceError {
    MillraceError("SINK_MODIFIED", "'\(path)' \(what)", hint: "put the file back", fault: .external)
  }

  /// Of the last settled bytes of what was committed.
  private func checksum(_ file: any File) throws -> Int64 {
    let count = min(committed.settledLength, Self.tailLength)
    var bytes = [UInt8](repeating: 0, count: Int(count))
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: committed.settledLength - count) }
    return bytes.withUnsafeBytes { Int64(GzipChecksum.of(UnsafeRawBufferPointer(rebasing: $0[..<got]))) }
  }

  /// A batch that was begun before and not committed is given up.
  func begin(batchID: Int64) throws {
    if appender?.place == committed { return }
    try GzipAppender.cut(opened(), to: committed)
    appender = makeAppender()
  }

  func write(_ block: EncodedBlock) throws {
    let file = try opened()
    guard let deflate, let current = appender else { throw notOpen }
    CrashPoint.pass("gzip.before-write")
    var appender = current
    if appender.place.length == 0 {
      let header = owner.member
      try header.withUnsafeBytes { try file.write($0, at: 0) }
      // Before any data: a crash can then leave no file with data of which the owner is not known.
      try file.sync()
      CrashPoint.pass("gzip.after-header")
      appender = GzipAppender(at: .init(length: Int64(header.count)), memberSize: memberSize, deflate: deflate)
      self.appender = appender
    }
    try appender.append(block, to: file)
    CrashPoint.pass("gzip.after-write")
  }

  func commit(batchID: Int64) throws -> JSON {
    let file = try opened()
    guard let place = appender?.place else { throw notOpen }
    if place != committed {
      // A batch that was begun anew may have left more behind.
      if try file.status().size > place.length { try file.truncate(to: place.length) }
      CrashPoint.pass("gzip.before-sync")
      try file.sync()
      CrashPoint.pass("gzip.after-sync")
      committed = place
      tail = try checksum(file)
    }
    var token: [JSON.Member] = [.init("version", .int(2)), .init("path", .string(path))] + place.json
    if let tail { token.append(.init("tail", .int(tail))) }
    return .object(token)
  }

  func close() throws {
    try file?.close()
    file = nil
  }

  private func opened() throws -> any File {
    guard let file else { throw notOpen }
    return file
  }

  private var notOpen: MillraceError {
    MillraceError("SINK_NOT_OPEN", "'\(path)' was used before it was opened", fault: .bug)
  }
}
