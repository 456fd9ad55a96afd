import MillraceColumnar

/// `max_by(value, key, n)` and `min_by(value, key, n)`: the values in the rows with the greatest or least keys, best first.
enum ExtremeRows {
  private static let limit: Int64 = 100_000

  static func bind(_ name: String, _ arguments: [Expression], isMaximum: Bool) throws -> BoundAggregate {
    guard case .integer(let wanted) = try AggregateBinding.constant(name, arguments[2], 3) else {
      throw AggregateBinding.mismatch(name, arguments[2], 3, "a constant integer")
    }
    guard (1...limit).contains(wanted) else {
      throw MillraceError(
        "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the number of rows of `\(name)` must be between 1 and \(limit)")
    }
    let types = [arguments[0].type, arguments[1].type]
    let type = DataType.array(types[0])
    return BoundAggregate(
      name, arguments: Array(arguments.prefix(2)), type: type, stateTypes: [.binary], isOrderSensitive: true
    ) {
      CollectingAccumulator(types, keepsNulls: true) { best($0, Int(wanted), isMaximum, type) }
    }
  }

  /// Of equal keys the later row counts more.
  private static func best(
    _ grouped: CollectingAccumulator.Grouped, _ wanted: Int, _ isMaximum: Bool, _ type: DataType
  ) -> ColumnVector {
    let keys = grouped.columns[1].flattened()
    var picks: [Int32] = []
    var lists: [ListView] = []
    var nulls = NullTracker(count: grouped.lists.count)
    for (group, list) in grouped.lists.enumerated() {
      let rows = list.range.filter { !keys.isNull($0) }.sorted { left, right in
        let order = ValueOrder.compareValues(keys, left, keys, right)
        if order == 0 { return left > right }
        return isMaximum ? order > 0 : order < 0
      }
      if rows.isEmpty { nulls.setNull(group) }
      lists.append(ListView(offset: picks.count, length: min(wanted, rows.count)))
      picks += rows.prefix(wanted).map { Int32(truncatingIfNeeded: $0) }
    }
    let values = grouped.columns[0].flattened().gatheredOrNull(picks, count: picks.count).flattened()
    return ListColumn.make(type, lists, [values], validity: nulls.validity)
  }
}
