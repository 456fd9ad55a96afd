import Glibc

/// A zone read from a TZif file (RFC 9636) below /usr/share/zoneinfo.
struct TimeZoneFile {
  private(set) var transitions: [Int64] = []
  private(set) var offsets: [Int32] = []
  private(set) var abbreviations: [String] = []
  private(set) var tail: PosixTimeZone?

  init?(name: String) {
    let directory = getenv("TZDIR").map { String(cString: $0) } ?? "/usr/share/zoneinfo"
    guard let bytes = Self.read("\(directory)/\(name)"), parse(bytes) else { return nil }
  }

  private static func read(_ path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { return nil }
    defer { close(file) }
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 { return nil }
      if count == 0 { return result }
      result.append(contentsOf: chunk[0..<count])
      if result.count > 1 << 20 { return nil }
    }
  }

  private struct Header {
    let version: UInt8
    let isUTCount, isStandardCount, leapCount, timeCount, typeCount, characterCount: Int

    init?(_ bytes: [UInt8], at start: Int) {
      guard bytes.count >= start + 44, bytes[start..<(start + 4)].elementsEqual("TZif".utf8) else { return nil }
      version = bytes[start + 4]
      let counts = (0..<6).map { Int(TimeZoneFile.integer(bytes, start + 20 + $0 * 4, 4)) }
      (isUTCount, isStandardCount, leapCount) = (counts[0], counts[1], counts[2])
      (timeCount, typeCount, characterCount) = (counts[3], counts[4], counts[5])
    }

    func length(timeSize: Int) -> Int {
      timeCount * (timeSize + 1) + typeCount * 6 + characterCount + leapCount * (timeSize + 4) + isStandardCount
        + isUTCount
    }
  }

  private static func integer(_ bytes: [UInt8], _ start: Int, _ size: Int) -> Int64 {
    var value: Int64 = size == 4 && bytes[start] > 127 ? -1 : 0
    for index in start..<(start + size) { value = value << 8 | Int64(bytes[index]) }
    return value
  }

  private mutating func parse(_ bytes: [UInt8]) -> Bool {
    guard var header = Header(bytes, at: 0) else { return false }
    var start = 44
    var size = 4
    if header.version >= UInt8(ascii: "2") {
      let second = 44 + header.length(timeSize: 4)
      guard let wide = Header(bytes, at: second) else { return false }
      header = wide
      start = second + 44
      size = 8
    }
    guard header.typeCount > 0, bytes.count >= start + header.length(timeSize: size) else { return false }
    let types = start + header.timeCount * (size + 1)
    let names = types + header.typeCount * 6
    func add(_ type: Int) {
      let at = types + type * 6
      offsets.append(Int32(Self.integer(bytes, at, 4)))
      let name = bytes[(names + Int(bytes[at + 5]))...].prefix { $0 != 0 }
      abbreviations.append(String(decoding: name, as: UTF8.self))
    }
    add(0)
    for index in 0..<header.timeCount {
      transitions.append(Self.integer(bytes, start + index * size, size))
      add(Int(bytes[start + header.timeCount * size + index]))
    }
    if size == 8 {
      let footer = bytes[(start + header.length(timeSize: 8) + 1)...].prefix { $0 != 10 }
      tail = PosixTimeZone(Array(footer))
    }
    return true
  }
}

/// The rule after the last transition of a TZif file, for instance `CET-1CEST,M3.5.0,M10.5.0/3`.
struct PosixTimeZone: Sendable {
  /// When daylight saving time begins or ends.
  private struct Change {
    enum Day {
      case julian(Int)
      case zeroBased(Int)
      case weekday(month: Int, week: Int, day: Int)
    }
    var day: Day
    var second: Int
  }

  private let standard: (offset: Int, abbreviation: String)
  private let daylight: (offset: Int, abbreviation: String, start: Change, end: Change)?

  init?(_ bytes: [UInt8]) {
    var reader = Reader(bytes: bytes)
    guard let name = reader.name(), let west = reader.time() else { return nil }
    standard = (-west, name)
    if reader.isAtEnd {
      daylight = nil
      return
    }
    guard let summer = reader.name() else { return nil }
    var offset = standard.offset + 3600
    if !reader.isNext(",") {
      guard let west = reader.time() else { return nil }
      offset = -west
    }
    guard let start = reader.change(), let end = reader.change() else { return nil }
    daylight = (offset, summer, start, end)
  }

  func offset(atUTC second: Int64) -> (offset: Int, abbreviation: String) {
    guard let daylight else { return standard }
    let days = (second + Int64(standard.offset)).floored(by: 86_400)
    let year = CivilDate(days: Int(days)).year
    let start = Self.instant(daylight.start, year) - Int64(standard.offset)
    let end = Self.instant(daylight.end, year) - Int64(daylight.offset)
    let isSummer = start < end ? second >= start && second < end : second >= start || second < end
    return isSummer ? (daylight.offset, daylight.abbreviation) : standard
  }

  private static func instant(_ change: Change, _ year: Int) -> Int64 {
    let first = CivilDate(year: year, month: 1, day: 1).days
    let day: Int
    switch change.day {
    case .julian(let number):
      day = first + number - 1 + (CivilDate.isLeapYear(year) && number > 59 ? 1 : 0)
    case .zeroBased(let number): day = first + number
    case .weekday(let month, let week, let weekday):
      let start = CivilDate(year: year, month: month, day: 1).days
      let startWeekday = ((start + 4) % 7 + 7) % 7
      var number = (weekday - startWeekday + 7) % 7 + (week - 1) * 7
      if number >= CivilDate.lengthOfMonth(year, month) { number -= 7 }
      day = start + number
    }
    return Int64(day) * 86_400 + Int64(change.second)
  }

  private struct Reader {
    let bytes: [UInt8]
    var position = 0

    var isAtEnd: Bool { position >= bytes.count }
    func isNext(_ character: Unicode.Scalar) -> Bool {
      position < bytes.count && UInt32(bytes[position]) == character.value
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      if !isNext(character) { return false }
      position += 1
      return true
    }

    mutating func name() -> String? {
      let start = position
      if take("<") {
        while position < bytes.count && !isNext(">") { position += 1 }
        guard take(">") else { return nil }
        return String(decoding: bytes[(start + 1)..<(position - 1)], as: UTF8.self)
      }
      while position < bytes.count, bytes[position] | 0x20 >= 0x61, bytes[position] | 0x20 <= 0x7A { position += 1 }
      return position - start >= 3 ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    mutating func number() -> Int? {
      let start = position
      while position < bytes.count, bytes[position] >= 0x30, bytes[position] <= 0x39 { position += 1 }
      return Int(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int? {
      let isNegative = take("-")
      if !isNegative { _ = take("+") }
      guard var total = number().map({ $0 * 3600 }) else { return nil }
      if take(":") {
        guard let minutes = number() else { return nil }
        total += minutes * 60
        if take(":") {
          guard let seconds = number() else { return nil }
          total += seconds
        }
      }
      return isNegative ? -total : total
    }

    mutating func change() -> Change? {
      guard take(",") else { return nil }
      let day: Change.Day
      if take("M") {
        guard let month = number(), take("."), let week = number(), take("."), let weekday = number() else {
          return nil
        }
        day = .weekday(month: month, week: week, day: weekday)
      } else if take("J") {
        guard let number = number() else { return nil }
        day = .julian(number)
      } else {
        guard let number = number() else { return nil }
        day = .zeroBased(number)
      }
      var second = 7200
      if take("/") {
        guard let time = time() else { return nil }
        second = time
      }
      return Change(day: day, second: second)
    }
  }
}
