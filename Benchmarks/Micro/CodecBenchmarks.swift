import MillraceColumnar
import MillraceFormats
import MillraceState

/// Bytes out and back: gzip, rows and state as bytes, rows as JSON and CSV.
enum CodecBenchmarks {
  private static let rows = 8192

  static func all() throws -> [MicroBenchmark] {
    let log = Samples.lines(1 << 20, Samples.accessLine)
    let json = Samples.lines(1 << 20, Samples.jsonLine)
    let columns = [
      Samples.longs(rows, distinct: 1_000_000), Samples.strings(rows, distinct: 4000, Samples.word),
      Samples.strings(rows, distinct: 4000, Samples.agent), Samples.doubles(rows),
    ]
    let schema = Schema(zip(["id", "word", "agent", "share"], columns).map { StructField($0.0, $0.1.type) })
    let codec = RowCodec(columns.map(\.type))
    let encoded = codec.encode(columns, rowCount: rows)
    let state = [Samples.longs(rows, distinct: 50), Samples.longs(rows, distinct: 1 << 40, nullEvery: 9), columns[1]]
    return [
      inflating("gzip/inflate, log", log), inflating("gzip/inflate, json", json),
      inflating("gzip/inflate with zlib", log, .zlib),
      deflating("gzip/deflate, level 2", json, level: 2), deflating("gzip/deflate, level 6", json, level: 6),
      MicroBenchmark("rows/encode", rows: rows) { consume(codec.encode(columns, rowCount: rows)) },
      MicroBenchmark("rows/decode", rows: rows) { consume(try codec.decode(encoded)) },
      stateEncoding(state), stateDecoding(state),
      try encoding("encode/json", JSONEncoding(), schema, columns),
      try encoding("encode/csv", CSVEncoding(), schema, columns),
    ]
  }

  private static func inflating(
    _ name: String, _ text: SampleText, _ library: InflateLibrary = .preferred
  ) -> MicroBenchmark {
    let compressed = ByteBuffer()
    GzipCompressor(level: 6).compressMember(text.buffer.bytes, into: compressed)
    let packed = compressed.take()
    let window = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
    return MicroBenchmark(name, rows: text.count, bytes: text.buffer.capacity) {
      let gzip = GzipDecompressor(library)
      var at = 0
      while true {
        let rest = UnsafeRawBufferPointer(rebasing: packed.bytes[at...])
        let step = try gzip.decompress(rest, isFinal: true, into: window)
        at += step.consumed
        if step.isFinished { break }
      }
      consume(gzip)
    }
  }

  private static func deflating(_ name: String, _ text: SampleText, level: Int) -> MicroBenchmark {
    let gzip = GzipCompressor(level: level)
    let out = ByteBuffer()
    return MicroBenchmark(name, rows: text.count, bytes: text.buffer.capacity) {
      out.removeAll()
      gzip.compressMember(text.buffer.bytes, into: out)
      consume(out)
    }
  }

  private static func stateEncoding(_ columns: [ColumnVector]) -> MicroBenchmark {
    let out = ByteBuffer()
    return MicroBenchmark("state/encode", rows: rows) {
      out.removeAll()
      StateCodec.encode(columns, count: rows, into: out)
      consume(out)
    }
  }

  private static func stateDecoding(_ columns: [ColumnVector]) -> MicroBenchmark {
    let out = ByteBuffer()
    StateCodec.encode(columns, count: rows, into: out)
    let bytes = out.take()
    return MicroBenchmark("state/decode", rows: rows) {
      var reader = StateReader(bytes.bytes)
      consume(try StateCodec.decode(columns.map(\.type), count: rows, from: &reader))
    }
  }

  private static func encoding(_ name: String, _ encoding: any Encoding, _ schema: Schema, _ columns: [ColumnVector])
    throws -> MicroBenchmark
  {
    let encoder = try encoding.makeEncoder(schema)
    let batch = RecordBatch(rowCount: rows, columns: columns)
    let out = ByteBuffer()
    return MicroBenchmark(name, rows: rows) {
      out.removeAll()
      try encoder.encode(batch, rows: 0..<rows, into: out)
      consume(out)
    }
  }
}
