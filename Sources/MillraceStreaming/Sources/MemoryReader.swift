import Glibc
import MillraceColumnar
import MillraceCore

/// Reads a range out of chunks in memory.
final class MemoryReader: ResidentByteReader {
  private let chunks: [(start: Int64, bytes: MemorySlice)]
  private let end: Int64
  private var offset: Int64
  private var index = 0

  init(chunks: [(start: Int64, bytes: MemorySlice)], range: Range<Int64>) {
    self.chunks = chunks
    offset = range.lowerBound
    end = range.upperBound
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count, offset < end, index < chunks.count {
      let chunk = chunks[index]
      let inside = Int(offset - chunk.start)
      if inside >= chunk.bytes.count {
        index += 1
        continue
      }
      let count = min(chunk.bytes.count - inside, buffer.count - done, Int(end - offset))
      guard let target = buffer.baseAddress else { break }
      memcpy(target + done, chunk.bytes.base + inside, count)
      done += count
      offset += Int64(count)
    }
    return done
  }

  func nextBlock() -> (owner: MemoryBuffer, bytes: UnsafeRawBufferPointer)? {
    while offset < end, index < chunks.count {
      let chunk = chunks[index]
      let inside = Int(offset - chunk.start)
      if inside >= chunk.bytes.count {
        index += 1
        continue
      }
      let count = min(chunk.bytes.count - inside, Int(end - offset))
      offset += Int64(count)
      return (chunk.bytes.owner, UnsafeRawBufferPointer(start: chunk.bytes.base + inside, count: count))
    }
    return nil
  }

  func close() {}
}
