import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

@Suite struct AccessLogTests {
  static let line =
    #"10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a?b=c HTTP/1.0" 200 2326 "http://x.example/" "Mozilla/4.08 [en] (Win98)""#
  static let row: [Value] = [
    "10.0.0.1", .null, "frank", .integer(971_211_336_000_000), "GET /a?b=c HTTP/1.0", "GET", "/a?b=c", "HTTP/1.0",
    .integer(200), .integer(2326), "http://x.example/", "Mozilla/4.08 [en] (Win98)",
  ]

  @Test func readsAllFields() throws {
    #expect(try rows(AccessLogDecoding(.combined), Self.line + "\n\n" + Self.line) == [Self.row, Self.row])
  }

  @Test func readsEachColumnAlone() throws {
    for column in 0..<12 {
      #expect(try rows(AccessLogDecoding(.combined), Self.line, columns: [column]) == [[Self.row[column]]])
    }
    #expect(
      try rows(AccessLogDecoding(.combined), Self.line, columns: [9, 0, 9]) == [
        [.integer(2326), "10.0.0.1", .integer(2326)]
      ])
  }

  @Test func readsCommonFormat() throws {
    let line = #"::1 id - [01/Mar/2024:00:00:00 +0000] "-" 304 -"#
    #expect(
      try rows(AccessLogDecoding(.clf), line) == [
        ["::1", "id", .null, .integer(1_709_251_200_000_000), .null, .null, .null, .null, .integer(304), .null]
      ])
    #expect(try rows(AccessLogDecoding(.clf), Self.line)[0] == Array(Self.row[..<10]))
  }

  @Test func readsOddRequests() throws {
    func request(_ text: String) throws -> [Value] {
      let line = "h - - [10/Oct/2000:13:55:36 -0700] \"\(text)\" 400 0 \"-\" \"-\""
      return try rows(AccessLogDecoding(.combined), line, columns: [4, 5, 6, 7, 8, 10, 11])[0]
    }
    let rest: [Value] = [.integer(400), .null, .null]
    #expect(try request("GET") == ["GET", "GET", .null, .null] + rest)
    #expect(try request("GET /") == ["GET /", "GET", "/", .null] + rest)
    #expect(try request("GET /a b HTTP/1.1") == ["GET /a b HTTP/1.1", "GET", "/a b", "HTTP/1.1"] + rest)
    #expect(try request(#"GET /\"q\" HTTP/1.1"#)[0...2] == ["GET /\"q\" HTTP/1.1", "GET", "/\"q\""])
    #expect(try request(#"\x16\x03é"#)[0] == "\u{16}\u{3}é")
    #expect(try request("") == ["", "", .null, .null] + rest)
  }

  @Test func readsUsersWithBlanks() throws {
    let line = Self.line.split(separator: "frank").joined(separator: "frank the tank")
    #expect(try rows(AccessLogDecoding(.combined), line, columns: [2]) == [["frank the tank"]])
  }

  @Test func followsTheClock() throws {
    let decoder = try AccessLogDecoding(.clf).makeDecoder(columns: [3], filters: [])
    var text = ""
    var expected: [[Value]] = []
    for (time, seconds) in [
      ("31/Dec/2023:23:59:59 +0000", 1_704_067_199), ("01/Jan/2024:00:00:00 +0000", 1_704_067_200),
      ("01/Jan/2024:00:00:01 +0100", 1_704_063_601), ("29/Feb/2024:12:00:60 +0000", 1_709_208_060),
      ("29/Feb/2024:12:00:05 -0230", 1_709_217_005), ("29/Feb/2024:12:00:06 -0230", 1_709_217_006),
    ] {
      text += "h - - [\(time)] \"-\" 200 1\n"
      expected.append([.integer(Int64(seconds) * 1_000_000)])
    }
    #expect(try decode(decoder, text).rows() == expected)
  }

  @Test(arguments: [
    "", "x", "h - -", "h - - [10/Oct/2000:13:55:36 -0700]", "h - - [10/Oct/2000:13:55:36 -0700] \"GET",
    "h - - [t] \"x\" 200 1",
    "h - - [10/Oct/2000:13:55:36 -0700] \"x\" abc 1", "h - - [10/Oct/2000:13:55:36 -0700] \"x\" 200 x",
    "h - - [10/Oct/2000:13:55:36 -0700] \"x\" 200 1 \"a", "h - - [10/Oct/2000:13:55:36 -0700] \"x\" 200 1 \"a\"",
    "h - - [30/Feb/2000:13:55:36 -0700] \"x\" 200 1 \"a\" \"b\"",
    "h - - [10/Okt/2000:13:55:36 -0700] \"x\" 200 1 \"a\" \"b\"",
  ]) func treatsMalformedLinesByPolicy(_ line: String) throws {
    let text = "\(Self.line)\n\(line)\n\(Self.line)\n"
    let skipped = try rows(AccessLogDecoding(.combined, badRecords: .skip), text)
    #expect(skipped == [Self.row, Self.row])
    let kept = try rows(AccessLogDecoding(.combined), text)
    #expect(kept.count == (line.isEmpty ? 2 : 3))
    #expect(line.isEmpty || kept[1][3] == .null || kept[1].allSatisfy(\.isNull))
    if !line.isEmpty {
      #expect(throws: MillraceError.self) { try rows(AccessLogDecoding(.combined, badRecords: .fail), text) }
    }
  }

  @Test func filtersByStatus() throws {
    let text = (0..<600).map { "h - - [10/Oct/2000:13:55:36 -0700] \"x\" \($0 % 500 + 100) \($0) \"-\" \"-\"\n" }
      .joined()
    for (comparison, passes) in [
      (.equal, { $0 == 404 }), (.greaterOrEqual, { $0 >= 404 }), (.greater, { $0 > 404 }), (.less, { $0 < 404 }),
      (.lessOrEqual, { $0 <= 404 }),
    ] as [(PushedFilter.Comparison, (Int) -> Bool)] {
      let filter = PushedFilter(column: 8, comparison, .integer(404))
      let found = try rows(AccessLogDecoding(.combined), text, filters: [filter], columns: [8]).count
      #expect(found == (0..<600).filter { passes($0 % 500 + 100) }.count)
    }
  }

  @Test func filtersByTextsAndNumbers() throws {
    let text = (0..<300).map {
      "h\($0 % 7) - - [10/Oct/2000:13:55:36 -0700] \"\($0 % 5 == 0 ? "POST" : "GET") /\($0) HTTP/1.1\" 200 \($0) \"-\" \"-\"\n"
    }.joined()
    let byText = [PushedFilter(column: 5, .equal, .string("POST")), PushedFilter(column: 0, .equal, .string("h3"))]
    #expect(
      try rows(AccessLogDecoding(.combined), text, filters: byText, columns: [0, 5, 6])
        == (0..<300).filter { $0 % 5 == 0 && $0 % 7 == 3 }.map { ["h3", "POST", .string("/\($0)")] })
    let byNumber = [PushedFilter(column: 9, .greater, .integer(200))]
    #expect(try rows(AccessLogDecoding(.combined), text, filters: byNumber, columns: [9]).count == 99)
    // The time of none of them is one that a cast reads: conditions on it are left to those who can.
    let byTime = [PushedFilter(column: 3, .greater, .integer(0))]
    #expect(try rows(AccessLogDecoding(.combined), text, filters: byTime, columns: [3]).count == 300)
  }
}
