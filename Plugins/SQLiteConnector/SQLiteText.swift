import Glibc

/// Text forms of dates, timestamps and decimals, written into memory with at least 48 bytes; each gives its length.
enum SQLiteText {
  /// `2024-01-31`; years over 9999 and before 0 get a sign.
  static func date(_ days: Int64, into out: UnsafeMutablePointer<UInt8>) -> Int {
    // Days to year, month, day in the proleptic Gregorian calendar, counted in eras of 400 years from March.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    var at = 0
    if year < 0 || year > 9999 {
      out[at] = year < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+")
      at += 1
    }
    at += number(UInt64(year.magnitude), width: 4, into: out + at)
    out[at] = UInt8(ascii: "-")
    at += 1 + number(UInt64(month), width: 2, into: out + at + 1)
    out[at] = UInt8(ascii: "-")
    return at + 1 + number(UInt64(day), width: 2, into: out + at + 1)
  }

  /// `2024-01-31 12:00:00`, with a fraction only when there is one.
  static func timestamp(_ microseconds: Int64, into out: UnsafeMutablePointer<UInt8>) -> Int {
    let perDay: Int64 = 86_400_000_000
    let (quotient, rest) = microseconds.quotientAndRemainder(dividingBy: perDay)
    let days = rest < 0 ? quotient - 1 : quotient
    let inDay = rest < 0 ? rest + perDay : rest
    var at = date(days, into: out)
    let seconds = UInt64(inDay / 1_000_000)
    out[at] = UInt8(ascii: " ")
    at += 1 + number(seconds / 3600, width: 2, into: out + at + 1)
    out[at] = UInt8(ascii: ":")
    at += 1 + number(seconds / 60 % 60, width: 2, into: out + at + 1)
    out[at] = UInt8(ascii: ":")
    at += 1 + number(seconds % 60, width: 2, into: out + at + 1)
    let fraction = UInt64(inDay % 1_000_000)
    if fraction == 0 { return at }
    out[at] = UInt8(ascii: ".")
    at += 1 + number(fraction, width: 6, into: out + at + 1)
    while out[at - 1] == UInt8(ascii: "0") { at -= 1 }
    return at
  }

  /// An unscaled decimal with its point, for instance `-0.05`.
  static func decimal(_ unscaled: Int128, scale: Int, into out: UnsafeMutablePointer<UInt8>) -> Int {
    // Digits come out from the last to the first, so they are written from the end of the cell and then moved.
    var at = 48
    var written = 0
    var rest = unscaled.magnitude
    while rest > 0 || written <= scale {
      if written == scale && scale > 0 {
        at -= 1
        out[at] = UInt8(ascii: ".")
      }
      at -= 1
      out[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
      written += 1
    }
    if unscaled < 0 {
      at -= 1
      out[at] = UInt8(ascii: "-")
    }
    memmove(out, out + at, 48 - at)
    return 48 - at
  }

  private static func number(_ value: UInt64, width: Int, into out: UnsafeMutablePointer<UInt8>) -> Int {
    var count = 1
    var limit: UInt64 = 10
    while count < width || limit <= value {
      count += 1
      limit &*= 10
    }
    var rest = value
    for index in stride(from: count - 1, through: 0, by: -1) {
      out[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    return count
  }
}
