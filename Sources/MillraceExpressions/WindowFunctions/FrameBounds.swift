import MillraceColumnar

/// First and last rows of the frame of every row.
struct FrameBounds {
  /// First row of each frame.
  var lower: [Int32]
  /// Row behind the last of each frame; not above `lower` if the frame is empty.
  var upper: [Int32]

  init(_ frame: WindowFrame, _ input: WindowInput, zone: TimeZoneRules) {
    let count = input.rowCount
    lower = Array(repeating: 0, count: count)
    upper = Array(repeating: 0, count: count)
    var peer = 0
    for (index, start) in input.partitionStarts.enumerated() {
      let end = index + 1 < input.partitionStarts.count ? input.partitionStarts[index + 1] : count
      let keys =
        frame.unit == .range ? input.orderKey.map { RangeKeys($0.column, $0.isDescending, start..<end, zone) } : nil
      for row in start..<end {
        while peer + 1 < input.peerStarts.count && input.peerStarts[peer + 1] <= row { peer += 1 }
        let peerStart = input.peerStarts[peer]
        let peerEnd = peer + 1 < input.peerStarts.count ? input.peerStarts[peer + 1] : count
        let peers = frame.unit == .rows ? row..<row + 1 : peerStart..<peerEnd
        let first = Self.position(frame.lower, start..<end, row, peers, keys, isLower: true)
        let last = Self.position(frame.upper, start..<end, row, peers, keys, isLower: false)
        lower[row] = Int32(truncatingIfNeeded: max(first, start))
        upper[row] = Int32(truncatingIfNeeded: min(last, end))
      }
    }
  }

  private static func position(
    _ bound: WindowFrame.Bound, _ partition: Range<Int>, _ row: Int, _ peers: Range<Int>, _ keys: RangeKeys?,
    isLower: Bool
  ) -> Int {
    switch bound {
    case .unboundedPreceding: return partition.lowerBound
    case .unboundedFollowing: return partition.upperBound
    case .currentRow: return isLower ? peers.lowerBound : peers.upperBound
    case .preceding(let offset, let type): return shifted(offset, type, -1, row, peers, keys, isLower)
    case .following(let offset, let type): return shifted(offset, type, 1, row, peers, keys, isLower)
    }
  }

  private static func shifted(
    _ offset: Value, _ type: DataType, _ sign: Int, _ row: Int, _ peers: Range<Int>, _ keys: RangeKeys?, _ isLower: Bool
  ) -> Int {
    if let keys { return keys.position(row, offset, type, sign, peers, isLower: isLower) }
    guard case .integer(let rows) = offset else { return row }
    let distance = Int(max(min(rows, Int64(Int32.max)), Int64(Int32.min)))
    return row + sign * distance + (isLower ? 0 : 1)
  }
}

/// The ordering key of one partition as numbers, for RANGE offsets. Keys that are NULL are peers of each other only.
private struct RangeKeys {
  private let column: ColumnVector
  private let isDescending: Bool
  private let present: Range<Int>
  private let zone: TimeZoneRules

  init(_ column: ColumnVector, _ isDescending: Bool, _ partition: Range<Int>, _ zone: TimeZoneRules) {
    self.column = column
    self.isDescending = isDescending
    self.zone = zone
    let first = partition.first { !column.isNull($0) } ?? partition.upperBound
    let end = (first..<partition.upperBound).first { column.isNull($0) } ?? partition.upperBound
    present = first..<end
  }

  /// The key as a number: scaled digits of exact types, or floating.
  private enum Number {
    case exact(Int128)
    case floating(Double)

    static func compare(_ a: Number, _ b: Number) -> Int {
      switch (a, b) {
      case (.exact(let x), .exact(let y)): x < y ? -1 : x > y ? 1 : 0
      case (.floating(let x), .floating(let y)): ValueOrder.compare(x, y)
      case (.exact(let x), .floating(let y)): ValueOrder.compare(Double(x), y)
      case (.floating(let x), .exact(let y)): ValueOrder.compare(x, Double(y))
      }
    }
  }

  private func number(_ row: Int) -> Number {
    switch column.value(row) {
    case .integer(let value): .exact(Int128(value))
    case .decimal(let value): .exact(value)
    case .double(let value): .floating(value)
    default: .exact(0)
    }
  }

  /// Where the frame begins, or ends (behind its last row), for a bound `sign · offset` away in the direction of the order.
  func position(_ row: Int, _ offset: Value, _ type: DataType, _ sign: Int, _ peers: Range<Int>, isLower: Bool) -> Int {
    if column.isNull(row) { return isLower ? peers.lowerBound : peers.upperBound }
    let bound = moved(number(row), offset, type, isDescending ? -sign : sign)
    var low = present.lowerBound, high = present.upperBound
    while low < high {
      let middle = (low + high) / 2
      let order = Number.compare(number(middle), bound) * (isDescending ? -1 : 1)
      if isLower ? order < 0 : order <= 0 { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func moved(_ key: Number, _ offset: Value, _ type: DataType, _ sign: Int) -> Number {
    switch (offset, type) {
    case (.integer(let months), .yearMonthInterval) where column.type.isDatetime:
      return addMonths(key, Int(months) * sign)
    case (.integer(let microseconds), .dayTimeInterval) where column.type == .date:
      return add(key, Int128(microseconds / 86_400_000_000) * Int128(sign))
    case (.interval(let interval), _):
      let small = Int128(interval.days) * 86_400_000_000 + Int128(interval.microseconds)
      let base = interval.months == 0 ? key : addMonths(key, Int(interval.months) * sign)
      return add(base, (column.type == .date ? small / 86_400_000_000 : small) * Int128(sign))
    case (.integer(let value), _):
      var scaled = Int128(value)
      if case .decimal(_, let scale) = column.type { scaled *= DecimalMath.powers[scale] }
      return add(key, scaled * Int128(sign))
    case (.decimal(let value), .decimal(_, let scale)):
      if case .decimal(_, let own) = column.type, own >= scale {
        return add(key, value * DecimalMath.powers[own - scale] * Int128(sign))
      }
      return floating(key, Double(value) / Double(DecimalMath.powers[scale]) * Double(sign))
    case (.double(let value), _): return floating(key, value * Double(sign))
    default: return key
    }
  }

  private func add(_ key: Number, _ amount: Int128) -> Number {
    switch key {
    case .exact(let value): .exact(value &+ amount)
    case .floating(let value): .floating(value + Double(amount))
    }
  }

  private func floating(_ key: Number, _ amount: Double) -> Number {
    switch key {
    case .floating(let value): return .floating(value + amount)
    case .exact(let value):
      if case .decimal(_, let scale) = column.type {
        return .floating(Double(value) + amount * Double(DecimalMath.powers[scale]))
      }
      return .floating(Double(value) + amount)
    }
  }

  private func addMonths(_ key: Number, _ months: Int) -> Number {
    guard case .exact(let value) = key else { return key }
    if column.type == .date { return .exact(Int128(CivilDate(days: Int(value)).adding(months: months).days)) }
    let isInstant = column.type == .timestamp
    let local = isInstant ? zone.local(fromUTC: Int64(value)) : Int64(value)
    let (day, rest) = CivilDateTime.split(local)
    let moved = Int64(CivilDate(days: day).adding(months: months).days) * 86_400_000_000 + Int64(rest)
    return .exact(Int128(isInstant ? zone.utc(fromLocal: moved) : moved))
  }
}
