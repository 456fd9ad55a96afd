import MillraceColumnar
import MillraceExpressions
import MillracePlan

/// The values of some rows as 64-bit words in the same order, equal words for equal values; and the words of other values among them.
struct OrderWords {
  /// The values in order, each once, where the words are their ranks; nil where each value is a word by itself.
  private let ranked: ColumnVector?

  /// Whether values of a type can be compared so.
  static func cover(_ type: DataType) -> Bool { type.isOrderable && !type.isNested && type.physical != .interval }

  /// What gives the words of values that are compared with those of a column, and the words of the column itself.
  static func of(_ column: ColumnVector) -> (scale: OrderWords, words: [UInt64]) {
    let values = column.flattened()
    if RowOrder.words(values) != nil {
      let scale = OrderWords(ranked: nil)
      return (scale, scale.words(of: values))
    }
    let order = RowOrder([values], [SortOrder(.null(values.type))]).sorted()
    var ranks = [UInt64](repeating: 0, count: values.count)
    var distinct: [Int] = []
    for index in 0..<order.count {
      let row = Int(order.rows[index])
      if values.isNull(row) { continue }
      if distinct.last.map({ compare(values, row, values, $0) != 0 }) ?? true { distinct.append(row) }
      ranks[row] = UInt64(distinct.count) * 2 - 1
    }
    return (OrderWords(ranked: values.gathered(Selection(distinct))), ranks)
  }

  /// The word of each value; any for NULL.
  func words(of column: ColumnVector) -> [UInt64] {
    let values = column.flattened()
    guard let ranked else {
      guard let words = RowOrder.words(values) else { return [] }
      let signed = words.base.assumingMemoryBound(to: Int64.self)
      return (0..<values.count).map { RadixSort.word(of: signed[$0]) }
    }
    return (0..<values.count).map { values.isNull($0) ? 0 : rank(of: values, $0, in: ranked) }
  }

  /// Odd for a value that is there, even between two.
  private func rank(of values: ColumnVector, _ row: Int, in ranked: ColumnVector) -> UInt64 {
    var low = 0, high = ranked.count
    while low < high {
      let middle = (low + high) / 2
      let order = OrderWords.compare(ranked, middle, values, row)
      if order == 0 { return UInt64(middle) * 2 + 1 }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return UInt64(low) * 2
  }

  @inline(__always)
  private static func compare(_ a: ColumnVector, _ i: Int, _ b: ColumnVector, _ j: Int) -> Int {
    a.type.physical == .view ? StringView.compare(a.views[i], b.views[j]) : ValueOrder.compareValues(a, i, b, j)
  }
}
