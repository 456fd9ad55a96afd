import CKernels
import MillraceColumnar

/// Conditions on columns of whole numbers, tested on spans before values are made of them.
///
/// A row that fails would be filtered out later anyway; here it costs one number, and not a value in each column.
struct SpanFilter {
  /// Column of the span table and what its values must lie between.
  private var ranges: [(column: Int, range: ClosedRange<Int64>)] = []
  private let isText: Bool
  private var kept: [UInt32] = []

  /// `isText`: as in `SpanRules`.
  init(isText: Bool) { self.isText = isText }

  var isEmpty: Bool { ranges.isEmpty }

  /// Adds a condition on `column` of the table, if it is one on whole numbers of `type`.
  mutating func add(_ filter: PushedFilter, column: Int, type: DataType) {
    guard let all = Self.range(of: type), case .integer(let value) = filter.value else { return }
    let low: Int64
    let high: Int64
    switch filter.comparison {
    case .equal: (low, high) = (value, value)
    case .less: (low, high) = (.min, value == .min ? .min : value - 1)
    case .lessOrEqual: (low, high) = (.min, value)
    case .greater: (low, high) = (value == .max ? .max : value + 1, .max)
    case .greaterOrEqual: (low, high) = (value, .max)
    case .notEqual: return
    }
    let lower = max(low, all.lowerBound), upper = min(high, all.upperBound)
    if lower <= upper { ranges.append((column, lower...upper)) }
  }

  private static func range(of type: DataType) -> ClosedRange<Int64>? {
    switch type {
    case .byte: Int64(Int8.min)...Int64(Int8.max)
    case .short: Int64(Int16.min)...Int64(Int16.max)
    case .integer: Int64(Int32.min)...Int64(Int32.max)
    case .long: .min ... .max
    default: nil
    }
  }

  /// Takes rows out of the table that fail a condition, and gives how many are left. What is NULL or no whole number fails.
  mutating func apply(to table: SpanTable, _ rows: Int, base: UnsafePointer<UInt8>) -> Int {
    var left = rows
    for (column, range) in ranges {
      if kept.count < left { kept = [UInt32](repeating: 0, count: left + left / 4) }
      let kind = UInt32(isText ? CK_TEXT : CK_NUMBER)
      left = kept.withUnsafeMutableBufferPointer { kept in
        let count = Self.pass(table.spans(column), left, base, kind, range, kept)
        // Few rows less are not worth moving the others.
        if count > left - left / 16 { return left }
        table.keep(UnsafeBufferPointer(rebasing: kept[..<count]))
        return count
      }
    }
    return left
  }

  /// Notes the rows that pass, and gives how many.
  private static func pass(
    _ spans: UnsafePointer<UInt64>, _ rows: Int, _ base: UnsafePointer<UInt8>, _ kind: UInt32,
    _ range: ClosedRange<Int64>, _ kept: UnsafeMutableBufferPointer<UInt32>
  ) -> Int {
    guard let target = kept.baseAddress else { return 0 }
    var count = 0
    for row in 0..<rows {
      let span = spans[row]
      target[count] = UInt32(truncatingIfNeeded: row)
      guard ck_span_kind(span) == kind,
        let value = WholeNumber.parse(
          base + ck_span_offset(span), ck_span_length(span), lenient: kind == UInt32(CK_TEXT))
      else { continue }
      count &+= range.contains(value) ? 1 : 0
    }
    return count
  }
}
