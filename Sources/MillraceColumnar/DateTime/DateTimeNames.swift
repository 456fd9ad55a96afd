/// English names as Java's formatter for the US locale has them.
enum DateTimeNames {
  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  /// Monday first.
  static let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
  static let quarters = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"]

  /// Lower-case bytes of the full month names.
  static let lowerMonths: [[UInt8]] = months.map { Array($0.lowercased().utf8) }

  /// 1…12 for the three letters of a month in any case, 0 for others.
  @inline(__always)
  static func month(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> Int {
    switch UInt32(a | 0x20) << 16 | UInt32(b | 0x20) << 8 | UInt32(c | 0x20) {
    case 0x6A616E: 1
    case 0x666562: 2
    case 0x6D6172: 3
    case 0x617072: 4
    case 0x6D6179: 5
    case 0x6A756E: 6
    case 0x6A756C: 7
    case 0x617567: 8
    case 0x736570: 9
    case 0x6F6374: 10
    case 0x6E6F76: 11
    case 0x646563: 12
    default: 0
    }
  }
}

extension CivilDate {
  /// Name of a month, 1…12.
  public static func monthName(_ month: Int, isFull: Bool) -> String {
    isFull ? DateTimeNames.months[month - 1] : String(DateTimeNames.months[month - 1].prefix(3))
  }

  /// Name of a weekday, Monday = 1.
  public static func weekdayName(_ isoWeekday: Int, isFull: Bool) -> String {
    isFull ? DateTimeNames.weekdays[isoWeekday - 1] : String(DateTimeNames.weekdays[isoWeekday - 1].prefix(3))
  }
}
