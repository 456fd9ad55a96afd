import MillraceColumnar

extension SQLWriter {
  /// Writes a constant.
  @inline(never)
  func literal(_ value: Value, _ type: DataType) {
    switch (value, type) {
    case (.null, .void): write("NULL")
    case (.null, _): write(isPretty ? "NULL" : "CAST(NULL AS \(type.sql))")
    case (.boolean(let flag), _): write(flag ? "true" : "false")
    case (.integer(let number), _): integer(number, type)
    case (.double(let number), _): double(number, type)
    case (.decimal(let unscaled), .decimal(_, let scale)):
      write(Self.decimal(unscaled, scale: scale))
      // A decimal without fraction would read back as an integer.
      if scale == 0 && !isPretty { write("BD") }
    case (.decimal(let unscaled), _): write("\(unscaled)")
    case (.string(let text), _): write(isPretty ? text : Self.quoted(string: text))
    case (.binary(let bytes), _): write("X'\(Self.hexadecimal(bytes))'")
    case (.interval(let interval), _):
      write("INTERVAL '\(interval.months) months \(interval.days) days \(interval.microseconds) microseconds'")
    case (.array, _), (.map, _), (.structure, _): nested(value, type)
    }
  }

  private func integer(_ number: Int64, _ type: DataType) {
    switch type {
    case .byte: write(isPretty ? "\(number)" : "\(number)Y")
    case .short: write(isPretty ? "\(number)" : "\(number)S")
    case .long: write(isPretty ? "\(number)" : "\(number)L")
    case .date: write("DATE '\(Self.date(number))'")
    case .timestamp, .timestampNTZ:
      write("\(type.sql) '\(Self.timestamp(number))\(type == .timestamp && !isPretty ? "Z" : "")'")
    case .dayTimeInterval(let from, let to): write("INTERVAL '\(Self.dayTime(number, from, to))' \(units(type))")
    case .yearMonthInterval(let from, let to): write("INTERVAL '\(Self.yearMonth(number, from, to))' \(units(type))")
    default: write("\(number)")
    }
  }

  /// `DAY TO SECOND` of an interval's type.
  private func units(_ type: DataType) -> String { String(type.sql.dropFirst("INTERVAL ".count)) }

  private func double(_ number: Double, _ type: DataType) {
    let digits = type == .float ? "\(Float(number))" : "\(number)"
    // As Java writes numbers.
    if isPretty {
      return write(
        String(unsafeUninitializedCapacity: NumberText.capacity) { target in
          let base = target.baseAddress.unsafelyUnwrapped
          return type == .float
            ? NumberText.write(Float(number), to: base) : NumberText.write(number, to: base)
        })
    }
    if !number.isFinite { return write("CAST('\(digits)' AS \(type.sql))") }
    write(digits + (type == .float ? "F" : "D"))
  }

  private func nested(_ value: Value, _ type: DataType) {
    switch (value, type) {
    case (.array(let elements), .array(let element, _)):
      write("array(")
      list(elements) { $0.literal($1, element) }
    case (.map(let entries), .map(let key, let content, _)):
      write("map(")
      list(entries) { writer, entry in
        writer.literal(entry.key, key)
        writer.write(", ")
        writer.literal(entry.value, content)
      }
    case (.structure(let values), .structure(let fields)):
      write("named_struct(")
      list(Array(zip(fields, values))) { writer, pair in
        writer.literal(.string(pair.0.name), .string)
        writer.write(", ")
        writer.literal(pair.1, pair.0.type)
      }
    default: write("NULL(")
    }
    write(")")
  }

  // MARK: Texts of values

