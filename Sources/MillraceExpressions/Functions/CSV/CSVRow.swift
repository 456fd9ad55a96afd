import MillraceColumnar

/// How `from_csv` and `to_csv` read and write one line.
struct CSVRow: Sendable {
  var separator: [UInt8] = [UInt8(ascii: ",")]
  var quote = UInt8(ascii: "\"")
  var escape = UInt8(ascii: "\\")
  /// What stands for NULL.
  var null: [UInt8] = []
  var quotesAll = false

  /// A field as it is found in a line.
  struct Field {
    /// The field's text, in the line or, where it had to be unescaped, in `made`.
    var range: Range<Int>
    var made: [UInt8]?
  }

  /// The fields of a line, at most `limit` of them.
  ///
  /// A field in quotes may hold separators; a quote in it is escaped by a backslash. Quotes that do not enclose the whole field belong to
  /// its text, as in Spark.
  func fields(_ line: UnsafeRawBufferPointer, limit: Int) -> [Field] {
    var fields: [Field] = []
    var at = 0
    while fields.count < limit {
      let (field, end) = field(line, at)
      fields.append(field)
      guard end < line.count else { break }
      at = end + separator.count
    }
    return fields
  }

  /// The field that begins at `start`, and where it ends.
  private func field(_ line: UnsafeRawBufferPointer, _ start: Int) -> (Field, Int) {
    guard start < line.count, line[start] == quote else {
      let end = separatorOffset(line, start)
      return (Field(range: start..<end), end)
    }
    var text: [UInt8] = []
    var at = start + 1
    while at < line.count {
      if line[at] == escape, at + 1 < line.count, line[at + 1] == quote || line[at + 1] == escape {
        text.append(line[at + 1])
        at += 2
      } else if line[at] == quote {
        if at + 1 == line.count || isSeparator(line, at + 1) { return (Field(range: start..<at, made: text), at + 1) }
        let end = separatorOffset(line, at)
        return (Field(range: start..<end), end)
      } else {
        text.append(line[at])
        at += 1
      }
    }
    return (Field(range: start..<line.count, made: text), line.count)
  }

  private func isSeparator(_ line: UnsafeRawBufferPointer, _ at: Int) -> Bool {
    at + separator.count <= line.count && separator.indices.allSatisfy { line[at + $0] == separator[$0] }
  }

  private func separatorOffset(_ line: UnsafeRawBufferPointer, _ start: Int) -> Int {
    var at = start
    while at < line.count && !isSeparator(line, at) { at += 1 }
    return at
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
