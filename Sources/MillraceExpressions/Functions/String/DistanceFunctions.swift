import MillraceColumnar

/// Likeness of strings, and checks of them.
enum DistanceFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "levenshtein", summary: "Edits that lead from one string to the other; -1 if there are more than `threshold`.",
      example: "levenshtein('kitten', 'sitting')"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("levenshtein", arguments, [.string, .string, .integer], counts: 2...3, context)
      return Bind.call("levenshtein", bound, .integer) { vectors, count in
        RowLoop.values(.integer, vectors, count) { row -> Int32? in
          let distance = levenshtein(vectors[0].bytes(row), vectors[1].bytes(row))
          return vectors.count == 3 && distance > vectors[2].int(row) ? -1 : Int32(truncatingIfNeeded: distance)
        }
      }
    },
    ScalarFunction(
      "soundex", summary: "The Soundex code of a word.", example: "soundex('Miller')",
      bind: Bind.fixed("soundex", [.strict(.string)], .string) { vectors, count in
        RowLoop.strings(vectors, count) { row, writer in
          soundex(vectors[0].bytes(row), &writer)
          return true
        }
      }),
    ScalarFunction(
      "luhn_check", summary: "Whether a string of digits has the right check digit by Luhn's rule.",
      example: "luhn_check('8112189876')",
      bind: Bind.fixed("luhn_check", [.string], .boolean) { vectors, count in
        RowLoop.flags(vectors, count) { luhn(vectors[0].bytes($0)) }
      }),
  ]

  private static func levenshtein(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
    if left.isASCII && right.isASCII { return edits(left, right) }
    let a = Array(String(decoding: left, as: UTF8.self).unicodeScalars)
    let b = Array(String(decoding: right, as: UTF8.self).unicodeScalars)
    return a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { edits(a, $0) } }
  }

  @inline(__always)
  private static func edits<Characters: RandomAccessCollection>(_ a: Characters, _ b: Characters) -> Int
  where Characters.Index == Int, Characters.Element: Equatable {
    // The distances of one beginning of `a` from all of `b`, then of the next.
    withUnsafeTemporaryAllocation(of: Int.self, capacity: b.count + 1) { distances in
      for column in 0...b.count { distances.initializeElement(at: column, to: column) }
      for row in 0..<a.count {
        var diagonal = distances[0]
        distances[0] = row &+ 1
        for column in 0..<b.count {
          let change = diagonal &+ (a[row] == b[column] ? 0 : 1)
          diagonal = distances[column &+ 1]
          distances[column &+ 1] = min(change, diagonal &+ 1, distances[column] &+ 1)
        }
      }
      return distances[b.count]
    }
  }

  /// Codes of A…Z; 7 for H and W, which do not separate equal codes, 0 for vowels, which do.
  private static let codes = Array("01230127022455012623017202".utf8)

  private static func soundex(_ bytes: UnsafeRawBufferPointer, _ writer: inout StringWriter) {
    let isLetter = { (byte: UInt8) in byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A }
    guard let first = bytes.first, isLetter(first) else { return writer.append(bytes) }
    let code = { (byte: UInt8) in codes[Int((byte & 0xDF) - 0x41)] }
    writer.append(first & 0xDF)
    var last = code(first)
    var length = 1
    for byte in bytes.dropFirst() where length < 4 {
      guard isLetter(byte) else {
        last = 0x30
        continue
      }
      let digit = code(byte)
      if digit == UInt8(ascii: "7") { continue }
      if digit != UInt8(ascii: "0") && digit != last {
        writer.append(digit)
        length += 1
      }
      last = digit
    }
    while length < 4 {
      writer.append(0x30)
      length += 1
    }
  }

  private static func luhn(_ bytes: UnsafeRawBufferPointer) -> Bool {
    if bytes.count == 0 { return false }
    var sum = 0
    for (index, byte) in bytes.reversed().enumerated() {
      guard byte >= 0x30 && byte <= 0x39 else { return false }
      var digit = Int(byte - 0x30)
      if index % 2 == 1 {
        digit *= 2
        if digit > 9 { digit -= 9 }
      }
      sum += digit
    }
    return sum % 10 == 0
  }
}
