import MillraceColumnar
import MillraceCore
import MillraceExpressions
import Testing

@testable import MillraceFormats

/// Formats with fixed fields: syslog, error logs, containers, CEF.
@Suite struct LogFormatTests {
  /// The moment that decides on years: 2003-12-31T00:00:00Z.
  static let now: Int64 = 1_072_828_800_000_000

  static func syslog(_ text: String, zone: TimeZoneRules = .utc) throws -> [[Value]] {
    try rows(RecordDecoding(SyslogScanner(now: now), zone: zone), text)
  }

  @Test func readsTheNewSyslog() throws {
    let line =
      "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 99 ID47 [ex@3 iut=\"3\" a=\"b\\]\"][x@1] \u{FEFF}An event"
    #expect(
      try Self.syslog(line) == [
        [
          "local4", "notice", .integer(1), .integer(1_065_910_455_003_000), "mymachine.example.com", "evntslog", "99",
          "ID47", "[ex@3 iut=\"3\" a=\"b\\]\"][x@1]", "An event",
        ]
      ])
    #expect(
      try Self.syslog("<34>1 - - - - - -") == [
        ["auth", "crit", .integer(1)] + Array(repeating: Value.null, count: 7)
      ])
  }

  @Test func readsTheOldSyslog() throws {
    #expect(
      try Self.syslog("<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed") == [
        [
          "auth", "crit", .null, .integer(1_065_910_455_000_000), "mymachine", "su", "77", .null, .null,
          "'su root' failed",
        ]
      ])
    // As rsyslog writes it into files: without a priority, with the old time or with a new one.
    #expect(
      try Self.syslog("Jan  2 03:04:05 host kernel: [1.0] up\n2003-10-11T22:14:15.003+02:00 host cron[1]: x") == [
        [.null, .null, .null, .integer(1_041_476_645_000_000), "host", "kernel", .null, .null, .null, "[1.0] up"],
        [.null, .null, .null, .integer(1_065_903_255_003_000), "host", "cron", "1", .null, .null, "x"],
      ])
    // No tag, and a time in a zone.
    let berlin = try TimeZoneRules.required("Europe/Berlin")
    #expect(
      try Self.syslog("Oct 11 22:14:15 host no tag here", zone: berlin)[0][3...] == [
        .integer(1_065_903_255_000_000), "host", .null, .null, .null, .null, "no tag here",
      ])
  }

  @Test func choosesTheYearThatIsNotToCome() throws {
    func year(_ text: String, now: Int64) throws -> Value {
      let decoding = RecordDecoding(SyslogScanner(now: now))
      return try rows(decoding, "\(text) 00:00:00 h a: b", columns: [3])[0][0]
    }
    // At the end of 2003: December is of 2003, and so is the first of January, more than a day away.
    #expect(try year("Dec 31", now: Self.now) == .integer(Self.now))
    #expect(try year("Jan  1", now: Self.now) == .integer(1_072_915_200_000_000))
    #expect(try year("Jan  2", now: Self.now) == .integer(1_041_465_600_000_000))
    // The last 29th of February was in 2000.
    #expect(try year("Feb 29", now: Self.now) == .integer(951_782_400_000_000))
  }

  @Test func refusesWhatIsNoSyslog() throws {
    for text in ["hello", "<200>1 - - - - - -", "<>x", "<34>1 - -", "Oct 11 22:14 host", "<34>1 - - - - - [x"] {
      #expect(try Self.syslog(text) == [Array(repeating: Value.null, count: 10)], "\(text)")
    }
  }

  @Test func readsApacheErrors() throws {
    let line =
      "[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:80] AH00128: File does not exist: /x"
    let decoding = RecordDecoding(ApacheErrorScanner())
    #expect(
      try rows(decoding, line + "\n[Wed Oct 11 14:32:53 2000] [notice] [x] resuming") == [
        [
          .integer(971_274_772_123_456), "core", "error", .integer(35708), .integer(4_328_636_416), "72.15.99.187:80",
          "AH00128", "File does not exist: /x",
        ],
        [.integer(971_274_773_000_000), .null, "notice", .null, .null, .null, .null, "[x] resuming"],
      ])
    #expect(try rows(decoding, "none") == [Array(repeating: Value.null, count: 8)])
  }

  @Test func readsNginxErrors() throws {
    let line =
      #"2023/01/02 03:04:05 [error] 31337#7: *42 open() "/x" failed (2: No such file), client: 1.2.3.4, server: s, request: "GET /a, b HTTP/1.1", upstream: "http://u/", host: "h", referrer: "r""#
    let decoding = RecordDecoding(NginxErrorScanner())
    #expect(
      try rows(decoding, line + "\n2023/01/02 03:04:06 [notice] 1#1: start worker") == [
        [
          .integer(1_672_628_645_000_000), "error", .integer(31337), .integer(7), .integer(42),
          "open() \"/x\" failed (2: No such file)", "1.2.3.4", "s", "GET /a, b HTTP/1.1", "http://u/", "h", "r",
        ],
        [.integer(1_672_628_646_000_000), "notice", .integer(1), .integer(1), .null, "start worker"]
          + Array(repeating: Value.null, count: 6),
      ])
  }

  @Test func readsContainers() throws {
    #expect(
      try rows(RecordDecoding(CRIScanner()), "2016-10-06T00:17:09.669794202Z stdout F log  content") == [
        [.integer(1_475_713_029_669_794), "stdout", "F", "log  content"]
      ])
    let docker = try DockerDecoding(badRecords: .null)
    let line = #"{"log":"a \"b\"\n","stream":"stderr","time":"2016-10-06T00:17:09.669794202Z"}"#
    let long = #"{"log":"something that is longer than twelve bytes\n","stream":"stdout"}"#
    #expect(
      try rows(docker, line + "\n" + long) == [
        ["a \"b\"", "stderr", .integer(1_475_713_029_669_794)],
        ["something that is longer than twelve bytes", "stdout", .null],
      ])
  }

  @Test func readsCEF() throws {
    let line =
      #"Sep 19 08:26:10 host CEF:0|Security|thr\|eat|1.0|100|worm stopped|10|src=10.0.0.1 msg=two words \= sign dst=2.1.2.2"#
    let result = try rows(RecordDecoding(CEFScanner()), line)[0]
    #expect(result[..<7] == [.integer(0), "Security", "thr|eat", "1.0", "100", "worm stopped", "10"])
    #expect(
      result[7]
        == .map(
          [("src", "10.0.0.1"), ("msg", "two words = sign"), ("dst", "2.1.2.2")].map {
            Value.MapEntry(.string($0.0), .string($0.1))
          }))
    #expect(try rows(RecordDecoding(CEFScanner()), "CEF:0|a|b|c|d|e|5", columns: [6, 7]) == [["5", .null]])
  }

  @Test func policiesHold() throws {
    let text = "2016-10-06T00:17:09Z stdout F a\nbad\n2016-10-06T00:17:09Z stdout F b"
    #expect(try rows(RecordDecoding(CRIScanner(), badRecords: .skip), text, columns: [3]) == [["a"], ["b"]])
    #expect(
      try rows(RecordDecoding(CRIScanner(), corruptColumn: "_corrupt_record"), text, columns: [3, 4]) == [
        ["a", .null], [.null, "bad"], ["b", .null],
      ])
    let error = #expect(throws: MillraceError.self) {
      try rows(RecordDecoding(CRIScanner(), badRecords: .fail), text)
    }
    #expect(error?.code == "MALFORMED_RECORD_IN_PARSING")
    #expect(error?.location == "test@32")
  }

  /// Lines cut anywhere and bytes changed anywhere give rows or faults, never a trap.
  @Test func survivesDamage() throws {
    let samples = [
      "<165>1 2003-10-11T22:14:15.003Z m e 99 ID47 [ex@3 iut=\"3\" a=\"b\\]\"][x@1] An event",
      "<34>Oct 11 22:14:15 mymachine su[77]: failed",
      "[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 1:tid 2] [client 7:8] AH00128: File",
      #"2023/01/02 03:04:05 [error] 31#7: *4 open(), client: 1.2.3.4, request: "GET /a, b", host: "h""#,
      #"CEF:0|S|t\|e|1.0|100|worm|10|src=10.0.0.1 msg=two words \= sign dst=2.1.2.2"#, "a=b c=\"d \\\" e\" f",
      "2016-10-06T00:17:09.669794202Z stdout F log", "x:1\ty:2",
    ]
    var random = Seeded(state: 7)
    let decodings: [any Decoding] = [
      RecordDecoding(SyslogScanner(now: Self.now)), RecordDecoding(ApacheErrorScanner()),
      RecordDecoding(NginxErrorScanner()), RecordDecoding(CEFScanner()), RecordDecoding(CRIScanner()),
      try PairDecoding("logfmt", .logfmt, schema: nil), try PairDecoding("ltsv", .ltsv, schema: nil),
      try PairDecoding("cef", .cef, schema: nil),
    ]
    for round in 0..<4000 {
      var bytes = Array(samples[Int(random.next() % UInt64(samples.count))].utf8)
      if round % 2 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
      for _ in 0..<Int(random.next() % 4) where !bytes.isEmpty {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      let text = String(decoding: bytes, as: UTF8.self)
      for decoding in decodings { #expect(try rows(decoding, text).count <= text.utf8.count + 1) }
    }
  }
}
