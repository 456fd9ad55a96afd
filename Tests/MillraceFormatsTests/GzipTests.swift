import MillraceColumnar
import MillraceCore
import MillraceTesting
import Testing

@testable import MillraceFormats

@Suite struct GzipTests {
  static func member(_ plain: [UInt8], level: Int = 6, library: InflateLibrary = .zlib) -> [UInt8] {
    let out = ByteBuffer()
    let compressor = GzipCompressor(level: level, library: library)
    plain.withUnsafeBytes { compressor.compressMember($0, into: out) }
    return Array(out.bytes)
  }

  /// Decompresses with input and output cut into pieces; gives what came before the error, and the error's code.
  static func inflate(
    _ gzip: [UInt8], _ library: InflateLibrary, inPiece: Int = .max, outPiece: Int = 1 << 16
  ) -> (plain: [UInt8], code: String?) {
    let decompressor = GzipDecompressor(library)
    var plain: [UInt8] = []
    var window = [UInt8](repeating: 0, count: outPiece)
    var at = 0
    while true {
      let end = inPiece > gzip.count - at ? gzip.count : at + inPiece
      do {
        let step = try window.withUnsafeMutableBytes { target in
          try gzip.withUnsafeBytes { source in
            try decompressor.decompress(
              UnsafeRawBufferPointer(rebasing: source[at..<end]), isFinal: end == gzip.count, into: target)
          }
        }
        plain += window[..<step.produced]
        at += step.consumed
        if step.isFinished { return (plain, nil) }
      } catch {
        return (plain, (error as? MillraceError)?.code)
      }
    }
  }

  @Test(arguments: InflateLibrary.allCases) func readsWhatWasWritten(_ library: InflateLibrary) {
    for size in [0, 1, 2, 100, 5000, 300_000] {
      for level in [0, 1, 2, 3, 6, 9] {
        let plain = sampleText(bytes: size, seed: UInt64(level))
        for writer in InflateLibrary.allCases {
          let result = Self.inflate(Self.member(plain, level: level, library: writer), library)
          #expect(result.plain == plain && result.code == nil, "\(size) \(level) \(writer)")
        }
      }
    }
  }

  @Test(arguments: InflateLibrary.allCases) func readsWithEveryCut(_ library: InflateLibrary) {
    let plain = sampleText(bytes: 3000) + [UInt8](repeating: 65, count: 500)
    let gzip = Self.member(plain) + Self.member(plain, level: 1) + [0, 0, 0]
    for inPiece in [1, 2, 3, 5, 7, 8, 9, 64, 333, 1000] {
      for outPiece in [1, 2, 3, 7, 64, 257, 4096, 100_000] {
        let result = Self.inflate(gzip, library, inPiece: inPiece, outPiece: outPiece)
        #expect(result.plain == plain + plain && result.code == nil, "\(inPiece) \(outPiece)")
      }
    }
  }

  @Test(arguments: InflateLibrary.allCases) func readsHeaderFields(_ library: InflateLibrary) {
    let plain = Array("hello".utf8)
    let body = Self.member(plain)[10...]
    for flags in 0..<32 as Range<UInt8> {
      var header: [UInt8] = [0x1F, 0x8B, 8, flags, 1, 2, 3, 4, 0, 3]
      if flags & 4 != 0 { header += [3, 0, 9, 9, 9] }
      if flags & 8 != 0 { header += Array("name.txt".utf8) + [0] }
      if flags & 16 != 0 { header += Array("comment".utf8) + [0] }
      if flags & 2 != 0 { header += [7, 7] }
      let result = Self.inflate(header + body, library, inPiece: 3)
      #expect(result.plain == plain && result.code == nil, "flags \(flags)")
    }
  }

