import MillraceCore
import MillraceFormats

/// Adds one file per batch to a folder.
///
/// A batch is written under a hidden name, made durable, and renamed; its final name is a function of query, sink and batch, so a batch
/// that is run again replaces its file. Recovery removes the files of batches after the last committed one.
final class DirectorySink: HeaderedByteSink {
  private let folder: String
  private let format: String
  private let isCompressed: Bool
  private let files: any FileSystem
  // Used by the query's control thread only.
  nonisolated(unsafe) private var names = PartNames(queryID: "", sinkName: "", suffix: "")
  nonisolated(unsafe) private var open: (file: any File, size: Int64)?
  nonisolated(unsafe) private var batch: Int64 = 0
  /// What stands in front of the records of each file.
  nonisolated(unsafe) private var header: [UInt8] = []

  init(folder: String, format: String, isCompressed: Bool, files: any FileSystem) {
    self.folder = folder
    self.format = format
    self.isCompressed = isCompressed
    self.files = files
  }

  var description: String { "\(format)[\(folder)]" }
  let guarantee = SinkGuarantee.truncatable
  let outputModes: Set<OutputMode> = [.append]
  var compression: Compression? { isCompressed ? .gzip(level: 2) : nil }

  func setHeader(_ header: EncodedBlock) { self.header = Array(header.bytes) }

  func open(_ context: SinkContext) throws {
    names = PartNames(
      queryID: context.queryID, sinkName: context.sinkName, suffix: format == "text" ? "txt" : format,
      isCompressed: isCompressed)
    try files.createParentDurably(of: "\(folder)/x")
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try discard()
    var hasChanged = false
    for name in try files.list(folder) {
      guard let batch = names.batch(of: name), batch > batchID ?? -1 || name.hasPrefix(".") else { continue }
      CrashPoint.pass("file.before-remove")
      try files.remove("\(folder)/\(name)")
      hasChanged = true
    }
    if hasChanged { try files.syncDirectory(folder) }
    if let name = token?["file"]?.string, let length = token?["length"]?.int {
      guard try files.status("\(folder)/\(name)")?.size == length else {
        throw MillraceError(
          "SINK_TRUNCATED", "'\(folder)/\(name)' is gone or has not the \(length) bytes that were committed",
          hint: "put the file back, or start with a new checkpoint and another folder", fault: .external)
      }
    }
    return nil
  }

  func begin(batchID: Int64) throws {
    try discard()
    batch = batchID
  }

  func write(_ block: EncodedBlock) throws {
    if open == nil { try create() }
    guard let (file, size) = open else { return }
    CrashPoint.pass("file.before-write")
    try file.write(block.bytes, at: size)
    open = (file, size + Int64(block.bytes.count))
    CrashPoint.pass("file.after-write")
  }

  private func create() throws {
    let file = try files.open("\(folder)/\(names.hidden(batch))", .create)
    try header.withUnsafeBytes { try file.write($0, at: 0) }
    open = (file, Int64(header.count))
  }

  func commit(batchID: Int64) throws -> JSON {
    var token: [JSON.Member] = [.init("version", .int(1))]
    if let (file, size) = open {
      CrashPoint.pass("file.before-sync")
      try file.sync()
      try file.close()
      open = nil
      CrashPoint.pass("file.after-sync")
      let name = names.visible(batchID)
      try files.rename("\(folder)/\(names.hidden(batchID))", to: "\(folder)/\(name)")
      CrashPoint.pass("file.after-rename")
      try files.syncDirectory(folder)
      CrashPoint.pass("file.after-folder-sync")
      token += [.init("file", .string(name)), .init("length", .int(size))]
    }
    return .object(token)
  }

  func close() throws { try discard() }

  /// Gives up a file that was begun.
  private func discard() throws {
    guard let (file, _) = open else { return }
    open = nil
    try file.close()
    try files.remove(file.path)
  }
}

/// Names of part files: `part-<query>-<sink>-<batch>.json`.
struct PartNames {
  private let prefix: String
  private let suffix: String

  init(queryID: String, sinkName: String, suffix: String, isCompressed: Bool = false) {
    prefix = "part-\(Self.plain(queryID))-\(Self.plain(sinkName))-"
    self.suffix = ".\(suffix)\(isCompressed ? ".gz" : "")"
  }

  /// Letters and digits as they are, all else as `_`, so that no name leaves the folder.
  private static func plain(_ text: String) -> String {
    String(
      decoding: text.utf8.map { byte -> UInt8 in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: byte
        default: 0x5F
        }
      }, as: UTF8.self)
  }

  func visible(_ batch: Int64) -> String {
    let digits = String(batch)
    return prefix + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + suffix
  }

  /// While the file is being written: sources leave out names that begin with a dot.
  func hidden(_ batch: Int64) -> String { "." + visible(batch) }

  /// The batch of a file of this query and sink, nil for other files.
  func batch(of name: String) -> Int64? {
    let visible = name.hasPrefix(".") ? name.dropFirst() : name[...]
    guard visible.hasPrefix(prefix), visible.hasSuffix(suffix), visible.count > prefix.count + suffix.count else {
      return nil
    }
    return Int64(visible.dropFirst(prefix.count).dropLast(suffix.count))
  }
}
