import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// The bytes of a source that cannot be asked again, in numbered files until the batch that used them is committed.
///
/// Bytes have offsets that grow for ever. A segment is named by the offset of its first byte and holds frames: magic, length,
/// checksum, length of the notes, offset, notes, bytes. Only whole records are written. One thread appends; offsets and segments are
/// shared. Notes tell where the records of a frame came from and the number of each sender's last one. The first frame of a segment has
/// those of all senders, so that the segments before it can go.
final class IngestJournal: @unchecked Sendable {
  static let headerSize = 24
  private static let magic: UInt32 = 0x4E52_4A4D
  /// Of a frame with notes.
  private static let notedMagic: UInt32 = 0x4F52_4A4D
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
  /// Bytes that the segment which is written may have, but for a frame that is larger.
  private var roomInSegment: Int64
  /// Where the frames of the segment end that was checked last.
  private var lastCheck = 0
  /// Offset behind the last byte.
  private(set) var end: Int64 = 0
  private let frame = ByteBuffer(capacity: 1 << 16)
  /// The number of the last record of each sender that numbers them, in what was appended or found.
  private(set) var sequences: [String: Int64] = [:]

  init(files: any FileSystem, directory: String, segmentSize: Int) {
    self.files = files
    self.directory = directory
    self.segmentSize = segmentSize
    roomInSegment = Int64(segmentSize)
  }

  deinit { try? file?.close() }

  private func path(_ segment: Int64) -> String { Self.path(directory, segment) }

  /// The file of a segment, which is named by the offset of its first byte.
  static func path(_ directory: String, _ segment: Int64) -> String {
    let digits = String(segment, radix: 16)
    return "\(directory)/\(String(repeating: "0", count: 16 - digits.count))\(digits).journal"
  }

  // MARK: Opening

  /// Finds what is there, removes what is committed, cuts a torn end. `visit` gets the notes of what is kept, with the offset of the
  /// first byte that they are about.
  func open(committed: Int64, visit: (Int64, JournalNotes) -> Void = { _, _ in }) throws {
    try makeDirectory()
    let found = try wholeSegments()
    end = committed
    var kept: [Int64] = []
    for (index, segment) in found.enumerated() {
      let isLast = index == found.count - 1
      if !isLast && found[index + 1] <= committed {
        try syncNotes(found[index + 1])
        try files.remove(path(segment))
        continue
      }
      if segment > (kept.isEmpty ? committed : end) { throw gap(at: kept.isEmpty ? committed : end) }
      let stop = try check(segment, isLast: isLast, visit: visit)
      if isLast && stop <= committed && sequences.isEmpty {
        try files.remove(path(segment))
      } else {
        kept.append(segment)
        end = max(end, stop)
        // A segment that has notes only would be made anew under its own name, and they would be lost in between.
        if isLast && stop == segment { try goOn(segment) }
      }
    }
    shared.change { $0.segments = kept }
  }

  /// The segments without those at the end in which nothing is whole: a crash came before their first frame was there, and they are made
  /// anew.
  private func wholeSegments() throws -> [Int64] {
    var found = try Self.segments(files, directory)
    while let last = found.last {
      let bytes = try StateFiles.readAll(files, path(last))
      if Self.walk(bytes.bytes, from: last).place > 0 { break }
      found.removeLast()
    }
    return found
  }

  /// What a segment says of all senders must be durable before the segments in front of it go.
  private func syncNotes(_ segment: Int64) throws {
    let file = try files.open(path(segment), .update)
    defer { try? file.close() }
    try file.sync()
  }

