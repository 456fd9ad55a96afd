import MillraceColumnar

/// A number format such as `S$9,999.99`, as `to_number` and `to_char` take it.
///
/// A run of digits that begins with 0 before the point stands for exactly so many digits, all others for at most so many.
struct NumberPattern: Sendable {
  fileprivate enum Part: Equatable, Sendable {
    case digits(Int, isExact: Bool)
    case separator
    case point
    case dollar
    /// `S`: plus or minus.
    case sign
    /// `MI`: minus or nothing.
    case minus
    /// `PR`: angle brackets around negative numbers.
    case open
    case close
  }

  private let text: String
  private let parts: [Part]
  /// Digits before and behind the point.
  private let integralDigits: Int
  let scale: Int
  var precision: Int { integralDigits + scale }
  var type: DataType { .decimal(precision: precision, scale: scale) }

  init(_ text: String) throws {
    self.text = text
    if text.isEmpty { throw NumberPattern.malformed("EMPTY", "the number format is empty") }
    if !text.utf8.contains(where: { $0 == 0x30 || $0 == 0x39 }) {
      throw NumberPattern.malformed("WRONG_NUM_DIGIT", "the number format '\(text)' has no digit")
    }
    parts = try NumberPattern.read(text)
    let point = parts.firstIndex(of: .point) ?? parts.count
    integralDigits = parts[..<point].reduce(0) { $0 + $1.digitCount }
    scale = parts[point...].reduce(0) { $0 + $1.digitCount }
    try NumberPattern.check(parts, text)
  }

  private static func malformed(_ condition: String, _ message: String) -> MillraceError {
    MillraceError("INVALID_FORMAT.\(condition)", message)
  }

  // MARK: - Reading the format

  private static func read(_ text: String) throws -> [Part] {
    let bytes = Array(text.utf8)
    var parts: [Part] = []
    var index = 0
    while index < bytes.count {
      let start = index
      let next = index + 1 < bytes.count ? bytes[index + 1] : 0
      index += 1
      switch (bytes[start], next) {
      case (0x30, _), (0x39, _):
        while index < bytes.count, bytes[index] == 0x30 || bytes[index] == 0x39 { index += 1 }
        let isExact = bytes[start] == 0x30 && !parts.contains(.point)
        parts.append(.digits(index - start, isExact: isExact))
      case (0x2E, _), (0x44, _): parts.append(.point)
      case (0x2C, _), (0x47, _): parts.append(.separator)
      case (0x24, _): parts.append(.dollar)
      case (0x53, _): parts.append(.sign)
      case (0x4D, 0x49):
        parts.append(.minus)
        index += 1
      case (0x50, 0x52):
        parts = [.open] + parts + [.close]
        index += 1
      default:
        throw malformed(
          "UNEXPECTED_TOKEN",
          "the character '\(UnicodeScalar(bytes[start]))' has no meaning in the number format '\(text)'")
      }
    }
    return parts
  }

  private static func check(_ parts: [Part], _ text: String) throws {
    let firstDigit = parts.firstIndex { $0.digitCount > 0 } ?? 0
    let point = parts.firstIndex(of: .point)
    if let dollar = parts.firstIndex(of: .dollar) {
      if firstDigit < dollar {
        throw malformed("CUR_MUST_BEFORE_DIGIT", "'$' must stand before the digits of '\(text)'")
      }
      if let point, point < dollar {
        throw malformed("CUR_MUST_BEFORE_DEC", "'$' must stand before the point of '\(text)'")
      }
    }
    for (index, part) in parts.enumerated() where part == .separator {
      if let point, index > point {
        throw malformed("THOUSANDS_SEPS_MUST_BEFORE_DEC", "'\(text)' has a separator behind the point")
      }
      let isBetween =
        index > 0 && index + 1 < parts.count && parts[index - 1].digitCount > 0 && parts[index + 1].digitCount > 0
      if !isBetween { throw malformed("CONT_THOUSANDS_SEPS", "separators of '\(text)' must stand between digits") }
    }
    for part in [Part.point, .sign, .minus, .dollar, .close] where parts.filter({ $0 == part }).count > 1 {
      throw malformed("WRONG_NUM_TOKEN", "'\(text)' names the same thing twice")
    }
    try checkOrder(parts, text)
  }

