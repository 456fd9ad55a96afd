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
  private let encoder: any RecordBlocks
  /// What the first batch begins with.
  private let header: FinishedBlock?
  private var written = (stored: Int64(0), plain: Int64(0))

  init(_ sink: any ByteSink, schema: Schema, encoding: any MillraceFormats.Encoding) throws {
    self.sink = sink
    self.schema = schema
    self.encoding = encoding
    let written = try sink.writtenSchema(of: schema)
    let header = Self.header(of: try encoding.makeEncoder(written), compression: sink.compression)
    let headered = sink as? any HeaderedByteSink
    if let headered, let header { headered.setHeader(EncodedBlock(header)) }
    self.header = headered == nil ? header : nil
    // The sink's block size may depend on its header.
    self.encoder = try Self.blocks(of: sink, schema, encoding)
  }

  private static func blocks(of sink: any ByteSink, _ schema: Schema, _ encoding: any MillraceFormats.Encoding) throws
    -> any RecordBlocks
  {
    let maker = BlockMaker(sink.compression)
    let limits = BlockLimits(bytes: sink.blockSize, rows: sink.blockRows)
    guard let partitioner = try (sink as? any PartitionedByteSink)?.makePartitioner() else {
      return RecordBlockEncoder(try encoding.makeEncoder(schema), limits, maker)
    }
    let written = Schema(partitioner.writtenColumns.map { schema.fields[$0] })
    return PartitionedBlockEncoder(try encoding.makeEncoder(written), limits, maker, partitioner)
  }

  /// What stands in front of all records as a block, nil if nothing does.
  private static func header(of encoder: any MillraceFormats.Encoder, compression: Compression?) -> FinishedBlock? {
    if encoder.header.isEmpty { return nil }
    let plain = ByteBuffer(capacity: encoder.header.count)
    encoder.header.withUnsafeBytes { plain.append($0) }
    return BlockMaker(compression).block(plain, rowCount: 0, partition: nil)
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
    try Self.blocks(of: sink, schema, encoding)
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
    self.init(
      bytes: block.bytes.bytes, rowCount: block.rowCount, plainByteCount: block.plainByteCount,
      isCompressed: block.isCompressed, checksum: block.checksum, partition: block.partition)
  }
}
