import MillraceColumnar
import MillraceCore
import MillraceExecution
import MillraceFormats
import Testing

@testable import MillraceStreaming

/// Rows as decimal lines under a header.
private struct NumberEncoding: MillraceFormats.Encoding {
  final class LineEncoder: MillraceFormats.Encoder {
    let header = Array("n\n".utf8)
    func encode(_ batch: RecordBatch, rows: Range<Int>, into out: ByteBuffer) throws {
      for row in rows {
        if case .integer(let number) = batch.columns[0].value(row) { out.append("\(number)\n") }
      }
    }
  }
  var name: String { "numbers" }
  func makeEncoder(_ schema: Schema) throws -> any MillraceFormats.Encoder { LineEncoder() }
}

private final class BlockSink: ByteSink, @unchecked Sendable {
  let compression: Compression?
  let blockSize: Int?
  var blocks: [(bytes: [UInt8], rows: Int, plain: Int)] = []
  init(_ blockSize: Int?, _ compression: Compression?) {
    self.blockSize = blockSize
    self.compression = compression
  }
  var description: String { "blocks" }
  var guarantee: SinkGuarantee { .atLeastOnce }
  var outputModes: Set<OutputMode> { [.append] }
  func recover(batchID: Int64?, token: JSON?) throws -> Int64? { nil }
  func begin(batchID: Int64) throws {}
  func commit(batchID: Int64) throws -> JSON { .null }
  func write(_ block: EncodedBlock) throws { blocks.append((Array(block.bytes), block.rowCount, block.plainByteCount)) }
}

@Suite struct ByteSinkOutputTests {
  @Test(arguments: [1, 2, 7, 100, 4096, 1 << 20])
  func blocksEndWithRecords(size: Int) throws {
    let sink = BlockSink(size, nil)
    let schema = Schema([StructField("n", .long)])
    let output = try ByteSinkOutput(sink, schema: schema, encoding: NumberEncoding())
    var expected = "n\n"
    try output.begin(batchID: 0)
    for batch in 0..<5 {
      let rows = (0..<700).map { [Value.integer(Int64(batch * 700 + $0))] }
      try output.write(RecordBatch.of(rows, schema: schema))
      expected += rows.map { row in if case .integer(let n) = row[0] { "\(n)\n" } else { "" } }.joined()
    }
    try output.finish()
    try output.begin(batchID: 1)
    try output.finish()
    #expect(String(decoding: sink.blocks.flatMap(\.bytes), as: UTF8.self) == expected)
    #expect(sink.blocks.reduce(0) { $0 + $1.rows } == 3500)
    for block in sink.blocks {
      #expect(block.bytes.last == 10 && block.plain == block.bytes.count && (block.plain <= size || block.rows <= 1))
      #expect(block.bytes.filter { $0 == 10 }.count == max(block.rows, 1))
    }
    #expect(sink.blocks.count < 10 + expected.utf8.count * 3 / size)
  }

  @Test func compressedBlocksAreMembers() throws {
    let sink = BlockSink(1000, .gzip(level: 6))
    let schema = Schema([StructField("n", .long)])
    let output = try ByteSinkOutput(sink, schema: schema, encoding: NumberEncoding())
    let encoder = try #require(try output.makeBlockEncoder())
    try encoder.add(RecordBatch.of((0..<1000).map { [.integer($0)] }, schema: schema))
    try output.write(try encoder.finish())
    #expect(
      sink.blocks.count >= 4 && sink.blocks.allSatisfy { $0.bytes.starts(with: [0x1F, 0x8B]) && $0.plain <= 1000 })
    #expect(try encoder.finish().isEmpty)
  }
}
