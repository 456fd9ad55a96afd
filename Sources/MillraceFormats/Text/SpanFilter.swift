import CKernels
import Glibc
import MillraceColumnar

/// Conditions on columns, tested on spans before values are made of them.
///
/// A row that fails would be filtered out later anyway; here it costs one value, and not one in each column. A condition that nearly all
/// rows pass is left alone for some batches.
struct SpanFilter {
  /// What a span must hold. Integers are those of `Value.integer`.
  private enum Test {
    case whole(ClosedRange<Int64>)
    case timestamp(TimestampSpans, ClosedRange<Int64>)
    case date(ClosedRange<Int64>)
    case text(SpanText)
  }

  private struct Condition {
    /// Of the span table.
    var column: Int
    var test: Test
    /// Batches that it is still left alone, and how many it was the last time.
    var pause = 0, lastPause = 0
  }

  private var conditions: [Condition] = []
  private let rules: SpanRules
  private var kept: [UInt32] = []

  /// A filter of texts written by `rules`.
  init(rules: SpanRules) { self.rules = rules }

  /// Adds a condition on `column` of the table, if it is one of those that can be tested on texts of `type`.
  mutating func add(_ filter: PushedFilter, column: Int, type: DataType) {
    if let test = test(filter, type) { conditions.append(Condition(column: column, test: test)) }
  }

  private func test(_ filter: PushedFilter, _ type: DataType) -> Test? {
    // Scanners of other formats look for texts themselves.
    if rules.isText, let text = filter.requiredText(of: type) { return .text(SpanText(text)) }
    guard case .integer(let value) = filter.value, let range = Self.range(filter.comparison, value) else { return nil }
    switch type {
    case .byte: return Self.whole(Int8.self, range)
    case .short: return Self.whole(Int16.self, range)
    case .integer: return Self.whole(Int32.self, range)
    case .long: return .whole(range)
    case .timestamp, .timestampNTZ: return .timestamp(TimestampSpans(type, rules), range)
    case .date: return .date(range)
    default: return nil
    }
  }

  /// The values that compare so with `value`; nil if they are no range.
  private static func range(_ comparison: PushedFilter.Comparison, _ value: Int64) -> ClosedRange<Int64>? {
    switch comparison {
    case .equal: value...value
    case .less: value == .min ? nil : .min...value - 1
    case .lessOrEqual: .min...value
    case .greater: value == .max ? nil : value + 1 ... .max
    case .greaterOrEqual: value ... .max
    case .notEqual: nil
    }
  }

  /// Of the values in range those that the type has: a number that is too large for it is NULL.
  private static func whole<T: FixedWidthInteger>(_: T.Type, _ range: ClosedRange<Int64>) -> Test? {
    let all = Int64(T.min)...Int64(T.max)
    return all.overlaps(range) ? .whole(range.clamped(to: all)) : nil
  }

  /// Takes rows out of the table that fail a condition, and gives how many are left. What is NULL or has no value of its type fails.
  mutating func apply(to table: SpanTable, _ rows: Int, base: UnsafePointer<UInt8>) -> Int {
    var left = rows
    for index in conditions.indices {
      if conditions[index].pause > 0 {
        conditions[index].pause -= 1
        continue
      }
      if kept.count < left { kept = [UInt32](repeating: 0, count: left + left / 4) }
      let count = kept.withUnsafeMutableBufferPointer { kept in
        Self.pass(&conditions[index], table, left, base, rules, kept)
      }
      // Few rows less are not worth moving the others.
      if count > left - left / 16 {
        conditions[index].lastPause = min(2 * conditions[index].lastPause + 1, 63)
        conditions[index].pause = conditions[index].lastPause
        continue
      }
      conditions[index].lastPause = 0
      kept.withUnsafeBufferPointer { table.keep(UnsafeBufferPointer(rebasing: $0[..<count])) }
      left = count
    }
    return left
  }

  /// Notes the rows that pass, and gives how many.
  private static func pass(
    _ condition: inout Condition, _ table: SpanTable, _ rows: Int, _ base: UnsafePointer<UInt8>, _ rules: SpanRules,
    _ kept: UnsafeMutableBufferPointer<UInt32>
  ) -> Int {
    let spans = table.spans(condition.column)
    switch condition.test {
    case .whole(let range):
      let kind = UInt32(rules.isText ? CK_TEXT : CK_NUMBER), isLenient = rules.isText
      return note(spans, rows, kept) { span in
        guard ck_span_kind(span) == kind,
          let value = WholeNumber.parse(base + ck_span_offset(span), ck_span_length(span), lenient: isLenient)
        else { return false }
        return range.contains(value)
      }
    case .timestamp(var timestamps, let range):
      let count = note(spans, rows, kept) { span in
        guard span != 0,
          let value = timestamps.parse(base + ck_span_offset(span), ck_span_length(span), ck_span_kind(span))
        else { return false }
        return range.contains(value)
      }
      condition.test = .timestamp(timestamps, range)
      return count
    case .date(let range):
      return note(spans, rows, kept) { span in
        guard ck_span_kind(span) == CK_TEXT,
          let days = TimestampText.date(
            UnsafeRawBufferPointer(start: base + ck_span_offset(span), count: ck_span_length(span)))
        else { return false }
        return range.contains(Int64(days))
      }
    case .text(let text): return note(spans, rows, kept) { text.mayBe($0, base) }
    }
  }

  @inline(__always)
  private static func note(
    _ spans: UnsafePointer<UInt64>, _ rows: Int, _ kept: UnsafeMutableBufferPointer<UInt32>, _ passes: (UInt64) -> Bool
  ) -> Int {
    guard let target = kept.baseAddress else { return 0 }
    var count = 0
    for row in 0..<rows {
      target[count] = UInt32(truncatingIfNeeded: row)
      count &+= passes(spans[row]) ? 1 : 0
    }
    return count
  }
}

extension PushedFilter {
  /// The text that a column must hold byte by byte, if that is the condition. U+FFFD may stand for bytes that are no UTF-8.
  func requiredText(of type: DataType) -> String? {
    guard type == .string, comparison == .equal, case .string(let text) = value,
      !text.unicodeScalars.contains("\u{FFFD}")
    else { return nil }
    return text
  }
}

/// A text that spans are compared with.
private struct SpanText {
  private let bytes: [UInt8]
  /// What a span of these bytes has in its upper half: their number, and that they are plain text.
  private let upper: UInt64
  /// The first eight bytes, or as many as there are.
  private let start: UInt64
  private let mask: UInt64

  init(_ text: String) {
    bytes = Array(text.utf8)
    upper = ck_span(0, bytes.count, UInt32(CK_TEXT)) >> 32
    mask = bytes.count >= 8 ? .max : (1 << UInt64(8 * bytes.count)) - 1
    start = bytes.prefix(8).enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
  }

  /// False if a span's text is another one, or NULL; what is more than plain text is not looked into.
  @inline(__always)
  func mayBe(_ span: UInt64, _ base: UnsafePointer<UInt8>) -> Bool {
    let text = UnsafeRawPointer(base + ck_span_offset(span))
    let word = UInt64(littleEndian: text.loadUnaligned(as: UInt64.self))
    if (span >> 32 ^ upper) | (word & mask ^ start) != 0 { return ck_span_kind(span) > CK_TEXT }
    if bytes.count <= 8 { return true }
    return bytes.withUnsafeBytes { bytes in bytes.baseAddress.map { memcmp(text, $0, bytes.count) == 0 } ?? true }
  }
}