  @Test(arguments: InflateLibrary.allCases) func namesWhatIsWrong(_ library: InflateLibrary) {
    let plain = sampleText(bytes: 2000)
    let gzip = Self.member(plain)
    for cut in 1..<gzip.count {
      let result = Self.inflate(Array(gzip[..<cut]), library)
      #expect(result.code == "GZIP_TRUNCATED", "\(cut)")
      #expect(Array(plain.prefix(result.plain.count)) == result.plain)
    }
    for at in (gzip.count - 8)..<gzip.count {
      var broken = gzip
      broken[at] ^= 1
      let result = Self.inflate(broken, library)
      #expect(result.code == "GZIP_CRC" && result.plain == plain)
    }
    for (tail, code) in [
      ([0, 0], nil), ([1], "GZIP_TRAILING_DATA"), ([0, 9], "GZIP_TRAILING_DATA"), ([0x1F], "GZIP_TRUNCATED"),
      ([0x1F, 9], "GZIP_HEADER"),
    ] as [([UInt8], String?)] {
      let result = Self.inflate(gzip + tail, library)
      #expect(result.code == code && result.plain == plain, "\(tail)")
    }
  }

  @Test func librariesAgreeOnDamage() {
    let plain = sampleText(bytes: 4000)
    let gzip = Self.member(plain)
    var random = Seeded(state: 3)
    for _ in 0..<400 {
      var broken = gzip
      broken[10 + Int(random.next() % UInt64(gzip.count - 10))] ^= 1 << UInt8(random.next() % 8)
      let results = InflateLibrary.allCases.map { Self.inflate(broken, $0, outPiece: 512) }
      for result in results {
        #expect(result.code != nil)
        #expect(
          result.code == results[0].code
            || [result.code, results[0].code].allSatisfy {
              ["GZIP_DAMAGED", "GZIP_TRUNCATED", "GZIP_CRC"].contains($0)
            })
      }
    }
  }

  @Test func readsFilesFromAnyOffset() throws {
    let files = PosixFileSystem()
    let path = "/tmp/millrace-gzip-test-\(UInt64.random(in: 0 ... .max)).gz"
    defer { try? files.remove(path) }
    let plain = sampleText(bytes: 700_000)
    for isGzip in [true, false] {
      let file = try files.open(path, .create)
      let content = isGzip ? Self.member(Array(plain[..<300_000])) + Self.member(Array(plain[300_000...])) : plain
      try content.withUnsafeBytes { try file.write($0, at: 0) }
      try file.close()
      for offset in [0, 1, 299_999, 300_000, 300_001, 699_999, 700_000] {
        let reader = try GzipReader(files.open(path, .read), offset: Int64(offset))
        #expect(reader.isCompressed == isGzip)
        #expect(try Self.all(reader) == Array(plain[offset...]))
        if offset == 300_001 {
          let again = try GzipReader(files.open(path, .read), offset: 400_000, restart: reader.restartPoint)
          if isGzip { #expect(reader.restartPoint.plain == 300_000) }
          #expect(try Self.all(again) == Array(plain[(isGzip ? 400_000 : 700_000)...]) || !isGzip)
        }
        reader.close()
      }
      #expect(throws: MillraceError.self) {
        if isGzip { _ = try GzipReader(files.open(path, .read), offset: 700_001) } else { throw MillraceError("X", "") }
      }
    }
  }

  /// The first read tells what the file is, and is not read again.
  @Test(arguments: [0, 1, 2, 4095, 4096, 4097, 8192, 20_000]) func readsFilesAroundTheFirstRead(_ size: Int) throws {
    let files = SimulatedFileSystem()
    try files.createDirectory("/d")
    let plain = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let noise = (0..<size).map { _ in UInt8.random(in: 0...255) }
    for content in [plain, [0x1F] + plain, Self.member(plain), Self.member(noise)] {
      let file = try files.open("/d/f", .create)
      try content.withUnsafeBytes { try file.write($0, at: 0) }
      let isGzip = content.count > 2 && content[1] == 0x8B
      let expected = isGzip ? (content == Self.member(plain) ? plain : noise) : content
      for end in [Int64.max, Int64(content.count)] {
        let reader = try GzipReader(files.open("/d/f", .read), fileEnd: end)
        #expect(try Self.all(reader) == expected)
        #expect(reader.isCompressed == isGzip && reader.storedByteCount == content.count)
      }
      if expected.count > 1 {
        let offset = expected.count / 2
        let reader = try GzipReader(files.open("/d/f", .read), offset: Int64(offset))
        #expect(try Self.all(reader) == Array(expected[offset...]))
      }
    }
  }

  static func all(_ reader: GzipReader) throws -> [UInt8] {
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 10_000)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try reader.read(into: $0) }
      if count == 0 { return out }
      out += buffer[..<count]
    }
  }
}
