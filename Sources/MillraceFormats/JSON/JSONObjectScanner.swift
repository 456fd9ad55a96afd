import CKernels

/// Finds named fields in many JSON objects.
final class JSONObjectScanner {
  private let plan: OpaquePointer
  let table: SpanTable

  /// `isComplete`: objects are read to their end and checked.
  init(fields: [String], isComplete: Bool) {
    plan = ck_json_plan_new(Int32(fields.count), isComplete ? 1 : 0)
    table = SpanTable(columnCount: fields.count)
    for (index, field) in fields.enumerated() {
      var name = field
      name.withUTF8 { ck_json_plan_field(plan, Int32(index), $0.baseAddress, $0.count) }
    }
  }

  deinit { ck_json_plan_free(plan) }

  /// Leaves out objects whose field is not this text.
  func require(_ field: Int, equals text: String) {
    var copy = text
    copy.withUTF8 { ck_json_plan_equal(plan, Int32(field), $0.baseAddress, $0.count) }
  }

  /// Scans one object per line; gives the number of rows in `table`.
  func scan(lines: UnsafePointer<UInt64>, _ count: Int, in base: UnsafePointer<UInt8>) -> Int {
    table.reserve(count)
    return ck_json_lines(plan, base, lines, count, UnsafePointer(table.columns), table.lines, table.isBad)
  }

  /// Scans nested objects, one row each.
  func scan(objects: UnsafePointer<UInt64>, _ count: Int, in base: UnsafePointer<UInt8>) {
    table.reserve(count)
    ck_json_objects(plan, base, objects, count, UnsafePointer(table.columns), table.isBad)
  }
}
