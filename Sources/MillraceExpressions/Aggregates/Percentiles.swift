import Glibc
import MillraceColumnar

/// Percentiles, interpolated or by rank.
enum Percentiles {
  /// Percentages as given: one number, or an array whose result is an array too.
  struct Percentages: Sendable {
    let values: [Double]
    let isArray: Bool
  }

  static func percentages(_ name: String, _ argument: Expression) throws -> Percentages {
    let value = try AggregateBinding.constant(name, argument, 2)
    var numbers: [Double?] = []
    var isArray = false
    if case .array(let elements) = value {
      isArray = true
      let element = argument.type.elementType ?? .double
      numbers = elements.map { AggregateBinding.double($0, element) }
    } else {
      numbers = [AggregateBinding.double(value, argument.type)]
    }
    let values = numbers.compactMap { $0 }
    guard values.count == numbers.count else {
      throw MillraceError("DATATYPE_MISMATCH.UNEXPECTED_NULL", "the percentage of \(name) must be a number")
    }
    guard values.allSatisfy({ $0 >= 0 && $0 <= 1 }) else {
      throw MillraceError("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the percentage of \(name) must lie between 0 and 1")
    }
    return Percentages(values: values, isArray: isArray)
  }

  /// `percentile`, `percentile_cont`, `median` (interpolated) and `percentile_disc` (the value at the rank), as DOUBLE.
  static func bind(
    _ name: String, _ argument: Expression, percentage: Expression, frequency: Expression?, isDiscrete: Bool,
    isDescending: Bool = false
  ) throws -> BoundAggregate {
    let interval: DataType? =
      switch argument.type {
      case .dayTimeInterval: .dayToSecond
      case .yearMonthInterval: .yearToMonth
      default: nil
      }
    let number = interval == nil ? try AggregateBinding.number(name, argument, 1) : argument
    var arguments = [number]
    if let frequency {
      guard frequency.type.isIntegral else { throw AggregateBinding.mismatch(name, frequency, 3, "an integer") }
      arguments.append(frequency)
    }
    let wanted = try percentages(name, percentage)
    let types = arguments.map(\.type)
    let element = interval ?? .double
    let type: DataType = wanted.isArray ? .array(element: element, containsNull: false) : element
    return BoundAggregate(name, arguments: arguments, type: type, stateTypes: [.binary]) {
      CollectingAccumulator(types) { grouped in
        let values = Rows.doubles(grouped.columns[0]).flattened()
        let weights = grouped.columns.count > 1 ? Rows.doubles(grouped.columns[1]).flattened() : nil
        let results = try grouped.lists.map { list -> [Double]? in
          let sorted = try Weighted(values, weights, list.range, isDescending: isDescending)
          if sorted.total == 0 { return nil }
          return wanted.values.map { isDiscrete ? sorted.rank($0) : sorted.interpolated($0) }
        }
        return column(results, wanted, type, isInterval: interval != nil)
      }
    }
  }

  private static func column(
    _ results: [[Double]?], _ wanted: Percentages, _ type: DataType, isInterval: Bool
  ) -> ColumnVector {
    if isInterval {
      let whole = results.map { $0?.map { Value.integer(Int64($0)) } }
      return .of(whole.map { wanted.isArray ? $0.map { .array($0) } ?? .null : $0?.first ?? .null }, type: type)
    }
    if !wanted.isArray { return DoubleColumn.make(results.count) { results[$0]?.first } }
    return .of(results.map { $0.map { .array($0.map { .double($0) }) } ?? .null }, type: type)
  }

  /// Values in order with their frequencies.
  private struct Weighted {
    var values: [Double] = []
    /// Number of values up to and with each.
    var cumulative: [Double] = []

    var total: Double { cumulative.last ?? 0 }

    init(_ column: ColumnVector, _ weights: ColumnVector?, _ range: Range<Int>, isDescending: Bool) throws {
      let numbers = column.values(as: Double.self)
      let frequencies = weights?.values(as: Double.self)
      var sum = 0.0
      var rows = ValueSorter.sorted(range, by: column)
      if isDescending { rows.reverse() }
      for row in rows {
        let weight = frequencies?[Int(row)] ?? 1
        if weight < 0 {
          throw MillraceError(
            "NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION", "a frequency of \(Int64(weight)) was given to percentile")
        }
        if weight == 0 { continue }
        sum += weight
        values.append(numbers[Int(row)])
        cumulative.append(sum)
      }
    }

    /// The value at a position counted from 0.
    private func at(_ position: Double) -> Double {
      var low = 0
      var high = cumulative.count - 1
      while low < high {
        let middle = (low + high) / 2
        if cumulative[middle] > position { high = middle } else { low = middle + 1 }
      }
      return values[low]
    }

    func interpolated(_ share: Double) -> Double {
      let position = (total - 1) * share
      let below = floor(position), above = ceil(position)
      let lower = at(below), upper = at(above)
      return below == above || lower == upper ? lower : (above - position) * lower + (position - below) * upper
    }

    func rank(_ share: Double) -> Double { at(max(ceil(total * share), 1) - 1) }
  }

  /// A BIGINT with the digits that a DOUBLE keeps, in which Spark holds what it ranks.
  private static func asDoubles(_ values: ColumnVector) -> ColumnVector {
    guard values.type == .long else { return values }
    return .map(.long, values) { (number: Int64) -> Int64 in Int64(exactly: Double(number)) ?? .max }
  }

  /// `approx_percentile`: the value at the rank, in its own type.
  static func bindRank(_ name: String, _ argument: Expression, percentage: Expression) throws -> BoundAggregate {
    let argument = try AggregateBinding.numberIfText(argument)
    let element = argument.type
    let isInterval: Bool
    switch element {
    case .dayTimeInterval, .yearMonthInterval: isInterval = true
    default: isInterval = false
    }
    guard element.isNumeric || element.isDatetime || isInterval else {
      throw AggregateBinding.mismatch(name, argument, 1, "a number, date, timestamp or interval")
    }
    let wanted = try percentages(name, percentage)
    let type: DataType = wanted.isArray ? .array(element: element, containsNull: false) : element
    return BoundAggregate(name, arguments: [argument], type: type, stateTypes: [.binary]) {
      CollectingAccumulator([element]) { grouped in
        var picks: [Int32] = []
        var lists: [ListView] = []
        var nulls = NullTracker(count: grouped.lists.count)
        for (group, list) in grouped.lists.enumerated() {
          let rows = ValueSorter.sorted(list.range, by: grouped.columns[0].flattened())
          lists.append(ListView(offset: picks.count, length: rows.isEmpty ? 0 : wanted.values.count))
          if rows.isEmpty {
            nulls.setNull(group)
            if !wanted.isArray { picks.append(-1) }
          } else {
            for share in wanted.values { picks.append(rows[max(Int(ceil(share * Double(rows.count))), 1) - 1]) }
          }
        }
        let values = asDoubles(grouped.columns[0].flattened().gatheredOrNull(picks, count: picks.count))
        return wanted.isArray ? ListColumn.make(type, lists, [values.flattened()], validity: nulls.validity) : values
      }
    }
  }
}
