import MillraceColumnar
public import MillraceCore

/// What is done with a gzip file that is damaged, cut short or followed by something else. What lies before the damage is read in any
/// case.
public enum GzipDamagePolicy: String, Sendable, CaseIterable {
  /// An error.
  case fail
  /// The rest of the member is left out; reading goes on with the next one that can be found.
  case skipMember
  /// The rest of the file is left out.
  case stop
}

/// Reads a file from some plain offset on, inflating it if it is gzip. What it is shows in its first bytes, not in its name.
public final class GzipReader: StoredByteReader {
  private let file: any File
  private let policy: GzipDamagePolicy
  private let report: (MillraceError) -> Void
  /// The last byte of the last read.
  private var lastByte: UInt8 = 0x0A
  /// Whether nothing more is to be read, whatever the file holds.
  private var isDone = false
  private let library: InflateLibrary
  private var gzip: GzipDecompressor?
  private let input: MemoryBuffer
  private var inputStart = 0
  private var inputEnd = 0
  private var fileOffset: Int64
  /// Bytes of the file that count.
  private let fileEnd: Int64
  private var isAtEnd = false
  /// Plain bytes given so far, counted from the file's start.
  public private(set) var plainOffset: Int64
  /// Bytes of the file that were read, compressed if it is.
  public private(set) var storedByteCount: Int64 = 0

  /// Whether the file is gzip.
  public var isCompressed: Bool { gzip != nil }
  /// A place at or before `plainOffset` at which reading can begin anew.
  public var restartPoint: GzipRestartPoint {
    gzip?.memberStart ?? GzipRestartPoint(compressed: plainOffset, plain: plainOffset)
  }

  /// Begins at plain byte `offset`. `restart` is a member's start at or before it, as an earlier reader of the file gave it;
  /// `fileEnd` cuts off what was added to the file later. `report` is told of damage that `policy` gets over; then zlib inflates, since
  /// what it gives before the damage does not depend on where the reads end, and another read of the file must give the same.
  public init(
    _ file: any File, offset: Int64 = 0, restart: GzipRestartPoint = GzipRestartPoint(),
    fileEnd: Int64 = .max, inputCapacity: Int = 256 << 10, library: InflateLibrary = .preferred,
    policy: GzipDamagePolicy = .fail, report: @escaping (MillraceError) -> Void = { _ in }
  ) throws {
    self.file = file
    self.policy = policy
    self.report = report
    self.fileEnd = fileEnd
    self.library = policy == .fail ? library : .zlib
    input = MemoryBuffer(capacity: inputCapacity)
    fileOffset = 0
    plainOffset = 0
    // All of a small file.
    try fill(Self.firstRead)
    let isGzip = inputEnd >= 2 && input.bytes[0] == 0x1F && input.bytes[1] == 0x8B
    let start = isGzip ? restart.compressed : offset
    if start > 0 {
      forgetInput(andGoTo: start)
      storedByteCount = 0
    }
    plainOffset = isGzip ? restart.plain : offset
    if isGzip {
      gzip = GzipDecompressor(self.library, from: restart)
      try skip(to: offset)
    }
  }

  private static let firstRead = 4096

  private func forgetInput(andGoTo offset: Int64) {
    fileOffset = offset
    inputStart = 0
    inputEnd = 0
    isAtEnd = false
  }

  private func skip(to offset: Int64) throws {
    if plainOffset == offset { return }
    let scratch = MemoryBuffer(capacity: 256 << 10)
    while plainOffset < offset {
      let wanted = min(Int64(scratch.capacity), offset - plainOffset)
      if try read(into: UnsafeMutableRawBufferPointer(start: scratch.base, count: Int(wanted))) == 0 {
        throw MillraceError(
          "SOURCE_FILE_TRUNCATED", "'\(file.path)' holds \(plainOffset) bytes, but \(offset) of them were read before",
          hint: "put the file back as it was, or start with a new checkpoint", fault: .external)
      }
    }
  }

  /// Fills the buffer as far as the file goes.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if gzip == nil { return try readPlain(into: buffer) }
    var filled = 0
    while !isDone && filled < buffer.count {
      do {
        if try inflate(into: buffer, &filled) { break }
      } catch var error as MillraceError {
        error.location = error.location ?? file.path
        if filled > 0 { lastByte = buffer[filled - 1] }
        if policy == .fail {
          if filled > 0 { return filled }
          throw error
        }
        report(error)
        if try !goOn(behind: error, buffer, &filled) { isDone = true }
      }
    }
    if filled > 0 { lastByte = buffer[filled - 1] }
    return filled
  }

  /// What was read to see what the file is, then the rest without a copy.
  private func readPlain(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let copied = min(inputEnd - inputStart, buffer.count)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: input.bytes[inputStart..<inputStart + copied]))
    inputStart += copied
    var count = copied
    let wanted = Int(max(0, min(Int64(buffer.count - copied), fileEnd - fileOffset)))
    if wanted > 0 && !(isAtEnd && copied > 0) {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[copied..<copied + wanted])
      let got = try file.read(into: rest, at: fileOffset)
      fileOffset += Int64(got)
      storedByteCount += Int64(got)
      count += got
    }
    plainOffset += Int64(count)
    return count
  }

  /// Inflates some more; true at the end.
  private func inflate(into buffer: UnsafeMutableRawBufferPointer, _ filled: inout Int) throws -> Bool {
    guard let gzip else { return true }
    if inputStart == inputEnd && !isAtEnd { try fill() }
    let source = UnsafeRawBufferPointer(start: input.base + inputStart, count: inputEnd - inputStart)
    let target = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
    let step = try gzip.decompress(source, isFinal: isAtEnd, into: target)
    inputStart += step.consumed
    filled += step.produced
    plainOffset += Int64(step.produced)
    return step.isFinished
  }

  // MARK: Damage

  /// Goes on with the next member behind damage; false if there is none, or none is wanted. A record that the damage cut is ended, so
  /// that it does not become one with the first of the next member.
  private func goOn(behind error: MillraceError, _ buffer: UnsafeMutableRawBufferPointer, _ filled: inout Int) throws
    -> Bool
  {
    guard let gzip, policy == .skipMember else { return false }
    let search = GzipMemberSearch(file, end: fileEnd)
    guard let found = try search.member(from: gzip.searchStart) else { return false }
    if plainOffset > gzip.memberStart.plain && lastByte != 0x0A {
      buffer[filled] = 0x0A
      filled += 1
      plainOffset += 1
    }
    self.gzip = GzipDecompressor(library, from: GzipRestartPoint(compressed: found, plain: plainOffset))
    forgetInput(andGoTo: found)
    return true
  }

  private func fill(_ most: Int = .max) throws {
    let wanted = Int(max(0, min(Int64(min(input.capacity, most)), fileEnd - fileOffset)))
    inputStart = 0
    inputEnd = try file.read(into: UnsafeMutableRawBufferPointer(start: input.base, count: wanted), at: fileOffset)
    fileOffset += Int64(inputEnd)
    storedByteCount += Int64(inputEnd)
    isAtEnd = inputEnd < wanted || fileOffset >= fileEnd
  }

  /// Closes the file.
  public func close() { try? file.close() }
}
