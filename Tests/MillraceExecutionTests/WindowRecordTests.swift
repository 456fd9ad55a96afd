import MillraceColumnar
import MillraceCore
import MillraceFormats
import MillraceTesting
import Testing

@testable import MillraceExecution

/// Records come out of windows the same however the bytes come in and wherever batches end.
struct WindowRecordTests {
  /// Gives bytes in pieces of random lengths.
  final class PieceReader: ByteReader {
    private let bytes: [UInt8]
    private var position = 0
    private var random: SeededGenerator
    private let largest: Int

    init(_ bytes: [UInt8], seed: UInt64, largest: Int) {
      self.bytes = bytes
      self.largest = largest
      random = SeededGenerator(seed: seed)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      let wanted = Int.random(in: 1...largest, using: &random)
      let count = min(buffer.count, wanted, bytes.count - position)
      buffer.copyBytes(from: bytes[position..<position + count])
      position += count
      return count
    }

    func close() {}
  }

  struct Outcome: Equatable {
    var records: [String] = []
    var tooLarge: [Int64] = []
    var consumed: Int64 = 0
  }

  static func rules(_ options: [String: String]) throws -> RecordRules {
    try RecordRules(Options(options, fields: RecordRules.fields, of: "test"))
  }

  /// Reads bytes in pieces and in splits of about `split` bytes that continue each other.
  static func read(
    _ bytes: [UInt8], _ rules: RecordRules, seed: UInt64 = 1, largest: Int = .max, split: Int64? = nil,
    leavesOutTooLarge: Bool = false
  ) throws -> Outcome {
    var outcome = Outcome()
    let reader = PieceReader(bytes, seed: seed, largest: min(largest, 1 << 20))
    var leftover: [UInt8] = []
    while true {
      let part = SourceSplit(name: "f", payload: .null, byteLimit: split, offset: outcome.consumed)
      let windows = WindowReader(
        reader, split: part, leftover: leftover, pool: WindowPool(), leavesOutTooLarge: leavesOutTooLarge, rules: rules)
      while let window = try windows.next() {
        let decoder = try TextDecoding().makeDecoder(columns: [0], filters: [])
        let batch = try decoder.decode(
          window.bytes, owner: window.owner, origin: window.origin("f", grouping: rules.grouping))
        for row in batch.rows() { if case .string(let text) = row[0] { outcome.records.append(text) } }
        windows.release(window)
      }
      outcome.tooLarge += windows.tooLarge.map(\.offset)
      outcome.consumed += windows.consumed
      if windows.reachedEnd { return outcome }
      leftover = windows.leftover
    }
  }

  /// Lines some of which go on with others, of all kinds that presets know.
  static func text(seed: UInt64, lines: Int) -> String {
    var random = SeededGenerator(seed: seed)
    let kinds = [
      "message", " indented", "\tat a.B.c(D.java:1)", "java.lang.IllegalStateException: x", "Caused by: y",
      "Traceback (most recent call last):", "ValueError: z", "", "goroutine 1 [running]:", "main.f(0x1)", "ends;",
      "goes on\\", "long " + String(repeating: "x", count: 100),
    ]
    return (0..<lines).map { _ in
      let kind = kinds[Int(random.next() % UInt64(kinds.count))]
      return kind + (random.next() % 20 == 0 ? "\r\n" : random.next() % 30 == 0 ? "\r" : "\n")
    }.joined()
  }

  @Test(
    "records of several lines do not depend on pieces and splits",
    arguments: [
      ["multiline.preset": "java"], ["multiline.preset": "python"], ["multiline.preset": "go"],
      ["multiline.start": "^message"], ["multiline.continuation": #"^\s"#], ["multiline.continued": #"\\$"#],
      ["multiline.end": ";$"], ["multiline.start": "^never"],
      ["multiline.preset": "java", "multiline.maxLines": "3"],
      ["multiline.start": "^never", "multiline.maxLines": "7", "maxRecordBytes": "256"],
      ["multiline.end": ";$", "maxRecordBytes": "128", "encoding": "iso-8859-1"],
      ["multiline.start": "^message", "maxRecordBytes": "256", "encoding": "utf-16be"],
    ]) func groupedRecords(options: [String: String]) throws
  {
    let rules = try Self.rules(options)
    for seed in 1...UInt64(12) {
      let text = Self.text(seed: seed, lines: 60) + (seed % 2 == 0 ? "no end" : "")
      let bytes = Self.encoded(text, rules.encoding)
      let whole = try Self.read(bytes, rules)
      #expect(whole.consumed == Int64(bytes.count))
      for (largest, split) in [(1, nil), (7, nil), (50, nil), (9, 1), (200, 100), (1000, 300)] as [(Int, Int64?)] {
        let pieces = try Self.read(bytes, rules, seed: seed, largest: largest, split: split)
        #expect(pieces == whole, "seed \(seed), pieces of \(largest), splits of \(split ?? 0): \(options)")
        if pieces != whole { return }
      }
      let lines = whole.records.joined(separator: "\n")
      let plain = try Self.read(bytes, Self.rules(options.filter { $0.key == "encoding" }))
      #expect(
        lines.split(whereSeparator: \.isNewline)
          == plain.records.joined(separator: "\n").split(whereSeparator: \.isNewline))
    }
  }

