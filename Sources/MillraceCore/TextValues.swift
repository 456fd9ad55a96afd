/// Durations as people write them.
public enum DurationText {
  private static let units: [(names: [String], microseconds: Int64)] = [
    (["us", "microsecond", "microseconds"], 1), (["ms", "millisecond", "milliseconds", "millis"], 1000),
    (["s", "sec", "secs", "second", "seconds"], 1_000_000), (["m", "min", "mins", "minute", "minutes"], 60_000_000),
    (["h", "hour", "hours"], 3_600_000_000), (["d", "day", "days"], 86_400_000_000),
    (["w", "week", "weeks"], 604_800_000_000),
  ]

  /// `"1 minute 30 seconds"`, `"500ms"`, `"interval 10 seconds"`; nil if it is not a duration of fixed length.
  public static func microseconds(_ text: String) -> Int64? {
    var rest = Substring(text.lowercased())
    var total: Int64 = 0
    var hasPart = false
    rest = rest.drop { $0 == " " }
    if rest.hasPrefix("interval ") { rest = rest.dropFirst(9) }
    while true {
      rest = rest.drop { $0 == " " }
      if rest.isEmpty { return hasPart ? total : nil }
      let digits = rest.prefix { $0.isNumber || $0 == "." || $0 == "-" }
      rest = rest.dropFirst(digits.count).drop { $0 == " " }
      let name = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(name.count)
      guard let number = Double(digits), let unit = units.first(where: { $0.names.contains(String(name)) }) else {
        return nil
      }
      let part = (number * Double(unit.microseconds)).rounded()
      guard part.magnitude < 9e18 else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(Int64(part))
      if overflow { return nil }
      total = sum
      hasPart = true
    }
  }
}

/// Sizes as people write them.
public enum ByteCountText {
  private static let units: [(String, Int64)] = [
    ("", 1), ("b", 1), ("kb", 1000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("k", 1 << 10), ("m", 1 << 20),
    ("g", 1 << 30),
    ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("tb", 1_000_000_000_000), ("t", 1 << 40), ("tib", 1 << 40),
  ]

  /// `"64 MiB"`, `"10 MB"`, `"4096"`; nil if it is not a size.
  public static func bytes(_ text: String) -> Int64? {
    let text = text.drop { $0 == " " }
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let rest = text.dropFirst(digits.count).drop { $0 == " " }
    let name = rest.prefix { $0.isLetter }.lowercased()
    guard rest.dropFirst(name.count).allSatisfy({ $0 == " " }) else { return nil }
    guard let number = Double(digits), let unit = units.first(where: { $0.0 == name }) else { return nil }
    let bytes = number * Double(unit.1)
    return bytes < 9e18 ? Int64(bytes) : nil
  }
}

/// Finds the known name that a misspelt one was probably meant to be.
public enum NearestName {
  /// The nearest of `names`, or nil when none is near: at most two changes of a byte, or a third of the bytes, and never all.
  public static func of(_ name: String, among names: [String]) -> String? {
    let wanted = Array(name.lowercased().utf8)
    let ranked = names.map { (name: $0, distance: distance(wanted, Array($0.lowercased().utf8))) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    let isNear = best.distance <= max(2, wanted.count / 3) && best.distance < max(wanted.count, best.name.utf8.count)
    return isNear ? best.name : nil
  }

  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in right.enumerated() {
        let next = min(row[j + 1] + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[right.count]
  }
}
