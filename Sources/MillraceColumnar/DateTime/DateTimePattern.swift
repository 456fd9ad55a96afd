/// A date and time pattern (letters of Java's `DateTimeFormatter`, as Spark restricts them), compiled for reading or writing.
public struct DateTimePattern: Sendable {
  /// What a pattern is compiled for; some letters can only be written.
  public enum Use: Sendable {
    /// For texts that become times.
    case reading
    /// For times that become texts.
    case writing
  }

  /// A number in the text.
  enum Field: Sendable {
    case year, month, day, dayOfYear, hour, clockHour, hourOfHalf, clockHourOfHalf, minute, second, quarter
    /// The day's place among the seven days that it is in, counted from the first of the month.
    case weekdayInMonth
  }

  /// How the offset from UTC is written.
  struct OffsetStyle: Sendable {
    /// Text of offset zero.
    var zero: [UInt8]
    var hasColon: Bool
    /// Whether minutes always stand there.
    var needsMinutes: Bool
    /// Whether seconds are written if there are any.
    var hasSeconds: Bool
  }

  indirect enum Item: Sendable {
    case literal(UInt8)
    /// `most` digits at most; fixed if equal to `least`. `reserved` digits behind it belong to items without separator.
    case number(Field, least: Int, most: Int, isPadded: Bool, reserved: Int)
    /// Two digits of a year in 2000…2099.
    case twoDigitYear
    case monthName(isFull: Bool)
    case weekdayName(isFull: Bool)
    case quarterName(isFull: Bool)
    case halfOfDay
    case era(isFull: Bool)
    case fraction(Int)
    case offset(OffsetStyle)
    /// `GMT+8` or `GMT+08:00`.
    case localizedOffset(isFull: Bool)
    /// Region or offset.
    case zoneID
    /// Abbreviation such as CET.
    case zoneName
    case optional([Item])
  }

  /// The pattern as written.
  public let source: String
  let items: [Item]
  let usesEra: Bool
  /// Items from here on only hold seconds, fraction, offset and literals, so that a row with the same text before them
  /// has the same minute; nil if the pattern is of another shape.
  let tailStart: Int?

  /// Compiles, or throws `INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION` or `INVALID_DATETIME_PATTERN.…`.
  public init(_ source: String, for use: Use) throws {
    self.source = source
    var compiler = DateTimePatternCompiler(source, use: use)
    items = Self.withReservedDigits(try compiler.compile())
    usesEra = compiler.usesEra
    tailStart = use == .reading ? Self.findTail(items) : nil
  }

  /// Digits that fixed-width numbers directly behind a variable one need are not taken by it.
  private static func withReservedDigits(_ items: [Item]) -> [Item] {
    var result = items
    var reserved = 0
    for index in items.indices.reversed() {
      switch items[index] {
      case .number(let field, let least, let most, let isPadded, _):
        if case .year = field, least == 4 {
          result[index] = .number(field, least: least, most: most, isPadded: isPadded, reserved: reserved)
          reserved = 0
        } else if least == most {
          reserved += least
        } else {
          result[index] = .number(field, least: least, most: most, isPadded: isPadded, reserved: reserved)
          reserved = 0
        }
      case .twoDigitYear: reserved += 2
      default: reserved = 0
      }
    }
    return result
  }

  private static func findTail(_ items: [Item]) -> Int? {
    let found = items.firstIndex { if case .number(.second, 2, 2, _, _) = $0 { true } else { false } }
    guard let found, found > 0 else { return nil }
    for item in items[found...].dropFirst() {
      switch item {
      case .literal, .offset, .fraction: break
      default: return nil
      }
    }
    switch items[found - 1] {
    case .literal: return found
    case .number(_, let least, let most, _, _): return least == most ? found : nil
    default: return nil
    }
  }
}

/// Turns pattern text into items.
struct DateTimePatternCompiler {
  private let source: String
  private let input: [UInt8]
  private let use: DateTimePattern.Use
  private var position = 0
  private(set) var usesEra = false

  init(_ source: String, use: DateTimePattern.Use) {
    self.source = source
    self.use = use
    input = Array(source.utf8)
  }

  mutating func compile() throws -> [DateTimePattern.Item] {
    try checkLetters()
    let items = try sequence(isNested: false)
    return items
  }

  /// Letters that Spark refuses, with the error that tells whether Spark 2 knew them.
  private func checkLetters() throws {
    let letters = unquotedLetters()
    let weekBased: [Character] = ["Y", "W", "w", "u", "e", "c"]
    let never: [Character] = ["A", "B", "n", "N", "p"]
    let neverRead: [Character] = ["E", "F", "q", "Q"]
    let isRefused = { (letter: Character) in
      weekBased.contains(letter) || never.contains(letter) || use == .reading && neverRead.contains(letter)
    }
    let tooLong = ["GGGGG", "MMMMM", "LLLLL", "EEEEE", "QQQQQ", "qqqqq", "yyyyyyy"].first { letters.contains($0) }
    if let refused = letters.first(where: weekBased.contains) ?? letters.first(where: isRefused) {
      let code =
        weekBased.contains(refused)
        ? "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN"
        : "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER"
      throw failure("the letter '\(refused)' is not supported", letters, code)
    }
    if let tooLong {
      throw failure("'\(tooLong)' has too many letters", letters, "INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER")
    }
  }

