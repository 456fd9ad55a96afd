import MillraceColumnar
import MillraceCore

extension FileMode {
  /// Bytes of the blocks that so many bytes need in an uncached file.
  static func wholeBlocks(_ byteCount: Int) -> Int { (byteCount + uncachedBlock - 1) / uncachedBlock * uncachedBlock }
}

/// Memory from which an uncached file can be written; the same serves one version after the other.
struct AlignedBlocks: @unchecked Sendable {
  private let allocated: UnsafeMutableRawPointer
  private let memory: UnsafeMutableRawBufferPointer

  /// Room for so many bytes and what fills up the last block.
  init(_ byteCount: Int) {
    let size = FileMode.wholeBlocks(byteCount)
    allocated = RawMemory.allocate(byteCount: size + FileMode.uncachedBlock)
    memory = UnsafeMutableRawBufferPointer(
      start: allocated.alignedUp(toMultipleOf: FileMode.uncachedBlock), count: size)
  }

  func deallocate() { RawMemory.deallocate(allocated, byteCount: memory.count + FileMode.uncachedBlock) }

  /// Bytes that there is room for.
  var capacity: Int { memory.count }

  /// Takes bytes, and gives whole blocks with zeros behind them.
  func fill(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    memory.copyMemory(from: bytes)
    let size = FileMode.wholeBlocks(bytes.count)
    for index in bytes.count..<size { memory[index] = 0 }
    return UnsafeRawBufferPointer(rebasing: memory[..<size])
  }
}

/// Writes blocks of a file on threads of its own, so that whoever makes them does not wait for the disk, and the disk has several at once to
/// write. Several threads may add at the same time; they wait once a few blocks are ahead of the disk.
final class WriteBehind: Sendable {
  private struct Write {
    var blocks: AlignedBlocks
    var bytes: UnsafeRawBufferPointer
    var offset: Int64
  }

  private struct State {
    var waiting: [Write] = []
    /// Writes under way.
    var writing = 0
    var isEnded = false
    var failure: (any Error)?
    /// To be filled again.
    var free: [AlignedBlocks] = []
    /// Of those that are free, filled, or being filled.
    var blockCount = 0
  }

  private let state = Monitor(State())
  private static let threadCount = 3
  /// Blocks on their way: as many again as are written may wait.
  private static let limit = 2 * threadCount

  init(_ file: any File) throws {
    for _ in 0..<Self.threadCount {
      try EngineThread.start("writes of state") { [state] in
        while let write = Self.next(state) {
          let result = Result { try file.write(write.bytes, at: write.offset) }
          state.change { state in
            state.writing -= 1
            state.free.append(write.blocks)
            if case .failure(let error) = result, state.failure == nil { state.failure = error }
          }
        }
        let unused = state.change { state in
          defer { (state.waiting, state.free) = ([], []) }
          return state.waiting.map(\.blocks) + state.free
        }
        for blocks in unused { blocks.deallocate() }
      }
    }
  }

  /// The next write, which has begun then; nil at the end.
  private static func next(_ state: Monitor<State>) -> Write? {
    state.wait(microseconds: nil) { state -> Write?? in
      if state.isEnded { return .some(nil) }
      if state.waiting.isEmpty { return nil }
      state.writing += 1
      return state.waiting.removeFirst()
    }.flatMap { $0 }
  }

  /// Takes a copy of bytes to be written from `offset` on, with zeros up to the end of their last block. Throws what an earlier write threw.
  func add(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws {
    let blocks = try blocks(bytes.count)
    let filled = blocks.fill(bytes)
    state.change { $0.waiting.append(Write(blocks: blocks, bytes: filled, offset: offset)) }
  }

  private func blocks(_ byteCount: Int) throws -> AlignedBlocks {
    let kept: AlignedBlocks?? = try state.wait(microseconds: nil) { state -> AlignedBlocks?? in
      if let failure = state.failure { throw failure }
      if let kept = state.free.popLast() { return .some(kept) }
      if state.blockCount == Self.limit { return nil }
      state.blockCount += 1
      return .some(nil)
    }
    if let kept, let kept {
      if kept.capacity >= byteCount { return kept }
      kept.deallocate()
    }
    return AlignedBlocks(byteCount)
  }

  /// Waits until all is written, and ends; throws what a write threw.
  func finish() throws {
    let failure: (any Error)?? = state.wait(microseconds: nil) { state -> (any Error)?? in
      state.failure != nil || (state.waiting.isEmpty && state.writing == 0) ? .some(state.failure) : nil
    }
    cancel()
    if let failure, let failure { throw failure }
  }

  /// Ends without the writes that have not begun, and waits for those that have.
  func cancel() {
    state.change { $0.isEnded = true }
    let _: Void? = state.wait(microseconds: nil) { $0.writing > 0 ? nil : () }
  }
}
