/// A number format such as `#,##0.00`, the part of Java's `DecimalFormat` that `format_number` is used with: digits, groups, a
/// fraction, percent, and text around them.
struct DecimalPattern {
  private var prefix = ""
  private var suffix = ""
  private var wholeDigits = 0
  private var fractionDigits = 0...0
  private var isGrouped = false
  private var isPercent = false

  init(_ pattern: String) {
    var whole = "", fraction = ""
    var isFraction = false, isDone = false
    for character in pattern {
      if !isDone, character == "#" || character == "0" || character == "," {
        if isFraction { fraction.append(character) } else { whole.append(character) }
      } else if !isDone, !isFraction, character == "." {
        isFraction = true
      } else {
        isDone = isDone || !whole.isEmpty || isFraction
        isPercent = isPercent || character == "%"
        if isDone { suffix.append(character) } else { prefix.append(character) }
      }
    }
    isGrouped = whole.contains(",") || pattern.isEmpty
    wholeDigits = whole.filter { $0 == "0" }.count
    fractionDigits = fraction.filter { $0 == "0" }.count...fraction.count
  }

  /// The number as text, rounded half to even.
  func text(of number: Double) -> String {
    let scaled = isPercent ? number * 100 : number
    guard scaled.isFinite else { return NumberFormat.fixed(scaled, digits: 0) }
    let digits = NumberFormat.fixed(scaled.magnitude, digits: fractionDigits.upperBound)
    let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    var whole = String(parts[0])
    var fraction = parts.count > 1 ? String(parts[1]) : ""
    while fraction.last == "0" && fraction.count > fractionDigits.lowerBound { fraction.removeLast() }
    while whole.count < wholeDigits { whole = "0" + whole }
    if isGrouped { whole = NumberFormat.grouped(whole) }
    let isZero = !(whole + fraction).contains { $0.isNumber && $0 != "0" }
    return (scaled < 0 && !isZero ? "-" : "") + prefix + whole + (fraction.isEmpty ? "" : "." + fraction) + suffix
  }
}
