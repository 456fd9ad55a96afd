import CKernels
import MillraceColumnar
import MillraceState
import MillraceTesting
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

  /// Of both widths, as many as fill no vector, one and several with some over, in each width on disk.
  @Test(arguments: [0, 1, 7, 8, 33, 1000], [0, 1, 2, 4, 8])
  func manyOfEachWidth(count: Int, width: Int) throws {
    var random = SeededGenerator(seed: UInt64(count * 10 + width))
    for type in width == 8 ? [DataType.long] : [.integer, .long] {
      let spread = width == 0 ? 1 : width == 8 ? UInt64.max : 1 << UInt64(8 * width)
      let isSmall = type.physical == .int32
      let base = isSmall ? Int64(Int32.min) : Int64.min
      let values = (0..<count).map { _ in base &+ Int64(bitPattern: random.next() % spread) }
      let column = ColumnVector.of(values.map { .integer($0) }, type: type)
      let out = ByteBuffer()
      StateCodec.encode([column], count: count, into: out)
      var reader = StateReader(out.bytes)
      let read = try StateCodec.decode([type], count: count, from: &reader)[0]
      if isSmall {
        #expect((0..<count).map { Int64(read.values(as: Int32.self)[$0]) } == values)
      } else {
        #expect((0..<count).map { read.values(as: Int64.self)[$0] } == values)
      }
      #expect(out.count <= 10 + count * width)
    }
  }

  /// Rows that are looked for by what they are, with and without the processor's own instructions.
  @Test(arguments: [0, 1, 15, 16, 17, 1000]) func rowsAreFound(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let values = (0..<count).map { _ in
      UInt32.random(in: 0..<100, using: &random) | (Bool.random(using: &random) ? 1 << 31 : 0)
    }
    let bytes = values.map { UInt8(truncatingIfNeeded: $0) }
    func found(_ body: (UnsafeMutablePointer<UInt32>) -> Int) -> [UInt32] {
      var out = [UInt32](repeating: 7, count: count + 16)
      let foundCount = out.withUnsafeMutableBufferPointer { $0.baseAddress.map(body) ?? 0 }
      return Array(out[..<foundCount])
    }
    for limit in [0, 50, 100, .max] as [UInt32] {
      let below = values.filter { $0 < limit }
      #expect(found { ck_below(values, count, limit, $0) } == below)
      #expect(found { ck_below_plain(values, count, limit, $0) } == below)
    }
    for (mask, value) in [(3, 2), (0, 0), (16, 16), (255, 9)] as [(UInt8, UInt8)] {
      let marked = bytes.indices.filter { bytes[$0] & mask == value }.map(UInt32.init)
      #expect(found { ck_marked(bytes, count, mask, value, $0) } == marked)
      #expect(found { ck_marked_plain(bytes, count, mask, value, $0) } == marked)
    }
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
