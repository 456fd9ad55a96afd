import Glibc
import MillraceColumnar
import MillraceCore
import Synchronization

/// Reads the beginnings of the splits of the next batch while a worker has nothing else to do: while another reads the last split of this
/// batch, and while the batch is committed. What was read of a split that does not come is forgotten.
final class ReadAhead: Sendable {
  /// Blocks of a window that are read of each split.
  private static let blockLimit = 16

  private let source: any ByteSource
  private let clock: any Clock
  private let state = Mutex(State())

  private struct State {
    /// Splits that may come, in their order.
    var upcoming: [BegunSplit] = []
    /// Splits of this batch, of which nothing more is read here.
    var ready: [BegunSplit] = []
  }

  init(_ source: any ByteSource, clock: any Clock) {
    self.source = source
    self.clock = clock
  }

  /// A batch reads `splits`, and the one behind it probably `next`.
  func begin(_ splits: [SourceSplit], next: [SourceSplit]) {
    let left = state.withLock { state in
      let begun = state.upcoming + state.ready
      state.ready = begun.filter { begun in splits.contains { begun.is($0) } }
      state.upcoming = next.map { split in begun.first { $0.is(split) } ?? BegunSplit(split) }
      let kept = state.ready + state.upcoming
      return begun.filter { begun in !kept.contains { $0 === begun } }
    }
    for split in left { split.close() }
  }

  /// Reads a block of the split of which there is least. Gives false if there is nothing to read, for now or at all.
  func step() -> Bool {
    let all = state.withLock { $0.upcoming.map { (split: $0, count: $0.blockCount) } }
    let wanting = all.filter { $0.count < Self.blockLimit }.sorted { $0.count < $1.count }
    return wanting.contains { $0.split.read(source, clock) }
  }

  /// A reader of the split that begins with what was read ahead, and the nanoseconds that this took; nil if nothing was.
  func take(_ split: SourceSplit) -> (reader: any ByteReader, nanoseconds: Int64)? {
    let begun = state.withLock { state in
      state.ready.firstIndex { $0.is(split) }.map { state.ready.remove(at: $0) }
    }
    guard let (reader, blocks, nanoseconds) = begun?.take() else { return nil }
    return (AheadReader(reader, blocks), nanoseconds)
  }

  /// Forgets all that was read.
  func close() {
    let all = state.withLock { state in
      defer { state = State() }
      return state.upcoming + state.ready
    }
    for split in all { split.close() }
  }
}

/// The first blocks of a split.
private final class BegunSplit: Sendable {
  let split: SourceSplit
  private let count = Atomic<Int>(0)
  /// Held by whoever reads.
  private let state: Mutex<State>

  private struct State: ~Copyable {
    nonisolated(unsafe) var reader: (any ByteReader)?
    var blocks: [AheadReader.Block] = []
    var nanoseconds: Int64 = 0
    /// Nothing more is read here.
    var isDone = false
  }

  init(_ split: SourceSplit) {
    self.split = split
    state = Mutex(State())
  }

  /// Whether this is the same part of the same file, whatever else a later plan says of it.
  func `is`(_ other: SourceSplit) -> Bool {
    split.payload == other.payload && split.offset == other.offset && split.byteLimit == other.byteLimit
  }

  /// Blocks that were read; as many as there may be if no more can be.
  var blockCount: Int { count.load(ordering: .relaxed) }

  /// Reads another block; false if somebody else does or nothing is left. What goes wrong shows again when the split is read.
  func read(_ source: any ByteSource, _ clock: any Clock) -> Bool {
    state.withLockIfAvailable { state in
      if state.isDone { return false }
      let start = clock.monotonicNanoseconds()
      defer { state.nanoseconds += clock.monotonicNanoseconds() - start }
      do {
        let reader = try state.reader ?? source.open(split)
        state.reader = reader
        let buffer = MemoryBuffer(capacity: WindowReader.frontRoom + WindowReader.windowSize)
        let room = UnsafeMutableRawBufferPointer(
          start: buffer.base + WindowReader.frontRoom, count: WindowReader.windowSize)
        let got = reader is any BulkByteReader ? try reader.read(into: room) : 0
        if got > 0 {
          state.blocks.append((buffer, got))
          count.wrappingAdd(1, ordering: .relaxed)
          return true
        }
      } catch {
        Self.drop(&state)
      }
      state.isDone = true
      count.store(.max, ordering: .relaxed)
      return false
    } ?? false
  }

  /// The reader behind the blocks that were read; nil if there is none.
  func take() -> (any ByteReader, [AheadReader.Block], Int64)? {
    state.withLock { state in
      state.isDone = true
      guard let reader = state.reader else { return nil }
      state.reader = nil
      return (reader, state.blocks, state.nanoseconds)
    }
  }

  func close() {
    state.withLock { Self.drop(&$0) }
  }

  private static func drop(_ state: inout State) {
    state.isDone = true
    state.reader?.close()
    state.reader = nil
    state.blocks = []
  }
}

/// Gives what was read ahead, and then what its reader goes on with.
final class AheadReader: BulkByteReader, StoredByteReader {
  /// Bytes behind the room in front of a window.
  typealias Block = (buffer: MemoryBuffer, count: Int)

  private let reader: any ByteReader
  private var blocks: ArraySlice<Block>
  /// Bytes of the first block that were given.
  private var used = 0
  private var given: Int64 = 0

  init(_ reader: any ByteReader, _ blocks: [Block]) {
    self.reader = reader
    self.blocks = blocks[...]
  }

  var storedByteCount: Int64 { (reader as? any StoredByteReader)?.storedByteCount ?? given }

  /// A block of which nothing was given, instead of a copy of it.
  func takeBlock() -> Block? {
    guard used == 0, let block = blocks.popFirst() else { return nil }
    given += Int64(block.count)
    return block
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let target = buffer.baseAddress, let first = blocks.first else {
      let count = try reader.read(into: buffer)
      given += Int64(count)
      return count
    }
    let count = min(buffer.count, first.count - used)
    memcpy(target, first.buffer.base + WindowReader.frontRoom + used, count)
    used += count
    if used == first.count {
      blocks.removeFirst()
      used = 0
    }
    given += Int64(count)
    return count
  }

  func close() { reader.close() }
}
