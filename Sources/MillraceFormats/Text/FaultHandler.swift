import CKernels
import MillraceColumnar
import MillraceCore

/// Does with records that have a fault what the policy says, and counts them.
struct FaultHandler {
  let policy: BadRecordPolicy
  let format: String
  private(set) var count: Int64 = 0

  init(policy: BadRecordPolicy, format: String) {
    self.policy = policy
    self.format = format
  }

  /// Spark's option for the policy.
  static let optionFields = [
    OptionField(
      "mode", .choice(["PERMISSIVE", "DROPMALFORMED", "FAILFAST"]),
      "What happens to a record that cannot be decoded: NULLs, left out, or the query fails")
  ]

  /// The policy that the options name, or else `policy`.
  static func policy(_ options: Options, _ policy: BadRecordPolicy) -> BadRecordPolicy {
    switch options.string("mode") {
    case "PERMISSIVE": .null
    case "DROPMALFORMED": .skip
    case "FAILFAST": .fail
    default: policy
    }
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
  mutating func settle(
    _ batch: RecordBatch, _ table: SpanTable, lines: UnsafePointer<UInt64>, _ origin: RecordOrigin
  ) throws -> RecordBatch {
    let rows = batch.rowCount
    var bad = 0
    for row in 0..<rows { bad &+= Int(table.isBad[row]) }
    if bad == 0 { return batch }
    count += Int64(bad)
    switch policy {
    case .null: return batch
    case .skip:
      let kept = Selection(capacity: rows)
      var found = 0
      for row in 0..<rows where table.isBad[row] == 0 {
        kept.rows[found] = Int32(truncatingIfNeeded: row)
        found += 1
      }
      return batch.gathered(kept.truncated(to: found))
    case .fail:
      let row = (0..<rows).first { table.isBad[$0] != 0 } ?? 0
      let offset = origin.offset + Int64(ck_span_offset(lines[Int(table.lines[row])]))
      throw MillraceError(
        "MALFORMED_RECORD_IN_PARSING", "a record does not fit the \(format) format or the declared schema",
        hint: "mend the record, or set onBadRecord to skip or null", location: "\(origin.name)@\(offset)")
    }
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
