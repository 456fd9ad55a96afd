package import MillraceCore

/// Where dead letters wait to be read again by the source that left them out: a folder in the query's checkpoint for each source.
///
/// ```
/// replay/SOURCE/LOCK
/// replay/SOURCE/000001.json      which dead letters these are; stays for ever, so that none is read twice
/// replay/SOURCE/000001.records   the records, a line each; removed when they were read and that is committed
/// ```
///
/// The names of a pair are durable when its records are: first the list, then the records under their last name. A list without
/// records, left by a process that was killed in between, is one of records that were read, or is written over by the next.
package struct ReplayFolder: Sendable {
  package let path: String
  private let files: any FileSystem

  /// The folder of a source in a checkpoint.
  package init(checkpoint: String, source: String, files: any FileSystem) {
    path = "\(checkpoint)/replay/\(Checkpoint.fileName(source))"
    self.files = files
  }

  /// One list of dead letters with their records.
  package struct Part: Sendable {
    /// From 1.
    package var number: Int64
    package var letters: [DeadLetterID]
    /// Whether the records were not read yet, as far as the folder says.
    package var isWaiting: Bool
  }

  /// Everything that was ever handed over, in order.
  package func parts() throws -> [Part] {
    guard try files.status(path) != nil else { return [] }
    let names = try files.list(path)
    let waiting = Set(names.filter { $0.hasSuffix(".records") }.compactMap(Self.number))
    let lists = names.filter { $0.hasSuffix(".json") }.compactMap(Self.number).sorted()
    return try lists.compactMap { number in
      let list = try read(number)
      // One that was never completed is not there.
      return list.isDone || waiting.contains(number)
        ? Part(number: number, letters: list.letters, isWaiting: waiting.contains(number)) : nil
    }
  }

  /// Numbers of the records that wait after `number`, ascending.
  func waiting(after number: Int64) throws -> [Int64] {
    guard try files.status(path) != nil else { return [] }
    return try files.list(path).filter { $0.hasSuffix(".records") }.compactMap(Self.number).filter { $0 > number }
      .sorted()
  }

  /// Path of records.
  func recordsPath(_ number: Int64) -> String { "\(path)/\(Self.name(number)).records" }

  /// Hands over records with the dead letters that they are of. They are durable afterwards.
  @discardableResult
  package func add(_ records: [(id: DeadLetterID, bytes: [UInt8])]) throws -> Int64 {
    try files.createDirectory(path)
    let lock = try files.open("\(path)/LOCK", .update)
    defer { try? lock.close() }
    guard try lock.tryLock() else {
      throw MillraceError(
        "REPLAY_IN_USE", "another process is handing over dead letters to '\(path)'", hint: "try again when it is done",
        fault: .external, isRetryable: true)
    }
    let taken = Set(try parts().flatMap(\.letters))
    let fresh = records.filter { !taken.contains($0.id) }
    if fresh.isEmpty { return 0 }
    let number = (try parts().last?.number ?? 0) + 1
    try writeList(number, fresh.map(\.id), isDone: false)
    CrashPoint.pass(CrashPoints.replayAfterList)
    // A line break in front, so that no record stands where a file's header would.
    let content = fresh.reduce(into: [0x0A] as [UInt8]) { $0 += $1.bytes + [0x0A] }
    try write("\(recordsPath(number)).tmp", content)
    CrashPoint.pass(CrashPoints.replayAfterWrite)
    try files.rename("\(recordsPath(number)).tmp", to: recordsPath(number))
    try files.syncDirectory(path)
    CrashPoint.pass(CrashPoints.replayAfterRename)
    return number
  }

  /// The records up to `number` were read, and that is durable.
  func remove(through number: Int64) throws {
    guard try files.status(path) != nil else { return }
    for name in try files.list(path) where name.hasSuffix(".records") {
      guard let own = Self.number(name), own <= number else { continue }
      try writeList(own, try read(own).letters, isDone: true)
      CrashPoint.pass(CrashPoints.replayBeforeRemove)
      try files.remove("\(path)/\(name)")
    }
  }

  // MARK: Lists

  private func read(_ number: Int64) throws -> (letters: [DeadLetterID], isDone: Bool) {
    let file = "\(path)/\(Self.name(number)).json"
    let bytes = try StateFiles.readAll(files, file)
    let text = String(decoding: bytes.bytes, as: UTF8.self)
    guard let json = try? JSON(parsing: text), json["version"]?.int == 1, let letters = json["letters"]?.array else {
      throw MillraceError(
        "CHECKPOINT_CORRUPT", "'\(file)' does not say which dead letters it is of", fault: .external)
    }
    return (letters.compactMap { DeadLetterID($0) }, json["done"]?.bool ?? false)
  }

  private func writeList(_ number: Int64, _ letters: [DeadLetterID], isDone: Bool) throws {
    let file = "\(path)/\(Self.name(number)).json"
    let json: JSON = .dictionary([
      "version": .int(1), "done": .bool(isDone), "letters": .array(letters.map(\.json)),
    ])
    try write("\(file).tmp", Array((json.text + "\n").utf8))
    try files.rename("\(file).tmp", to: file)
    try files.syncDirectory(path)
  }

  private func write(_ path: String, _ bytes: [UInt8]) throws {
    let file = try files.open(path, .create)
    defer { try? file.close() }
    try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    try file.sync()
  }

  private static func name(_ number: Int64) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  private static func number(_ name: String) -> Int64? { Int64(name.prefix { $0 != "." }) }
}
