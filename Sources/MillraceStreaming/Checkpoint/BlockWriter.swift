import MillraceCore

/// Writes bytes one after the other into an uncached file, in whole blocks. What stands behind the last byte counts for nothing.
struct BlockWriter: ~Copyable {
  private let file: any File
  private let buffer: UnsafeMutableRawBufferPointer
  /// Bytes in the buffer.
  private var used = 0
  /// Where the buffer goes in the file.
  private var offset: Int64 = 0
  private static let size = 1 << 20

  init(_ file: any File) {
    self.file = file
    buffer = .allocate(byteCount: Self.size, alignment: FileMode.uncachedBlock)
  }

  deinit { buffer.deallocate() }

  /// Appends bytes.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    var left = bytes[...]
    while !left.isEmpty {
      let part = left.prefix(Self.size - used)
      UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: part))
      used += part.count
      left = left.dropFirst(part.count)
      if used == Self.size { try flush() }
    }
  }

  /// Writes what is left.
  mutating func finish() throws {
    let end = FileMode.wholeBlocks(used)
    for index in used..<end { buffer[index] = 0 }
    used = end
    if used > 0 { try flush() }
  }

  private mutating func flush() throws {
    try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<used]), at: offset)
    offset += Int64(used)
    used = 0
  }
}
