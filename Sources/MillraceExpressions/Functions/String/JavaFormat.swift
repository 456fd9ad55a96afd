import MillraceColumnar

/// A format of Java's `String.format`: `%[index$][flags][width][.precision]conversion`.
struct JavaFormat: Sendable {
  private struct Specifier: Sendable {
    var index = 0
    var flags = ""
    var width = 0
    var precision: Int?
    var conversion: Character = "s"
    /// Whether it stands for a string as it is.
    var isPlainText = false
    /// Whether it stands for a whole number without anything but blanks or zeros in front.
    var isPlainNumber = false
  }

  private enum Part: Sendable {
    case text([UInt8])
    case value(Specifier)
  }

  private let source: String
  private var parts: [Part] = []

  init(_ source: String) throws {
    self.source = source
    var rest = source[...]
    var text = ""
    while let character = rest.popFirst() {
      if character != "%" {
        text.append(character)
        continue
      }
      let specifier = try Self.specifier(&rest, source)
      switch specifier.conversion {
      case "%": text.append("%")
      case "n": text.append("\n")
      default:
        if !text.isEmpty { parts.append(.text(Array(text.utf8))) }
        text = ""
        parts.append(.value(specifier))
      }
    }
    if !text.isEmpty { parts.append(.text(Array(text.utf8))) }
  }

  private static func failure(_ source: String, _ reason: String) -> MillraceError {
    MillraceError(
      "INVALID_PARAMETER_VALUE.PATTERN", "format '\(source)': \(reason)", hint: "write '%%' for a percent sign")
  }

  private static func specifier(_ rest: inout Substring, _ source: String) throws -> Specifier {
    var result = Specifier()
    let digits = rest.prefix { $0.isNumber }
    if !digits.isEmpty, rest.dropFirst(digits.count).first == "$", let index = Int(digits) {
      result.index = index
      rest = rest.dropFirst(digits.count + 1)
    }
    while let flag = rest.first, "-#+ 0,(".contains(flag) {
      result.flags.append(flag)
      rest.removeFirst()
    }
    let width = rest.prefix { $0.isNumber }
    result.width = Int(width) ?? 0
    rest = rest.dropFirst(width.count)
    if rest.first == "." {
      rest.removeFirst()
      let precision = rest.prefix { $0.isNumber }
      guard let value = Int(precision) else { throw failure(source, "a precision is missing behind '.'") }
      result.precision = value
      rest = rest.dropFirst(precision.count)
    }
    guard let conversion = rest.popFirst() else { throw failure(source, "a conversion is missing at the end") }
    guard "bBhHsScCdoxXeEfgGaAn%".contains(conversion) else {
      throw failure(source, "'%\(conversion)' is no conversion")
    }
    result.conversion = conversion
    result.isPlainText = conversion == "s" && result.width == 0 && result.precision == nil && result.flags.isEmpty
    result.isPlainNumber = conversion == "d" && result.precision == nil && ["", "0"].contains(result.flags)
    return result
  }

  /// Appends the format filled with the values of a row.
  func write(_ values: [ColumnVector], _ row: Int, _ writer: inout StringWriter) throws {
    var next = 0
    for part in parts {
      switch part {
      case .text(let text): text.withUnsafeBytes { writer.append($0) }
      case .value(let specifier):
        let index = specifier.index > 0 ? specifier.index - 1 : next
        if specifier.index == 0 { next += 1 }
        guard index < values.count else {
          throw Self.failure(source, "there is no value for '%\(specifier.conversion)' number \(index + 1)")
        }
        if !writePlain(specifier, values[index], row, &writer) {
          writer.append(try render(specifier, values[index].type, values[index].value(row)))
        }
      }
    }
  }

