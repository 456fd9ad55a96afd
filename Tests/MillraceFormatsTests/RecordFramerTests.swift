import MillraceColumnar
import MillraceFormats
import Testing

/// Every framing gives the same records however the stream is cut.
@Suite struct RecordFramerTests {
  struct Outcome: Equatable {
    var records: String
    var skipped: Int64 = 0
    var truncated: Int64 = 0
    var fault: String?
    var isCutOff = false
  }

  static func run(
    _ framing: RecordFraming, _ pieces: [[UInt8]], limit: Int = 10, _ policy: LongRecordPolicy = .skip,
    emits: Bool = false
  ) -> Outcome {
    var framer = RecordFramer(framing, limit: limit, policy: policy)
    let out = ByteBuffer()
    var outcome = Outcome(records: "")
    do {
      for piece in pieces { try piece.withUnsafeBytes { try framer.add($0, to: out) } }
      outcome.isCutOff = framer.finish(emits: emits, to: out)
    } catch { outcome.fault = (error as? FramingFault)?.reason ?? "\(error)" }
    outcome.records = String(decoding: out.bytes, as: UTF8.self)
    outcome.skipped = framer.losses.skipped
    outcome.truncated = framer.losses.truncated
    return outcome
  }

  /// The same where bytes are received into the room that the framer shows.
  static func runInPlace(_ pieces: [[UInt8]], limit: Int, _ policy: LongRecordPolicy, emits: Bool) -> Outcome {
    var framer = RecordFramer(.newline, limit: limit, policy: policy)
    let out = ByteBuffer(capacity: 64)
    var outcome = Outcome(records: "")
    do {
      for piece in pieces {
        if let room = framer.room(piece.count, in: out) {
          room.copyBytes(from: piece)
          try framer.received(piece.count, in: out)
        } else {
          try piece.withUnsafeBytes { try framer.add($0, to: out) }
        }
      }
      outcome.isCutOff = framer.finish(emits: emits, to: out)
    } catch { outcome.fault = (error as? FramingFault)?.reason ?? "\(error)" }
    outcome.records = String(decoding: out.bytes, as: UTF8.self)
    outcome.skipped = framer.losses.skipped
    outcome.truncated = framer.losses.truncated
    return outcome
  }

