import MillraceCore
import MillraceFormats

/// Compresses a file that is done.
enum GzipRotation {
  private static let pieceSize = 1 << 20

  /// Replaces the file at `path` by one with `.gz` behind its name and gives its size. It may be done again after a crash: the new file
  /// gets its name when it is whole, and only then is the old one removed.
  static func compress(_ path: String, level: Int, _ files: any FileSystem) throws -> Int64 {
    let target = "\(path).gz"
    let folder = FilePath.parent(path)
    guard try files.status(path) != nil else { return try files.status(target)?.size ?? 0 }
    var size: Int64 = 0
    if try files.status(target) == nil {
      let draft = "\(folder)/.\(FilePath.name(path)).gz.draft"
      CrashPoint.pass("rotating.compress")
      size = try write(path, to: draft, level: level, files)
      CrashPoint.pass("rotating.compressed")
      try files.rename(draft, to: target)
      CrashPoint.pass("rotating.compressed-named")
      try files.syncDirectory(folder)
    } else {
      size = try files.status(target)?.size ?? 0
    }
    try files.remove(path)
    CrashPoint.pass("rotating.plain-removed")
    return size
  }

  /// A member for each piece, so that a reader can begin at any of them.
  private static func write(_ path: String, to draft: String, level: Int, _ files: any FileSystem) throws -> Int64 {
    let compressor = GzipCompressor(level: level)
    let source = try files.open(path, .read)
    defer { try? source.close() }
    let target = try files.open(draft, .create)
    defer { try? target.close() }
    let memory = MemoryBuffer(capacity: pieceSize)
    let out = ByteBuffer(capacity: pieceSize / 4)
    var read: Int64 = 0
    var written: Int64 = 0
    while true {
      let piece = UnsafeMutableRawBufferPointer(start: memory.base, count: pieceSize)
      let count = try source.read(into: piece, at: read)
      if count == 0 && read > 0 { break }
      out.removeAll()
      compressor.compressMember(UnsafeRawBufferPointer(rebasing: piece[..<count]), into: out)
      try target.write(out.bytes, at: written)
      read += Int64(count)
      written += Int64(out.count)
      if count == 0 { break }
    }
    try target.sync()
    return written
  }
}