  private func goOn(_ segment: Int64) throws {
    let opened = try files.open(path(segment), .update)
    file = opened
    place = Int64(lastCheck)
    shared.change { $0.file = opened }
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
  private func check(_ segment: Int64, isLast: Bool, visit: (Int64, JournalNotes) -> Void) throws -> Int64 {
    let bytes = try StateFiles.readAll(files, path(segment))
    let view = bytes.bytes
    let stop = Self.walk(view, from: segment) { offset, notes in
      guard let notes = JournalNotes(notes) else { return }
      sequences.merge(notes.sequences) { max($0, $1) }
      visit(offset, notes)
    }
    lastCheck = stop.place
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
  /// nothing else follows. `visit` gets the notes of each frame that has some.
  static func walk(
    _ bytes: UnsafeRawBufferPointer, from segment: Int64, visit: (Int64, UnsafeRawBufferPointer) -> Void = { _, _ in }
  ) -> (place: Int, offset: Int64, isClean: Bool) {
    var place = 0
    var offset = segment
    while let frame = frame(bytes, place, offset: offset) {
      let start = place + headerSize
      if frame.notes > 0 { visit(offset, UnsafeRawBufferPointer(rebasing: bytes[start..<start + frame.notes])) }
      place = start + frame.notes + frame.bytes
      offset += Int64(frame.bytes)
    }
    return (place, offset, !bytes[place...].contains { $0 != 0 })
  }

  /// Length of the notes and bytes that a header says to follow.
  fileprivate static func lengths(_ header: UnsafeRawPointer) -> (notes: Int, bytes: Int)? {
    let bytes = Int(header.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    switch header.loadUnaligned(as: UInt32.self) {
    case magic where bytes > 0: return (0, bytes)
    case notedMagic: return (Int(header.loadUnaligned(fromByteOffset: 12, as: UInt32.self)), bytes)
    default: return nil
    }
  }

  /// Lengths of the whole frame at `at` whose first byte has `offset`.
  private static func frame(_ bytes: UnsafeRawBufferPointer, _ at: Int, offset: Int64) -> (notes: Int, bytes: Int)? {
    guard at + headerSize < bytes.count, let base = bytes.baseAddress else { return nil }
    let header = base + at
    guard let frame = lengths(header), frame.notes + frame.bytes <= bytes.count - at - headerSize,
      header.loadUnaligned(fromByteOffset: 16, as: Int64.self) == offset,
      header.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == checksum(header, header + headerSize, frame)
    else { return nil }
    return frame
  }

  private static func checksum(
    _ header: UnsafeRawPointer, _ bytes: UnsafeRawPointer, _ frame: (notes: Int, bytes: Int)
  ) -> UInt32 {
    var sum = ck_crc32c(ck_crc32c(seed, header, 8), header + 16, 8)
    if header.loadUnaligned(as: UInt32.self) == notedMagic { sum = ck_crc32c(sum, header + 12, 4) }
    return ck_crc32c(sum, bytes, frame.notes + frame.bytes)
  }

  // MARK: Writing

  /// Largest segment that is made where much comes at a time.
  private static let largestSegment: Int64 = 64 << 20
  /// Bytes from which a frame is not put together in memory before it is written.
  private static let separateFrom = 64 << 10

  /// Writes bytes of whole records and makes them durable, or leaves that to the next `sync`; `end` is then behind them. `expected` is how
  /// much comes at a time: a new segment has room for several times as much, since each costs several syncs.
  func append(
    _ bytes: UnsafeRawBufferPointer, notes: JournalNotes = JournalNotes(), isDurable: Bool = true, expected: Int = 0
  ) throws {
    if file == nil || place + Int64(Self.headerSize + bytes.count) > roomInSegment && place > 0 {
      roomInSegment = max(Int64(segmentSize), min(Int64(expected) * 8, Self.largestSegment))
      try startSegment()
    }
    try write(bytes, notes)
    if isDurable {
      try file?.sync()
      CrashPoint.pass(CrashPoints.journalAfterSync)
    }
    end += Int64(bytes.count)
    sequences.merge(notes.sequences) { max($0, $1) }
  }

  /// Writes one frame at `place` and goes on behind it.
  private func write(_ bytes: UnsafeRawBufferPointer, _ notes: JournalNotes) throws {
    guard let file else { return }
    frame.removeAll()
    memset(frame.reserve(Self.headerSize), 0, Self.headerSize)
    frame.advance(Self.headerSize)
    if !notes.isEmpty { notes.append(to: frame) }
    let lengths = (notes: frame.count - Self.headerSize, bytes: bytes.count)
    let isSeparate = bytes.count >= Self.separateFrom
    if !isSeparate { frame.append(bytes) }
    let header = UnsafeMutableRawPointer(mutating: frame.bytes.baseAddress.unsafelyUnwrapped)
    header.storeBytes(of: lengths.notes > 0 ? Self.notedMagic : Self.magic, as: UInt32.self)
    header.storeBytes(of: UInt32(lengths.bytes), toByteOffset: 4, as: UInt32.self)
    header.storeBytes(of: UInt32(lengths.notes), toByteOffset: 12, as: UInt32.self)
    header.storeBytes(of: end, toByteOffset: 16, as: Int64.self)
    var sum = Self.checksum(
      header, header + Self.headerSize, (lengths.notes, isSeparate ? 0 : lengths.bytes))
    if isSeparate, let base = bytes.baseAddress { sum = ck_crc32c(sum, base, bytes.count) }
    header.storeBytes(of: sum, toByteOffset: 8, as: UInt32.self)
    CrashPoint.pass(CrashPoints.journalBeforeWrite)
    try file.write(frame.bytes, at: place)
    if isSeparate { try file.write(bytes, at: place + Int64(frame.count)) }
    CrashPoint.pass(CrashPoints.journalAfterWrite)
    place += Int64(frame.count) + (isSeparate ? Int64(bytes.count) : 0)
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
    try fresh.preallocate(roomInSegment)
    try fresh.sync()
    CrashPoint.pass(CrashPoints.journalAfterCreate)
    try files.syncDirectory(directory)
    file = fresh
    place = 0
    // Once the segment is known, those before it may go: the numbers of all senders must be durable in it.
    if !sequences.isEmpty {
      try write(UnsafeRawBufferPointer(start: nil, count: 0), JournalNotes(sequences: sequences))
      try fresh.sync()
    }
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

  fileprivate static func isWhole(_ bytes: UnsafeRawBufferPointer, offset: Int64) -> Bool {
    frame(bytes, 0, offset: offset) != nil
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
      let (notes, bytes) = try frameBytes()
      let start = offset
      offset += Int64(bytes.count)
      place += Int64(IngestJournal.headerSize + notes + bytes.count)
      if bytes.isEmpty || offset <= range.lowerBound { continue }
      let from = max(range.lowerBound - start, 0), to = min(range.upperBound, offset) - start
      rest = UnsafeRawBufferPointer(rebasing: bytes[Int(from)..<Int(to)])
      return true
    }
    return false
  }

  /// The length of the notes and the bytes of the frame at `place`, checked.
  private func frameBytes() throws -> (Int, UnsafeRawBufferPointer) {
    var wanted = IngestJournal.headerSize + 1
    for _ in 0..<3 {
      let view = try look(wanted)
      guard view.count >= wanted, let header = view.baseAddress, let lengths = IngestJournal.lengths(header) else {
        break
      }
      wanted = IngestJournal.headerSize + lengths.notes + lengths.bytes
      if view.count >= wanted {
        guard IngestJournal.isWhole(view, offset: offset) else { break }
        return (
          lengths.notes,
          UnsafeRawBufferPointer(rebasing: view[IngestJournal.headerSize + lengths.notes..<wanted])
        )
      }
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
