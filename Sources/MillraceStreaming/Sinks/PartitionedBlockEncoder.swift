import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats

/// Encodes rows into blocks of one partition each.
final class PartitionedBlockEncoder: RecordBlocks {
  /// Bytes of begun blocks, of all partitions together, at which all of them are ended, so that many partitions do not take
  /// memory without bound.
  private static let waitingLimit = 64 << 20

  private let encoder: any MillraceFormats.Encoder
  private let limits: BlockLimits
  private let maker: BlockMaker
  private let partitioner: any RowPartitioner
  /// By the partitioner's numbers.
  private var partitions: [RecordBlockEncoder] = []
  private var waiting = 0
  private var blocks: [FinishedBlock] = []

  init(
    _ encoder: any MillraceFormats.Encoder, _ limits: BlockLimits, _ maker: BlockMaker,
    _ partitioner: any RowPartitioner
  ) {
    self.encoder = encoder
    self.limits = limits
    self.maker = maker
    self.partitioner = partitioner
  }

  func add(_ batch: RecordBatch) throws {
    if batch.rowCount == 0 { return }
    let memory = MemoryBuffer(capacity: batch.rowCount * 4)
    let numbers = memory.base.assumingMemoryBound(to: UInt32.self)
    try partitioner.partition(batch, into: numbers)
    let written = RecordBatch(
      rowCount: batch.rowCount, columns: partitioner.writtenColumns.map { batch.columns[$0] })
    for (number, rows) in selections(numbers, batch.rowCount) {
      while partitions.count <= number {
        let name = try partitioner.name(partitions.count)
        partitions.append(RecordBlockEncoder(encoder, limits, maker, partition: name))
      }
      let partition = partitions[number]
      let before = partition.waitingBytes
      try partition.add(rows.count == batch.rowCount ? written : written.gathered(rows))
      waiting += partition.waitingBytes - before
      blocks += partition.takeFullBlocks()
    }
    if waiting > Self.waitingLimit { try endBlocks() }
  }

  /// The rows of each partition that a batch has, in the order of their numbers.
  private func selections(_ numbers: UnsafeMutablePointer<UInt32>, _ count: Int) -> [(number: Int, rows: Selection)] {
    var highest: UInt32 = 0
    for row in 0..<count { highest = max(highest, numbers[row]) }
    var sizes = [Int](repeating: 0, count: Int(highest) + 1)
    for row in 0..<count { sizes[Int(numbers[row])] += 1 }
    var place = [Int](repeating: 0, count: sizes.count)
    var found: [(number: Int, rows: Selection)] = []
    for (number, size) in sizes.enumerated() where size > 0 {
      place[number] = found.count
      found.append((number, Selection(capacity: size)))
    }
    var filled = [Int](repeating: 0, count: found.count)
    for row in 0..<count {
      let index = place[Int(numbers[row])]
      found[index].rows.rows[filled[index]] = Int32(truncatingIfNeeded: row)
      filled[index] += 1
    }
    return found
  }

  private func endBlocks() throws {
    for partition in partitions { blocks += try partition.finish() }
    waiting = 0
  }

  func takeFullBlocks() -> [FinishedBlock] {
    defer { blocks = [] }
    return blocks
  }

  func finish() throws -> [FinishedBlock] {
    try endBlocks()
    partitions = []
    partitioner.reset()
    return takeFullBlocks()
  }
}
