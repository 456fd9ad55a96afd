import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// The bytes of a file in memory.
private final class MemoryFile: File, @unchecked Sendable {
  var bytes: [UInt8] = []
  var path: String { "memory" }
  func status() throws -> FileStatus {
    FileStatus(size: Int64(bytes.count), device: 0, inode: 0, modified: 0, isDirectory: false)
  }
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
    let part = bytes.dropFirst(Int(offset)).prefix(buffer.count)
    buffer.copyBytes(from: part)
    return part.count
  }
  func write(_ more: UnsafeRawBufferPointer, at offset: Int64) throws {
    #expect(Int(offset) <= bytes.count)
    bytes = Array(bytes[..<Int(offset)]) + Array(more) + Array(bytes.dropFirst(Int(offset) + more.count))
  }
  func sync() throws {}
  func truncate(to size: Int64) throws { bytes = Array(bytes.prefix(Int(size))) }
  func preallocate(_ size: Int64) throws {}
  func tryLock() throws -> Bool { true }
  func close() throws {}
}

struct GzipAppenderTests {
  private func append(
    _ plain: [UInt8], _ appender: GzipAppender, _ file: MemoryFile, compressor: GzipCompressor?
  ) throws {
    let out = ByteBuffer()
    try plain.withUnsafeBytes { bytes in
      let checksum = compressor?.compressBlocks(bytes, into: out) ?? 0
      try appender.append(
        EncodedBlock(
          bytes: compressor == nil ? bytes : out.bytes, rowCount: 1, plainByteCount: plain.count,
          isCompressed: compressor != nil, checksum: checksum), to: file)
    }
  }

  /// Whatever the sizes, levels and libraries, the file is whole gzip after each append, byte for byte.
  @Test(arguments: InflateLibrary.allCases) func isWholeAfterEachAppend(library: InflateLibrary) throws {
    for level in [0, 1, 2, 3, 6, 9] {
      let compressor = GzipCompressor(level: level, form: .blocks, library: library)
      let small = SmallDeflate(level: level)
      for memberSize in [1, 1000, 70_000, 1 << 30] as [Int64] {
        let file = MemoryFile()
        var appender = GzipAppender(at: .init(), memberSize: memberSize, deflate: small)
        var expected: [UInt8] = []
        for (index, size) in [1, 100, 5000, 32_768, 40_000, 7, 300_000, 3, 0, 50, 65_536].enumerated() {
          let plain = sampleText(bytes: size, seed: UInt64(index))
          try append(plain, appender, file, compressor: index % 3 == 1 ? nil : compressor)
          expected += plain
          let result = GzipTests.inflate(file.bytes, .zlib)
          #expect(result.plain == expected && result.code == nil, "\(level) \(memberSize) \(size)")
          if index % 4 == 3 {
            // A start anew, the window forgotten.
            let place = try #require(GzipAppender.Place(try JSON(parsing: JSON.object(appender.place.json).text)))
            #expect(place == appender.place)
            appender = GzipAppender(at: place, memberSize: memberSize, deflate: small)
          }
        }
        #expect(Int64(file.bytes.count) == appender.place.length)
        #expect(GzipTests.inflate(file.bytes, library).plain == expected)
      }
    }
  }

  /// A file that was written on can be made the one that it was at any place, from any length that is not too short.
  @Test func canBeCutToEachPlace() throws {
    let small = SmallDeflate(level: 6)
    let appender = GzipAppender(at: .init(), memberSize: 120, deflate: small)
    let file = MemoryFile()
    var states: [(place: GzipAppender.Place, bytes: [UInt8])] = [(appender.place, [])]
    for index in 0..<12 {
      try append(Array("line \(index) of the text\n".utf8), appender, file, compressor: nil)
      states.append((appender.place, file.bytes))
    }
    for (place, bytes) in states {
      for length in Int(place.settledLength)...file.bytes.count {
        let copy = MemoryFile()
        copy.bytes = Array(file.bytes[..<length])
        try GzipAppender.cut(copy, to: place)
        #expect(copy.bytes == bytes, "\(place) from \(length)")
        try GzipAppender.cut(copy, to: place)
        #expect(copy.bytes == bytes)
      }
    }
  }

  @Test(arguments: [
    #"{"length":-1}"#, #"{"length":5,"member":3,"checksum":1}"#, #"{"length":50,"member":3}"#, #"{"member":3}"#,
    #"{"length":50,"member":3,"checksum":4294967296}"#, #"{"length":50,"member":-3,"checksum":1}"#,
  ])
  func refusesTokens(text: String) throws {
    #expect(GzipAppender.Place(try JSON(parsing: text)) == nil)
  }
}
