import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats

/// Rows are encoded into blocks, compressed where the sink asks for it, and appended.
final class ByteSinkOutput: SinkOutput {
  private let sink: any ByteSink
  private let schema: Schema
  private let encoding: any MillraceFormats.Encoding
  /// For rows that come on the control thread.
  private let encoder: RecordBlockEncoder
  /// What the first batch begins with.
  private let header: FinishedBlock?
  private var written = (stored: Int64(0), plain: Int64(0))

  init(_ sink: any ByteSink, schema: Schema, encoding: any MillraceFormats.Encoding) throws {
    self.sink = sink
    self.schema = schema
    self.encoding = encoding
    let encoder = try encoding.makeEncoder(schema)
    let header = Self.header(of: encoder, compression: sink.compression)
    let headered = sink as? any HeaderedByteSink
    if let headered, let header { headered.setHeader(EncodedBlock(header)) }
    self.header = headered == nil ? header : nil
    // The sink's block size may depend on its header.
    self.encoder = RecordBlockEncoder(encoder, blockSize: sink.blockSize, compression: sink.compression)
  }

  /// What stands in front of all records as a block, nil if nothing does.
  private static func header(of encoder: any MillraceFormats.Encoder, compression: Compression?) -> FinishedBlock? {
    if encoder.header.isEmpty { return nil }
    let plain = ByteBuffer(capacity: encoder.header.count)
    encoder.header.withUnsafeBytes { plain.append($0) }
    return RecordBlockEncoder(encoder, blockSize: nil, compression: compression).block(plain, rowCount: 0)
  }

  /// A batch begins. The first batch of a query also writes what stands in front of all records, unless the sink does so itself.
  func begin(batchID: Int64) throws {
    if batchID == 0, let header { try append(header) }
  }

  func write(_ batch: RecordBatch) throws {
    try encoder.add(batch)
    try write(encoder.takeFullBlocks())
  }

  func makeBlockEncoder() throws -> (any BlockEncoder)? {
    RecordBlockEncoder(try encoding.makeEncoder(schema), blockSize: sink.blockSize, compression: sink.compression)
  }

  func write(_ blocks: [FinishedBlock]) throws {
    for block in blocks { try append(block) }
  }

  /// All rows of the batch were written.
  func finish() throws { try write(encoder.finish()) }

  private func append(_ block: FinishedBlock) throws {
    try sink.write(EncodedBlock(block))
    written.stored += Int64(block.bytes.count)
    written.plain += Int64(block.plainByteCount)
  }

  /// Bytes that the sink took since the last call.
  func takeWritten() -> (stored: Int64, plain: Int64) {
    defer { written = (0, 0) }
    return written
  }
}

extension EncodedBlock {
  /// A view of a block that goes on living.
  init(_ block: FinishedBlock) {
    self.init(bytes: block.bytes.bytes, rowCount: block.rowCount, plainByteCount: block.plainByteCount)
  }
}

/// Encodes rows into blocks of about one size, cut at record ends.
final class RecordBlockEncoder: BlockEncoder {
  static let defaultBlockSize = 1 << 20
  /// Rows that are encoded between looks at the size.
  private static let step = 256

  private let encoder: any MillraceFormats.Encoder
  private let blockSize: Int
  private let compressor: GzipCompressor?
  private var plain = ByteBuffer()
  private var rowCount = 0
  private var blocks: [FinishedBlock] = []

  init(_ encoder: any MillraceFormats.Encoder, blockSize: Int?, compression: Compression?) {
    self.encoder = encoder
    self.blockSize = max(blockSize ?? Self.defaultBlockSize, 1)
    switch compression {
    case .gzip(let level): compressor = GzipCompressor(level: level)
    case nil: compressor = nil
    }
  }

  func add(_ batch: RecordBatch) throws {
    var row = 0
    // Rows that are encoded one by one because together they went over the end of the block.
    var singles = 0
    while row < batch.rowCount {
      let average = rowCount > 0 ? plain.count / rowCount + 1 : 256
      let fitting = singles > 0 ? 1 : (blockSize - plain.count) / (average * 2)
      let end = min(row + max(1, min(fitting, Self.step)), batch.rowCount)
      let before = plain.count
      try encoder.encode(batch, rows: row..<end, into: plain)
      if plain.count > blockSize && end - row > 1 {
        plain.truncate(to: before)
        singles = end - row
        continue
      }
      singles = max(singles - 1, 0)
      let isOver = plain.count > blockSize && before > 0
      if isOver { cut(at: before, rows: rowCount) }
      rowCount += end - row
      row = end
      if plain.count >= blockSize { cut(at: plain.count, rows: rowCount) }
    }
  }

  /// Ends a block after `size` bytes; what follows begins the next one.
  private func cut(at size: Int, rows: Int) {
    let rest = UnsafeRawBufferPointer(rebasing: plain.bytes[size...])
    let next = ByteBuffer(capacity: blockSize < 1 << 22 ? blockSize + 4096 : 1 << 22)
    next.append(rest)
    plain.truncate(to: size)
    blocks.append(block(plain, rowCount: rows))
    plain = next
    rowCount = 0
  }

  /// A block of the given plain bytes.
  func block(_ plain: ByteBuffer, rowCount: Int) -> FinishedBlock {
    guard let compressor else {
      return FinishedBlock(bytes: plain, rowCount: rowCount, plainByteCount: plain.count)
    }
    let out = ByteBuffer(capacity: plain.count / 4 + 256)
    compressor.compressMember(plain.bytes, into: out)
    return FinishedBlock(bytes: out, rowCount: rowCount, plainByteCount: plain.count)
  }

  /// Blocks that are full already.
  func takeFullBlocks() -> [FinishedBlock] {
    defer { blocks = [] }
    return blocks
  }

  func finish() throws -> [FinishedBlock] {
    if plain.count > 0 { cut(at: plain.count, rows: rowCount) }
    return takeFullBlocks()
  }
}
