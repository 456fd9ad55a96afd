import MillraceColumnar
import MillraceCore
public import MillraceFormats

/// Holds a decoder to its contract: rows are the same whatever pieces the bytes come in, which columns are asked for, and which conditions are pushed
/// down to it. A decoder may leave out rows that fail a condition, and no others.
public struct DecodingAcceptance {
  private let decoding: any Decoding
  private let records: [String]
  private let header: String?

  /// A kit for a decoding with some records, each without its line's end. `header` stands in front of them at the start of a stream.
  public init(_ decoding: any Decoding, records: [String], header: String? = nil) {
    self.decoding = decoding
    self.records = records
    self.header = header
  }

  /// Runs all checks; a failed one does not keep the others from running.
  public func run() -> AcceptanceReport {
    var report = AcceptanceReport("\(decoding.name) decoder")
    let all = Array(decoding.schema.fields.indices)
    var whole: [[Value]] = []
    report.check("records are rows") {
      whole = try rows(columns: all)
      if whole.isEmpty { throw AcceptanceFault("there are no rows") }
      return "\(whole.count) rows of \(all.count) columns"
    }
    if whole.isEmpty { return report }
    report.check("bytes in pieces give the same rows") {
      for size in [1, 2, 3, 7] {
        try AcceptanceFault.unless(try rows(columns: all, piece: size), is: whole, "rows of \(size) records at a time")
      }
      return "1, 2, 3 and 7 records at a time"
    }
    report.check("columns left out change nothing else") {
      let choices = [[], Array(all.reversed())] + all.map { [$0] }
      for columns in choices {
        try AcceptanceFault.unless(
          try rows(columns: columns), is: whole.map { row in columns.map { row[$0] } }, "rows of the columns \(columns)"
        )
      }
      return "\(choices.count) choices of columns"
    }
    report.check("pushed conditions leave out only rows that fail them") {
      var tried = 0
      var leftOut = 0
      for filter in filters(whole) {
        let wanted = whole.filter { PlainFilter.passes($0[filter.column], filter) }
        // A column that is not asked for may be in a condition, too.
        for columns in [all, all.filter { $0 != filter.column }] {
          let shown = whole.map { row in columns.map { row[$0] } }
          let found = try rows(columns: columns, filters: [filter])
          leftOut += whole.count - found.count
          tried += 1
          let expected = wanted.map { row in columns.map { row[$0] } }
          if !PlainFilter.isPart(expected, of: found) || !PlainFilter.isPart(found, of: shown) {
            throw AcceptanceFault(
              "column \(filter.column) \(filter.comparison) \(filter.value): found \(found), wanted \(expected)")
          }
        }
      }
      return "\(tried) conditions, \(leftOut) rows left out"
    }
    return report
  }

  /// The rows, of so many records at a time; nil: of all at once.
  private func rows(columns: [Int], filters: [PushedFilter] = [], piece: Int? = nil) throws -> [[Value]] {
    let decoder = try decoding.makeDecoder(columns: columns, filters: filters)
    var rows: [[Value]] = []
    var offset: Int64 = 0
    var first = 0
    while first < records.count {
      let last = min(records.count, first + (piece ?? records.count))
      let lines = (first == 0 ? [header].compactMap { $0 } : []) + records[first..<last]
      let text = lines.map { $0 + "\n" }.joined()
      let bytes = Array(text.utf8).withUnsafeBytes { MemoryBuffer(copying: $0) }
      let batch = try decoder.decode(
        UnsafeRawBufferPointer(start: bytes.base, count: text.utf8.count), owner: bytes,
        origin: RecordOrigin(name: "acceptance", offset: offset))
      rows += columns.isEmpty ? Array(repeating: [], count: batch.rowCount) : batch.rows()
      offset += Int64(text.utf8.count)
      first = last
    }
    return rows
  }

  /// Conditions on each column with the values that it has, and with one that it has not.
  private func filters(_ rows: [[Value]]) -> [PushedFilter] {
    decoding.schema.fields.indices.flatMap { column -> [PushedFilter] in
      var values: [Value] = []
      for row in rows where row[column] != .null && !values.contains(row[column]) { values.append(row[column]) }
      if case .string? = values.first { values += [.string("no such value"), .string("")] }
      return values.flatMap { value in
        Self.comparisons(of: value).map { PushedFilter(column: column, $0, value) }
      }
    }
  }

  private static func comparisons(of value: Value) -> [PushedFilter.Comparison] {
    switch value {
    case .string, .integer: [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
    case .boolean: [.equal, .notEqual]
    default: []
    }
  }
}
