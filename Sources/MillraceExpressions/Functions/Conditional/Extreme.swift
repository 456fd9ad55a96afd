import MillraceColumnar

/// `greatest` and `least`.
enum Extreme {
  static func bind(
    _ name: String, _ arguments: [Expression], wantsGreater: Bool, _ context: BindingContext
  ) throws -> Expression {
    try Arguments.expectCount(name, arguments, 2...Int.max)
    let values = try Arguments.unify(name, arguments, promotesStrings: false, context)
    let type = values[0].type
    try Comparison.checkOrderable(name, type)
    let less = Comparison.kernel(.less, type)
    let isNullable = values.allSatisfy(\.isNullable)
    return .operation(name, type, values, neverNull: !isNullable, nullStops: 0) { vectors, _, _ in
      var best = vectors[0]
      for next in vectors.dropFirst() {
        best = choose(best, next, wantsGreater ? less(best, next) : less(next, best))
      }
      return best
    }
  }

  /// Row by row `next` where `isBetter` is true or `best` is null, else `best`.
  private static func choose(_ best: ColumnVector, _ next: ColumnVector, _ isBetter: ColumnVector) -> ColumnVector {
    let count = best.count
    let selection = Selection(capacity: count)
    let rows = selection.rows
    for row in 0..<count {
      let takesNext =
        best.isNull(row) || (!isBetter.isNull(row) && isBetter.values(as: UInt8.self)[isBetter.slot(row)] != 0)
      rows[row] = Int32(truncatingIfNeeded: takesNext ? row + count : row)
    }
    return ColumnVector.concatenated([best.flattened(), next.flattened()]).gathered(selection)
  }
}
