import CKernels
import MillraceColumnar
import MillraceCore

/// A column of a decoder, asked again for records with a fault: whose value is it?
struct FaultProbe {
  var name: String
  var type: DataType
  /// Spans of the column by row.
  var spans: UnsafePointer<UInt64>
  /// Makes the column of so many spans and marks those whose value does not fit.
  var convert: (UnsafePointer<UInt64>, Int, UnsafeMutablePointer<UInt8>) -> Void
}

/// What a decoder knows about the rows of a window when it settles their faults.
struct FaultScene {
  let base: UnsafePointer<UInt8>
  let lines: UnsafePointer<UInt64>
  /// Lines of the window in front of `lines`, such as a header.
  var skippedLines = 0
  /// The line of each record of the window, where records have several.
  var lineNumbers: UnsafePointer<UInt32>?
  let origin: RecordOrigin

  /// The line that a record begins on, counted in the window.
  func number(_ record: Int) -> Int64 {
    let index = record + skippedLines
    return lineNumbers.map { Int64($0[index]) } ?? Int64(index)
  }

  /// Asked for when a record has a fault and it matters which.
  let probes: () -> [FaultProbe]
}

/// Does with records that have a fault what the policy says, and counts them.
struct FaultHandler {
  let policy: BadRecordPolicy
  let format: String
  private(set) var count: Int64 = 0
  private var kept = BadRecords()

  init(policy: BadRecordPolicy, format: String) {
    self.policy = policy
    self.format = format
  }

  var keepsBadRecords: Bool { policy == .deadLetter }

  mutating func takeBadRecords() -> BadRecords {
    defer { kept = BadRecords() }
    return kept
  }

  /// Spark's option for the policy.
  static let optionFields = [
    OptionField(
      "mode", .choice(["PERMISSIVE", "DROPMALFORMED", "FAILFAST"]),
      "What happens to a record that cannot be decoded: NULLs, left out, or the query fails")
  ]

  /// Spark's option for the name of the column that takes records with a fault, for formats with a declared schema.
  static let corruptField = OptionField(
    "columnNameOfCorruptRecord", .string, "Column for lines with a fault", default: "_corrupt_record")

  /// The same for formats with columns of their own.
  static let addedCorruptField = OptionField(
    "columnNameOfCorruptRecord", .string, "Adds a column with this name for lines with a fault",
    example: "_corrupt_record")

  /// The policy that the options name, or else `policy`.
  static func policy(_ options: Options, _ policy: BadRecordPolicy) throws -> BadRecordPolicy {
    guard let named = options.string("mode").flatMap({ BadRecordPolicy(mode: $0) }) else { return policy }
    guard policy == .deadLetter else { return named }
    throw MillraceError(
      "OPTION_CONFLICT", "'mode' says what becomes of bad records, and so does onBadRecord",
      hint: "leave 'mode' out: dead letters are Spark's DROPMALFORMED with a place for what was dropped")
  }

  /// The text of the lines with a fault, NULL for the others.
  func corruptRecords(_ window: SpanWindow, _ table: SpanTable, _ rows: Int, lines: UnsafePointer<UInt64>)
    -> ColumnVector
  {
    var spans = GrowingArray<UInt64>(capacity: rows)
    for row in 0..<rows { spans.append(table.isBad[row] != 0 ? lines[Int(table.lines[row])] : 0) }
    return window.strings(.string, spans.base, rows, table.isBad)
  }

  /// The batch as the policy wants it, or an error.
  mutating func settle(_ batch: RecordBatch, _ table: SpanTable, _ scene: FaultScene) throws -> RecordBatch {
    let rows = batch.rowCount
    var bad = 0
    for row in 0..<rows { bad &+= Int(table.isBad[row]) }
    if bad == 0 { return batch }
    count += Int64(bad)
    switch policy {
    case .null: return batch
    case .skip: return good(batch, table)
    case .deadLetter:
      keep((0..<rows).filter { table.isBad[$0] != 0 }, table, scene)
      return good(batch, table)
    case .fail:
      let row = (0..<rows).first { table.isBad[$0] != 0 } ?? 0
      let fault = faults(of: [row], scene)[0]
      let offset = scene.origin.place(ck_span_offset(scene.lines[Int(table.lines[row])]), in: scene.base)
      throw MillraceError(
        "MALFORMED_RECORD_IN_PARSING", fault.message, hint: "mend the record, or set onBadRecord to skip or null",
        location: "\(scene.origin.name)@\(offset)")
    }
  }

  private func good(_ batch: RecordBatch, _ table: SpanTable) -> RecordBatch {
    let kept = Selection(capacity: batch.rowCount)
    var found = 0
    for row in 0..<batch.rowCount where table.isBad[row] == 0 {
      kept.rows[found] = Int32(truncatingIfNeeded: row)
      found += 1
    }
    return batch.gathered(kept.truncated(to: found))
  }

  private mutating func keep(_ rows: [Int], _ table: SpanTable, _ scene: FaultScene) {
    for (row, fault) in zip(rows, faults(of: rows, scene)) {
      let line = Int(table.lines[row])
      let span = scene.lines[line]
      let start = ck_span_offset(span)
      kept.append(
        UnsafeRawBufferPointer(start: scene.base + start, count: ck_span_length(span)),
        offset: scene.origin.place(start, in: scene.base), line: scene.number(line), fault: fault)
    }
  }

  /// What is wrong with each of some rows: the first column whose value does not fit, else the record as a whole.
  private func faults(of rows: [Int], _ scene: FaultScene) -> [BadRecords.Fault] {
    let whole = BadRecords.Fault(
      code: "MALFORMED_RECORD_IN_PARSING", message: "a record does not fit the \(format) format or the declared schema")
    var result = [BadRecords.Fault?](repeating: nil, count: rows.count)
    var spans = GrowingArray<UInt64>(capacity: rows.count)
    let isBad = UnsafeMutablePointer<UInt8>.allocate(capacity: rows.count)
    defer { isBad.deallocate() }
    for probe in scene.probes() {
      spans.removeAll()
      for row in rows { spans.append(probe.spans[row]) }
      isBad.initialize(repeating: 0, count: rows.count)
      probe.convert(UnsafePointer(spans.base), rows.count, isBad)
      for index in rows.indices where isBad[index] != 0 && result[index] == nil {
        result[index] = BadRecords.Fault(
          code: "CANNOT_PARSE_FIELD", message: "the value of '\(probe.name)' is no \(probe.type.sql)",
          column: probe.name)
      }
    }
    return result.map { $0 ?? whole }
  }
}

/// The option that says which zone times without one are in.
enum ZoneOption {
  static let field = OptionField(
    "timeZone", .string, "Zone of times that name none", default: "UTC", example: "Europe/Berlin")

  static func zone(_ options: Options) throws -> TimeZoneRules {
    try TimeZoneRules.required(options.string("timeZone") ?? "UTC")
  }
}
