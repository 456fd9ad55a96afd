import MillraceCore

/// Appends encoded records to numbered files and begins the next one when a file is large or old enough.
///
/// The token of a batch names the file and its length; recovery cuts that file back and removes those after it, so a batch is in
/// the files once. Files before the one of the last token are never changed again.
final class RotatingFileSink: HeaderedByteSink, @unchecked Sendable {
  private static let tailLength: Int64 = 256
  private let configuration: RotatingFileSinkConfiguration
  private let environment: Environment
  private var owner: RotatingFileOwner?
  private var query = ""
  private var place = Place()
  private var file: (any File)?
  private var hasNewFiles = false
  /// What each file begins with.
  private var header: [UInt8] = []

  /// Where the sink stands.
  private struct Place {
    var number: Int64 = 1
    var length: Int64 = 0
    /// Microseconds since the epoch.
    var opened: Int64 = 0
    /// Sum of the last committed bytes.
    var tail: Int64?
  }

  init(_ configuration: RotatingFileSinkConfiguration, environment: Environment) {
    self.configuration = configuration
    self.environment = environment
  }

  var description: String { "rotating-file[\(configuration.name.pattern)]" }
  var guarantee: SinkGuarantee { .truncatable }
  /// Files only grow: a complete result would be there once per batch.
  var outputModes: Set<OutputMode> { [.append, .update] }
  var compression: Compression? { configuration.compression }
  /// No larger than a file, or a batch would be one file whatever its size.
  var blockSize: Int? { Int(max(min(configuration.maxFileBytes - Int64(header.count), 1 << 20), 1)) }

  func setHeader(_ header: EncodedBlock) { self.header = Array(header.bytes) }

  func open(_ context: SinkContext) throws {
    query = "\(context.queryID)/\(context.sinkName)"
    owner = try RotatingFileOwner(configuration.name, environment.files)
  }

  func recover(batchID: Int64?, token: JSON?) throws -> Int64? {
    try closeFiles()
    guard let owner else { throw MillraceError("SINK_FAILED", "'\(description)' is not open", fault: .bug) }
    guard let token else {
      try recoverToNothing(owner)
      return nil
    }
    guard let number = token["file"]?.int, let length = token["length"]?.int, let opened = token["opened"]?.int else {
      throw MillraceError("SINK_TOKEN", "'\(token.text)' is no token of a rotating file")
    }
    if try owner.first(of: query) == nil {
      throw MillraceError(
        "SINK_MODIFIED", "'\(configuration.name.ownerPath)' is missing or names another query",
        hint: "if 'path' was changed, change it back or start with a new checkpoint", fault: .external)
    }
    place = Place(number: number, length: length, opened: opened, tail: token["tail"]?.int)
    try cutBack()
    return nil
  }

  /// Before the first batch: what this query left is removed, what others left stays.
  private func recoverToNothing(_ owner: RotatingFileOwner) throws {
    if let first = try owner.first(of: query) {
      place = Place(number: first, length: 0, opened: 0)
      return try removeFiles { $0 >= first }
    }
    let first = (try numbers().last ?? 0) + 1
    try owner.claim(query: query, first: first)
    place = Place(number: first, length: 0, opened: 0)
  }

  private func cutBack() throws {
    let path = configuration.name.path(place.number)
    CrashPoint.pass("rotating.recover")
    try removeFiles { $0 > place.number }
    guard let status = try environment.files.status(path), status.size >= place.length else {
      if place.length == 0 { return }
      throw MillraceError(
        "SINK_TRUNCATED", "'\(path)' is missing or shorter than the \(place.length) bytes that were committed",
        hint: "put the file back, or start with a new checkpoint", fault: .external)
    }
    let file = try environment.files.open(path, .update)
    defer { try? file.close() }
    if let tail = place.tail, try checksum(file) != tail {
      throw MillraceError(
        "SINK_MODIFIED", "'\(path)' was changed by someone else before byte \(place.length)",
        hint: "put the file back, or start with a new checkpoint", fault: .external)
    }
    if status.size > place.length {
      try file.truncate(to: place.length)
      CrashPoint.pass("rotating.recover.cut")
      try file.sync()
      CrashPoint.pass("rotating.recovered")
    }
  }