  /// Sign, dollar, digits, point, digits, sign; all but the digits may be missing.
  private static func checkOrder(_ parts: [Part], _ text: String) throws {
    var stage = 0
    for part in parts {
      let allowed: ClosedRange<Int>
      switch part {
      case .open: allowed = 0...0
      case .sign, .minus: allowed = stage <= 1 ? 1...1 : 6...6
      case .dollar: allowed = 2...2
      case .digits, .separator: allowed = stage <= 3 ? 3...3 : 5...5
      case .point: allowed = 4...4
      case .close: allowed = 6...6
      }
      let repeats = part == .separator || part.digitCount > 0
      guard allowed.lowerBound > stage || repeats && allowed.lowerBound >= stage || stage == 0 else {
        throw malformed("UNEXPECTED_TOKEN", "'\(text)' has something at a place where it cannot stand")
      }
      stage = allowed.lowerBound
    }
  }

  // MARK: - to_number

  /// The unscaled value of a text, nil if it does not match.
  func parse(_ bytes: UnsafeRawBufferPointer) -> Int128? {
    var index = 0
    var value: Int128 = 0
    var fractionDigits = 0
    var digitCount = 0
    var isNegative = false
    var isOpen = false
    var isFraction = false
    func peek() -> UInt8 { index < bytes.count ? bytes[index] : 0 }
    var at = 0
    while at < parts.count {
      let next = peek()
      switch parts[at] {
      case .digits, .separator:
        let end = parts[at...].firstIndex { $0.digitCount == 0 && $0 != .separator } ?? parts.count
        guard let sizes = readGroups(bytes, &index, &value), matches(sizes, parts[at..<end]) else { return nil }
        digitCount += sizes.reduce(0, +)
        if isFraction { fractionDigits = sizes.reduce(0, +) }
        at = end - 1
      case .point:
        if next == 0x2E {
          isFraction = true
          index += 1
        }
      case .dollar:
        if index < bytes.count && next != 0x24 { return nil }
        index += 1
      case .sign, .minus:
        if next == 0x2D { isNegative = true }
        if next == 0x2D || next == 0x2B && parts[at] == .sign { index += 1 }
      case .open:
        if next == 0x3C {
          isOpen = true
          index += 1
        }
      case .close:
        guard (next == 0x3E) == isOpen else { return nil }
        if isOpen {
          isNegative = true
          index += 1
        }
      }
      at += 1
    }
    guard index >= bytes.count, digitCount > 0 else { return nil }
    value *= Decimal128.power(scale - fractionDigits)
    return isNegative ? -value : value
  }

  /// Reads digits and separators; gives the digits of each group, nil if there are more than 38.
  private func readGroups(_ bytes: UnsafeRawBufferPointer, _ index: inout Int, _ value: inout Int128) -> [Int]? {
    var sizes = [0]
    while index < bytes.count {
      let byte = bytes[index]
      if byte &- 0x30 <= 9 {
        let (scaled, tooLarge) = value.multipliedReportingOverflow(by: 10)
        if tooLarge { return nil }
        value = scaled &+ Int128(byte &- 0x30)
        sizes[sizes.count - 1] += 1
      } else if byte == 0x2C {
        sizes.append(0)
      } else if byte != 0x20 {
        break
      }
      index += 1
    }
    return sizes
  }

