import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// The bytes of a source that cannot be asked again, in numbered files until the batch that used them is committed.
///
/// Bytes have offsets that grow for ever. A segment is named by the offset of its first byte and holds frames: magic, length,
/// checksum, offset, bytes. Only whole records are written. One thread appends; offsets and segments are shared.
final class IngestJournal: @unchecked Sendable {
  static let headerSize = 24
  private static let magic: UInt32 = 0x4E52_4A4D
  private static let seed: UInt32 = 0x4D4A

  private struct Shared {
    /// First bytes of all segments, oldest first.
    var segments: [Int64] = []
    /// The segment that is written to.
    var file: (any File)?
    /// Where the last reader stopped: offset, segment, place in the file.
    var cursor: (offset: Int64, segment: Int64, place: Int64) = (0, -1, 0)
  }

  private let files: any FileSystem
  private let directory: String
  private let segmentSize: Int
  private let shared = Monitor(Shared())
  private var file: (any File)?
  private var place: Int64 = 0
  /// Offset behind the last byte.
  private(set) var end: Int64 = 0
  private let frame = ByteBuffer(capacity: 1 << 16)

  init(files: any FileSystem, directory: String, segmentSize: Int) {
    self.files = files
    self.directory = directory
    self.segmentSize = segmentSize
  }

  deinit { try? file?.close() }

  private func path(_ segment: Int64) -> String { Self.path(directory, segment) }

  /// The file of a segment, which is named by the offset of its first byte.
  static func path(_ directory: String, _ segment: Int64) -> String {
    let digits = String(segment, radix: 16)
    return "\(directory)/\(String(repeating: "0", count: 16 - digits.count))\(digits).journal"
  }

  // MARK: Opening

  /// Finds what is there, removes what is committed, cuts a torn end.
  func open(committed: Int64) throws {
    try makeDirectory()
    let found = try Self.segments(files, directory)
    end = committed
    var kept: [Int64] = []
    for (index, segment) in found.enumerated() {
      let isLast = index == found.count - 1
      if !isLast && found[index + 1] <= committed {
        try files.remove(path(segment))
        continue
      }
      if segment > (kept.isEmpty ? committed : end) { throw gap(at: kept.isEmpty ? committed : end) }
      let stop = try check(segment, isLast: isLast)
      if isLast && stop <= committed {
        try files.remove(path(segment))
      } else {
        kept.append(segment)
        end = stop
      }
    }
    shared.change { $0.segments = kept }
  }

  /// The segments that are there, oldest first.
  static func segments(_ files: any FileSystem, _ directory: String) throws -> [Int64] {
    let names = try files.list(directory).filter { $0.hasSuffix(".journal") }
    return names.compactMap { Int64($0.dropLast(8), radix: 16) }.sorted()
  }

  private func makeDirectory() throws {
    guard try files.status(directory) == nil else { return }
    try files.createDirectory(directory)
    var path = directory
    for _ in 0..<2 {
      guard let slash = path.lastIndex(of: "/") else { return }
      path = String(path[..<slash])
      try files.syncDirectory(path)
    }
  }

  private func gap(at offset: Int64) -> MillraceError {
    MillraceError(
      "JOURNAL_GAP", "the journal '\(directory)' lacks bytes from offset \(offset)",
      hint: "restore the checkpoint from a copy, or start with a new checkpoint location", fault: .external)
  }

  /// Walks through the frames and gives the offset behind the last; cuts what follows in the last segment.
  private func check(_ segment: Int64, isLast: Bool) throws -> Int64 {
    let bytes = try StateFiles.readAll(files, path(segment))
    let view = UnsafeRawBufferPointer(start: bytes.base, count: bytes.capacity)
    let stop = Self.walk(view, from: segment)
    if !stop.isClean {
      guard isLast else {
        throw CheckpointError.corrupt(path(segment), stop.place, "a record of the journal is broken")
      }
      let file = try files.open(path(segment), .update)
      defer { try? file.close() }
      try file.truncate(to: Int64(stop.place))
      try file.sync()
      CrashPoint.pass(CrashPoints.journalAfterCut)
    }
    return stop.offset
  }