  static func encoded(_ text: String, _ encoding: CharacterEncoding) -> [UInt8] {
    switch encoding {
    case .utf16BigEndian: text.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    case .utf16LittleEndian: text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    default: Array(text.utf8)
    }
  }

  @Test("a line that is longer than may be is left out, cut or an error", arguments: CharacterEncoding.allCases)
  func longLines(encoding: CharacterEncoding) throws {
    let width = encoding.unit
    let long = String(repeating: "x", count: 500), fits = String(repeating: "y", count: 64)
    let text = "a\n\(long)\n\(fits)\nb\n\(long)"
    let bytes = Self.encoded(text, encoding)
    func rules(_ policy: String?) throws -> RecordRules {
      var options = ["maxRecordBytes": String(64 * width), "encoding": encoding.rawValue]
      options["onLongRecord"] = policy
      return try Self.rules(options)
    }
    let places = [Int64(2 * width), Int64((2 + 501 + 65 + 2) * width)]
    for largest in [1, 30, 1000] {
      for policy in ["skip", "deadLetter"] {
        let outcome = try Self.read(bytes, rules(policy), largest: largest)
        #expect(outcome == Outcome(records: ["a", fits, "b"], tooLarge: places, consumed: Int64(bytes.count)))
      }
      let cut = String(repeating: "x", count: 64)
      let outcome = try Self.read(bytes, rules("truncate"), largest: largest)
      #expect(
        outcome == Outcome(records: ["a", cut, fits, "b", cut], tooLarge: places, consumed: Int64(bytes.count)))
      let error = #expect(throws: MillraceError.self) {
        try Self.read(bytes, rules("fail"), largest: largest, leavesOutTooLarge: true)
      }
      #expect(error?.code == "RECORD_TOO_LARGE" && error?.location == "f@\(2 * width)")
      #expect(try Self.read(bytes, rules(nil), largest: largest, leavesOutTooLarge: true).records == ["a", fits, "b"])
      #expect(throws: MillraceError.self) { try Self.read(bytes, rules(nil), largest: largest) }
    }
    // A character is not cut in two.
    let wide = Self.encoded(String(repeating: "é", count: 100) + "\nb\n", encoding)
    if encoding == .utf8 {
      #expect(
        try Self.read(wide, Self.rules(["maxRecordBytes": "65", "onLongRecord": "truncate"])).records
          == [String(repeating: "é", count: 32), "b"])
    }
  }

  @Test("a mark at the beginning of a file is no part of its first record") func mark() throws {
    for (mark, encoding) in [([0xEF, 0xBB, 0xBF], "utf-8"), ([0xFF, 0xFE], "utf-16le")] as [([UInt8], String)] {
      let rules = try Self.rules(["encoding": encoding])
      let bytes = mark + Self.encoded("a\nb\n", rules.encoding)
      for split in [nil, 1] as [Int64?] {
        #expect(try Self.read(bytes, rules, largest: 1, split: split).records == ["a", "b"])
      }
    }
  }

  @Test("memory stays bounded on an endless line") func endless() throws {
    final class Endless: ByteReader {
      var left = 200 << 20
      func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        let count = min(left, buffer.count)
        buffer.initializeMemory(as: UInt8.self, repeating: 0x78)
        left -= count
        return count
      }
      func close() {}
    }
    let rules = try Self.rules(["maxRecordBytes": "1 MiB", "onLongRecord": "truncate"])
    let windows = WindowReader(
      Endless(), split: SourceSplit(name: "f", payload: .null), leftover: [], pool: WindowPool(), rules: rules)
    var lengths: [Int] = []
    while let window = try windows.next() {
      lengths.append(window.bytes.count)
      #expect(window.owner.capacity < 8 << 20)
      windows.release(window)
    }
    #expect(lengths == [1 << 20])
    #expect(windows.consumed == 200 << 20)
  }
}
