import MillraceCore

/// When a file is done and the next one begins.
struct RollPolicy: Sendable {
  var maxBytes: Int64
  var maxRows: Int64
  /// Microseconds from a file's first row; nil: any.
  var age: Int64?
  /// Microseconds between turns of the local clock; nil: none.
  var every: Int64?
  /// Microseconds without a row; nil: any.
  var idle: Int64?
  var zone: TimeZoneRules

  init(_ options: Options, zone: TimeZoneRules) throws {
    maxBytes = try options.byteCount("maxFileBytes") ?? 128 << 20
    maxRows = try options.int("maxFileRows") ?? .max
    age = try options.duration("rollInterval")
    every = try options.duration("rollEvery")
    idle = try options.duration("rollIdle")
    self.zone = zone
    if let every { try Self.checkDividesDay(every, "rollEvery") }
  }

  static func checkDividesDay(_ microseconds: Int64, _ option: String) throws {
    if microseconds > 0, 86_400_000_000 % microseconds == 0 { return }
    throw MillraceError(
      "OPTION_OUT_OF_RANGE", "option '\(option)' does not divide a day into equal parts",
      hint: "for instance '15 minutes', '1 hour', '6 hours' or '1 day'")
  }

  /// Whether time has ended a file that got its first row at `opened` and its last at `written`.
  ///
  /// A clock that is set back, or the hour that summer time repeats, ends none.
  func isDue(opened: Int64, written: Int64, now: Int64) -> Bool {
    if let age, now - opened >= age { return true }
    if let idle, now - written >= idle { return true }
    if let every { return turn(now, every) > turn(opened, every) }
    return false
  }

  private func turn(_ time: Int64, _ every: Int64) -> Int64 { zone.local(fromUTC: time).floored(by: every) }

  /// Whether a file that has rows is full before so much is added.
  func isFull(length: Int64, rows: Int64, adding bytes: Int64, _ count: Int64) -> Bool {
    length + bytes > maxBytes || rows > maxRows - count
  }
}