  /// Goes through the whole frames of a segment that begins at an offset: where they end, the offset behind them, and whether
  /// nothing else follows.
  static func walk(_ bytes: UnsafeRawBufferPointer, from segment: Int64) -> (place: Int, offset: Int64, isClean: Bool) {
    var place = 0
    var offset = segment
    while let length = frame(bytes, place, offset: offset) {
      place += headerSize + length
      offset += Int64(length)
    }
    return (place, offset, !bytes[place...].contains { $0 != 0 })
  }

  /// Length of the whole frame at `at` whose first byte has `offset`.
  private static func frame(_ bytes: UnsafeRawBufferPointer, _ at: Int, offset: Int64) -> Int? {
    guard at + headerSize < bytes.count, let base = bytes.baseAddress else { return nil }
    let header = base + at
    let length = Int(header.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    guard header.loadUnaligned(as: UInt32.self) == magic, length > 0, length <= bytes.count - at - headerSize,
      header.loadUnaligned(fromByteOffset: 16, as: Int64.self) == offset,
      header.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == checksum(header, length)
    else { return nil }
    return length
  }

  private static func checksum(_ header: UnsafeRawPointer, _ length: Int) -> UInt32 {
    ck_crc32c(ck_crc32c(seed, header, 8), header + 16, 8 + length)
  }

  // MARK: Writing

  /// Writes bytes of whole records and makes them durable, or leaves that to the next `sync`; `end` is then behind them.
  func append(_ bytes: UnsafeRawBufferPointer, isDurable: Bool = true) throws {
    frame.removeAll()
    memset(frame.reserve(Self.headerSize), 0, Self.headerSize)
    frame.advance(Self.headerSize)
    frame.append(bytes)
    let header = UnsafeMutableRawPointer(mutating: frame.bytes.baseAddress.unsafelyUnwrapped)
    header.storeBytes(of: Self.magic, as: UInt32.self)
    header.storeBytes(of: UInt32(bytes.count), toByteOffset: 4, as: UInt32.self)
    header.storeBytes(of: end, toByteOffset: 16, as: Int64.self)
    header.storeBytes(of: Self.checksum(header, bytes.count), toByteOffset: 8, as: UInt32.self)
    if file == nil || place + Int64(frame.count) > Int64(segmentSize) && place > 0 { try startSegment() }
    guard let file else { return }
    CrashPoint.pass(CrashPoints.journalBeforeWrite)
    try file.write(frame.bytes, at: place)
    CrashPoint.pass(CrashPoints.journalAfterWrite)
    if isDurable {
      try file.sync()
      CrashPoint.pass(CrashPoints.journalAfterSync)
    }
    place += Int64(frame.count)
    end += Int64(bytes.count)
  }

  /// Makes durable what was appended so far. May be called from another thread than `append`.
  func sync() throws {
    guard let file = shared.read(\.file) else { return }
    try file.sync()
    CrashPoint.pass(CrashPoints.journalAfterSync)
  }

  private func startSegment() throws {
    // Another thread may be syncing it: it is closed with the last reference.
    try file?.sync()
    shared.change { $0.file = nil }
    file = nil
    let fresh = try files.open(path(end), .create)
    try fresh.preallocate(Int64(segmentSize))
    try fresh.sync()
    CrashPoint.pass(CrashPoints.journalAfterCreate)
    try files.syncDirectory(directory)
    file = fresh
    place = 0
    let start = end
    shared.change { state in
      state.file = fresh
      if state.segments.last != start { state.segments.append(start) }
    }
  }

  /// Everything before `offset` is committed: segments that end there or before go.
  func forget(before offset: Int64) throws {
    let gone = shared.change { state in
      var gone: [Int64] = []
      while state.segments.count > 1, state.segments[1] <= offset { gone.append(state.segments.removeFirst()) }
      return gone
    }
    for segment in gone {
      CrashPoint.pass(CrashPoints.journalBeforeRemove)
      try files.remove(path(segment))
      CrashPoint.pass(CrashPoints.journalAfterRemove)
    }
  }

  // MARK: Reading

  /// Reads the bytes of `range`, which must be durable.
  func reader(_ range: Range<Int64>) throws -> any ByteReader {
    let (segments, cursor) = shared.read { ($0.segments, $0.cursor) }
    guard let segment = segments.last(where: { $0 <= range.lowerBound }) else { throw gap(at: range.lowerBound) }
    let later = segments.filter { $0 > segment && $0 < range.upperBound }
    let isNear = cursor.segment == segment && cursor.offset <= range.lowerBound
    return JournalReader(
      journal: self, range: range, segments: [segment] + later, offset: isNear ? cursor.offset : segment,
      place: isNear ? cursor.place : 0)
  }

  fileprivate func remember(offset: Int64, segment: Int64, place: Int64) {
    shared.change { $0.cursor = (offset, segment, place) }
  }

  fileprivate func openForReading(_ segment: Int64) throws -> any File { try files.open(path(segment), .read) }

  fileprivate func broken(_ segment: Int64, _ place: Int64) -> MillraceError {
    CheckpointError.corrupt(path(segment), Int(place), "a record of the journal is missing or broken")
  }

  fileprivate static func frameLength(_ bytes: UnsafeRawBufferPointer, offset: Int64) -> Int? {
    frame(bytes, 0, offset: offset)
  }
}

/// Reads a range of a journal frame by frame.
private final class JournalReader: ByteReader {
  private let journal: IngestJournal
  private let range: Range<Int64>
  private var segments: [Int64]
  private var file: (any File)?
  /// Offset of the first byte of the frame at `place`.
  private var offset: Int64
  private var place: Int64
  /// A stretch of the file from `place`.
  private var window = MemoryBuffer(capacity: 1 << 16)
  private var windowStart: Int64 = 0
  private var windowCount = 0
  /// What of the current frame was not given yet.
  private var rest = UnsafeRawBufferPointer(start: nil, count: 0)