  /// All at once, byte by byte, in twos and threes, and cut in two at each place.
  static func check(
    _ framing: RecordFraming, _ bytes: [UInt8], _ expected: Outcome, limit: Int = 10,
    policy: LongRecordPolicy = .skip, emits: Bool = false, _ location: SourceLocation = #_sourceLocation
  ) {
    var cuts = (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] }
    for size in 1...3 {
      cuts.append(stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) })
    }
    for pieces in cuts {
      if framing == .newline {
        let inPlace = runInPlace(pieces, limit: limit, policy, emits: emits)
        #expect(inPlace == expected, "in place, for pieces \(pieces)", sourceLocation: location)
      }
      let outcome = run(framing, pieces, limit: limit, policy, emits: emits)
      if outcome != expected {
        Issue.record("\(outcome) in place of \(expected) for pieces \(pieces)", sourceLocation: location)
        return
      }
    }
  }

  static func check(
    _ framing: RecordFraming, _ text: String, _ expected: Outcome, limit: Int = 10,
    policy: LongRecordPolicy = .skip, emits: Bool = false, _ location: SourceLocation = #_sourceLocation
  ) {
    check(framing, Array(text.utf8), expected, limit: limit, policy: policy, emits: emits, location)
  }

  @Test func lines() {
    Self.check(.newline, "", Outcome(records: ""))
    Self.check(.newline, "a\n\nbc\r\n", Outcome(records: "a\n\nbc\r\n"))
    Self.check(.newline, "a\nrest", Outcome(records: "a\n", isCutOff: true))
    Self.check(.newline, "a\nrest", Outcome(records: "a\nrest\n"), emits: true)
  }

  /// The limit itself is no longer; one byte more is. Records behind it arrive.
  @Test func longLines() {
    let text = "0123456789\n01234567890\nb\n" + String(repeating: "x", count: 50) + "\nc\n"
    Self.check(.newline, text, Outcome(records: "0123456789\nb\nc\n", skipped: 2))
    Self.check(
      .newline, text, Outcome(records: "0123456789\n0123456789\nb\nxxxxxxxxxx\nc\n", truncated: 2), policy: .truncate)
    let closed = Self.run(.newline, [Array(text.utf8)], .close)
    #expect(closed.fault == "a record is longer than 10 bytes (maxRecordBytes)")
    #expect(closed.records == "0123456789\n")
    #expect(Self.runInPlace([Array(text.utf8)], limit: 10, .close, emits: false) == closed)
    Self.check(.newline, "01234567890", Outcome(records: "", skipped: 1, isCutOff: true))
  }

  @Test func delimiters() {
    Self.check(.delimiter([0]), "a\u{0}b\nc\u{0}", Outcome(records: "a\nb\u{1B}nc\n"))
    Self.check(.delimiter(Array("--".utf8)), "a-b--c---d", Outcome(records: "a-b\nc\n", isCutOff: true))
    Self.check(.delimiter(Array("--".utf8)), "a--b", Outcome(records: "a\nb\n"), emits: true)
    Self.check(.delimiter(Array("ab".utf8)), "aab\u{1B}ab", Outcome(records: "a\n\u{1B}\u{1B}\n"))
    let long = "01234567890ab1aaab" + String(repeating: "a", count: 40) + "bz"
    Self.check(
      .delimiter(Array("ab".utf8)), long, Outcome(records: "1aa\n", skipped: 2, isCutOff: true))
    Self.check(
      .delimiter(Array("ab".utf8)), long + "ab", Outcome(records: "0123456789\n1aa\naaaaaaaaaa\nz\n", truncated: 2),
      policy: .truncate)
  }

  @Test(arguments: [1, 2, 4], [true, false])
  func lengths(width: Int, isBigEndian: Bool) {
    func framed(_ text: String) -> [UInt8] {
      let size = text.utf8.count
      let number = (0..<width).map { UInt8(truncatingIfNeeded: size >> (8 * (isBigEndian ? width - 1 - $0 : $0))) }
      return number + Array(text.utf8)
    }
    let framing = RecordFraming.length(width: width, isBigEndian: isBigEndian)
    Self.check(framing, framed("a\r\nb") + framed("") + framed("c"), Outcome(records: "a\u{1B}r\u{1B}nb\n\nc\n"))
    let long = framed("0123456789") + framed("01234567890123") + framed("d")
    Self.check(framing, long, Outcome(records: "0123456789\nd\n", skipped: 1))
    Self.check(framing, long, Outcome(records: "0123456789\n0123456789\nd\n", truncated: 1), policy: .truncate)
    Self.check(framing, Array(framed("abc").dropLast()), Outcome(records: "", isCutOff: true), emits: true)
  }

  /// RFC 6587: counted records, lines, and a line feed behind a counted one in one stream.
  @Test func octetCounts() {
    Self.check(
      .octetCounted, "5 <1>a\n3 <2>\n<3>line\n4 <4>b", Outcome(records: "<1>a\u{1B}n\n<2>\n<3>line\n<4>b\n"))
    Self.check(.octetCounted, "<1>cut", Outcome(records: "<1>cut\n"), emits: true)
    Self.check(.octetCounted, "9 <1>cut", Outcome(records: "", isCutOff: true), emits: true)
    Self.check(.octetCounted, "12 0123456789013 <4>", Outcome(records: "<4>\n", skipped: 1))
    let wrong = Self.run(.octetCounted, [Array("12345678901 x".utf8)])
    #expect(wrong.fault == "a record has no length that can be read")
    #expect(Self.run(.octetCounted, [Array("12x".utf8)]).fault != nil)
  }

  /// Memory stays bounded by the limit, whatever comes.
  @Test(arguments: [
    RecordFraming.newline, .delimiter(Array("||".utf8)), .octetCounted, .length(width: 4, isBigEndian: true),
  ])
  func neverKeepsMoreThanTheLimit(framing: RecordFraming) throws {
    var framer = RecordFramer(framing, limit: 1000, policy: .skip)
    let out = ByteBuffer()
    // For a length of four bytes this begins a record of over 500 MB.
    let piece = [UInt8](repeating: UInt8(ascii: "!"), count: 4096)
    for _ in 0..<1000 { try piece.withUnsafeBytes { try framer.add($0, to: out) } }
    let (skipped, isInRecord) = (framer.losses.skipped, framer.isInRecord)
    #expect(skipped == 1)
    #expect(isInRecord)
    #expect(out.bytes.isEmpty)
  }

  @Test(arguments: ["", "a", "\n", "\u{1B}", "a\nb\rc\u{1B}d", "\u{1B}n", "\r\n\r\n", "\u{1B}\u{1B}\n"])
  func escapedRecordsComeBack(record: String) throws {
    let out = ByteBuffer()
    Array(record.utf8).withUnsafeBytes { RecordEscaping.append($0, to: out) }
    Array("next".utf8).withUnsafeBytes { RecordEscaping.append($0, to: out) }
    #expect(out.bytes.dropLast().filter { $0 == 0x0A }.count == 1)
    let window = MemoryBuffer(copying: out.bytes)
    let decoder = try TextDecoding().makeDecoder(columns: [0], filters: [])
    let batch = try decoder.decode(
      UnsafeRawBufferPointer(start: window.base, count: out.count), owner: window,
      origin: RecordOrigin(name: "test", offset: 0, isEscaped: true))
    #expect(batch.rowCount == 2)
    #expect(batch.columns[0].value(0) == .string(record))
    #expect(batch.columns[0].value(1) == .string("next"))
  }
}
