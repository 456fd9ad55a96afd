import Glibc
import Synchronization

/// The offsets of a time zone from UTC over time: fixed, or read from the system's tz database.
public final class TimeZoneRules: Sendable {
  /// The name it was asked for.
  public let name: String
  /// Seconds east of UTC if they never change.
  public let fixedOffset: Int?
  /// UTC seconds at which `offsets[index + 1]` begins to hold.
  private let transitions: [Int64]
  /// Seconds east of UTC; one more than transitions.
  private let offsets: [Int32]
  /// Abbreviations such as CET, parallel to `offsets`.
  private let abbreviations: [String]
  /// Rule for times after the last transition.
  private let tail: PosixTimeZone?

  /// UTC.
  public static let utc = TimeZoneRules(name: "UTC", fixedOffset: 0)

  private static let known = Mutex<[String: TimeZoneRules]>([:])

  /// A zone that never changes.
  public init(name: String, fixedOffset: Int) {
    self.name = name
    self.fixedOffset = fixedOffset
    transitions = []
    offsets = [Int32(fixedOffset)]
    abbreviations = [name]
    tail = nil
  }

  private init(name: String, file: TimeZoneFile) {
    self.name = name
    fixedOffset = nil
    transitions = file.transitions
    offsets = file.offsets
    abbreviations = file.abbreviations
    tail = file.tail
  }

  /// The zone of a name: `UTC`, `Z`, `+02:00`, `GMT+2`, `Europe/Berlin`; nil if there is none.
  public static func named(_ name: String) -> TimeZoneRules? {
    if let found = known.withLock({ $0[name] }) { return found }
    guard let made = make(name) else { return nil }
    known.withLock { $0[name] = made }
    return made
  }

  /// The zone of a name, or `INVALID_TIMEZONE`.
  public static func required(_ name: String) throws -> TimeZoneRules {
    if let zone = named(name) { return zone }
    throw MillraceError(
      "INVALID_TIMEZONE", "time zone '\(name)' is not known",
      hint: "write a region such as 'Europe/Berlin' or an offset such as '+02:00'")
  }

  private static func make(_ name: String) -> TimeZoneRules? {
    if let offset = TimeZoneOffset.parse(name) { return TimeZoneRules(name: name, fixedOffset: offset) }
    let full = shortNames[name] ?? name
    if full.hasPrefix("-") || full.hasPrefix("+") {
      return TimeZoneOffset.parse(full).map { TimeZoneRules(name: name, fixedOffset: $0) }
    }
    let isPlain = full.utf8.allSatisfy { byte in
      byte >= 0x30 && byte <= 0x39 || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A || byte == 0x2F || byte == 0x5F
        || byte == 0x2D
        || byte == 0x2B
    }
    guard isPlain, !full.isEmpty, full.utf8.first != 0x2F, let file = TimeZoneFile(name: full) else { return nil }
    return TimeZoneRules(name: name, file: file)
  }

  /// Java's three-letter zones, as Spark takes them.
  private static let shortNames = [
    "ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo",
    "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka", "CAT": "Africa/Harare",
    "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai", "EAT": "Africa/Addis_Ababa",
    "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo",
    "MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi",
    "PNT": "America/Phoenix", "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
    "VST": "Asia/Ho_Chi_Minh", "EST": "-05:00", "MST": "-07:00", "HST": "-10:00",
  ]

