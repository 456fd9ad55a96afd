import MillraceColumnar
import MillraceCore
import Testing

@testable import MillraceFormats

/// Separated values read a byte at a time, as plainly as can be.
private struct PlainCSV {
  struct Field {
    /// Between the quotes, with its escapes.
    var raw: [UInt8]
    var text: [UInt8]
    var isQuoted: Bool
  }

  let dialect: CSVDialect

  /// The fields of a line, and whether a quote is not closed.
  func fields(_ line: [UInt8]) -> (fields: [Field], isBroken: Bool) {
    var fields: [Field] = []
    var at = 0
    while true {
      var field = Field(raw: [], text: [], isQuoted: false)
      if dialect.quote != 0, at < line.count, line[at] == dialect.quote {
        field.isQuoted = true
        at += 1
        guard takeQuoted(line, &at, &field) else { return (fields + [field], true) }
      } else {
        while at < line.count, line[at] != dialect.separator {
          field.raw.append(line[at])
          at += 1
        }
        field.text = field.raw
      }
      fields.append(field)
      if at >= line.count { return (fields, false) }
      at += 1
    }
  }

  /// Goes to the separator or the end behind the closing quote; false if there is none.
  private func takeQuoted(_ line: [UInt8], _ at: inout Int, _ field: inout Field) -> Bool {
    while at < line.count {
      let byte = line[at], next = at + 1 < line.count ? line[at + 1] : nil
      if byte == dialect.escape, let next,
        next == dialect.quote || (next == dialect.escape && dialect.escape != dialect.quote)
      {
        field.raw += [byte, next]
        field.text.append(next)
        at += 2
      } else if byte == dialect.quote, next == nil || next == dialect.separator {
        at += 1
        return true
      } else {
        field.raw.append(byte)
        field.text.append(byte)
        at += 1
      }
    }
    return false
  }

  /// The value of a field, and whether it does not fit the type.
  func value(_ field: Field?, _ type: DataType) -> (Value, isBad: Bool) {
    guard let field, field.isQuoted || !field.raw.isEmpty, field.raw != Array(dialect.nullValue.utf8) else {
      return (.null, false)
    }
    let text = String(decoding: field.text, as: UTF8.self)
    let value: Value?
    switch type {
    case .string: value = .string(text)
    case .binary: value = .binary(field.text)
    case .byte: value = Int8(text).map { .integer(Int64($0)) }
    case .integer: value = Int32(text).map { .integer(Int64($0)) }
    case .long: value = Int64(text).map { .integer($0) }
    default: value = text.lowercased() == "true" ? true : text.lowercased() == "false" ? false : nil
    }
    return (value ?? .null, value == nil)
  }
}

extension CSVDecodingTests {
  private static let dialects = [
    CSVDialect(), CSVDialect(escape: 0x22), CSVDialect(separator: 0x09, quote: 0x27, comment: 0x23, nullValue: "NA"),
    CSVDialect(quote: 0), CSVDialect(separator: 0x3B, nullValue: "a"),
  ]

  /// Pieces of which texts are made: all that means something, numbers at the limits of their types, and what may lie across 64 bytes.
  private static func text(_ dialect: CSVDialect, _ random: inout Seeded) -> [UInt8] {
    let marks = [dialect.separator, dialect.quote, dialect.escape].filter { $0 != 0 }.map { [$0] }
    let words = [
      "a", "b", "ab", "NA", "é", "true", "FALSE", "0", "-0", "+7", "007", "12", "127", "128", "-129", "2147483647",
      "2147483648",
      "-9223372036854775808", "9223372036854775808", "00000000000000000000012", "#", " ", "\r", "\"", "'", "\\", ",",
      "a longer text than a view holds", String(repeating: "x", count: 61),
    ]
    var pieces = words.map { Array($0.utf8) } + [[0], [0xFF], [0xC3]]
    pieces += Array(repeating: marks, count: 8).flatMap { $0 } + Array(repeating: [dialect.separator], count: 12)
    var text: [UInt8] = []
    for _ in 0..<random.below(120) {
      for _ in 0..<random.below(12) { text += random.pick(pieces) }
      if random.once(in: 3), dialect.quote != 0 {
        text += [dialect.separator, dialect.quote] + Array("é,;".utf8) + [dialect.quote]
      }
      text += Array(random.pick(["\n", "\n", "\n", "\r\n", "\r"]).utf8)
    }
    if random.once(in: 2), !text.isEmpty { text.removeLast() }
    return text
  }

  private static func schema(_ random: inout Seeded, hasCorruptRecord: Bool) -> Schema {
    var fields = (0...random.below(5)).map { number in
      StructField("c\(number)", random.pick([.string, .string, .integer, .long, .byte, .boolean, .binary]))
    }
    if hasCorruptRecord { fields.insert(StructField("_corrupt_record", .string), at: random.below(fields.count + 1)) }
    return Schema(fields)
  }

  @Test func randomTextsAreReadAsAPlainReadingReadsThem() {
    RandomTexts.each(150) { random in
      let dialect = random.pick(Self.dialects)
      let schema = Self.schema(&random, hasCorruptRecord: random.once(in: 3))
      let text = CutText(Self.text(dialect, &random), misleading: ",\"\\;\t'1a\n", &random)
      let columns = random.positions(below: schema.count)
      let inFile = schema.fields.indices.filter { schema.fields[$0].name != "_corrupt_record" }
      let plain = PlainCSV(dialect: dialect)
      for policy in [BadRecordPolicy.null, .skip, .deadLetter] {
        let isComplete = policy != .null || columns.contains { !inFile.contains($0) }
        var wanted: [[Value]] = []
        var bad: [String] = []
        for line in text.lines where !line.isEmpty && !(dialect.comment != 0 && line[0] == dialect.comment) {
          let (fields, isBroken) = plain.fields(line)
          let values = columns.map { column in
            inFile.firstIndex(of: column).map {
              plain.value($0 < fields.count ? fields[$0] : nil, schema.types[column])
            }
          }
          let isBad = isComplete && (isBroken || fields.count != inFile.count || values.contains { $0?.isBad == true })
          let record = String(decoding: line, as: UTF8.self)
          if isBad { bad.append(record) }
          if isBad && policy != .null { continue }
          wanted.append(values.map { $0?.0 ?? (isBad ? .string(record) : .null) })
        }
        let decoder = try Self.decoding(dialect, policy, schema: schema).makeDecoder(columns: columns, filters: [])
        try RandomTexts.expect(text.rows(decoder, &random), wanted, "\(policy), columns \(columns) of \(schema.ddl)")
        if isComplete, decoder.badRecordCount != Int64(bad.count) {
          throw RandomTexts.Mismatch(what: "\(decoder.badRecordCount) bad records, not \(bad.count)")
        }
        if policy == .deadLetter {
          try RandomTexts.expect(RandomConditions.kept(decoder).map(\.text), bad, "dead letters")
        }
      }
    }
  }

  @Test func conditionsOnRandomTextsLeaveOutOnlyRowsThatFail() {
    RandomTexts.each(150) { random in
      let dialect = random.pick(Self.dialects)
      let schema = Self.schema(&random, hasCorruptRecord: random.once(in: 4))
      let text = CutText(Self.text(dialect, &random), misleading: ",\"\\;\t'1a\n", &random)
      try RandomConditions.hold(text, { try Self.decoding(dialect, $0, schema: schema) }, &random)
    }
  }
}