  /// Sum of the last bytes before the present length.
  private func checksum(_ file: any File) throws -> Int64 {
    let count = min(place.length, RotatingFileSink.tailLength)
    let buffer = MemoryBuffer(capacity: Int(count))
    let bytes = UnsafeMutableRawBufferPointer(start: buffer.base, count: Int(count))
    let got = try file.read(into: bytes, at: place.length - count)
    return Checksum.of(UnsafeRawBufferPointer(rebasing: bytes[..<got]))
  }

  func begin(batchID: Int64) throws {
    CrashPoint.pass("rotating.begin")
    let age = environment.clock.now() - place.opened
    if let interval = configuration.rollInterval, place.length > 0, age >= interval { try rotate() }
  }

  func write(_ block: EncodedBlock) throws {
    if block.bytes.isEmpty { return }
    let hasRecords = place.length > header.count
    if hasRecords && place.length + Int64(block.bytes.count) > configuration.maxFileBytes { try rotate() }
    let file = try current()
    try file.write(block.bytes, at: place.length)
    place.length += Int64(block.bytes.count)
    CrashPoint.pass("rotating.write")
  }

  /// Makes the present file durable and begins the next one.
  private func rotate() throws {
    CrashPoint.pass("rotating.rotate")
    try file?.sync()
    try file?.close()
    file = nil
    place = Place(number: place.number + 1, length: 0, opened: 0)
  }

  private func current() throws -> any File {
    if let file { return file }
    let path = configuration.name.path(place.number)
    let opened = try environment.files.open(path, place.length == 0 ? .create : .update)
    if place.length == 0 {
      place.opened = environment.clock.now()
      hasNewFiles = true
      CrashPoint.pass("rotating.create")
      try header.withUnsafeBytes { try opened.write($0, at: 0) }
      place.length = Int64(header.count)
    }
    file = opened
    return opened
  }

  func commit(batchID: Int64) throws -> JSON {
    CrashPoint.pass("rotating.sync")
    try file?.sync()
    CrashPoint.pass("rotating.synced")
    if hasNewFiles {
      // A token must not name a file that a power cut can take away.
      try environment.files.syncDirectory(configuration.name.directory)
      hasNewFiles = false
      CrashPoint.pass("rotating.listed")
    }
    var token: [JSON.Member] = [
      .init("version", .int(1)), .init("file", .int(place.number)), .init("length", .int(place.length)),
      .init("opened", .int(place.opened)),
    ]
    if let file { place.tail = try checksum(file) }
    if let tail = place.tail { token.append(.init("tail", .int(tail))) }
    return .object(token)
  }

  func publish(batchID: Int64) throws {
    guard let keep = configuration.keepFiles else { return }
    CrashPoint.pass("rotating.prune")
    try removeFiles { $0 <= place.number - keep }
  }

  /// Numbers of the files there are, in order.
  private func numbers() throws -> [Int64] {
    try environment.files.list(configuration.name.directory).compactMap { configuration.name.number($0) }.sorted()
  }

  private func removeFiles(_ isUnwanted: (Int64) -> Bool) throws {
    let unwanted = try numbers().filter(isUnwanted)
    for number in unwanted {
      try environment.files.remove(configuration.name.path(number))
      CrashPoint.pass("rotating.removed")
    }
    if !unwanted.isEmpty { try environment.files.syncDirectory(configuration.name.directory) }
  }

  func close() throws {
    try closeFiles()
    try owner?.close()
    owner = nil
  }

  private func closeFiles() throws {
    try file?.close()
    file = nil
    hasNewFiles = false
  }
}
