import CKernels
import Glibc
import MillraceColumnar

/// MAP<STRING, STRING> out of texts with keys and values.
struct PairMaps {
  static let type = DataType.map(key: .string, value: .string, valueContainsNull: true)
  private let syntax: PairSyntax

  init(_ syntax: PairSyntax) { self.syntax = syntax }

  /// One map for each span, NULL where there is none. Of equal keys the last value counts. A text that is not of the syntax marks
  /// its row.
  func column(
    _ window: SpanWindow, _ texts: UnsafePointer<UInt64>, _ rows: Int, isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    var keys = GrowingArray<UInt64>(capacity: rows * 8), values = GrowingArray<UInt64>(capacity: rows * 8)
    let lists = MemoryBuffer(capacity: max(rows, 1) * MemoryLayout<ListView>.stride)
    let views = lists.base.assumingMemoryBound(to: ListView.self)
    var nulls = NullTracker(count: max(rows, 1))
    for row in 0..<rows {
      let first = keys.count
      if texts[row] == 0 {
        nulls.setNull(row)
      } else {
        var cursor = PairCursor(syntax, RecordText(window.base, line: texts[row]))
        while let pair = cursor.next() {
          let known = (first..<keys.count).first { Self.isSame(keys.base[$0], pair.key, window.base) }
          if let known {
            values.base[known] = pair.value
          } else {
            keys.append(pair.key)
            values.append(pair.value)
          }
        }
        if cursor.isBad { isBad[row] = 1 }
      }
      views[row] = ListView(offset: first, length: keys.count - first)
    }
    return map(window, keys, values, lists, nulls.validity, rows)
  }

  private func map(
    _ window: SpanWindow, _ keys: borrowing GrowingArray<UInt64>, _ values: borrowing GrowingArray<UInt64>,
    _ lists: MemoryBuffer, _ validity: Bitmap?, _ rows: Int
  ) -> ColumnVector {
    let count = keys.count
    // Escapes of pairs are never wrong.
    let ignored = MemoryBuffer(capacity: max(count, 1))
    let marks = ignored.base.assumingMemoryBound(to: UInt8.self)
    let children = [
      window.strings(.string, keys.base, count, marks), window.strings(.string, values.base, count, marks),
    ]
    return ColumnVector(type: Self.type, count: rows, values: lists, validity: validity, children: children)
  }

  /// Whether two spans have the same bytes.
  static func isSame(_ left: UInt64, _ right: UInt64, _ base: UnsafePointer<UInt8>) -> Bool {
    let length = ck_span_length(left)
    return length == ck_span_length(right)
      && memcmp(base + ck_span_offset(left), base + ck_span_offset(right), length) == 0
  }
}
