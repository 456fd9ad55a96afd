import CKernels
import Glibc
import MillraceColumnar
import MillraceCore
import MillraceExecution

/// The folder that makes a query survive: `LOCK`, `meta.json`, `log/`, `state/`, `journal/`.
final class Checkpoint {
  /// 2: large changes of state lie in one file for all operators.
  static let format = 2

  let location: String
  let queryID: String
  let log: CommitLog
  let recovered: RecoveredLog
  private let lock: any File
  private let files: any FileSystem

  /// The folder in which a source that cannot replay keeps its bytes.
  static func journalDirectory(_ location: String, source: String) -> String {
    "\(location)/journal/\(fileName(source))"
  }

  /// The folder of the operators' states.
  var stateDirectory: String { "\(location)/state" }

  static func fileName(_ name: String) -> String {
    String(name.map { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" ? $0 : "_" })
  }

  /// Locks the folder, checks that it belongs to this query, and reads the log.
  init(
    location: String, fingerprints: [OperatorFingerprint], sinks: [String], stateStore: String = "memory",
    layouts: [StateLayout] = [], environment: Environment, tuning: CheckpointTuning
  ) throws {
    self.location = location
    files = environment.files
    if try files.status(location) == nil {
      try files.createDirectory(location)
      try Self.syncParents(files, location)
    }
    lock = try Self.takeLock(files, location)
    do {
      let metaPath = "\(location)/meta.json"
      if try files.status(metaPath) != nil {
        let meta = try CheckpointMeta(files, metaPath)
        try meta.check(fingerprints, sinks: sinks, stateStore: stateStore)
        queryID = meta.queryID
      } else {
        try Self.refuseOrphanLog(files, location)
        let meta = CheckpointMeta(
          queryID: UUIDText.random(), created: environment.clock.now(), fingerprints: fingerprints, sinks: sinks,
          stateStore: stateStore, layouts: layouts)
        try meta.write(files, metaPath, location)
        queryID = meta.queryID
      }
      try files.createDirectory("\(location)/state")
      let opened = try CommitLog.open(
        files, directory: "\(location)/log", queryID: queryID, segmentSize: tuning.segmentSize)
      try files.syncDirectory(location)
      log = opened.log
      recovered = opened.1
    } catch {
      try? lock.close()
      throw error
    }
  }

  /// Makes the names of the folders above durable, as far as they may have been made just now.
  private static func syncParents(_ files: any FileSystem, _ location: String) throws {
    var path = location
    while let slash = path.lastIndex(of: "/") {
      path = String(path[..<slash])
      try files.syncDirectory(path.isEmpty ? "/" : path)
    }
    if !location.hasPrefix("/") { try files.syncDirectory(".") }
  }

  /// Locks the folder for as long as the file is open; throws `CHECKPOINT_IN_USE`.
  static func takeLock(_ files: any FileSystem, _ location: String) throws -> any File {
    let file = try files.open("\(location)/LOCK", .update)
    if try file.tryLock() {
      try file.truncate(to: 0)
      try Array("\(getpid())\n".utf8).withUnsafeBytes { try file.write($0, at: 0) }
      return file
    }
    var text = [UInt8](repeating: 0, count: 32)
    let got = try text.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    let owner = String(decoding: text[..<got].prefix { $0 != 10 }, as: UTF8.self)
    try? file.close()
    throw MillraceError(
      "CHECKPOINT_IN_USE", "the checkpoint '\(location)' is in use by process \(owner)",
      hint: "stop that process, or use another checkpoint location", fault: .user, isRetryable: true)
  }

  private static func refuseOrphanLog(_ files: any FileSystem, _ location: String) throws {
    let log = "\(location)/log"
    guard try files.status(log) != nil, try files.list(log).contains(where: { $0.hasSuffix(".mlog") }) else { return }
    throw MillraceError(
      "CHECKPOINT_META_MISSING", "'\(location)' has a log but no meta.json",
      hint: "restore meta.json from a copy: with a new query id sinks would take every batch for a new one",
      fault: .external)
  }

  /// Gives the folder free.
  func close() {
    log.close()
    try? lock.close()
  }
}

/// The content of `meta.json`: written once, when the checkpoint is made.
struct CheckpointMeta {
  var queryID: String
  var created: Int64
  var fingerprints: [OperatorFingerprint]
  var sinks: [String]
  /// Name of the provider that keeps the state.
  var stateStore: String
  /// What each store holds; empty in checkpoints that were made before this was kept.
  var layouts: [StateLayout]

  init(
    queryID: String, created: Int64, fingerprints: [OperatorFingerprint], sinks: [String], stateStore: String,
    layouts: [StateLayout]
  ) {
    self.queryID = queryID
    self.created = created
    self.fingerprints = fingerprints
    self.sinks = sinks
    self.stateStore = stateStore
    self.layouts = layouts
  }

  private var json: JSON {
    .dictionary([
      "format": .int(Int64(Checkpoint.format)), "id": .string(queryID), "created": .int(created),
      "operators": .array(
        fingerprints.map { .dictionary(["name": .string($0.name), "content": .string($0.content)]) }),
      "sinks": .array(sinks.map { .string($0) }), "stateStore": .string(stateStore),
      "stores": .array(layouts.map(\.json)),
    ])
  }

  /// Of the members in front of it.
  private static func checksum(_ members: [JSON.Member]) -> Int64 {
    Array(JSON.object(members).text.utf8).withUnsafeBytes { Int64(ck_crc32c(0x4D54, $0.baseAddress, $0.count)) }
  }

  /// Writes the file so that it is there whole or not at all.
  func write(_ files: any FileSystem, _ path: String, _ location: String) throws {
    let file = try files.open("\(path).tmp", .create)
    defer { try? file.close() }
    let members = json.members ?? []
    let sealed = JSON.object(members + [.init("checksum", .int(Self.checksum(members)))])
    try Array((sealed.text + "\n").utf8).withUnsafeBytes { try file.write($0, at: 0) }
    CrashPoint.pass(CrashPoints.metaAfterWrite)
    try file.sync()
    CrashPoint.pass(CrashPoints.metaAfterSync)
    try files.rename("\(path).tmp", to: path)
    CrashPoint.pass(CrashPoints.metaAfterRename)
    try files.syncDirectory(location)
    CrashPoint.pass(CrashPoints.metaAfterDirectorySync)
  }

  init(_ files: any FileSystem, _ path: String) throws {
    let bytes = try StateFiles.readAll(files, path)
    let text = String(decoding: bytes.bytes, as: UTF8.self)
    guard let json = try? JSON(parsing: text) else { throw CheckpointError.corrupt(path, 0, "it is not JSON") }
    let format = try json.need("format", \.int)
    guard format <= Checkpoint.format else {
      throw CheckpointError.tooNew(path, found: Int(format), known: Checkpoint.format)
    }
    let members = json.members ?? []
    guard members.last?.key == "checksum", members.last?.value == .int(Self.checksum(Array(members.dropLast()))) else {
      throw CheckpointError.corrupt(path, 0, "its checksum is wrong")
    }
    queryID = try json.need("id", \.string)
    created = try json.need("created", \.int)
    fingerprints = try json.need("operators", \.array).map {
      OperatorFingerprint(name: try $0.need("name", \.string), content: try $0.need("content", \.string))
    }
    sinks = try json.need("sinks", \.array).compactMap(\.string)
    stateStore = json["stateStore"]?.string ?? "memory"
    layouts = try json["stores"]?.array?.map { try StateLayout($0) } ?? []
  }

  /// Throws unless the query is still the one that the checkpoint was made by.
  func check(_ now: [OperatorFingerprint], sinks nowSinks: [String], stateStore nowStore: String) throws {
    let isSource: (OperatorFingerprint) -> Bool = { $0.name.hasPrefix("source ") }
    // Checkpoints of the time before sources had fingerprints name none.
    if fingerprints.contains(where: isSource) {
      try compare(fingerprints.filter(isSource), now.filter(isSource), "CHECKPOINT_SOURCES_CHANGED", "sources")
    }
    try compare(
      fingerprints.filter { !isSource($0) }, now.filter { !isSource($0) }, "STATE_SCHEMA_INCOMPATIBLE",
      "stateful operators")
    if sinks != nowSinks {
      throw MillraceError(
        "CHECKPOINT_SINKS_CHANGED",
        "the checkpoint was made for the sinks \(sinks.joined(separator: ", ")), the query has "
          + nowSinks.joined(separator: ", "),
        hint: "start with a new checkpoint location")
    }
    if stateStore != nowStore && fingerprints.contains(where: { !isSource($0) }) {
      throw MillraceError(
        "STATE_STORE_CHANGED",
        "the state of the checkpoint is kept by another store\n  checkpoint: \(stateStore)\n  query:      \(nowStore)",
        hint: "set 'stateStore' to '\(stateStore)', or start with a new checkpoint location")
    }
  }

  private func compare(
    _ old: [OperatorFingerprint], _ new: [OperatorFingerprint], _ code: String, _ what: String
  ) throws {
    guard old != new else { return }
    var lines: [String] = []
    for index in 0..<max(old.count, new.count) {
      let left = index < old.count ? old[index] : nil, right = index < new.count ? new[index] : nil
      if left == right { continue }
      lines.append("  checkpoint: " + (left.map { "\($0.name): \($0.content)" } ?? "nothing"))
      lines.append("  query:      " + (right.map { "\($0.name): \($0.content)" } ?? "nothing"))
    }
    throw MillraceError(
      code, "the \(what) of the query are not those of its checkpoint\n" + lines.joined(separator: "\n"),
      hint: "undo the change, or start with a new checkpoint location")
  }
}

/// Random identifiers in the usual form.
enum UUIDText {
  static func random() -> String {
    var random = SystemRandomNumberGenerator()
    let high = random.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    let digits = hex(high) + hex(low)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index == 8 || index == 12 || index == 16 || index == 20 { text += "-" }
      text.append(digit)
    }
    return text
  }

  private static func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
