import CKernels
import MillraceColumnar
import MillraceCore

/// Integers as their distance from the smallest, in as few bytes each as the largest distance needs: the smallest (`Int64`), the
/// width (0, 1, 2, 4 or 8), the distances. Counters and lengths, of which state is made, shrink to an eighth.
enum NarrowIntegers {
  /// Integers of 4 or 8 bytes.
  static func encode<T: FixedWidthInteger & BitwiseCopyable>(
    _ values: UnsafePointer<T>, _ count: Int, into out: ByteBuffer
  ) {
    let stride = MemoryLayout<T>.stride
    var base: Int64 = 0
    var largest: Int64 = 0
    ck_integer_range(values, stride, count, &base, &largest)
    let spread = UInt64(bitPattern: largest &- base)
    let width = spread == 0 ? 0 : spread <= 0xFF ? 1 : spread <= 0xFFFF ? 2 : spread <= 0xFFFF_FFFF ? 4 : 8
    out.append(raw: base)
    out.append(UInt8(width))
    let target = out.reserve(count * width)
    ck_integer_distances(values, stride, count, base, width, target.assumingMemoryBound(to: UInt8.self))
    out.advance(count * width)
  }

  /// Throws `STATE_CORRUPT` when the bytes end too early or have another width.
  static func decode<T: FixedWidthInteger & BitwiseCopyable>(
    _ count: Int, from reader: inout StateReader, into values: UnsafeMutablePointer<T>
  ) throws {
    let base = try reader.read(Int64.self)
    switch try reader.read(UInt8.self) {
    case 0: for row in 0..<count { values[row] = T(truncatingIfNeeded: base) }
    case 1: try read(count, base, UInt8.self, &reader, values)
    case 2: try read(count, base, UInt16.self, &reader, values)
    case 4: try read(count, base, UInt32.self, &reader, values)
    case 8: try read(count, base, UInt64.self, &reader, values)
    case let width: throw MillraceError("STATE_CORRUPT", "state has integers of \(width) bytes", fault: .external)
    }
  }

  @inline(__always)
  private static func read<T: FixedWidthInteger & BitwiseCopyable, U: FixedWidthInteger & BitwiseCopyable>(
    _ count: Int, _ base: Int64, _: U.Type, _ reader: inout StateReader, _ values: UnsafeMutablePointer<T>
  ) throws {
    let stride = MemoryLayout<U>.stride
    let source = try reader.take(count * stride)
    for row in 0..<count {
      let distance = source.loadUnaligned(fromByteOffset: row &* stride, as: U.self)
      values[row] = T(truncatingIfNeeded: base &+ Int64(truncatingIfNeeded: distance))
    }
  }
}
