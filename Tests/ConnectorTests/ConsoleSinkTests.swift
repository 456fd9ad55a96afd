import ConsoleConnector
import MillraceCore
import Synchronization
import Testing

struct ConsoleSinkTests {
  /// What the sink prints, one element per call.
  final class Screen: Sendable {
    let texts = Mutex<[String]>([])
    var connector: ConsoleConnector {
      ConsoleConnector { bytes in self.texts.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } }
    }
    var text: String { texts.withLock { $0.joined() } }
  }

  static let words = Schema([StructField("word", .string), StructField("count", .long)])

  func printed(_ rows: [[Value]], _ options: [String: String] = [:], schema: Schema = words) throws -> String {
    let screen = Screen()
    let sink = try screen.connector.sink(options, schema, .complete).rowSink
    try sink.open(SinkContext(queryID: "q", sinkName: "screen"))
    #expect(try sink.recover(batchID: nil, token: nil) == nil)
    try sink.run(1, rows, schema)
    #expect(screen.texts.withLock { $0.count } == 1)
    let text = screen.text
    let head = String(repeating: "-", count: 43) + "\nBatch: 1\n" + String(repeating: "-", count: 43) + "\n"
    #expect(text.hasPrefix(head))
    return String(text.dropFirst(head.count))
  }

  @Test func sparkExample() throws {
    let rows: [[Value]] = [
      [.string("apache"), .integer(2)], [.string("spark"), .integer(1)], [.string("hadoop"), .integer(1)],
    ]
    #expect(
      try printed(rows) == """
        +------+-----+
        |  word|count|
        +------+-----+
        |apache|    2|
        | spark|    1|
        |hadoop|    1|
        +------+-----+


        """)
    #expect(
      try printed(rows, ["truncate": "false", "numRows": "1"]) == """
        +------+-----+
        |word  |count|
        +------+-----+
        |apache|2    |
        +------+-----+
        only showing top 1 row

        """)
    #expect(try printed([]) == "+----+-----+\n|word|count|\n+----+-----+\n+----+-----+\n\n")
    #expect(try printed(rows, ["numRows": "2"]).hasSuffix("+\nonly showing top 2 rows\n"))
    #expect(try printed(rows, ["numRows": "3"]).hasSuffix("+\n\n"))
  }

  @Test(arguments: [
    ("exactly-twenty-chars", "20", "|exactly-twenty-chars|"), ("one-more-than-twenty!", "20", "|one-more-than-twe...|"),
    ("one-more-than-twenty!", "false", "|one-more-than-twenty!|"), ("abcdef", "3", "|abc|"), ("abcdef", "5", "|ab...|"),
    ("日本語", "true", "|日本語|"), ("a\nb\tc", "true", "|a\\nb\\tc|"), ("👍", "true", "|  👍|"), ("👍👍👍", "4", "|...|"),
  ])
  func cells(value: String, truncate: String, expected: String) throws {
    let schema = Schema([StructField("c", .string)])
    let lines = try printed([[.string(value)]], ["truncate": truncate], schema: schema).split(separator: "\n")
    let cell = lines[3]
    #expect(cell.filter { $0 != " " } == expected.filter { $0 != " " }, "\(cell)")
    // The box is as wide as the cell is on the screen.
    let wide = value.unicodeScalars.filter { (0x2E80...0xA4CF).contains($0.value) }.count
    #expect(lines[0].utf16.count == cell.utf16.count + wide)
  }

  @Test func severalWritesAreOneBatch() throws {
    let screen = Screen()
    let sink = try screen.connector.sink(["numRows": "2"], Self.words).rowSink
    for batch in Int64(0)...1 {
      try sink.begin(batchID: batch)
      for word in ["a", "b", "c"] { try sink.write(.of([[.string(word), .null]], schema: Self.words)) }
      _ = try sink.commit(batchID: batch)
    }
    let table =
      "+----+-----+\n|word|count|\n+----+-----+\n|   a| NULL|\n|   b| NULL|\n+----+-----+\nonly showing top 2 rows\n"
    let rule = String(repeating: "-", count: 43)
    #expect(screen.text == (0...1).map { "\(rule)\nBatch: \($0)\n\(rule)\n\(table)" }.joined())
  }

  @Test(arguments: [
    (["truncate": "maybe"], "OPTION_WRONG_TYPE"), (["truncate": "-1"], "OPTION_WRONG_TYPE"),
    (["numRows": "-1"], "OPTION_OUT_OF_RANGE"),
    (["numrow": "3"], "OPTION_UNKNOWN"), (["NUMROWS": "3", "truncate": "FALSE"], "none"),
  ])
  func options(options: [String: String], expected: String) {
    #expect(code { _ = try ConsoleConnector().sink(options, Self.words) } == expected)
  }
}
