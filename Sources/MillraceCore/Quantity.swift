/// Amounts as people read them.
public enum Quantity {
  /// `950 B`, `1.5 KiB`, `12 MiB`.
  public static func bytes(_ count: Int64) -> String {
    scaled(Double(count), by: 1024, ["B", "KiB", "MiB", "GiB", "TiB"])
  }

  /// `950`, `1.2 k`, `3.4 M`.
  public static func count(_ count: Double) -> String {
    scaled(count, by: 1000, ["", "k", "M", "G"])
  }

  /// `1.5 ms`, `2.3 s`, `1 min 5 s`, `10 min`, `2 h 3 min`, `1 d`.
  public static func duration(microseconds: Int64) -> String {
    if microseconds < 1000 { return "\(microseconds) µs" }
    if microseconds < 60_000_000 {
      return scaled(Double(microseconds) / 1000, by: 1000, ["ms", "s"])
    }
    let seconds = (microseconds + 500_000) / 1_000_000
    let parts = [(seconds / 86400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")]
    guard let first = parts.firstIndex(where: { $0.0 > 0 }) else { return "0 s" }
    return parts[first...].prefix(2).filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: " ")
  }

  private static func scaled(_ value: Double, by factor: Double, _ units: [String]) -> String {
    var value = value
    var unit = 0
    while value.magnitude >= factor, unit < units.count - 1 {
      value /= factor
      unit += 1
    }
    let text: String
    if value >= 100 {
      text = String(Int64(value.rounded()))
    } else {
      let tenths = Int64((value * 10).rounded())
      text = tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
    }
    return units[unit].isEmpty ? text : "\(text) \(units[unit])"
  }
}
