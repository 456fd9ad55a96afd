/// A day of the proleptic Gregorian calendar.
@frozen
public struct CivilDate: Hashable, Sendable {
  /// Astronomical year: 0 is 1 BC, and negative years come before it.
  public var year: Int
  /// 1…12.
  public var month: Int
  /// 1…31.
  public var day: Int

  /// Takes the fields as they are; see `init(checkedYear:month:day:)`.
  @inlinable
  public init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The date, or nil if there is no such day.
  @inlinable
  public init?(checkedYear year: Int, month: Int, day: Int) {
    guard month >= 1, month <= 12, day >= 1, day <= CivilDate.lengthOfMonth(year, month) else { return nil }
    self.init(year: year, month: month, day: day)
  }

  /// The date `days` after 1970-01-01.
  ///
  /// Years are counted from March, so that the leap day is the last of its year, and in eras of 400 years (146097 days).
  @inlinable
  public init(days: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = UInt32(truncatingIfNeeded: shifted - era * 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    day = Int(dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    month = Int(marchMonth < 10 ? marchMonth + 3 : marchMonth - 9)
    year = Int(yearOfEra) + era * 400 + (marchMonth < 10 ? 0 : 1)
  }

  /// Days after 1970-01-01.
  @inlinable public var days: Int {
    let marchYear = month <= 2 ? year - 1 : year
    let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  /// 1…366.
  @inlinable public var dayOfYear: Int { days - CivilDate(year: year, month: 1, day: 1).days + 1 }

  /// Whether a year has 366 days.
  @inlinable
  public static func isLeapYear(_ year: Int) -> Bool { year & 3 == 0 && (year % 100 != 0 || year % 400 == 0) }

  /// 28…31.
  @inlinable
  public static func lengthOfMonth(_ year: Int, _ month: Int) -> Int {
    month == 2 ? (isLeapYear(year) ? 29 : 28) : 30 + ((month ^ (month >> 3)) & 1)
  }

  /// The same day so many months later, or the last of that month if it is shorter.
  @inlinable
  public func adding(months: Int) -> CivilDate {
    let total = year * 12 + (month - 1) + months
    let newYear = total >= 0 ? total / 12 : (total - 11) / 12
    let newMonth = total - newYear * 12 + 1
    return CivilDate(year: newYear, month: newMonth, day: min(day, CivilDate.lengthOfMonth(newYear, newMonth)))
  }

  /// Monday = 1 … Sunday = 7 for a day number.
  @inlinable
  public static func isoWeekday(days: Int) -> Int {
    let shifted = (days + 3) % 7
    return (shifted < 0 ? shifted + 7 : shifted) + 1
  }
}

/// Date and time of day without zone.
@frozen
public struct CivilDateTime: Hashable, Sendable {
  /// The calendar day, without regard to any zone.
  public var date: CivilDate
  /// Microseconds since midnight.
  public var microsecondOfDay: Int

  /// Microseconds in a day.
  @inlinable public static var microsecondsPerDay: Int { 86_400_000_000 }

  /// Takes the fields as they are.
  @inlinable
  public init(_ date: CivilDate, microsecondOfDay: Int = 0) {
    self.date = date
    self.microsecondOfDay = microsecondOfDay
  }

  /// Takes the fields as they are.
  @inlinable
  public init(_ date: CivilDate, hour: Int, minute: Int, second: Int, microsecond: Int = 0) {
    self.init(date, microsecondOfDay: ((hour * 60 + minute) * 60 + second) * 1_000_000 + microsecond)
  }

  /// Microseconds since 1970-01-01T00:00:00 on the local clock.
  @inlinable
  public init(microseconds: Int64) {
    let (day, rest) = CivilDateTime.split(microseconds)
    self.init(CivilDate(days: day), microsecondOfDay: rest)
  }

  /// Day number and microseconds since midnight.
  @inlinable
  public static func split(_ microseconds: Int64) -> (day: Int, microsecondOfDay: Int) {
    let value = Int(microseconds)
    let day = value / microsecondsPerDay
    let rest = value - day * microsecondsPerDay
    return rest < 0 ? (day - 1, rest + microsecondsPerDay) : (day, rest)
  }

  /// Microseconds since 1970-01-01T00:00:00 on the local clock; wraps beyond the years ±290000.
  @inlinable public var microseconds: Int64 {
    Int64(truncatingIfNeeded: date.days &* CivilDateTime.microsecondsPerDay &+ microsecondOfDay)
  }

  /// 0…23.
  @inlinable public var hour: Int { microsecondOfDay / 3_600_000_000 }
  /// 0…59.
  @inlinable public var minute: Int { microsecondOfDay / 60_000_000 % 60 }
  /// 0…59.
  @inlinable public var second: Int { microsecondOfDay / 1_000_000 % 60 }
  /// 0…999999.
  @inlinable public var microsecond: Int { microsecondOfDay % 1_000_000 }
}
