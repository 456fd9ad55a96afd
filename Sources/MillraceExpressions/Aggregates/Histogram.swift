import MillraceColumnar

/// `histogram_numeric`: bins that follow the data (Ben-Haim and Tom-Tov): each value opens a bin of its own, and when there are
/// too many the two nearest become one. Of several equally near ones chance decides, the same with each run.
enum Histogram {
  private struct Bin {
    var x: Double
    var y: Double
  }

  static func bind(_ arguments: [Expression]) throws -> BoundAggregate {
    let name = "histogram_numeric"
    try AggregateBinding.checkCount(name, arguments, 2...2)
    let argument = try AggregateBinding.numberIfText(arguments[0])
    let element = argument.type
    switch element {
    case .date, .timestamp, .timestampNTZ, .dayTimeInterval, .yearMonthInterval: break
    default:
      if !element.isNumeric { throw AggregateBinding.mismatch(name, argument, 1, "a number, a time or an interval") }
    }
    guard case .integer(let limit) = try AggregateBinding.constant(name, arguments[1], 2), limit >= 2 else {
      throw MillraceError("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "histogram_numeric needs at least 2 bins")
    }
    let bin = DataType.structure([StructField("x", element), StructField("y", .double)])
    let type = DataType.array(element: bin, containsNull: true)
    return BoundAggregate(name, arguments: [argument], type: type, stateTypes: [.binary], isOrderSensitive: true) {
      CollectingAccumulator([element]) { grouped in
        let numbers = Rows.doubles(grouped.columns[0]).flattened()
        let results = grouped.lists.map { list -> Value in
          if list.length == 0 { return .null }
          let bins = makeBins(numbers, list.range, Int(limit))
          return .array(bins.map { .structure([value($0.x, element), .double($0.y)]) })
        }
        return .of(results, type: type)
      }
    }
  }

  private static func makeBins(_ numbers: ColumnVector, _ range: Range<Int>, _ limit: Int) -> [Bin] {
    let values = numbers.values(as: Double.self)
    var bins: [Bin] = []
    var chance = JavaRandom(seed: 31183)
    for row in range {
      let value = values[row]
      let at = bins.firstIndex { $0.x >= value } ?? bins.count
      if at < bins.count && bins[at].x == value {
        bins[at].y += 1
        continue
      }
      bins.insert(Bin(x: value, y: 1), at: at)
      if bins.count > limit { mergeNearest(&bins, &chance) }
    }
    return bins
  }

  private static func mergeNearest(_ bins: inout [Bin], _ chance: inout JavaRandom) {
    var nearest = 0
    var equallyNear = 1.0
    for index in 1..<bins.count - 1 {
      let distance = bins[index + 1].x - bins[index].x, least = bins[nearest + 1].x - bins[nearest].x
      if distance < least {
        nearest = index
        equallyNear = 1
      } else if distance == least {
        equallyNear += 1
        if chance.nextDouble() <= 1 / equallyNear { nearest = index }
      }
    }
    let a = bins[nearest], b = bins[nearest + 1]
    let count = a.y + b.y
    bins[nearest] = Bin(x: a.x * (a.y / count) + b.x / count * b.y, y: count)
    bins.remove(at: nearest + 1)
  }

  private static func value(_ x: Double, _ type: DataType) -> Value {
    if type.isFractional { return .double(x) }
    if case .decimal(_, let scale) = type { return .decimal(Int128(x * Double(DecimalMath.powers[scale]))) }
    return .integer(Int64(x))
  }
}

/// The numbers of Java's `Random`, a linear congruential generator of 48 bits.
private struct JavaRandom {
  private var state: UInt64
  private static let factor: UInt64 = 0x5_DEEC_E66D
  private static let mask: UInt64 = 1 << 48 - 1

  init(seed: UInt64) { state = (seed ^ Self.factor) & Self.mask }

  private mutating func next(_ bits: UInt64) -> UInt64 {
    state = (state &* Self.factor &+ 11) & Self.mask
    return state >> (48 - bits)
  }

  /// A number from 0 up to 1.
  mutating func nextDouble() -> Double {
    let high = next(26) << 27
    return Double(high + next(27)) * 0x1p-53
  }
}
