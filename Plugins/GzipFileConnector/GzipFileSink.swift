import MillraceColumnar
import MillraceCore
import MillraceFormats

/// Appends gzip members to one file.
///
/// The file begins with an empty member whose comment names the query, so that the sink knows its own file and cuts no other. A commit
/// makes the members of its batch durable and gives the file's length; recovery cuts the file back to the length that was committed.
final class GzipFileSink: ByteSink {
  private let path: String
  private let level: Int
  private let overwrites: Bool
  private let files: any FileSystem
  // Used by the query's control thread only.
  nonisolated(unsafe) private var file: (any File)?
  nonisolated(unsafe) private var owner = GzipOwner(queryID: "", sinkName: "")
  /// Length that is durable and logged, or will be.
  nonisolated(unsafe) private var committed: Int64 = 0
  nonisolated(unsafe) private var end: Int64 = 0

  init(path: String, level: Int, overwrites: Bool, files: any FileSystem) {
    self.path = path
    self.level = level
    self.overwrites = overwrites
    self.files = files
  }

  var description: String { "gzip-file[\(path)]" }
  let guarantee = SinkGuarantee.truncatable
  let outputModes: Set<OutputMode> = [.append, .update]
  var compression: Compression? { .gzip(level: level) }

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
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    let file = try opened()
    let size = try file.status().size
    let wanted = token?["length"]?.int ?? 0
    if size < wanted {
      throw MillraceError(
        "SINK_TRUNCATED", "'\(path)' has \(size) bytes, but \(wanted) were committed",
        hint: "put the file back, or start with a new checkpoint and another path", fault: .external)
    }
    if size > 0 && !(wanted == 0 && overwrites) { try checkOwner(file, size, wanted) }
    if size > wanted {
      CrashPoint.pass("gzip.before-cut")
      try file.truncate(to: wanted)
      CrashPoint.pass("gzip.after-cut")
      try file.sync()
      CrashPoint.pass("gzip.after-cut-sync")
    }
    committed = wanted
    end = wanted
    return nil
  }

  private func checkOwner(_ file: any File, _ size: Int64, _ wanted: Int64) throws {
    if try owner.owns(file, size: size) { return }
    if wanted > 0 {
      throw MillraceError(
        "SINK_MODIFIED", "'\(path)' is not the file that this query wrote", hint: "put the file back", fault: .external)
    }
    throw MillraceError(
      "SINK_NOT_EMPTY", "'\(path)' exists and was not written by this query",
      hint: "remove the file, choose another path, or set the option ifExists to overwrite")
  }

  func begin(batchID: Int64) throws { end = committed }

  func write(_ block: EncodedBlock) throws {
    let file = try opened()
    CrashPoint.pass("gzip.before-write")
    if end == 0 {
      let header = owner.member
      try header.withUnsafeBytes { try file.write($0, at: 0) }
      end = Int64(header.count)
      // Before any data: a crash can then leave no file with data of which the owner is not known.
      try file.sync()
      CrashPoint.pass("gzip.after-header")
    }
    try file.write(block.bytes, at: end)
    end += Int64(block.bytes.count)
    CrashPoint.pass("gzip.after-write")
  }

  func commit(batchID: Int64) throws -> JSON {
    let file = try opened()
    if end > committed {
      // A batch that was begun anew may have left more behind.
      if try file.status().size > end { try file.truncate(to: end) }
      CrashPoint.pass("gzip.before-sync")
      try file.sync()
      CrashPoint.pass("gzip.after-sync")
    }
    committed = end
    return .dictionary(["version": .int(1), "path": .string(path), "length": .int(end)])
  }

  func close() throws {
    try file?.close()
    file = nil
  }

  private func opened() throws -> any File {
    guard let file else { throw MillraceError("SINK_NOT_OPEN", "'\(path)' was used before it was opened", fault: .bug) }
    return file
  }
}

/// The empty member at a file's start that says whose it is.
struct GzipOwner {
  var queryID: String
  var sinkName: String

  /// A gzip member without data, its comment naming the query.
  var member: [UInt8] {
    let comment = "millrace \(queryID) \(sinkName)".utf8.filter { $0 != 0 }
    // Magic, deflate, flag "comment", no time, unknown system; then an empty last block, CRC 0, length 0.
    return [0x1F, 0x8B, 8, 0x10, 0, 0, 0, 0, 0, 255] + comment + [0] + [3, 0] + [UInt8](repeating: 0, count: 8)
  }

  /// Whether a file begins with this member, or is what a crash may leave of it: its start, or zeros.
  func owns(_ file: any File, size: Int64) throws -> Bool {
    let wanted = member
    var found = [UInt8](repeating: 0, count: wanted.count)
    _ = try found.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    if size > wanted.count { return found == wanted }
    return zip(found, wanted).allSatisfy { $0 == $1 || $0 == 0 }
  }
}
