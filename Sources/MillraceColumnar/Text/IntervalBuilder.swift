/// Adds up the fields of an interval literal and remembers which units were written, since they make its type.
package struct IntervalBuilder {
  private var months: Int64 = 0
  private var days: Int64 = 0
  private var microseconds: Int64 = 0
  private var units: Set<Unit> = []

  /// Makes one without fields.
  package init() {}

  /// A unit of an interval literal, largest first.
  package enum Unit: Int, CaseIterable, Comparable {
    case year, month, week, day, hour, minute, second, millisecond, microsecond, nanosecond

    /// The unit with this name in singular or plural, in any case.
    package init?(_ name: some StringProtocol) {
      var name = name.lowercased()
      if name.hasSuffix("s") { name.removeLast() }
      guard let unit = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
      self = unit
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    /// Microseconds of one unit, for those below a day.
    var microseconds: Int64? {
      switch self {
      case .hour: 3_600_000_000
      case .minute: 60_000_000
      case .second: 1_000_000
      case .millisecond: 1_000
      case .microsecond: 1
      case .year, .month, .week, .day, .nanosecond: nil
      }
    }
  }

  /// Why a field cannot be added.
  package enum Failure: Error {
    /// The text is no number that the unit takes.
    case malformed(String)
    /// The sum leaves the range of an interval.
    case overflow
    /// Months stand beside days or seconds.
    case mixed
  }

  /// Adds `text` units, an optional sign and digits, with a fraction for seconds.
  package mutating func add(_ text: some StringProtocol, _ unit: Unit, isNegative: Bool = false) throws(Failure) {
    guard let number = Decimal(text) else { throw .malformed(String(text)) }
    if !number.isWhole && unit != .second { throw .malformed(String(text)) }
    try add(number.negated(isNegative), unit)
  }

  private mutating func add(_ number: Decimal, _ unit: Unit) throws(Failure) {
    units.insert(unit)
    switch unit {
    case .year: months = try sum(months, number.whole, times: 12)
    case .month: months = try sum(months, number.whole, times: 1)
    case .week: days = try sum(days, number.whole, times: 7)
    case .day: days = try sum(days, number.whole, times: 1)
    case .nanosecond: microseconds = try sum(microseconds, number.whole / 1000, times: 1)
    case .hour, .minute, .second, .millisecond, .microsecond:
      microseconds = try sum(microseconds, number.whole, times: unit.microseconds ?? 1)
      microseconds = try sum(microseconds, number.microFraction, times: 1)
    }
  }

  private func sum(_ total: Int64, _ count: Int64, times factor: Int64) throws(Failure) -> Int64 {
    let (product, overflows) = count.multipliedReportingOverflow(by: factor)
    let (result, overflowsToo) = total.addingReportingOverflow(product)
    if overflows || overflowsToo { throw .overflow }
    return result
  }

  /// Whole part and six digits of fraction, both with the sign.
  private struct Decimal {
    var whole: Int64
    var microFraction: Int64
    var isWhole: Bool

    init?(_ text: some StringProtocol) {
      var digits = text.drop { $0 == " " }[...]
      while digits.last == " " { digits.removeLast() }
      let isNegative = digits.first == "-"
      if isNegative || digits.first == "+" { digits.removeFirst() }
      let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = parts.first, !digits.isEmpty, digits != ".",
        parts.allSatisfy({ $0.allSatisfy(\.isASCIIDigit) }),
        parts.count == 1 || parts[1].count <= 9
      else { return nil }
      guard let magnitude = first.isEmpty ? 0 : Int64(first) else { return nil }
      let fraction = parts.count > 1 ? (parts[1] + "000000").prefix(6) : "0"
      whole = isNegative ? -magnitude : magnitude
      microFraction = (Int64(fraction) ?? 0) * (isNegative ? -1 : 1)
      isWhole = parts.count == 1
    }

    func negated(_ isNegative: Bool) -> Decimal {
      var result = self
      if isNegative {
        result.whole = 0 &- whole
        result.microFraction = -microFraction
      }
      return result
    }
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
}

// MARK: - Results

extension IntervalBuilder {
  /// The literal: months as a year-month interval, days and below as a day-time one.
  package func literal() throws(Failure) -> (Value, DataType) {
    guard let first = units.min(), let last = units.max() else { throw .malformed("") }
    if last <= .month {
      guard let months = Int32(exactly: months) else { throw .overflow }
      return (
        .integer(Int64(months)),
        .yearMonthInterval(from: first == .year ? .year : .month, to: last == .year ? .year : .month)
      )
    }
    if first <= .month { throw .mixed }
    let total = try sum(microseconds, days, times: 86_400_000_000)
    return (.integer(total), .dayTimeInterval(from: Self.field(first), to: Self.field(last)))
  }

  /// Months, days and microseconds side by side.
  package func calendarInterval() throws(Failure) -> CalendarInterval {
    guard !units.isEmpty else { throw .malformed("") }
    guard let months = Int32(exactly: months), let days = Int32(exactly: days) else { throw .overflow }
    return CalendarInterval(months: months, days: days, microseconds: microseconds)
  }

  private static func field(_ unit: Unit) -> DataType.DayTimeField {
    switch unit {
    case .year, .month, .week, .day: .day
    case .hour: .hour
    case .minute: .minute
    case .second, .millisecond, .microsecond, .nanosecond: .second
    }
  }
}

// MARK: - Texts

extension IntervalBuilder {
  /// Adds `[interval] 1 day -2.5 seconds …`.
  package mutating func add(text: String) throws(Failure) {
    var words = text.split { $0.isWhitespace }[...]
    if words.first?.lowercased() == "interval" { words.removeFirst() }
    guard !words.isEmpty else { throw .malformed(text) }
    while let first = words.popFirst() {
      var number = first
      // The sign may stand apart from its digits.
      var isNegative = false
      if number == "-" || number == "+" {
        isNegative = number == "-"
        guard let next = words.popFirst() else { throw .malformed(text) }
        number = next
      }
      guard let word = words.popFirst(), let unit = Unit(word) else { throw .malformed(text) }
      try add(number, unit, isNegative: isNegative)
    }
  }

  /// Adds `[-]y-m` or `[-]d h:m:s.f` with the fields from one unit to another; the lower ones stay below their limits.
  package mutating func add(text: String, from first: Unit, to last: Unit, isNegative: Bool = false) throws(Failure) {
    var digits = text.trimmingBlanks[...]
    var isNegative = isNegative
    if digits.first == "-" || digits.first == "+" {
      if digits.first == "-" { isNegative.toggle() }
      digits.removeFirst()
    }
    let fields = Unit.allCases.filter { $0 >= first && $0 <= last && $0 != .week }
    let parts = digits.split(omittingEmptySubsequences: false) { $0 == "-" || $0 == " " || $0 == ":" }
    guard parts.count == fields.count, first < last, digits.first?.isNumber == true else { throw .malformed(text) }
    guard separators(in: digits) == Self.separators(fields) else { throw .malformed(text) }
    for (index, (part, field)) in zip(parts, fields).enumerated() {
      if index > 0, let limit = Self.limit(field), let value = Double(part), value >= limit { throw .malformed(text) }
      try add(part, field, isNegative: isNegative)
    }
  }

  private func separators(in text: Substring) -> String { text.filter { !$0.isNumber && $0 != "." } }

  private static func separators(_ fields: [Unit]) -> String {
    String(fields.dropFirst().map { field -> Character in field == .month ? "-" : field == .hour ? " " : ":" })
  }

  /// The first value that a field below the first may not have.
  private static func limit(_ unit: Unit) -> Double? {
    switch unit {
    case .month: 12
    case .hour: 24
    case .minute, .second: 60
    default: nil
    }
  }
}

extension String {
  fileprivate var trimmingBlanks: Substring {
    var result = self[...].drop { $0.isWhitespace }
    while result.last?.isWhitespace == true { result.removeLast() }
    return result
  }
}