  init(journal: IngestJournal, range: Range<Int64>, segments: [Int64], offset: Int64, place: Int64) {
    self.journal = journal
    self.range = range
    self.segments = segments
    self.offset = offset
    self.place = place
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      if rest.isEmpty, try !nextFrame() { break }
      let count = min(rest.count, buffer.count - done)
      guard count > 0, let source = rest.baseAddress, let target = buffer.baseAddress else { break }
      memcpy(target + done, source, count)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      done += count
    }
    return done
  }

  private func nextFrame() throws -> Bool {
    while offset < range.upperBound {
      if segments.count > 1, segments[1] == offset {
        segments.removeFirst()
        try? file?.close()
        file = nil
        place = 0
        windowCount = 0
      }
      let bytes = try frameBytes()
      let start = offset
      offset += Int64(bytes.count)
      place += Int64(IngestJournal.headerSize + bytes.count)
      if offset <= range.lowerBound { continue }
      let from = max(range.lowerBound - start, 0), to = min(range.upperBound, offset) - start
      rest = UnsafeRawBufferPointer(rebasing: bytes[Int(from)..<Int(to)])
      return true
    }
    return false
  }

  /// The bytes of the frame at `place`, checked.
  private func frameBytes() throws -> UnsafeRawBufferPointer {
    var wanted = IngestJournal.headerSize + 1
    for _ in 0..<3 {
      let view = try look(wanted)
      if view.count < wanted { break }
      let length = Int(view.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      if view.count >= IngestJournal.headerSize + length {
        guard IngestJournal.frameLength(view, offset: offset) == length else { break }
        return UnsafeRawBufferPointer(rebasing: view[IngestJournal.headerSize..<IngestJournal.headerSize + length])
      }
      wanted = IngestJournal.headerSize + length
    }
    throw journal.broken(segments[0], place)
  }

  /// At least `wanted` bytes from `place`, unless the file ends before.
  private func look(_ wanted: Int) throws -> UnsafeRawBufferPointer {
    let skipped = Int(place - windowStart)
    if windowCount > 0, skipped >= 0, windowCount - skipped >= wanted {
      return UnsafeRawBufferPointer(start: window.base + skipped, count: windowCount - skipped)
    }
    let open = try file ?? journal.openForReading(segments[0])
    file = open
    if wanted > window.capacity { window = MemoryBuffer(capacity: wanted + (1 << 16)) }
    windowStart = place
    windowCount = try open.read(
      into: UnsafeMutableRawBufferPointer(start: window.base, count: window.capacity), at: place)
    return UnsafeRawBufferPointer(start: window.base, count: windowCount)
  }

  func close() {
    try? file?.close()
    if rest.isEmpty { journal.remember(offset: offset, segment: segments[0], place: place) }
  }
}
