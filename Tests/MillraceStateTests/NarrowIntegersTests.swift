import MillraceColumnar
import MillraceState
import Testing

/// Integers of state, whose width in files depends on how far they lie apart.
@Suite struct NarrowIntegersTests {
  @Test(
    arguments: [
      ([], 9), ([7, 7, 7], 9), ([-3, 252, 0], 12), ([0, 256, 65535], 15), ([-1, 65535], 17), ([.min, .max, 0], 33),
    ] as [([Int64], Int)])
  func roundTrip(values: [Int64], byteCount: Int) throws {
    let column = ColumnVector.of(values.map { .integer($0) }, type: .long)
    let out = ByteBuffer()
    StateCodec.encode([column], count: values.count, into: out)
    #expect(out.count == 1 + byteCount)
    var reader = StateReader(out.bytes)
    let read = try StateCodec.decode([.long], count: values.count, from: &reader)[0]
    #expect((0..<values.count).map { read.values(as: Int64.self)[$0] } == values)
    #expect(reader.left == 0)
  }

  @Test func damagedWidth() throws {
    let out = ByteBuffer()
    StateCodec.encode([ColumnVector.of([.integer(1)], type: .integer)], count: 1, into: out)
    var bytes = Array(out.bytes)
    bytes[9] = 3
    #expect(throws: (any Error).self) {
      try bytes.withUnsafeBytes { raw in
        var reader = StateReader(raw)
        _ = try StateCodec.decode([.integer], count: 1, from: &reader)
      }
    }
  }
}
