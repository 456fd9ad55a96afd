import Glibc
import MillraceColumnar

/// How `from_csv` and `to_csv` read and write one line.
struct CSVRow: Sendable {
  var separator: [UInt8] = [UInt8(ascii: ",")]
  var quote = UInt8(ascii: "\"")
  var escape = UInt8(ascii: "\\")
  /// What stands for NULL.
  var null: [UInt8] = []
  var quotesAll = false

  /// Calls `body` with the fields of a line, at most `limit` of them.
  ///
  /// A field in quotes may hold separators; a quote in it is escaped by a backslash. Quotes that do not enclose the whole field belong to
  /// its text, as in Spark. `scratch` is where a field is unescaped.
  func forEachField(
    _ line: UnsafeRawBufferPointer, limit: Int, _ scratch: inout [UInt8], _ body: (Int, UnsafeRawBufferPointer) -> Void
  ) {
    var at = 0
    for number in 0..<limit {
      var end = at
      if at < line.count, line[at] == quote, unescape(line, &end, &scratch) {
        scratch.withUnsafeBytes { body(number, $0) }
      } else {
        end = separatorOffset(line, end)
        body(number, UnsafeRawBufferPointer(rebasing: line[at..<end]))
      }
      if end >= line.count { return }
      at = end + separator.count
    }
  }

  /// Reads the field in quotes that begins at `at`, which then is where the quotes end. False if they end before the field does.
  private func unescape(_ line: UnsafeRawBufferPointer, _ at: inout Int, _ text: inout [UInt8]) -> Bool {
    text.removeAll(keepingCapacity: true)
    at += 1
    while at < line.count, line[at] != quote {
      let isEscaped = line[at] == escape && at + 1 < line.count && (line[at + 1] == quote || line[at + 1] == escape)
      if isEscaped { at += 1 }
      text.append(line[at])
      at += 1
    }
    if at == line.count { return true }
    at += 1
    return at == line.count || isSeparator(line, at)
  }

  private func isSeparator(_ line: UnsafeRawBufferPointer, _ at: Int) -> Bool {
    at + separator.count <= line.count && separator.indices.allSatisfy { line[at + $0] == separator[$0] }
  }

  private func separatorOffset(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int {
    guard let first = separator.first else { return line.count }
    var at = start
    while at < line.count {
      guard let base = line.baseAddress, let found = memchr(base + at, Int32(first), line.count - at) else { break }
      at = UnsafeRawPointer(found) - base
      if separator.count == 1 || isSeparator(line, at) { return at }
      at += 1
    }
    return line.count
  }

  /// Appends a field's text, in quotes where it needs them. Blanks around it are left out, as Spark does.
  func write(_ text: UnsafeRawBufferPointer, _ writer: inout StringWriter) {
    var start = 0, end = text.count
    while start < end && text[start] == 0x20 { start += 1 }
    while end > start && text[end - 1] == 0x20 { end -= 1 }
    let special = [quote, 0x0A, 0x0D]
    let needsQuotes =
      quotesAll || text.isEmpty
      || (start..<end).contains { special.contains(text[$0]) || isSeparator(text, $0) }
    if !needsQuotes { return writer.append(UnsafeRawBufferPointer(rebasing: text[start..<end])) }
    writer.append(quote)
    for byte in text[start..<end] {
      if byte == quote { writer.append(escape) }
      writer.append(byte)
    }
    writer.append(quote)
  }
}