  private func unquotedLetters() -> String {
    var isQuoted = false
    var text = ""
    for byte in input {
      if byte == 0x27 { isQuoted.toggle() } else if !isQuoted { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    }
    return text
  }

  /// The error `code`, unless Spark 2 took the pattern.
  private func failure(
    _ reason: String, _ letters: String, _ code: String = "INVALID_DATETIME_PATTERN.WITH_SUGGESTION"
  ) -> MillraceError {
    let known = "GyYMLwWDdFEuaHkKhmsSzZX"
    let isOld = letters.allSatisfy { !$0.isLetter || known.contains($0) }
    let code = isOld ? "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION" : code
    return MillraceError(
      code, "date and time pattern '\(source)': \(reason)",
      hint: "years are 'yyyy', for weeks use extract(); put other letters between single quotes")
  }

  private mutating func sequence(isNested: Bool) throws -> [DateTimePattern.Item] {
    var items: [DateTimePattern.Item] = []
    while position < input.count {
      let byte = input[position]
      position += 1
      switch byte {
      case 0x27: try quoted(&items)
      case UInt8(ascii: "["): items.append(.optional(try sequence(isNested: true)))
      case UInt8(ascii: "]"):
        if isNested { return items }
        throw failure("']' without '['", unquotedLetters())
      case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "#"):
        throw failure("'\(Character(Unicode.Scalar(byte)))' is reserved", unquotedLetters())
      case _ where byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A:
        var count = 1
        while position < input.count && input[position] == byte {
          count += 1
          position += 1
        }
        items.append(contentsOf: try letter(Character(Unicode.Scalar(byte)), count))
      default: items.append(.literal(byte))
      }
    }
    return items
  }

  private mutating func quoted(_ items: inout [DateTimePattern.Item]) throws {
    if position < input.count && input[position] == 0x27 {
      position += 1
      items.append(.literal(0x27))
      return
    }
    while position < input.count {
      let byte = input[position]
      position += 1
      if byte != 0x27 {
        items.append(.literal(byte))
      } else if position < input.count && input[position] == 0x27 {
        items.append(.literal(byte))
        position += 1
      } else {
        return
      }
    }
    throw failure("a quote is not closed", "V")
  }

  private mutating func letter(_ letter: Character, _ count: Int) throws -> [DateTimePattern.Item] {
    switch letter {
    case "y": return [year(count)]
    case "M", "L": return [count > 2 ? .monthName(isFull: count == 4) : number(.month, count)]
    case "d": return [try limited(.day, letter, count)]
    case "H": return [try limited(.hour, letter, count)]
    case "k": return [try limited(.clockHour, letter, count)]
    case "K": return [try limited(.hourOfHalf, letter, count)]
    case "h": return [try limited(.clockHourOfHalf, letter, count)]
    case "m": return [try limited(.minute, letter, count)]
    case "s": return [try limited(.second, letter, count)]
    case "D":
      if count > 3 { break }
      return [.number(.dayOfYear, least: count, most: count == 1 ? 19 : 3, isPadded: count > 1, reserved: 0)]
    case "S":
      if count > 9 { break }
      return [.fraction(count)]
    case "a":
      if count > 1 { break }
      return [.halfOfDay]
    case "E": return [.weekdayName(isFull: count == 4)]
    case "Q", "q":
      return [count > 2 ? .quarterName(isFull: count == 4) : number(.quarter, count)]
    case "F":
      if count > 1 { break }
      return [number(.weekdayInMonth, 1)]
    case "G":
      usesEra = true
      return [.era(isFull: count == 4)]
    default: return [try zone(letter, count)]
    }
    throw failure("'\(letter)' stands there \(count) times, which is too often", unquotedLetters())
  }

  private func number(_ field: DateTimePattern.Field, _ count: Int) -> DateTimePattern.Item {
    .number(field, least: count, most: count == 1 ? 19 : count, isPadded: count > 1, reserved: 0)
  }

  private func limited(_ field: DateTimePattern.Field, _ letter: Character, _ count: Int) throws -> DateTimePattern.Item
  {
    if count <= 2 { return number(field, count) }
    throw failure("'\(letter)' stands there \(count) times, at most 2 are allowed", unquotedLetters())
  }

  private func year(_ count: Int) -> DateTimePattern.Item {
    if count == 2 { return .twoDigitYear }
    return .number(.year, least: count, most: 19, isPadded: count >= 4, reserved: 0)
  }

  private func zone(_ letter: Character, _ count: Int) throws -> DateTimePattern.Item {
    let zulu = Array("Z".utf8)
    switch (letter, count) {
    case ("Z", 1...3):
      return .offset(.init(zero: Array("+0000".utf8), hasColon: false, needsMinutes: true, hasSeconds: false))
    case ("Z", 4), ("O", 4): return .localizedOffset(isFull: true)
    case ("O", 1): return .localizedOffset(isFull: false)
    case ("Z", 5): return .offset(.init(zero: zulu, hasColon: true, needsMinutes: true, hasSeconds: true))
    case ("X", 1...5), ("x", 1...5):
      let hasColon = count == 3 || count == 5
      let zero = letter == "X" ? zulu : Array((count == 1 ? "+00" : hasColon ? "+00:00" : "+0000").utf8)
      return .offset(.init(zero: zero, hasColon: hasColon, needsMinutes: count > 1, hasSeconds: count > 3))
    case ("V", 2): return .zoneID
    case ("z", 1...3): return .zoneName
    default:
      throw failure(
        "the letter '\(letter)' (\(count) times) is not supported", unquotedLetters())
    }
  }
}
