import Millrace
import MillraceCore
import MillraceSQL

/// The bytes of a pipeline file and of those that it includes, to find the place of a word inside one of their strings: an error in a
/// query is shown where the query stands in the file.
package struct PipelineSource: Sendable {
  /// The main file.
  let file: String
  /// In the order in which they were read, the main file first.
  private var names: [String]
  private var texts: [String: [UInt8]]

  init(file: String, bytes: [UInt8]) {
    self.file = file
    names = [file]
    texts = [file: bytes]
  }

  /// Takes the bytes of another file.
  mutating func add(_ file: String, _ bytes: [UInt8]) {
    if texts.updateValue(bytes, forKey: file) == nil { names.append(file) }
  }

  /// Which file in the order of reading.
  func number(of file: String) -> Int { names.firstIndex(of: file) ?? names.count }

  private func name(_ place: Place) -> String { place.file.isEmpty ? file : place.file }

  /// The place of a line and column (from 1, in characters) of a string's value; of what was put in for a reference, that of the
  /// reference. One that is no string of the file is named by its beginning.
  package func place(line: Int, column: Int, in text: LocatedText) -> Place {
    let start = text.place.offset
    let bytes = texts[name(text.place), default: []]
    guard start < bytes.count, bytes[start] == UInt8(ascii: "\"") else { return text.place }
    var position = (line: 1, column: 1)
    let before = text.text.unicodeScalars.prefix { scalar in
      if position >= (line, column) { return false }
      position = scalar == "\n" ? (position.line + 1, 1) : (position.line, position.column + 1)
      return true
    }
    var left = TextReplacement.spelledPlace(of: before.count, text.replacements)
    var raw = start + 1
    while left > 0, raw < bytes.count, bytes[raw] != UInt8(ascii: "\"") {
      raw += Self.spellingLength(bytes, at: raw)
      left -= 1
    }
    var place = text.place
    place.column += raw - start
    place.offset = raw
    return place
  }

  /// How many bytes the character at a place of a string is spelt with. The string was parsed, so its escapes are whole.
  private static func spellingLength(_ bytes: [UInt8], at raw: Int) -> Int {
    let byte = bytes[raw]
    if byte == UInt8(ascii: "\\") {
      guard raw + 1 < bytes.count, bytes[raw + 1] == UInt8(ascii: "u") else { return 2 }
      let isHighSurrogate =
        raw + 3 < bytes.count && bytes[raw + 2] | 0x20 == UInt8(ascii: "d") && (0x38...0x7A).contains(bytes[raw + 3])
        && !(0x30...0x37).contains(bytes[raw + 3])
      return isHighSurrogate ? 12 : 6
    }
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
  }

  /// A complaint about a name or an expression of the SQL in a string, at its place in the file.
  func diagnostic(_ error: MillraceError, _ fragment: MillraceError.SQLFragment, in text: LocatedText) -> Diagnostic {
    let start = fragment.range.lowerBound
    let location = SourceLocation(offset: start, in: text.text)
    let excerpt = SQLParseError.Excerpt(offset: start, in: text.text)
    return Diagnostic(
      error.code, "\(error.message)\n  \(excerpt.text)\n  \(excerpt.mark(length: fragment.length(in: text.text)))",
      hint: error.hint, file: name(text.place),
      place: place(line: location.line, column: location.column, in: text))
  }

  /// A complaint about the SQL in a string, at its place in the file.
  func diagnostic(_ error: SQLParseError, in text: LocatedText) -> Diagnostic {
    Diagnostic(
      error.code, "\(error.message)\n  \(error.excerpt.text)\n  \(String(repeating: " ", count: error.excerpt.caret))^",
      hint: error.hint, file: name(text.place),
      place: place(line: error.line, column: error.column, in: text))
  }
}
