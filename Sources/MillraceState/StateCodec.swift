import CKernels
import Glibc
public import MillraceColumnar
import MillraceCore

/// Columns as bytes and back, for state files and the commit log.
///
/// A column is a flag byte (1: a NULL bitmap follows), the bitmap, then its values: integers as `NarrowIntegers`, others of fixed
/// width side by side, strings as a flag byte (1: `PackedStrings` follow, which there were none of in format 1, nor the flag), or else their
/// lengths (`NarrowIntegers`) and then all bytes. Types are not written: whoever reads knows them from the query. Little-endian.
public enum StateCodec {
  /// Appends `count` rows of `columns`.
  public static func encode(_ columns: [ColumnVector], count: Int, into out: ByteBuffer) {
    var layouts = TextLayouts()
    encode(columns, count: count, &layouts, into: out)
  }

  /// The same for columns of which there are more, with what was found out about those before.
  static func encode(_ columns: [ColumnVector], count: Int, _ layouts: inout TextLayouts, into out: ByteBuffer) {
    layouts.reserve(columns.count)
    for (index, column) in columns.enumerated() { encode(column.flattened(), count, &layouts.columns[index], out) }
  }

  /// How the texts of columns were packed last.
  struct TextLayouts {
    fileprivate var columns: [ck_pack_layout?] = []

    fileprivate mutating func reserve(_ count: Int) {
      while columns.count < count { columns.append(nil) }
    }
  }

  private static func encode(
    _ column: ColumnVector, _ count: Int, _ layout: inout ck_pack_layout?, _ out: ByteBuffer
  ) {
    out.append(column.mayHaveNulls ? 1 as UInt8 : 0)
    if let validity = column.validity {
      out.append(UnsafeRawBufferPointer(start: validity.words, count: (count + 7) / 8))
    }
    let stride = column.type.physical.stride
    switch column.type.physical {
    case .int32: return NarrowIntegers.encode(column.values(as: Int32.self), count, into: out)
    case .int64: return NarrowIntegers.encode(column.values(as: Int64.self), count, into: out)
    case .view: break
    default: return out.append(UnsafeRawBufferPointer(start: column.values(as: UInt8.self), count: count * stride))
    }
    if PackedStrings.encode(column, count, &layout, into: out) { return }
    out.append(0 as UInt8)
    let views = column.views
    var total = 0
    let scratch = MemoryBuffer(capacity: count * 4)
    let lengths = scratch.base.assumingMemoryBound(to: Int32.self)
    for row in 0..<count {
      let length = column.isNull(row) ? 0 : views[row].count
      lengths[row] = Int32(truncatingIfNeeded: length)
      total += length
    }
    NarrowIntegers.encode(lengths, count, into: out)
    var target = out.reserve(total)
    for row in 0..<count where !column.isNull(row) {
      let bytes = column.bytes(row)
      guard let source = bytes.baseAddress else { continue }
      memcpy(target, source, bytes.count)
      target += bytes.count
    }
    out.advance(total)
  }

  /// Reads `count` rows of columns of the given types, written in format 1 or 2. Long strings are copied.
  public static func decode(_ types: [DataType], count: Int, from reader: inout StateReader, format: Int = 2) throws
    -> [ColumnVector]
  {
    var columns: [ColumnVector] = []
    for type in types { columns.append(try decode(type, count, &reader, format)) }
    return columns
  }

  private static func decode(_ type: DataType, _ count: Int, _ reader: inout StateReader, _ format: Int) throws
    -> ColumnVector
  {
    var validity: Bitmap?
    if try reader.read(UInt8.self) != 0 {
      let bits = Bitmap(count: count, all: false)
      memcpy(bits.words, try reader.take((count + 7) / 8), (count + 7) / 8)
      validity = bits
    }
    let stride = type.physical.stride
    switch type.physical {
    case .int32, .int64:
      let values = MemoryBuffer(capacity: count * stride)
      if stride == 4 {
        try NarrowIntegers.decode(count, from: &reader, into: values.base.assumingMemoryBound(to: Int32.self))
      } else {
        try NarrowIntegers.decode(count, from: &reader, into: values.base.assumingMemoryBound(to: Int64.self))
      }
      return ColumnVector(type: type, count: count, values: values, validity: validity)
    case .view: break
    default:
      let bytes = UnsafeRawBufferPointer(start: try reader.take(count * stride), count: count * stride)
      return ColumnVector(type: type, count: count, values: MemoryBuffer(copying: bytes), validity: validity)
    }
    if format > 1, try reader.read(UInt8.self) == 1 {
      return try PackedStrings.decode(type, count, from: &reader, validity: validity)
    }
    let scratch = MemoryBuffer(capacity: count * 4)
    let lengths = scratch.base.assumingMemoryBound(to: Int32.self)
    try NarrowIntegers.decode(count, from: &reader, into: lengths)
    let arena = Arena()
    let out = MemoryBuffer(capacity: count * 16)
    let views = out.base.assumingMemoryBound(to: StringView.self)
    for row in 0..<count {
      let length = Int(lengths[row])
      views[row] = arena.store(try reader.take(length), length)
    }
    return ColumnVector(type: type, count: count, values: out, validity: validity, owners: arena.owners)
  }
}

/// Reads bytes in order and throws instead of reading past the end.
public struct StateReader {
  private let bytes: UnsafeRawBufferPointer
  private var at = 0

  /// Reads from the start of `bytes`.
  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Bytes that were not read.
  public var left: Int { bytes.count - at }

  /// Address of the next `count` bytes.
  public mutating func take(_ count: Int) throws -> UnsafeRawPointer {
    guard count >= 0, count <= left, let base = bytes.baseAddress else { throw StateReader.truncated(at) }
    defer { at += count }
    return base + at
  }

  /// The next value of a trivial type.
  public mutating func read<T: BitwiseCopyable>(_: T.Type) throws -> T {
    try take(MemoryLayout<T>.size).loadUnaligned(as: T.self)
  }

  private static func truncated(_ at: Int) -> MillraceError {
    MillraceError("STATE_CORRUPT", "the state data ends too early, at byte \(at)", fault: .external)
  }
}