  /// Groups are compared from the right, so that leading ones may be missing.
  private func matches(_ sizes: [Int], _ parts: ArraySlice<Part>) -> Bool {
    let groups = parts.filter { $0.digitCount > 0 }
    guard sizes.count <= groups.count else { return false }
    for (offset, group) in groups.reversed().enumerated() {
      let size = offset < sizes.count ? sizes[sizes.count - 1 - offset] : 0
      guard case .digits(let count, let isExact) = group, isExact ? size == count : size <= count else { return false }
    }
    return true
  }

  // MARK: - to_char

  /// The text of an unscaled value of another scale.
  func format(_ value: Int128, scale valueScale: Int) -> [UInt8] {
    let (before, behind) = digits(value, valueScale)
    var beforeIndex = 0
    var behindIndex = 0
    var text: [UInt8] = []
    var isFraction = false
    for part in parts {
      switch part {
      case .digits(let count, let isExact):
        for _ in 0..<count {
          if isFraction {
            text.append(behind[behindIndex])
            behindIndex += 1
          } else {
            let digit = before[beforeIndex]
            beforeIndex += 1
            if digit != 0x20 {
              text.append(digit)
            } else if isExact {
              text.append(0x30)
            } else {
              text.appendLeadingSpace()
            }
          }
        }
      case .separator:
        if let last = text.last, last &- 0x30 <= 9 { text.append(0x2C) } else { text.appendLeadingSpace() }
      case .point:
        if text.last == 0x20 { text[text.count - 1] = 0x30 }
        text.append(0x2E)
        isFraction = true
      case .dollar: text.append(0x24)
      case .sign: text.appendTrailing(value < 0 ? 0x2D : 0x2B)
      case .minus: if value < 0 { text.appendTrailing(0x2D) } else { text.append(0x20) }
      case .open: if value < 0 { text.append(0x3C) }
      case .close: if value < 0 { text.appendTrailing(0x3E) } else { text += [0x20, 0x20] }
      }
    }
    text.dropLonePoint()
    if text.isEmpty || text == [0x2B] || text == [0x2D] { return [0x30] }
    return text
  }

  /// Digits padded to the format: spaces before, zeros behind; `#` throughout if there are too many.
  private func digits(_ value: Int128, _ valueScale: Int) -> (before: [UInt8], behind: [UInt8]) {
    let (whole, fraction) = value.magnitude.quotientAndRemainder(dividingBy: Decimal128.power(valueScale).magnitude)
    let before = whole == 0 ? [] : Array(String(whole).utf8)
    var behind = Array(String(fraction).utf8)
    behind = [UInt8](repeating: 0x30, count: max(0, valueScale - behind.count)) + behind
    while behind.last == 0x30 { behind.removeLast() }
    if before.count > integralDigits || behind.count > scale {
      return ([UInt8](repeating: 0x23, count: integralDigits), [UInt8](repeating: 0x23, count: scale))
    }
    return (
      [UInt8](repeating: 0x20, count: integralDigits - before.count) + before,
      behind + [UInt8](repeating: 0x30, count: scale - behind.count)
    )
  }
}

extension NumberPattern.Part {
  fileprivate var digitCount: Int { if case .digits(let count, _) = self { count } else { 0 } }
}

extension [UInt8] {
  /// A space, moved before a sign that precedes it.
  fileprivate mutating func appendLeadingSpace() {
    append(0x20)
    var index = count - 1
    while index > 0, [0x2B, 0x2D, 0x3C].contains(self[index - 1]) {
      swapAt(index, index - 1)
      index -= 1
    }
  }

  /// A sign, moved before spaces that precede it; a point without digits behind it goes.
  fileprivate mutating func appendTrailing(_ sign: UInt8) {
    dropLonePoint()
    append(sign)
    var index = count - 1
    while index > 0, self[index - 1] == 0x20 {
      swapAt(index, index - 1)
      index -= 1
    }
  }

  fileprivate mutating func dropLonePoint() {
    guard let point = firstIndex(of: 0x2E), point == count - 1 || self[point + 1] == 0x20 else { return }
    self[point] = 0x20
  }
}
