import MillraceColumnar
public import MillraceCore

/// Reads a file from some plain offset on, inflating it if it is gzip. What it is shows in its first bytes, not in its name.
public final class GzipReader: StoredByteReader {
  private let file: any File
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
  /// `fileEnd` cuts off what was added to the file later.
  public init(
    _ file: any File, offset: Int64 = 0, restart: GzipRestartPoint = GzipRestartPoint(),
    fileEnd: Int64 = .max, inputCapacity: Int = 256 << 10, library: InflateLibrary = .preferred
  ) throws {
    self.file = file
    self.fileEnd = fileEnd
    self.library = library
    input = MemoryBuffer(capacity: inputCapacity)
    var magic: (UInt8, UInt8) = (0, 0)
    let count = try withUnsafeMutableBytes(of: &magic) { try file.read(into: $0, at: 0) }
    let isGzip = count == 2 && magic == (0x1F, 0x8B)
    fileOffset = isGzip ? restart.compressed : offset
    plainOffset = isGzip ? restart.plain : offset
    if isGzip {
      gzip = GzipDecompressor(library, from: restart)
      try skip(to: offset)
    }
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
    guard let gzip else {
      let wanted = Int(max(0, min(Int64(buffer.count), fileEnd - fileOffset)))
      let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: fileOffset)
      fileOffset += Int64(count)
      plainOffset += Int64(count)
      storedByteCount += Int64(count)
      return count
    }
    var filled = 0
    do {
      while filled < buffer.count {
        if inputStart == inputEnd && !isAtEnd { try fill() }
        let source = UnsafeRawBufferPointer(start: input.base + inputStart, count: inputEnd - inputStart)
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
        let step = try gzip.decompress(source, isFinal: isAtEnd, into: target)
        inputStart += step.consumed
        filled += step.produced
        plainOffset += Int64(step.produced)
        if step.isFinished { break }
      }
    } catch var error as MillraceError {
      if filled > 0 { return filled }
      error.location = error.location ?? file.path
      throw error
    }
    return filled
  }

  private func fill() throws {
    let wanted = Int(max(0, min(Int64(input.capacity), fileEnd - fileOffset)))
    inputStart = 0
    inputEnd = try file.read(into: UnsafeMutableRawBufferPointer(start: input.base, count: wanted), at: fileOffset)
    fileOffset += Int64(inputEnd)
    storedByteCount += Int64(inputEnd)
    isAtEnd = inputEnd < input.capacity
  }

  /// Closes the file.
  public func close() { try? file.close() }
}
