import CKernels
import Glibc
import MillraceCore

/// Syslog as RFC 5424 and RFC 3164 have it, with or without the priority in front, as daemons write it into files.
struct SyslogScanner: RecordScanner {
  let name = "syslog"
  let fields: [RecordField]

  private enum Column {
    static let facility = 0, severity = 1, version = 2, time = 3, host = 4, application = 5, process = 6
    static let messageID = 7, structuredData = 8, message = 9
  }

  private static let facilities: [StaticString] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
  ]
  private static let severities: [StaticString] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
  ]

  /// `now`, in microseconds since the epoch, decides on the year of times that name none.
  init(now: Int64) {
    fields = [
      RecordField("facility", .string, .code(Self.facilities)),
      RecordField("severity", .string, .code(Self.severities)),
      RecordField("version", .integer), RecordField("time", .timestamp, .time(.syslog(now: now))),
      RecordField("host", .string), RecordField("app", .string), RecordField("pid", .string),
      RecordField("message_id", .string), RecordField("structured_data", .string), RecordField("message", .string),
    ]
  }

  func scan(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    if record.next == 0x3C {
      guard priority(&record, spans) else { return false }
      if record.next &- 0x31 <= 8, record.byte(1) == 0x20 || record.byte(1) &- 0x30 <= 9 && record.byte(2) == 0x20 {
        spans.note(Column.version, record.takeWord())
        return newForm(&record, spans)
      }
    }
    return oldForm(&record, spans)
  }

  private func priority(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    record.advance(1)
    var value = 0
    var digits = 0
    while record.next &- 0x30 <= 9 && digits < 4 {
      value = value * 10 + Int(record.next - 0x30)
      digits += 1
      record.advance(1)
    }
    guard digits > 0, digits < 4, value < 192, record.skip(0x3E) else { return false }
    spans.note(Column.facility, code: value >> 3)
    spans.note(Column.severity, code: value & 7)
    return true
  }

  /// RFC 5424 behind the version: every field stands, if only as a hyphen.
  private func newForm(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    for column in Column.time...Column.messageID {
      guard let word = record.takeWord() else { return false }
      spans.noteUnlessHyphen(column, word, record)
    }
    if record.skip(0x2D) {
      guard record.isAtEnd || record.skip(0x20) else { return false }
    } else {
      guard let elements = structuredData(&record) else { return false }
      spans.note(Column.structuredData, elements)
    }
    _ = record.skip("\u{FEFF}")
    if !record.isAtEnd { spans.note(Column.message, record.takeRest()) }
    return true
  }

  /// `[id name="value" …]…`, in which a backslash keeps a quote or bracket from ending anything.
  private func structuredData(_ record: inout RecordText) -> UInt64? {
    let start = record.position
    while record.skip(0x5B) {
      var isQuoted = false
      while !record.isAtEnd && (isQuoted || record.next != 0x5D) {
        if isQuoted && record.next == 0x5C { record.advance(1) } else if record.next == 0x22 { isQuoted.toggle() }
        record.advance(1)
      }
      guard record.skip(0x5D) else { return nil }
    }
    let end = record.position
    return end > start && (record.isAtEnd || record.skip(0x20)) ? RecordText.span(start, end) : nil
  }

  /// RFC 3164: time, host, `app[pid]:` and message.
  private func oldForm(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    if record.next &- 0x30 <= 9 {
      spans.note(Column.time, record.takeWord())
    } else {
      guard record.byte(3) == 0x20, record.byte(6) == 0x20, record.byte(9) == 0x3A, record.byte(12) == 0x3A else {
        return false
      }
      var length = 15
      if record.byte(15) == 0x2E {
        length = 16
        while record.byte(length) &- 0x30 <= 9 { length += 1 }
      }
      spans.note(Column.time, record.take(to: min(record.position + length, record.end)))
      guard record.skip(0x20) else { return false }
    }
    guard let host = record.takeWord() else { return false }
    spans.note(Column.host, host)
    tag(&record, spans)
    if !record.isAtEnd { spans.note(Column.message, record.takeRest()) }
    return true
  }

  /// `app:` or `app[pid]:`; what has neither form belongs to the message.
  private func tag(_ record: inout RecordText, _ spans: RecordSpans) {
    var at = record.position
    while at < record.end && record.base[at] != 0x3A && record.base[at] != 0x5B && record.base[at] != 0x20 { at += 1 }
    guard at < record.end, at > record.position, record.base[at] != 0x20 else { return }
    let application = RecordText.span(record.position, at)
    if record.base[at] == 0x5B {
      guard let close = memchr(record.base + at, 0x5D, record.end - at) else { return }
      let end = UnsafeRawPointer(record.base).distance(to: UnsafeRawPointer(close))
      spans.note(Column.process, RecordText.span(at + 1, end))
      at = end + 1
    }
    spans.note(Column.application, application)
    _ = record.take(to: at)
    _ = record.skip(0x3A)
    record.skipAll(0x20)
  }
}

extension DecoderFormat {
  /// Syslog.
  public static let syslog = records(
    "syslog", "Syslog lines in the forms of RFC 5424 and RFC 3164, with or without the priority"
  ) { _ in SyslogScanner(now: Environment.live.clock.now()) }
}
