import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats

/// A block encoder that gives full blocks before the end.
protocol RecordBlocks: BlockEncoder {
  /// Blocks that are full already.
  func takeFullBlocks() -> [FinishedBlock]
}

/// How large a block may get.
struct BlockLimits: Sendable {
  static let defaultSize = 1 << 20

  /// Bytes before compression.
  let bytes: Int
  let rows: Int

  init(bytes: Int? = nil, rows: Int? = nil) {
    self.bytes = max(bytes ?? Self.defaultSize, 1)
    self.rows = max(rows ?? .max, 1)
  }
}

/// Makes blocks of encoded records, compressed as a sink wants them. Used by one thread at a time.
final class BlockMaker {
  /// Below this the sink compresses by itself, with what stands before.
  private static let smallSize = 32 << 10

  private let compressor: GzipCompressor?
  private let form: GzipCompressor.Form

  init(_ compression: Compression?) {
    switch compression {
    case .gzip(let level): (compressor, form) = (GzipCompressor(level: level), .member)
    case .deflateBlocks(let level): (compressor, form) = (GzipCompressor(level: level, form: .blocks), .blocks)
    case nil: (compressor, form) = (nil, .member)
    }
  }

  /// A block of the given plain bytes.
  func block(_ plain: ByteBuffer, rowCount: Int, partition: String?) -> FinishedBlock {
    guard let compressor, form == .member || plain.count >= Self.smallSize else {
      return FinishedBlock(bytes: plain, rowCount: rowCount, plainByteCount: plain.count, partition: partition)
    }
    let out = ByteBuffer(capacity: plain.count / 4 + 256)
    var checksum: UInt32 = 0
    switch form {
    case .member: compressor.compressMember(plain.bytes, into: out)
    case .blocks: checksum = compressor.compressBlocks(plain.bytes, into: out)
    }
    return FinishedBlock(
      bytes: out, rowCount: rowCount, plainByteCount: plain.count, isCompressed: true, checksum: checksum,
      partition: partition)
  }
}

/// Encodes rows into blocks of about one size, cut at record ends.
final class RecordBlockEncoder: RecordBlocks {
  /// Rows that are encoded between looks at the size.
  private static let step = 256

  private let encoder: any MillraceFormats.Encoder
  private let limits: BlockLimits
  private let maker: BlockMaker
  private let partition: String?
  private var plain: ByteBuffer
  private var rowCount = 0
  private var blocks: [FinishedBlock] = []

  init(
    _ encoder: any MillraceFormats.Encoder, _ limits: BlockLimits, _ maker: BlockMaker, partition: String? = nil
  ) {
    self.encoder = encoder
    self.limits = limits
    self.maker = maker
    self.partition = partition
    plain = ByteBuffer(capacity: partition == nil ? 4096 : 256)
  }

  /// Bytes that wait for their block to be full.
  var waitingBytes: Int { plain.count }

  func add(_ batch: RecordBatch) throws {
    var row = 0
    // Rows that are encoded one by one because together they went over the end of the block.
    var singles = 0
    while row < batch.rowCount {
      let average = rowCount > 0 ? plain.count / rowCount + 1 : 256
      let fitting = singles > 0 ? 1 : (limits.bytes - plain.count) / (average * 2)
      let end = min(row + max(1, min(fitting, Self.step, limits.rows - rowCount)), batch.rowCount)
      let before = plain.count
      try encoder.encode(batch, rows: row..<end, into: plain)
      if plain.count > limits.bytes && end - row > 1 {
        plain.truncate(to: before)
        singles = end - row
        continue
      }
      singles = max(singles - 1, 0)
      let isOver = plain.count > limits.bytes && before > 0
      if isOver { cut(at: before, rows: rowCount) }
      rowCount += end - row
      row = end
      if plain.count >= limits.bytes || rowCount >= limits.rows { cut(at: plain.count, rows: rowCount) }
    }
  }

  /// Ends a block after `size` bytes; what follows begins the next one.
  private func cut(at size: Int, rows: Int) {
    let rest = UnsafeRawBufferPointer(rebasing: plain.bytes[size...])
    let room = partition == nil ? limits.bytes : rest.count
    let next = ByteBuffer(capacity: room < 1 << 22 ? room + 4096 : 1 << 22)
    next.append(rest)
    plain.truncate(to: size)
    blocks.append(maker.block(plain, rowCount: rows, partition: partition))
    plain = next
    rowCount = 0
  }

  func takeFullBlocks() -> [FinishedBlock] {
    defer { blocks = [] }
    return blocks
  }

  func finish() throws -> [FinishedBlock] {
    if plain.count > 0 { cut(at: plain.count, rows: rowCount) }
    return takeFullBlocks()
  }
}