  /// Index into `offsets`, nil if the tail rule decides.
  private func index(atUTC second: Int64) -> Int? {
    if tail != nil, let last = transitions.last, second >= last { return nil }
    var low = 0, high = transitions.count
    while low < high {
      let middle = (low + high) / 2
      if transitions[middle] <= second { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Seconds east of UTC at an instant given in seconds.
  public func offset(atUTC second: Int64) -> Int {
    if let fixedOffset { return fixedOffset }
    if let index = index(atUTC: second) { return Int(offsets[index]) }
    return tail?.offset(atUTC: second).offset ?? Int(offsets[offsets.count - 1])
  }

  /// The zone's abbreviation at an instant, for instance CEST.
  public func abbreviation(atUTC second: Int64) -> String {
    if fixedOffset != nil { return name }
    if let index = index(atUTC: second) { return abbreviations[index] }
    return tail?.offset(atUTC: second).abbreviation ?? abbreviations[abbreviations.count - 1]
  }

  /// Seconds east of UTC for a local time in seconds, as Java resolves it: in an overlap the earlier offset,
  /// in a gap the offset before it (the time moves forward by the length of the gap).
  public func offset(atLocal second: Int64) -> Int {
    if let fixedOffset { return fixedOffset }
    let before = offset(atUTC: second - 86_400)
    let after = offset(atUTC: second + 86_400)
    if before == after, offset(atUTC: second - Int64(before)) == before { return before }
    if offset(atUTC: second - Int64(before)) == before { return before }
    if offset(atUTC: second - Int64(after)) == after { return after }
    return before
  }

  /// Microseconds of an instant as local microseconds.
  public func local(fromUTC microseconds: Int64) -> Int64 {
    if fixedOffset == 0 { return microseconds }
    return microseconds &+ Int64(offset(atUTC: microseconds.flooredSecond)) &* 1_000_000
  }

  /// Local microseconds as an instant.
  public func utc(fromLocal microseconds: Int64) -> Int64 {
    if fixedOffset == 0 { return microseconds }
    return microseconds &- Int64(offset(atLocal: microseconds.flooredSecond)) &* 1_000_000
  }
}

extension Int64 {
  /// Whole seconds of microseconds, rounded down.
  @inlinable public var flooredSecond: Int64 { floored(by: 1_000_000) }

  /// Quotient rounded down; the divisor is positive.
  @inlinable
  public func floored(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return quotient &* divisor > self ? quotient &- 1 : quotient
  }
}

/// Offsets as text.
public enum TimeZoneOffset {
  /// Seconds of `Z`, `UTC`, `+2`, `+02`, `+02:30`, `+0230`, `+02:30:15`, with an optional `UTC`, `GMT` or `UT` before; nil for other names.
  public static func parse(_ name: String) -> Int? {
    var text = Substring(name)
    if text == "Z" || text == "z" { return 0 }
    for prefix in ["UTC", "GMT", "UT"] where text.hasPrefix(prefix) {
      text = text.dropFirst(prefix.count)
      if text.isEmpty { return 0 }
      break
    }
    if name == "GMT0" { return 0 }
    guard let sign = text.utf8.first, sign == 0x2B || sign == 0x2D else { return nil }
    guard let seconds = seconds(Array(text.utf8.dropFirst())) else { return nil }
    return sign == 0x2D ? -seconds : seconds
  }

  private static func seconds(_ digits: [UInt8]) -> Int? {
    let hasColon = digits.contains(0x3A)
    var parts: [Int] = []
    if hasColon {
      for part in digits.split(separator: 0x3A, omittingEmptySubsequences: false) {
        guard (1...2).contains(part.count), let value = Int(String(decoding: part, as: UTF8.self)), value >= 0 else {
          return nil
        }
        parts.append(value)
      }
    } else {
      guard [1, 2, 4, 6].contains(digits.count), digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
      var index = 0
      while index < digits.count {
        let part = digits[index..<min(index + 2, digits.count)]
        parts.append(Int(String(decoding: part, as: UTF8.self)) ?? 0)
        index += 2
      }
    }
    guard parts.count <= 3, parts[0] <= 18, parts.dropFirst().allSatisfy({ $0 < 60 }) else { return nil }
    let total = parts[0] * 3600 + (parts.count > 1 ? parts[1] * 60 : 0) + (parts.count > 2 ? parts[2] : 0)
    return total <= 18 * 3600 ? total : nil
  }

  /// `+02:00`, `Z` for zero if asked for, with seconds only where there are any.
  public static func text(_ offset: Int, zero: String = "+00:00", separator: String = ":") -> String {
    if offset == 0 { return zero }
    let size = abs(offset)
    let two = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
    let seconds = size % 60 == 0 ? "" : separator + two(size % 60)
    return (offset < 0 ? "-" : "+") + two(size / 3600) + separator + two(size / 60 % 60) + seconds
  }
}
