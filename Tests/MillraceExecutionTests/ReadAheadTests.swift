import MillraceColumnar
import MillraceCore
import MillraceTesting
import Synchronization
import Testing

@testable import MillraceExecution

/// What idle threads read ahead is what the splits begin with, and whatever becomes of it, all readers are closed.
@Suite struct ReadAheadTests {
  /// Files of random bytes, some of which cannot be read.
  final class Source: ByteSource {
    let description = "test"
    let size: Int
    let opened = Atomic<Int>(0)
    let closed = Atomic<Int>(0)

    init(size: Int) { self.size = size }

    func freeze() throws {}
    func plan(after offset: Offset?, limit: ReadLimit) throws -> SourcePlan? { nil }
    func offset(after offset: Offset?, plan: SourcePlan, results: [SplitResult]) throws -> Offset { Offset(.null) }

    func bytes(_ number: Int64) -> [UInt8] {
      var random = SeededGenerator(seed: UInt64(number))
      let words = (0..<size / 8 + 1).map { _ in random.next() }
      return words.withUnsafeBytes { Array($0[..<size]) }
    }

    func open(_ split: SourceSplit) throws -> any ByteReader {
      guard let number = split.payload.int, number >= 0 else { throw MillraceError("GONE", "no such file") }
      opened.wrappingAdd(1, ordering: .relaxed)
      return Reader(self, bytes(number), failsAt: number >= 100 ? size / 2 : .max)
    }
  }

  final class Reader: BulkByteReader {
    let source: Source
    let bytes: [UInt8]
    let failsAt: Int
    var position = 0

    init(_ source: Source, _ bytes: [UInt8], failsAt: Int) {
      self.source = source
      self.bytes = bytes
      self.failsAt = failsAt
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      if position >= failsAt { throw MillraceError("DAMAGED", "no more can be read") }
      let count = min(buffer.count, 100_000, bytes.count - position)
      buffer.copyBytes(from: bytes[position..<position + count])
      position += count
      return count
    }

    func close() { source.closed.wrappingAdd(1, ordering: .relaxed) }
  }

  static func split(_ number: Int64) -> SourceSplit { SourceSplit(name: "\(number)", payload: .int(number)) }

  static func all(_ reader: any ByteReader) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 70_000)
    while true {
      let count = try part.withUnsafeMutableBytes { try reader.read(into: $0) }
      if count == 0 { return bytes }
      bytes += part[..<count]
    }
  }

  @Test(arguments: [0, 1, 99_999, 300_000, 1_700_000], [0, 1, 7, 1000])
  func splitsBeginWithWhatWasRead(size: Int, steps: Int) throws {
    let source = Source(size: size)
    let ahead = ReadAhead(source, clock: SystemClock())
    ahead.begin([Self.split(1)], next: [Self.split(2), Self.split(3)])
    var count = 0
    while count < steps, ahead.step() { count += 1 }
    if steps == 1000 { #expect(!ahead.step()) }
    #expect(ahead.take(Self.split(2)) == nil, "its batch has not begun")
    ahead.begin([Self.split(2), Self.split(3)], next: [])
    for number in [2, 3] as [Int64] {
      guard let reader = ahead.take(Self.split(number))?.reader else { continue }
      #expect(try Self.all(reader) == source.bytes(number))
      reader.close()
    }
    #expect(ahead.take(Self.split(2)) == nil)
    ahead.close()
    #expect(source.opened.load(ordering: .relaxed) == source.closed.load(ordering: .relaxed))
    if steps > 1, size > 0 { #expect(source.opened.load(ordering: .relaxed) == 2) }
  }

  /// Each split gets its share.
  @Test func whatThereIsLeastOfComesFirst() throws {
    let source = Source(size: 250_000)
    let ahead = ReadAhead(source, clock: SystemClock())
    ahead.begin([], next: [Self.split(2), Self.split(3)])
    for _ in 0..<2 { #expect(ahead.step()) }
    #expect(source.opened.load(ordering: .relaxed) == 2)
    ahead.close()
    #expect(!ahead.step())
  }

  /// What goes wrong is said when the split is read.
  @Test func whatCannotBeReadIsNotThere() throws {
    let source = Source(size: 300_000)
    let ahead = ReadAhead(source, clock: SystemClock())
    let splits = [Self.split(-1), Self.split(100), Self.split(4)]
    ahead.begin([], next: splits)
    while ahead.step() {}
    ahead.begin(splits, next: [])
    #expect(ahead.take(splits[0]) == nil && ahead.take(splits[1]) == nil)
    ahead.close()
    #expect(source.opened.load(ordering: .relaxed) == source.closed.load(ordering: .relaxed))
  }

  @Test func whatDoesNotComeIsClosed() throws {
    let source = Source(size: 300_000)
    let ahead = ReadAhead(source, clock: SystemClock())
    ahead.begin([], next: [Self.split(1), Self.split(2)])
    while ahead.step() {}
    ahead.begin([Self.split(2)], next: [Self.split(3)])
    #expect(source.closed.load(ordering: .relaxed) == 1)
    var other = Self.split(2)
    other.byteLimit = 10
    #expect(ahead.take(other) == nil)
    ahead.begin([Self.split(3)], next: [])
    #expect(source.closed.load(ordering: .relaxed) == 2)
    ahead.close()
    #expect(source.opened.load(ordering: .relaxed) == source.closed.load(ordering: .relaxed))
  }

  /// Threads that read, take and give up at the same time.
  @Test func manyAtOnce() throws {
    let source = Source(size: 400_000)
    let pool = WorkerPool(count: 4)
    defer { pool.close() }
    let ahead = ReadAhead(source, clock: SystemClock())
    for round in 0..<30 as Range<Int64> {
      let splits = (0..<4).map { Self.split(round % 3 + $0) }
      ahead.begin(splits, next: (1..<5).map { Self.split(round % 3 + $0) })
      pool.whileIdle { ahead.step() }
      let areSame = try pool.map(6, isParallel: true) { index in
        guard index < 4, let reader = ahead.take(splits[index])?.reader else { return !ahead.step() || true }
        defer { reader.close() }
        return try Self.all(reader) == source.bytes(round % 3 + Int64(index))
      }
      #expect(areSame.allSatisfy { $0 })
    }
    pool.close()
    ahead.close()
    #expect(source.opened.load(ordering: .relaxed) == source.closed.load(ordering: .relaxed))
  }
}
