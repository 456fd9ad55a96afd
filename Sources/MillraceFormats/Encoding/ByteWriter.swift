import Glibc
import MillraceColumnar

/// Appends to a byte buffer with one check of the room per value instead of a call per byte.
struct ByteWriter {
  private let out: ByteBuffer
  private var start: UnsafeMutablePointer<UInt8>
  /// Where the next byte goes.
  private(set) var cursor: UnsafeMutablePointer<UInt8>
  private var end: UnsafeMutablePointer<UInt8>

  private static let step = 64 << 10

  /// Call `finish` when done.
  init(_ out: ByteBuffer) {
    self.out = out
    start = out.reserve(Self.step).assumingMemoryBound(to: UInt8.self)
    cursor = start
    end = start + Self.step
  }

  /// Makes room for `count` bytes.
  @inline(__always)
  mutating func reserve(_ count: Int) {
    if end - cursor < count { grow(count) }
  }

  @inline(never)
  private mutating func grow(_ count: Int) {
    finish()
    let size = max(count, Self.step)
    start = out.reserve(size).assumingMemoryBound(to: UInt8.self)
    cursor = start
    end = start + size
  }

  /// Says how many bytes were put at `cursor`.
  @inline(__always)
  mutating func advance(_ count: Int) { cursor += count }

  /// A byte, with room for it.
  @inline(__always)
  mutating func put(_ byte: UInt8) {
    cursor.pointee = byte
    cursor += 1
  }

  /// Bytes, making room.
  @inline(__always)
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    reserve(bytes.count)
    if let base = bytes.baseAddress { memcpy(cursor, base, bytes.count) }
    cursor += bytes.count
  }

  /// Bytes, making room.
  @inline(__always)
  mutating func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { append($0) }
  }

  /// Hands what was written to the buffer.
  mutating func finish() {
    out.advance(cursor - start)
    start = cursor
  }
}

extension ByteWriter {
  /// A scalar value that is not null as JSON and CSV both write it, without quotes; false for types that are no plain text.
  mutating func appendScalar(_ type: DataType, _ vector: ColumnVector, _ slot: Int, zone: TimeZoneRules) -> Bool {
    reserve(NumberText.capacity)
    switch type {
    case .boolean: append(vector.values(as: UInt8.self)[slot] != 0 ? Self.yes : Self.no)
    case .byte: advance(NumberText.write(Int64(vector.values(as: Int8.self)[slot]), to: cursor))
    case .short: advance(NumberText.write(Int64(vector.values(as: Int16.self)[slot]), to: cursor))
    case .integer: advance(NumberText.write(Int64(vector.values(as: Int32.self)[slot]), to: cursor))
    case .long: advance(NumberText.write(vector.values(as: Int64.self)[slot], to: cursor))
    case .float: advance(NumberText.write(vector.values(as: Float.self)[slot], to: cursor))
    case .double: advance(NumberText.write(vector.values(as: Double.self)[slot], to: cursor))
    case .decimal(_, let scale):
      advance(NumberText.write(vector.values(as: Int128.self)[slot], scale: scale, to: cursor))
    case .date: advance(DateTimeText.write(days: Int(vector.values(as: Int32.self)[slot]), to: cursor))
    case .timestamp: appendInstant(vector.values(as: Int64.self)[slot], zone)
    case .timestampNTZ: appendLocal(vector.values(as: Int64.self)[slot])
    case .dayTimeInterval(let from, let to):
      append(Array(IntervalText.dayTime(vector.values(as: Int64.self)[slot], from, to).utf8))
    case .yearMonthInterval(let from, let to):
      append(Array(IntervalText.yearMonth(vector.values(as: Int32.self)[slot], from, to).utf8))
    case .calendarInterval: append(Array(IntervalText.calendar(vector.values(as: CalendarInterval.self)[slot]).utf8))
    default: return false
    }
    return true
  }

  /// A VARIANT as JSON text.
  mutating func append(variant bytes: UnsafeRawBufferPointer, zone: TimeZoneRules) {
    VariantText.withJSON(bytes, zone: zone) { append($0) }
  }

  private static let yes = Array("true".utf8)
  private static let no = Array("false".utf8)

  /// `2024-01-31T12:30:00.000`, three digits whatever the fraction, as Spark's file sinks write it.
  private mutating func appendLocal(_ microseconds: Int64) {
    let (day, time) = CivilDateTime.split(microseconds)
    let milliseconds = time / 1000
    advance(
      DateTimeText.write(
        microseconds: Int64(day) * 86_400_000_000 + Int64(milliseconds / 1000) * 1_000_000, separator: 0x54, to: cursor)
    )
    let fraction = UInt8(truncatingIfNeeded: milliseconds % 1000 / 100)
    let rest = milliseconds % 100
    put(0x2E)
    put(0x30 + fraction)
    put(0x30 + UInt8(truncatingIfNeeded: rest / 10))
    put(0x30 + UInt8(truncatingIfNeeded: rest % 10))
  }

  private mutating func appendInstant(_ microseconds: Int64, _ zone: TimeZoneRules) {
    if zone.fixedOffset == 0 {
      appendLocal(microseconds)
      return put(0x5A)
    }
    appendLocal(zone.local(fromUTC: microseconds))
    append(Array(TimeZoneOffset.text(zone.offset(atUTC: microseconds.flooredSecond), zero: "Z").utf8))
  }
}

extension VariantText {
  /// Hands the JSON text of the bytes of a VARIANT to `body`, with timestamps in a zone.
  static func withJSON(
    _ bytes: UnsafeRawBufferPointer, zone: TimeZoneRules, _ body: (UnsafeRawBufferPointer) -> Void
  ) {
    let text = ByteBuffer(capacity: bytes.count * 2 + 64)
    VariantText { zone.local(fromUTC: $0) }.append(VariantValue(bytes), to: text)
    withExtendedLifetime(text) { body(text.bytes) }
  }
}
