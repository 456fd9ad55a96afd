/// Dates and times as SQL prints them, written to memory with room for 40 bytes; each function gives the byte count.
public enum DateTimeText {
  /// Bytes that any of the texts may need.
  public static var capacity: Int { 40 }

  /// `2024-02-29`; years past 9999 get a `+`, years before 0 a `-`.
  @inlinable
  public static func write(days: Int, to target: UnsafeMutablePointer<UInt8>) -> Int {
    let date = CivilDate(days: days)
    var used = 0
    let year = date.year.magnitude
    if date.year < 0 || year > 9999 {
      target[0] = date.year < 0 ? 0x2D : 0x2B
      used = 1
    }
    var width = 4
    var limit: UInt = 10_000
    while year >= limit {
      width += 1
      limit *= 10
    }
    put(year, width, target + used)
    used += width
    target[used] = 0x2D
    put(date.month.magnitude, 2, target + used + 1)
    target[used + 3] = 0x2D
    put(date.day.magnitude, 2, target + used + 4)
    return used + 6
  }

  /// `2024-02-29 12:30:00.5`: microseconds of a local clock, the fraction without trailing zeros and only if there is one.
  @inlinable
  public static func write(microseconds: Int64, separator: UInt8 = 0x20, to target: UnsafeMutablePointer<UInt8>) -> Int
  {
    let (day, time) = CivilDateTime.split(microseconds)
    var used = write(days: day, to: target)
    target[used] = separator
    let second = time.magnitude / 1_000_000
    put(second / 3600, 2, target + used + 1)
    target[used + 3] = 0x3A
    put(second / 60 % 60, 2, target + used + 4)
    target[used + 6] = 0x3A
    put(second % 60, 2, target + used + 7)
    used += 9
    var fraction = time.magnitude % 1_000_000
    if fraction == 0 { return used }
    var width = 6
    while fraction % 10 == 0 {
      fraction /= 10
      width -= 1
    }
    target[used] = 0x2E
    put(fraction, width, target + used + 1)
    return used + 1 + width
  }

  /// `width` decimal digits, with leading zeros.
  @inlinable
  static func put(_ value: UInt, _ width: Int, _ target: UnsafeMutablePointer<UInt8>) {
    var rest = value
    var index = width - 1
    while index >= 0 {
      target[index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
      index -= 1
    }
  }
}
