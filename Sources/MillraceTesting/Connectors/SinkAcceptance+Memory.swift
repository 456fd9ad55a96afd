import Glibc
import MillraceColumnar
import MillraceCore
import MillraceFormats

extension SinkAcceptance {
  /// Writes one batch of about `bytes` and holds the sink to keeping only some of it: however much a batch has, the process must not grow by more
  /// than `bound` bytes on the way.
  ///
  /// The system tells only of the process as a whole, so call it in one that does nothing else, such as that of an exit test.
  public func runMemory(bytes: Int = 128 << 20, bound: Int = 48 << 20) -> AcceptanceReport {
    var report = AcceptanceReport("\(connector.spec.name) sink")
    report.check("a large batch is not kept in memory") {
      let target = try fresh()
      let kind = try SinkLife.make(connector, target.options, PosixFileSystem())
      let sink = kind.sink
      try sink.open(SinkContext(queryID: "q", sinkName: "out"))
      _ = try sink.recover(batchID: nil, token: nil)
      try sink.begin(batchID: 0)
      let piece = try MemoryPiece(kind)
      // The first pieces make what the sink needs anyway.
      for _ in 0..<4 { try piece.write() }
      let before = try ResidentMemory.bytes()
      var most = 0
      var written = 0
      while written < bytes {
        try piece.write()
        written += MemoryPiece.size
        most = max(most, try ResidentMemory.bytes() - before)
      }
      _ = try sink.commit(batchID: 0)
      most = max(most, try ResidentMemory.bytes() - before)
      try sink.publish(batchID: 0)
      try sink.close()
      if most > bound {
        throw AcceptanceFault("\(written >> 20) MiB were written, and the process has grown by \(most >> 20) MiB")
      }
      return "\(written >> 20) MiB in one batch, growth below \(bound >> 20) MiB"
    }
    return report
  }
}

/// The piece that is written again and again.
private struct MemoryPiece {
  static let size = 1 << 20
  private static let rows = 8192
  private let kind: SinkKind
  private let rows: RecordBatch
  private let block = ByteBuffer(capacity: 2 << 20)
  private let plainSize: Int

  init(_ kind: SinkKind) throws {
    self.kind = kind
    let text = String(repeating: "0123456789abcdef", count: Self.size / Self.rows / 16)
    rows = .of((0..<Self.rows).map { [.integer(0), .string("\($0) \(text)")] }, schema: SinkAcceptance.schema)
    var lines = (0..<Self.rows).map { "\($0) \(text)\n" }.joined()
    plainSize = lines.utf8.count
    guard case .bytes(let sink) = kind else { return }
    lines.withUTF8 { plain in
      if case .gzip(let level)? = sink.compression {
        GzipCompressor(level: level).compressMember(UnsafeRawBufferPointer(plain), into: block)
      } else {
        block.append(UnsafeRawBufferPointer(plain))
      }
    }
  }

  func write() throws {
    switch kind {
    case .rows(let sink): try sink.write(rows)
    case .bytes(let sink):
      try sink.write(EncodedBlock(bytes: block.bytes, rowCount: Self.rows, plainByteCount: plainSize))
    }
  }
}

/// What the process has in memory.
private enum ResidentMemory {
  static func bytes() throws -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { throw AcceptanceFault("/proc/self/statm cannot be read") }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 256)
    let count = fread(&text, 1, 255, file)
    let words = String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: " ")
    guard words.count > 1, let pages = Int(words[1]) else { throw AcceptanceFault("/proc/self/statm has another form") }
    return pages * sysconf(Int32(_SC_PAGESIZE))
  }
}
