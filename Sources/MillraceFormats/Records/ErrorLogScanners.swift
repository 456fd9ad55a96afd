import CKernels
import Glibc
import MillraceCore

/// Apache's error log: `[time] [module:level] [pid 1:tid 2] [client 10.0.0.1:80] AH00001: message`.
struct ApacheErrorScanner: RecordScanner {
  let name = "apache-error"
  let fields = [
    RecordField("time", .timestamp, .time(.apacheError)), RecordField("module", .string), RecordField("level", .string),
    RecordField("pid", .long), RecordField("tid", .long), RecordField("client", .string), RecordField("code", .string),
    RecordField("message", .string),
  ]

  private enum Column {
    static let time = 0, module = 1, level = 2, pid = 3, tid = 4, client = 5, code = 6, message = 7
  }

  func scan(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    guard record.skip(0x5B), let time = record.take(until: 0x5D), record.skip(" [") else { return false }
    spans.note(Column.time, time)
    // Before 2.4 there is no module.
    if let colon = record.find(0x3A), let close = record.find(0x5D), colon < close {
      let module = record.take(to: colon)
      spans.note(Column.module, ck_span_length(module) > 0 ? module : nil)
      record.advance(1)
    }
    guard let level = record.take(until: 0x5D) else { return false }
    spans.note(Column.level, level)
    record.skipAll(0x20)
    while record.next == 0x5B, part(&record, spans) { record.skipAll(0x20) }
    code(&record, spans)
    if !record.isAtEnd { spans.note(Column.message, record.takeRest()) }
    return true
  }

  /// A part in brackets that is no message.
  private func part(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    if record.skip("[pid ") {
      spans.note(Column.pid, record.takeDigits())
      if record.skip(":tid ") { spans.note(Column.tid, record.takeDigits()) }
      return record.take(until: 0x5D) != nil
    }
    if record.skip("[client ") {
      spans.note(Column.client, record.take(until: 0x5D))
      return true
    }
    return record.skip("[remote ") && record.take(until: 0x5D) != nil
  }

  /// `AH` and digits in front of a colon.
  private func code(_ record: inout RecordText, _ spans: RecordSpans) {
    guard record.byte(0) == 0x41, record.byte(1) == 0x48 else { return }
    var length = 2
    while record.byte(length) &- 0x30 <= 9 { length += 1 }
    guard length > 2, record.byte(length) == 0x3A else { return }
    spans.note(Column.code, record.take(to: record.position + length))
    record.advance(1)
    record.skipAll(0x20)
  }
}

/// nginx's error log: `time [level] pid#tid: *connection message, client: …, server: …, request: "…", …`.
struct NginxErrorScanner: RecordScanner {
  let name = "nginx-error"
  let fields = [
    RecordField("time", .timestamp, .time(.nginxError)), RecordField("level", .string), RecordField("pid", .long),
    RecordField("tid", .long), RecordField("connection", .long), RecordField("message", .string),
    RecordField("client", .string), RecordField("server", .string), RecordField("request", .string),
    RecordField("upstream", .string), RecordField("host", .string), RecordField("referrer", .string),
  ]

  private enum Column {
    static let time = 0, level = 1, pid = 2, tid = 3, connection = 4, message = 5, client = 6, server = 7, request = 8
    static let upstream = 9, host = 10, referrer = 11
  }

  func scan(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    guard let bracket = record.find(0x5B), bracket > record.position else { return false }
    spans.note(Column.time, record.take(to: bracket - 1))
    guard record.skip(" ["), let level = record.take(until: 0x5D), record.skip(0x20) else { return false }
    spans.note(Column.level, level)
    guard let pid = record.takeDigits(), record.skip(0x23), let tid = record.takeDigits(), record.skip(": ") else {
      return false
    }
    spans.note(Column.pid, pid)
    spans.note(Column.tid, tid)
    if record.skip(0x2A) {
      spans.note(Column.connection, record.takeDigits())
      _ = record.skip(0x20)
    }
    guard let context = record.find(", client: ") ?? record.find(", server: ") else {
      spans.note(Column.message, record.takeRest())
      return true
    }
    spans.note(Column.message, record.take(to: context))
    while record.skip(", "), pair(&record, spans) {}
    return true
  }

  private static let names: [(name: StaticString, column: Int)] = [
    ("client", Column.client), ("server", Column.server), ("request", Column.request), ("upstream", Column.upstream),
    ("host", Column.host), ("referrer", Column.referrer),
  ]

  /// One `name: value` of the end, the value in quotes or up to the next comma.
  private func pair(_ record: inout RecordText, _ spans: RecordSpans) -> Bool {
    guard let colon = record.find(": ") else { return false }
    let length = colon - record.position
    guard
      let column = Self.names.first(where: { name, _ in
        name.utf8CodeUnitCount == length && memcmp(name.utf8Start, record.base + record.position, length) == 0
      })?.column
    else { return false }
    record.advance(length + 2)
    if record.skip(0x22) {
      spans.note(column, record.take(until: 0x22))
    } else {
      spans.note(column, record.take(to: record.find(0x2C) ?? record.end))
    }
    return true
  }
}

extension DecoderFormat {
  /// Apache's error log.
  public static let apacheError = records("apache-error", "Error logs of the Apache web server") { _ in
    ApacheErrorScanner()
  }
  /// nginx's error log.
  public static let nginxError = records("nginx-error", "Error logs of nginx, with client, server and request") { _ in
    NginxErrorScanner()
  }
}
