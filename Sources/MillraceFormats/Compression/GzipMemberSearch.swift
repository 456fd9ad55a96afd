import MillraceColumnar
import MillraceCore

/// Looks for the next gzip member in a file, behind damage.
struct GzipMemberSearch {
  private static let headerLength = 10
  private static let pieceSize = 256 << 10
  /// Plain bytes that a member must give to be taken for one, unless it has fewer.
  private static let trialSize = 512

  private let file: any File
  private let end: Int64

  /// Looks no further than `end`.
  init(_ file: any File, end: Int64) {
    self.file = file
    self.end = end
  }

  /// Offset of the first byte, at or behind `start`, at which a member begins that can be inflated; nil if there is none.
  func member(from start: Int64) throws -> Int64? {
    let memory = MemoryBuffer(capacity: Self.pieceSize)
    var offset = start
    while offset < end {
      let wanted = Int(min(Int64(Self.pieceSize), end - offset))
      let piece = UnsafeMutableRawBufferPointer(start: memory.base, count: wanted)
      let count = try file.read(into: piece, at: offset)
      if count < Self.headerLength { return nil }
      for at in 0...count - Self.headerLength where Self.isHeader(piece, at) {
        if isMember(offset + Int64(at)) { return offset + Int64(at) }
      }
      // Headers may be cut by the end of a piece.
      offset += Int64(count - Self.headerLength + 1)
    }
    return nil
  }

  /// Whether a header that a common writer makes stands here.
  private static func isHeader(_ bytes: UnsafeMutableRawBufferPointer, _ at: Int) -> Bool {
    guard bytes[at] == 0x1F, bytes[at + 1] == 0x8B, bytes[at + 2] == 8, bytes[at + 3] & 0xE0 == 0 else { return false }
    let effort = bytes[at + 8], system = bytes[at + 9]
    return (effort == 0 || effort == 2 || effort == 4) && (system <= 13 || system == 255)
  }

  /// Whether what stands here inflates for a while. Four bytes that look like a header can be anywhere.
  private func isMember(_ start: Int64) -> Bool {
    let input = MemoryBuffer(capacity: 4096), output = MemoryBuffer(capacity: Self.trialSize)
    let wanted = Int(min(Int64(input.capacity), end - start))
    guard let count = try? file.read(into: UnsafeMutableRawBufferPointer(start: input.base, count: wanted), at: start)
    else { return false }
    let gzip = GzipDecompressor()
    let source = UnsafeRawBufferPointer(start: input.base, count: count)
    let target = UnsafeMutableRawBufferPointer(start: output.base, count: Self.trialSize)
    guard let step = try? gzip.decompress(source, isFinal: false, into: target) else { return false }
    return step.produced == Self.trialSize || step.consumed == count || gzip.memberStart.compressed > 0
  }
}
