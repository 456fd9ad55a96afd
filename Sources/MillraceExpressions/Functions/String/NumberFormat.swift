import Glibc
import MillraceColumnar

/// Decimal texts of numbers with a given number of digits behind the point.
enum NumberFormat {
  /// Rounded half to even, as Java's `DecimalFormat`.
  static func fixed(_ value: Double, digits: Int) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-∞" : "∞" }
    let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400 + digits) { buffer in
      _ = withVaList([Int32(clamping: digits), value]) { vsnprintf(buffer.baseAddress, buffer.count, "%.*f", $0) }
      return buffer.baseAddress.map { String(cString: $0) } ?? ""
    }
    return text
  }

  /// Rounded half to even.
  static func fixed(_ unscaled: Int128, scale: Int, digits: Int) -> String {
    var text = String(unscaled.magnitude)
    let isNegative = unscaled < 0
    if text.utf8.count <= scale { text = String(repeating: "0", count: scale + 1 - text.utf8.count) + text }
    var figures = text.utf8.map { $0 - 0x30 }
    if digits < scale {
      let dropped = Array(figures.suffix(scale - digits))
      figures.removeLast(scale - digits)
      let half = dropped[0] > 5 || dropped[0] == 5 && dropped.dropFirst().contains { $0 != 0 }
      let isTie = dropped[0] == 5 && !half
      if half || isTie && (figures.last ?? 0) % 2 == 1 { increment(&figures) }
    } else {
      figures += [UInt8](repeating: 0, count: digits - scale)
    }
    let whole = figures.dropLast(digits)
    let body = String(decoding: (whole.isEmpty ? [0] : Array(whole)).map { $0 + 0x30 }, as: UTF8.self)
    let fraction = String(decoding: figures.suffix(digits).map { $0 + 0x30 }, as: UTF8.self)
    return (isNegative ? "-" : "") + body + (digits > 0 ? "." + fraction : "")
  }

  /// Adds one to the number whose digits these are.
  static func increment(_ figures: inout [UInt8]) {
    for index in figures.indices.reversed() {
      if figures[index] < 9 {
        figures[index] += 1
        return
      }
      figures[index] = 0
    }
    figures.insert(1, at: 0)
  }

  /// With commas between thousands.
  static func grouped(_ text: String) -> String {
    var copy = text
    return copy.withUTF8 { bytes in
      String(unsafeUninitializedCapacity: bytes.count + bytes.count / 3 + 1) { target in
        group(UnsafeRawBufferPointer(bytes), into: target.baseAddress.unsafelyUnwrapped)
      }
    }
  }

  /// Puts commas between the thousands of a decimal text, which is copied as it is if it is none, and gives the length. There is room for a
  /// comma behind every third byte.
  private static func group(_ text: UnsafeRawBufferPointer, into target: UnsafeMutablePointer<UInt8>) -> Int {
    let sign = text.first == 0x2D ? 1 : 0
    var end = sign
    while end < text.count, text[end] >= 0x30, text[end] <= 0x39 { end += 1 }
    let isNumber = end > sign && (end == text.count || text[end] == 0x2E)
    var used = 0
    for (index, byte) in text.enumerated() {
      if isNumber, index > sign, index < end, (end - index) % 3 == 0 {
        target[used] = 0x2C
        used += 1
      }
      target[used] = byte
      used += 1
    }
    return used
  }

  /// Appends a text with commas between its thousands.
  static func appendGrouped(_ text: UnsafeRawBufferPointer, to writer: inout StringWriter) {
    let room = writer.reserve(text.count + text.count / 3 + 1).assumingMemoryBound(to: UInt8.self)
    writer.advance(group(text, into: room))
  }

  /// Appends a number rounded half to even, with commas between its thousands.
  static func appendGrouped(_ value: Double, digits: Int, to writer: inout StringWriter) {
    guard value.isFinite else { return writer.append(fixed(value, digits: digits)) }
    if let scaled = scaled(value, digits: digits) {
      return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { buffer in
        guard let base = buffer.baseAddress else { return }
        let length = write(scaled, digits: digits, isNegative: value.sign == .minus, to: base)
        appendGrouped(UnsafeRawBufferPointer(start: base, count: length), to: &writer)
      }
    }
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400 + digits) { buffer in
      let length = withVaList([Int32(clamping: digits), value]) {
        vsnprintf(buffer.baseAddress, buffer.count, "%.*f", $0)
      }
      appendGrouped(UnsafeRawBufferPointer(start: buffer.baseAddress, count: Int(length)), to: &writer)
    }
  }

  /// A number times 10 to the power of `digits`, rounded half to even from its exact value; nil if that has too many digits.
  static func scaled(_ value: Double, digits: Int) -> UInt64? {
    guard value.isFinite, (0...6).contains(digits), value.magnitude < 1e12 else { return nil }
    // The value is `significand` × 2^-shift.
    let isNormal = value.exponentBitPattern > 0
    let significand = value.significandBitPattern | (isNormal ? 1 << 52 : 0)
    let shift = 1075 - Int(max(value.exponentBitPattern, 1))
    var power: UInt128 = 1
    for _ in 0..<digits { power *= 10 }
    let product = UInt128(significand) * power
    // The product has at most 73 bits.
    if shift > 80 { return 0 }
    if shift <= 0 { return UInt64(product << UInt128(-shift)) }
    let whole = product >> UInt128(shift), rest = product & ((1 << UInt128(shift)) - 1),
      half: UInt128 = 1 << UInt128(shift - 1)
    let roundsUp = rest > half || rest == half && whole & 1 == 1
    return UInt64(whole) + (roundsUp ? 1 : 0)
  }

  /// Writes a scaled number with its point, and gives the length.
  private static func write(
    _ scaled: UInt64, digits: Int, isNegative: Bool, to target: UnsafeMutablePointer<UInt8>
  ) -> Int {
    var power: UInt64 = 1
    for _ in 0..<digits { power *= 10 }
    var used = 0
    if isNegative {
      target[0] = 0x2D
      used = 1
    }
    let (whole, fraction) = scaled.quotientAndRemainder(dividingBy: power)
    used += NumberText.write(unsigned: whole, to: target + used)
    if digits == 0 { return used }
    target[used] = 0x2E
    var rest = fraction
    for index in (1...digits).reversed() {
      target[used + index] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
      rest /= 10
    }
    return used + digits + 1
  }

  /// The shortest digits of a number and the place of its point: 0.`digits` × 10^`exponent`.
  static func figures(_ value: Double) -> (digits: [UInt8], exponent: Int) {
    let text = "\(value.magnitude)".lowercased()
    let parts = text.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    var digits = mantissa.joined().utf8.map { $0 - 0x30 }
    var exponent = mantissa[0].utf8.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.count > 1, digits.first == 0 {
      digits.removeFirst()
      exponent -= 1
    }
    return (digits, exponent)
  }

  /// Rounded half up on the shortest digits, as Java's `%f`.
  static func halfUp(_ value: Double, digits: Int) -> String {
    let (figures, exponent) = figures(value)
    var all = figures
    var point = exponent
    if point < 0 {
      all = [UInt8](repeating: 0, count: -point) + all
      point = 0
    }
    let kept = point + digits
    if all.count > kept {
      let roundsUp = all[kept] >= 5
      all = Array(all[0..<kept])
      let before = all.count
      if roundsUp { increment(&all) }
      point += all.count - before
    } else {
      all += [UInt8](repeating: 0, count: kept - all.count)
    }
    let whole = all.prefix(point).isEmpty ? [0] : Array(all.prefix(point))
    let text = String(decoding: whole.map { $0 + 0x30 }, as: UTF8.self)
    let fraction = String(decoding: all.suffix(digits).map { $0 + 0x30 }, as: UTF8.self)
    return (value.sign == .minus ? "-" : "") + text + (digits > 0 ? "." + fraction : "")
  }

  /// `1.234560e+01`, rounded half up.
  static func scientific(_ value: Double, digits: Int) -> String {
    var (figures, exponent) = figures(value)
    if value == 0 { exponent = 1 }
    if figures.count > digits + 1 {
      let roundsUp = figures[digits + 1] >= 5
      figures = Array(figures[0...digits])
      if roundsUp {
        increment(&figures)
        if figures.count > digits + 1 {
          figures.removeLast()
          exponent += 1
        }
      }
    } else {
      figures += [UInt8](repeating: 0, count: digits + 1 - figures.count)
    }
    let text = String(decoding: figures.map { $0 + 0x30 }, as: UTF8.self)
    let power = exponent - 1
    let size = String(abs(power))
    return (value.sign == .minus ? "-" : "") + text.prefix(1) + (digits > 0 ? "." + text.dropFirst() : "")
      + (power < 0 ? "e-" : "e+")
      + (size.utf8.count < 2 ? "0" + size : size)
  }
}
