import CKernels
import Glibc
import MillraceColumnar
import MillraceCore

/// Finds the type that all texts of a column have, as Spark's CSV source does: INT, BIGINT, DECIMAL for longer whole numbers, DOUBLE,
/// DATE, TIMESTAMP, BOOLEAN, else STRING. NULLs say nothing.
struct TextTypes {
  let zone: TimeZoneRules

  /// The type of a string column.
  func type(of column: ColumnVector) -> DataType {
    let texts = Texts(column)
    if texts.isEmpty { return .string }
    let whole = texts.digits.map { DataType.decimal(precision: max($0, 20), scale: 0) }
    let isDate = texts.areAll { $0.count == 10 }
    let candidates: [DataType] =
      [.integer, .long] + (whole.map { [$0] } ?? []) + [.double] + (isDate ? [.date] : []) + [.timestamp, .boolean]
    return candidates.first { texts.fit($0, zone) } ?? .string
  }

  /// The texts of a column side by side, as decoders have them.
  private struct Texts {
    private let buffer: MemoryBuffer
    private let spans: MemoryBuffer
    private let count: Int
    private(set) var isEmpty = true

    init(_ column: ColumnVector) {
      count = column.count
      var total = 0
      for row in 0..<count { total += column.isNull(row) ? 0 : column.bytes(row).count }
      // A byte in front, since a span of 0 is NULL.
      buffer = MemoryBuffer(capacity: total + 1)
      spans = MemoryBuffer(capacity: max(count, 1) * 8)
      let places = spans.base.assumingMemoryBound(to: UInt64.self)
      var at = 1
      for row in 0..<count {
        let bytes = column.isNull(row) ? UnsafeRawBufferPointer(start: nil, count: 0) : column.bytes(row)
        if let source = bytes.baseAddress, bytes.count > 0 { memcpy(buffer.base + at, source, bytes.count) }
        places[row] = bytes.isEmpty ? 0 : ck_span(at, bytes.count, UInt32(CK_TEXT))
        if !bytes.isEmpty { isEmpty = false }
        at += bytes.count
      }
    }

    private var places: UnsafePointer<UInt64> { UnsafePointer(spans.base.assumingMemoryBound(to: UInt64.self)) }
    private var base: UnsafePointer<UInt8> { UnsafePointer(buffer.base.assumingMemoryBound(to: UInt8.self)) }

    func areAll(_ meets: (UnsafeBufferPointer<UInt8>) -> Bool) -> Bool {
      (0..<count).allSatisfy { row in
        let span = places[row]
        return span == 0
          || meets(UnsafeBufferPointer(start: base + ck_span_offset(span), count: ck_span_length(span)))
      }
    }

    /// Most digits of a text if all are whole numbers of at most 38 digits.
    var digits: Int? {
      var most = 0
      let areWhole = areAll { text in
        let digits = text.first == 0x2D || text.first == 0x2B ? text.dropFirst() : text[...]
        most = max(most, digits.count)
        return !digits.isEmpty && digits.allSatisfy { $0 &- 0x30 <= 9 }
      }
      return areWhole && most <= 38 ? most : nil
    }

    /// Whether all texts can be read as a type.
    func fit(_ type: DataType, _ zone: TimeZoneRules) -> Bool {
      let marks = MemoryBuffer(capacity: max(count, 1))
      memset(marks.base, 0, max(count, 1))
      let isBad = marks.base.assumingMemoryBound(to: UInt8.self)
      let rules = SpanRules(isText: true, zone: zone) { text, count, target in
        target.update(from: text, count: count)
        return count
      }
      let window = SpanWindow(base: base, owner: buffer, isASCII: false, rules: rules)
      _ = window.column(type, places, count, isBad: isBad)
      return (0..<count).allSatisfy { isBad[$0] == 0 }
    }
  }
}