  private static func decimal(_ unscaled: Int128, scale: Int) -> String {
    var digits = String(unscaled.magnitude)
    if scale > 0 {
      if digits.utf8.count <= scale { digits = String(repeating: "0", count: scale - digits.utf8.count + 1) + digits }
      digits = "\(digits.dropLast(scale)).\(digits.suffix(scale))"
    }
    return unscaled < 0 ? "-" + digits : digits
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) }.joined()
  }

  private static func padded(_ number: some BinaryInteger, _ width: Int = 2) -> String {
    let digits = String(number)
    return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
  }

  /// `2024-02-29` from days since 1970-01-01.
  private static func date(_ days: Int64) -> String {
    // Counts in eras of 400 years that begin on the first of March, so that leap days come last.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return "\(year < 0 ? "-" : "")\(padded(year.magnitude, 4))-\(padded(month))-\(padded(day))"
  }

  /// `2024-02-29 12:00:00.5` in UTC from microseconds since 1970.
  private static func timestamp(_ microseconds: Int64) -> String {
    let perDay: Int64 = 86_400_000_000
    let days = microseconds >= 0 ? microseconds / perDay : (microseconds + 1) / perDay - 1
    let rest = microseconds - days * perDay
    return "\(date(days)) \(clock(rest.magnitude, [.hour, .minute, .second]))"
  }

  /// `h:m:s.f` of some fields, the first one unbounded.
  private static func clock(_ microseconds: UInt64, _ fields: [DataType.DayTimeField]) -> String {
    var rest = microseconds
    let parts = fields.map { field -> String in
      let unit = size(field)
      let count = rest / unit
      rest %= unit
      guard field == .second, rest > 0 else { return padded(count) }
      var fraction = padded(rest, 6)
      while fraction.last == "0" { fraction.removeLast() }
      return "\(padded(count)).\(fraction)"
    }
    return parts.joined(separator: ":")
  }

  private static func size(_ field: DataType.DayTimeField) -> UInt64 {
    switch field {
    case .day: 86_400_000_000
    case .hour: 3_600_000_000
    case .minute: 60_000_000
    case .second: 1_000_000
    }
  }

  private static func dayTime(
    _ microseconds: Int64, _ from: DataType.DayTimeField, _ to: DataType.DayTimeField
  ) -> String {
    let sign = microseconds < 0 ? "-" : ""
    let rest = microseconds.magnitude
    let all: [DataType.DayTimeField] = [.hour, .minute, .second]
    let fields = all.filter { $0 >= from && $0 <= to }
    if from != .day { return sign + clock(rest, fields) }
    let days = "\(rest / size(.day))"
    return fields.isEmpty ? sign + days : "\(sign)\(days) \(clock(rest % size(.day), fields))"
  }

  private static func yearMonth(
    _ months: Int64, _ from: DataType.YearMonthField, _ to: DataType.YearMonthField
  ) -> String {
    let sign = months < 0 ? "-" : ""
    let count = months.magnitude
    if from == .month { return "\(sign)\(count)" }
    return to == .year ? "\(sign)\(count / 12)" : "\(sign)\(count / 12)-\(count % 12)"
  }
}

// MARK: - Quoting

extension SQLWriter {
  /// A string in quotes with escapes.
  static func quoted(string text: String) -> String {
    var result = "'"
    for scalar in text.unicodeScalars {
      switch scalar {
      case "'": result += "\\'"
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      // `\0` would swallow digits after it.
      case "\0": result += "\\u0000"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "'"
  }

  /// A name, in back-ticks unless it is a plain word without a meaning of its own.
  func quoted(_ name: String) -> String {
    if name.utf8.count <= Keyword.maximumLength, let keyword = Keyword.bySpelling[name.lowercased()],
      keyword.isReserved || Self.quotedKeywords.contains(keyword)
    {
      return "`\(name)`"
    }
    return quoteIfNeeded(name)
  }

  /// Words that the grammar tries as something else before it takes them for a name.
  private static let quotedKeywords: Set<Keyword> = [
    .null, .true, .false, .case, .not, .stream, .values, .with, .table, .distinct, .all, .cast, .tryCast, .recursive,
  ]
}
