/// A number format such as `#,##0.00`, the part of Java's `DecimalFormat` that `format_number` is used with: digits, groups, a
/// fraction, an exponent, percent, text around them, and a form of its own for negative numbers.
struct DecimalPattern {
  private var prefix = ""
  private var suffix = ""
  /// Around the magnitude of negative numbers.
  private var negative: (prefix: String, suffix: String)
  private var wholeDigits = 0
  /// All places before the point, `#` included.
  private var wholePlaces = 0
  private var fractionDigits = 0...0
  /// Least digits of the exponent; nil: none is written.
  private var exponentDigits: Int?
  private var isGrouped = false
  private var isPercent = false

  init(_ pattern: String) {
    let forms = Self.forms(pattern)
    var whole = "", fraction = "", exponent = ""
    var stage = Stage.prefix
    for (character, isQuoted) in forms[0] {
      let isDigit = !isQuoted && "#0,".contains(character)
      switch stage {
      case .prefix where isDigit, .whole where isDigit:
        stage = .whole
        whole.append(character)
      case .prefix where !isQuoted && character == ".", .whole where !isQuoted && character == ".": stage = .fraction
      case .fraction where isDigit: fraction.append(character)
      case .whole where !isQuoted && character == "E", .fraction where !isQuoted && character == "E": stage = .exponent
      case .exponent where !isQuoted && character == "0": exponent.append(character)
      default:
        isPercent = isPercent || !isQuoted && character == "%"
        if stage == .prefix {
          prefix.append(character)
        } else {
          stage = .suffix
          suffix.append(character)
        }
      }
    }
    negative = ("-" + prefix, suffix)
    if forms.count > 1 { negative = Self.affixes(forms[1]) }
    isGrouped = whole.contains(",") || pattern.isEmpty
    wholeDigits = whole.filter { $0 == "0" }.count
    wholePlaces = whole.filter { $0 != "," }.count
    fractionDigits = fraction.filter { $0 == "0" }.count...fraction.count
    exponentDigits = exponent.isEmpty ? nil : exponent.count
  }

  private enum Stage { case prefix, whole, fraction, exponent, suffix }

  /// The parts before and behind `;`, character by character, with whether they stand between quotes.
  private static func forms(_ pattern: String) -> [[(Character, Bool)]] {
    var forms: [[(Character, Bool)]] = [[]]
    var isQuoted = false
    var rest = pattern[...]
    while let character = rest.popFirst() {
      if character == "'" {
        if rest.first == "'" { forms[forms.count - 1].append((rest.removeFirst(), true)) } else { isQuoted.toggle() }
      } else if character == ";", !isQuoted, forms.count == 1 {
        forms.append([])
      } else {
        forms[forms.count - 1].append((character, isQuoted))
      }
    }
    return forms
  }

  /// What stands around the digits.
  private static func affixes(_ form: [(Character, Bool)]) -> (prefix: String, suffix: String) {
    func isDigit(_ part: (Character, Bool)) -> Bool { !part.1 && "#0,.".contains(part.0) }
    let before = form.prefix { !isDigit($0) }
    let after = form.dropFirst(before.count).drop(while: isDigit)
    return (String(before.map(\.0)), String(after.map(\.0)))
  }

  /// The number as text, rounded half to even. What is negative keeps its sign, as zero too.
  func text(of number: Double) -> String {
    let scaled = isPercent ? number * 100 : number
    guard scaled.isFinite else { return NumberFormat.fixed(scaled, digits: 0) }
    let digits =
      exponentDigits.map { scientific(scaled.magnitude, $0) }
      ?? plain(NumberFormat.fixed(scaled.magnitude, digits: fractionDigits.upperBound))
    return signed(digits, isNegative: scaled.sign == .minus)
  }

  /// A decimal of so many digits behind the point as text, from all its digits.
  func text(of unscaled: Int128, scale: Int) -> String {
    let approximate = Double(unscaled) / Double(DecimalMath.powers[scale])
    if exponentDigits != nil { return text(of: approximate) }
    let (places, factor): (Int, Int128) =
      isPercent ? (max(scale - 2, 0), scale > 1 ? 1 : scale > 0 ? 10 : 100) : (scale, 1)
    let (magnitude, overflow) = Int128(clamping: unscaled.magnitude).multipliedReportingOverflow(by: factor)
    if overflow { return text(of: approximate) }
    let digits = NumberFormat.fixed(magnitude, scale: places, digits: fractionDigits.upperBound)
    return signed(plain(digits), isNegative: unscaled < 0)
  }

  private func signed(_ digits: String, isNegative: Bool) -> String {
    isNegative ? negative.prefix + digits + negative.suffix : prefix + digits + suffix
  }

  /// Digits behind the point as the pattern wants them.
  private func plain(_ digits: String) -> String {
    let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    var whole = String(parts[0])
    var fraction = parts.count > 1 ? String(parts[1]) : ""
    while fraction.last == "0" && fraction.count > fractionDigits.lowerBound { fraction.removeLast() }
    while whole.count < wholeDigits { whole = "0" + whole }
    if isGrouped { whole = NumberFormat.grouped(whole) }
    return whole + (fraction.isEmpty ? "" : "." + fraction)
  }

  /// With places for more digits than must be, the exponent is a multiple of their number.
  private func scientific(_ number: Double, _ exponentDigits: Int) -> String {
    let kept = max(wholePlaces + fractionDigits.upperBound, 1)
    var (figures, decimal) = NumberFormat.figures(number)
    if figures.count > kept {
      let rest = figures[kept...]
      let isHalf = rest.first == 5 && !rest.dropFirst().contains { $0 != 0 }
      let roundsUp = isHalf ? figures[kept - 1] % 2 == 1 : rest[kept] >= 5
      figures = Array(figures[..<kept])
      if roundsUp { NumberFormat.increment(&figures) }
      if figures.count > kept { decimal += 1 }
    }
    var digits = String(decoding: figures.map { $0 + 0x30 }, as: UTF8.self)
    while digits.last == "0" { digits.removeLast() }
    // Where the point lies, counted from the first digit that is not zero.
    let point = number == 0 ? 0 : decimal
    let isMultiple = wholePlaces > max(wholeDigits, 1)
    var exponent = point - wholeDigits
    if isMultiple { exponent = (point >= 1 ? point - 1 : point - wholePlaces) / wholePlaces * wholePlaces }
    if number == 0 { exponent = 0 }
    let whole = number == 0 ? (isMultiple ? 1 : wholeDigits) : point - exponent
    let length = max(digits.count, wholeDigits + fractionDigits.lowerBound, whole)
    digits += String(repeating: "0", count: length - digits.count)
    let size = String(abs(exponent))
    let zeros = String(repeating: "0", count: max(exponentDigits - size.count, 0))
    return digits.prefix(whole) + (length > whole ? "." + digits.dropFirst(whole) : "") + "E"
      + (exponent < 0 ? "-" : "") + zeros + size
  }
}
