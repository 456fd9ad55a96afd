import CKernels
import MillraceColumnar
import Testing

@testable import MillraceFormats

/// Lines of many fields: ends are gathered for some thousand fields at a time, and lines may have more.
@Suite struct CSVKernelTests {
  private struct Line {
    var bytes: [UInt8] = []
    /// Where the fields begin in the line, and their lengths without quotes; nil for NULL.
    var fields: [(start: Int, length: Int)?] = []

    init(fieldCount: Int, isOdd: Bool, _ random: inout Seeded) {
      for number in 0..<fieldCount {
        if number > 0 { bytes.append(0x2C) }
        let length = random.below(4)
        // A line of one empty field is no record.
        let isQuoted = fieldCount == 1 || random.once(in: 5)
        if isQuoted { bytes.append(0x22) }
        fields.append(length == 0 && !isQuoted ? nil : (bytes.count, length))
        bytes += repeatElement(isQuoted && random.once(in: 2) ? 0x2C : 0x61, count: length)
        if isQuoted { bytes.append(0x22) }
      }
      if isOdd {
        bytes += Array(#","a"a,b""#.utf8)
        fields.append((bytes.count - 6, 5))
      }
    }
  }

  @Test(arguments: [1, 3, 600, 2046, 2047, 2048, 2049, 2100, 7000], [false, true])
  func linesOfManyFields(width: Int, isComplete: Bool) {
    var random = Seeded(state: UInt64(width))
    for round in 0..<8 {
      var bytes: [UInt8] = []
      var spans: [UInt64] = []
      var lines: [Line] = []
      for _ in 0..<(width > 500 ? 8 : 2000) {
        let count = random.once(in: 5) ? max(1, width - 2 + random.below(5)) : width
        let line = Line(fieldCount: count, isOdd: random.once(in: 9), &random)
        lines.append(line)
        spans.append(ck_span(bytes.count, line.bytes.count, UInt32(CK_TEXT)))
        bytes += line.bytes + (round % 3 == 0 ? [13, 10] : [10])
      }
      bytes += [UInt8](repeating: [0x2C, 0x22, 0x0A][round % 3], count: 64)
      let numbers = Set([0, width - 1, width / 2, random.below(width)]).sorted()
      var columns = [Int32](repeating: -1, count: width)
      for (column, number) in numbers.enumerated() { columns[number] = Int32(column) }
      let wanted = numbers.map { number in
        lines.indices.map { line -> UInt64 in
          guard number < lines[line].fields.count, let field = lines[line].fields[number] else { return 0 }
          return ck_span(ck_span_offset(spans[line]) + field.start, field.length, UInt32(CK_TEXT))
        }
      }
      for find in [ck_csv_lines, ck_csv_lines_plain] {
        let table = SpanTable(columnCount: numbers.count, isUsed: true)
        table.reserve(spans.count)
        let found = columns.withUnsafeBufferPointer { columns in
          var plan = ck_csv_plan(
            separator: 0x2C, quote: 0x22, escape: 0x5C, comment: 0, fields: columns.baseAddress, width: Int32(width),
            stop: isComplete ? .max : Int32((numbers.last ?? 0) + 1), is_complete: isComplete ? 1 : 0, is_empty_null: 0,
            are_lines: 1)
          return find(&plan, bytes, spans, spans.count, UnsafePointer(table.columns), table.lines, table.isBad)
        }
        #expect(found == spans.count)
        for column in numbers.indices {
          #expect((0..<found).map { table.spans(column)[$0] } == wanted[column], "column \(numbers[column])")
        }
        let isBad = lines.map { isComplete && $0.fields.count != width }
        #expect((0..<found).map { table.isBad[$0] != 0 } == isBad)
        #expect((0..<found).map { Int(table.lines[$0]) } == Array(lines.indices))
      }
    }
  }
}