  /// The most common ones, without a string for each row; false, with nothing appended, if it is none of them.
  private func writePlain(_ specifier: Specifier, _ column: ColumnVector, _ row: Int, _ writer: inout StringWriter)
    -> Bool
  {
    if column.isNull(row) { return false }
    if specifier.isPlainText, column.type == .string {
      writer.append(column.bytes(row))
      return true
    }
    guard specifier.isPlainNumber, let number = wholeNumber(column, row) else { return false }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.capacity) { digits in
      guard let base = digits.baseAddress else { return }
      let length = NumberText.write(number, to: base)
      let isFilled = !specifier.flags.isEmpty
      if isFilled, number < 0 { writer.append(UInt8(ascii: "-")) }
      for _ in 0..<max(0, specifier.width - length) {
        writer.append(isFilled ? UInt8(ascii: "0") : UInt8(ascii: " "))
      }
      let first = isFilled && number < 0 ? 1 : 0
      writer.append(UnsafeRawBufferPointer(start: base + first, count: length - first))
    }
    return true
  }

  private func wholeNumber(_ column: ColumnVector, _ row: Int) -> Int64? {
    let slot = column.slot(row)
    return switch column.type {
    case .byte: Int64(column.values(as: Int8.self)[slot])
    case .short: Int64(column.values(as: Int16.self)[slot])
    case .integer: Int64(column.values(as: Int32.self)[slot])
    case .long: column.values(as: Int64.self)[slot]
    default: nil
    }
  }

  private func render(_ specifier: Specifier, _ type: DataType, _ value: Value) throws -> String {
    let isUpper = specifier.conversion.isUppercase
    let text: String
    switch specifier.conversion {
    case "d": text = try number(specifier, integer(specifier, value).map { String($0) })
    case "x", "X", "o": text = try unsigned(specifier, type, value)
    case "f", "e", "E", "g", "G": text = try number(specifier, floating(specifier, type, value))
    case "c", "C":
      text = try character(specifier, type, value)
    case "b", "B":
      if case .boolean(let flag) = value { text = "\(flag)" } else { text = value.isNull ? "false" : "true" }
    case "s", "S": text = plain(type, value)
    case "h", "H": text = try hash(specifier, type, value)
    case "a", "A": text = try hexadecimal(specifier, value)
    default: throw Self.failure(source, "'%\(specifier.conversion)' is not supported")
    }
    // A precision is a number's digits behind the point, and the length of any other text.
    let isText = value.isNull || "sSbB".contains(specifier.conversion)
    let cut = isText && specifier.precision != nil ? String(text.prefix(specifier.precision ?? 0)) : text
    return padded(specifier, isUpper ? cut.uppercased() : cut)
  }

  private func character(_ specifier: Specifier, _ type: DataType, _ value: Value) throws -> String {
    guard let code = try integer(specifier, value) else { return "null" }
    guard type != .long, let scalar = UInt32(exactly: code).flatMap({ Unicode.Scalar($0) }) else {
      throw Self.failure(source, "'%\(specifier.conversion)' takes an INT that is the code of a character")
    }
    return String(scalar)
  }

  /// Java's hash code of the value in hexadecimal.
  private func hash(_ specifier: Specifier, _ type: DataType, _ value: Value) throws -> String {
    let bits: UInt64
    switch value {
    case .null: return "null"
    case .boolean(let flag): bits = flag ? 1231 : 1237
    case .integer(let number) where type == .long: bits = UInt64(bitPattern: number)
    case .integer(let number): bits = UInt64(UInt32(truncatingIfNeeded: number))
    case .double(let number) where type == .float: bits = UInt64(Float(number).bitPattern)
    case .double(let number): bits = number.bitPattern
    case .string(let text):
      bits = Array(text.utf8).withUnsafeBytes { UInt64(UInt32(bitPattern: Murmur3.hash(bytes: $0, 42))) }
    case .decimal(let number):
      guard case .decimal(_, let scale) = type else { return "null" }
      bits = UInt64(UInt32(bitPattern: BigDecimalHash.of(number, scale: scale)))
    default: throw Self.failure(source, "'%\(specifier.conversion)' takes a number, a BOOLEAN or a string")
    }
    return String(UInt32(truncatingIfNeeded: bits ^ bits >> 32), radix: 16)
  }

  /// A floating-point number in hexadecimal, with an exponent of two.
  private func hexadecimal(_ specifier: Specifier, _ value: Value) throws -> String {
    if value.isNull { return "null" }
    guard case .double(let number) = value, specifier.precision == nil else {
      throw Self.failure(source, "'%\(specifier.conversion)' takes a floating-point number, and no precision")
    }
    if !number.isFinite { return number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity" }
    let isSmall = number.magnitude < Double.leastNormalMagnitude
    var digits = String(number.significandBitPattern, radix: 16)
    digits = String(repeating: "0", count: 13 - digits.utf8.count) + digits
    while digits.utf8.count > 1, digits.last == "0" { digits.removeLast() }
    let exponent = number == 0 ? 0 : isSmall ? -1022 : Int(number.exponent)
    return (number.sign == .minus ? "-" : "") + (isSmall ? "0x0." : "0x1.") + digits + "p\(exponent)"
  }

  private func padded(_ specifier: Specifier, _ text: String) -> String {
    let missing = specifier.width - text.unicodeScalars.count
    if missing <= 0 { return text }
    let blanks = String(repeating: " ", count: missing)
    return specifier.flags.contains("-") ? text + blanks : blanks + text
  }

  private func plain(_ type: DataType, _ value: Value) -> String {
    switch value {
    case .null: return "null"
    case .boolean(let flag): return "\(flag)"
    case .integer(let number): return "\(number)"
    case .array, .structure, .map: return JavaText.text(.of([value], type: type), 0)
    case .double(let number):
      let single = type == .float
      let shown = try? (Cast.bind(.literal(value, single ? .float : .double), to: .string, context: BindingContext()))
        .constantValue()
      if case .string(let text)? = shown { return text }
      return "\(number)"
    case .decimal(let unscaled):
      guard case .decimal(_, let scale) = type else { return "\(unscaled)" }
      return NumberFormat.fixed(unscaled, scale: scale, digits: scale)
    case .string(let text): return text
    default: return JavaText.text(.of([value], type: type), 0)
    }
  }

  private func integer(_ specifier: Specifier, _ value: Value) throws -> Int64? {
    switch value {
    case .integer(let number): return number
    case .null: return nil
    default: throw Self.failure(source, "'%\(specifier.conversion)' takes an integer")
    }
  }

  private func floating(_ specifier: Specifier, _ type: DataType, _ value: Value) throws -> String? {
    let digits = specifier.precision ?? 6
    switch (value, specifier.conversion) {
    case (.null, _): return nil
    case (.double(let number), _) where !number.isFinite:
      return number.isNaN ? "NaN" : number < 0 ? "-Infinity" : "Infinity"
    case (.double(let number), "f"): return NumberFormat.halfUp(number, digits: digits)
    case (.double(let number), "e"), (.double(let number), "E"): return NumberFormat.scientific(number, digits: digits)
    case (.double(let number), _):
      let significant = max(digits, 1)
      let exponent = number == 0 ? 1 : NumberFormat.figures(number).exponent
      if number == 0 || number.magnitude >= 1e-4 && exponent <= significant {
        return NumberFormat.halfUp(number, digits: max(significant - exponent, 0))
      }
      return NumberFormat.scientific(number, digits: significant - 1)
    case (.decimal(let unscaled), "f"):
      guard case .decimal(_, let scale) = type else { break }
      if digits >= scale { return NumberFormat.fixed(unscaled, scale: scale, digits: digits) }
      var power: Int128 = 1
      for _ in digits..<scale { power *= 10 }
      let rounded = (unscaled.magnitude + UInt128(power / 2)) / UInt128(power)
      return NumberFormat.fixed(unscaled < 0 ? -Int128(rounded) : Int128(rounded), scale: digits, digits: digits)
    default: break
    }
    throw Self.failure(source, "'%\(specifier.conversion)' takes a floating-point number")
  }

  private func unsigned(_ specifier: Specifier, _ type: DataType, _ value: Value) throws -> String {
    guard let number = try integer(specifier, value) else { return "null" }
    let radix = specifier.conversion == "o" ? 8 : 16
    let bits: UInt64 =
      switch type {
      case .byte: UInt64(UInt8(truncatingIfNeeded: number))
      case .short: UInt64(UInt16(truncatingIfNeeded: number))
      case .integer: UInt64(UInt32(truncatingIfNeeded: number))
      default: UInt64(bitPattern: number)
      }
    let digits = String(bits, radix: radix)
    let prefix = specifier.flags.contains("#") ? (radix == 16 ? "0x" : "0") : ""
    return prefix + zeroFilled(specifier, digits, used: prefix.utf8.count)
  }

  private func zeroFilled(_ specifier: Specifier, _ digits: String, used: Int) -> String {
    guard specifier.flags.contains("0") else { return digits }
    return String(repeating: "0", count: max(specifier.width - used - digits.utf8.count, 0)) + digits
  }

  /// Sign, grouping and zeros of a number's text.
  private func number(_ specifier: Specifier, _ text: String?) throws -> String {
    guard var digits = text else { return "null" }
    let isNegative = digits.hasPrefix("-")
    if isNegative { digits.removeFirst() }
    guard digits.first?.isNumber ?? false else { return (isNegative ? "-" : "") + digits }
    if specifier.flags.contains(",") { digits = NumberFormat.grouped(digits) }
    let usesParentheses = isNegative && specifier.flags.contains("(")
    let sign =
      isNegative
      ? (usesParentheses ? "(" : "-") : specifier.flags.contains("+") ? "+" : specifier.flags.contains(" ") ? " " : ""
    let end = usesParentheses ? ")" : ""
    return sign + zeroFilled(specifier, digits, used: sign.utf8.count + end.utf8.count) + end
  }
}
