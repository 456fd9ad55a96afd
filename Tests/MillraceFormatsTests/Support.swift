import MillraceColumnar
import MillraceCore

@testable import MillraceFormats

/// Bytes as a decoder gets them: in a buffer of their own with room behind.
func window(_ text: String) -> MemoryBuffer {
  var copy = text
  return copy.withUTF8 { MemoryBuffer(copying: UnsafeRawBufferPointer($0)) }
}

/// Decodes a text at once.
func decode(_ decoder: any Decoder, _ text: String, offset: Int64 = 0) throws -> RecordBatch {
  let buffer = window(text)
  let bytes = UnsafeRawBufferPointer(start: buffer.base, count: buffer.capacity)
  return try decoder.decode(bytes, owner: buffer, origin: RecordOrigin(name: "test", offset: offset))
}

/// Decodes a text with all columns of a decoding.
func rows(_ decoding: any Decoding, _ text: String, filters: [PushedFilter] = [], columns: [Int]? = nil) throws
  -> [[Value]]
{
  let decoder = try decoding.makeDecoder(columns: columns ?? Array(decoding.schema.fields.indices), filters: filters)
  return try decode(decoder, text).rows()
}

/// Pseudo-random numbers that are the same in every run.
struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// Text of words with many repetitions, which compresses.
func sampleText(bytes: Int, seed: UInt64 = 1) -> [UInt8] {
  var random = Seeded(state: seed)
  var out: [UInt8] = []
  while out.count < bytes {
    out += Array("word\(random.next() % 500) ".utf8)
    if random.next() % 9 == 0 { out.append(10) }
    if random.next() % 50 == 0 { out += (0..<40).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
  }
  return Array(out[..<bytes])
}
