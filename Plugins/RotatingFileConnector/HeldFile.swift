import MillraceCore
import Synchronization

/// How many descriptors files of logs have.
final class DescriptorCount: Sendable {
  private let value = Atomic<Int>(0)
  var count: Int { value.load(ordering: .relaxed) }
  func add(_ change: Int) { value.wrappingAdd(change, ordering: .relaxed) }
}

/// An open plain file of a log. It stays open until it is complete, so that renaming or removing it takes nothing away, but for those
/// that were parked because there are too many. The planner looks at it while a worker reads, hence the lock.
final class HeldFile: Sendable {
  private struct Body {
    /// Nil while it is parked.
    var file: (any File)?
    var path: String
    /// Nanoseconds of the monotonic clock.
    var lastUse: Int64
  }

  private let body: Mutex<Body>
  private let files: any FileSystem
  private let descriptors: DescriptorCount
  private let clock: any Clock
  let key: FollowedFile.Key

  init(_ path: String, _ files: any FileSystem, _ descriptors: DescriptorCount, _ clock: any Clock) throws {
    let opened = try files.open(path, .read)
    key = FollowedFile.Key(try opened.status())
    body = Mutex(Body(file: opened, path: path, lastUse: clock.monotonicNanoseconds()))
    self.files = files
    self.descriptors = descriptors
    self.clock = clock
    descriptors.add(1)
  }

  deinit { close() }

  private func use<Result: Sendable>(_ work: (any File) throws -> Result) throws -> Result {
    try body.withLock { body in
      body.lastUse = clock.monotonicNanoseconds()
      if let file = body.file { return try work(file) }
      let file = try files.open(body.path, .read)
      guard FollowedFile.Key(try file.status()) == key else {
        try file.close()
        throw MillraceError(
          "SOURCE_FILE_MISSING", "'\(body.path)' is another file since it was closed to save descriptors",
          hint: "set maxOpenFiles higher", fault: .external)
      }
      body.file = file
      descriptors.add(1)
      return try work(file)
    }
  }

  var lastUse: Int64 { body.withLock { $0.lastUse } }

  /// Whether it has a descriptor.
  var isOpen: Bool { body.withLock { $0.file != nil } }

  /// Whether it can be read: it is open, or its name still leads to it.
  var isThere: Bool {
    let (isOpen, path) = body.withLock { ($0.file != nil, $0.path) }
    return isOpen || isNamed(path)
  }

  private func isNamed(_ path: String) -> Bool {
    ((try? files.status(path)) ?? nil).map { FollowedFile.Key($0) == key } ?? false
  }

  /// It has another name now.
  func moved(to path: String) { body.withLock { $0.path = path } }

  /// Lets go of the descriptor if the name leads to the file.
  func park() {
    body.withLock { body in
      guard let file = body.file, isNamed(body.path) else { return }
      try? file.close()
      body.file = nil
      descriptors.add(-1)
    }
  }

  func status() throws -> FileStatus { try use { try $0.status() } }

  /// Its size, if that can be told without opening it.
  var knownSize: Int64? { body.withLock { try? $0.file?.status().size } }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    // The lock is held meanwhile; the buffer is the caller's alone.
    nonisolated(unsafe) let buffer = buffer
    return try use { try $0.read(into: buffer, at: offset) }
  }

  func close() {
    body.withLock { body in
      if body.file != nil { descriptors.add(-1) }
      try? body.file?.close()
      body.file = nil
    }
  }

  /// A sum over a range; nil when the file is shorter.
  func mark(_ range: Range<Int64>) throws -> FollowedFile.Mark? {
    let buffer = MemoryBuffer(capacity: range.count)
    let bytes = UnsafeMutableRawBufferPointer(start: buffer.base, count: range.count)
    if try read(into: bytes, at: range.lowerBound) < range.count { return nil }
    return FollowedFile.Mark(length: Int64(range.count), sum: Checksum.of(UnsafeRawBufferPointer(bytes)))
  }

  /// A sum over the bytes before an offset.
  func anchor(at offset: Int64) throws -> FollowedFile.Mark {
    try mark(max(0, offset - FollowedFile.anchorLength)..<offset) ?? FollowedFile.Mark()
  }

  /// Plain bytes of the last gzip member, modulo 2^32, of a file with `size` bytes: all of them for a file that gzip made.
  func compressedSize(_ size: Int64) throws -> UInt32? {
    var count: UInt32 = 0
    if size < 18 { return nil }
    let got = try withUnsafeMutableBytes(of: &count) { try read(into: $0, at: size - 4) }
    return got == 4 ? UInt32(littleEndian: count) : nil
  }

  /// Whether the first two bytes are gzip's.
  func isCompressed() throws -> Bool {
    var magic: (UInt8, UInt8) = (0, 0)
    let count = try withUnsafeMutableBytes(of: &magic) { try read(into: $0, at: 0) }
    return count == 2 && magic == (0x1F, 0x8B)
  }

  /// Whether this is, as far as the marks tell, the file in the state or a later state than `known`.
  func continues(_ known: FollowedFile) throws -> Bool {
    if try status().size < known.offset { return false }
    if try mark(0..<known.head.length) != known.head { return false }
    return try mark(known.offset - known.anchor.length..<known.offset) == known.anchor
  }
}

/// Reads a fixed range of a held file.
final class HeldFileReader: ByteReader {
  private let file: HeldFile
  private let path: String
  private var position: Int64
  private let end: Int64
  private let endsEarly: Bool

  /// `endsEarly` is for files that may have lost bytes: it then ends where the file does.
  init(_ file: HeldFile, _ range: Range<Int64>, path: String, endsEarly: Bool = false) {
    self.file = file
    self.path = path
    self.endsEarly = endsEarly
    position = range.lowerBound
    end = range.upperBound
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let wanted = min(Int64(buffer.count), end - position)
    if wanted == 0 { return 0 }
    let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(wanted)]), at: position)
    if count == 0 && endsEarly { return 0 }
    if count == 0 {
      throw MillraceError(
        "SOURCE_FILE_TRUNCATED", "'\(path)' ends at byte \(position), but was planned to be read to \(end)",
        hint: "it was truncated meanwhile; rotate by renaming instead", fault: .external,
        location: "\(path)@\(position)")
    }
    position += Int64(count)
    return count
  }

  /// The file stays open for the next batch.
  func close() {}
}
