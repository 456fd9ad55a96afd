import CKernels
import MillraceColumnar

/// Turns the spans of one JSON field into a column of its type, and those of nested fields into its children.
final class JSONField {
  let type: DataType
  private let children: [JSONField]
  private let scanner: JSONObjectScanner?
  private var keys: GrowingArray<UInt64>
  private var values: GrowingArray<UInt64>

  init(_ type: DataType, isComplete: Bool) {
    self.type = type
    children = type.childTypes.map { JSONField($0, isComplete: isComplete) }
    scanner = type.fields.map { JSONObjectScanner(fields: $0.map(\.name), isComplete: isComplete) }
    keys = GrowingArray(capacity: 0)
    values = GrowingArray(capacity: 0)
  }

  /// The column of `count` spans; a value of another type is NULL and marks its row.
  func column(
    _ window: SpanWindow, _ spans: UnsafePointer<UInt64>, _ count: Int, isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    switch type {
    case .structure(let fields): structures(fields, window, spans, count, isBad)
    case .array: lists(window, spans, count, isBad, wanted: UInt32(CK_ARRAY))
    case .map: lists(window, spans, count, isBad, wanted: UInt32(CK_OBJECT))
    default: window.column(type, spans, count, isBad: isBad)
    }
  }

  private func structures(
    _ fields: [StructField], _ window: SpanWindow, _ spans: UnsafePointer<UInt64>, _ count: Int,
    _ isBad: UnsafeMutablePointer<UInt8>
  ) -> ColumnVector {
    guard let scanner else { return .nulls(type, count: count) }
    scanner.scan(objects: spans, count, in: window.base)
    let table = scanner.table
    var nulls = NullTracker(count: count)
    for row in 0..<count where ck_span_kind(spans[row]) != CK_OBJECT {
      nulls.setNull(row)
      if spans[row] != 0 { isBad[row] = 1 }
    }
    let columns = children.enumerated().map { index, child in
      child.column(window, table.spans(index), count, isBad: table.isBad)
    }
    for row in 0..<count { isBad[row] |= table.isBad[row] }
    return .structure(fields, columns, count: count, validity: nulls.validity)
  }

  /// Arrays, and maps as lists of keys and values.
  private func lists(
    _ window: SpanWindow, _ spans: UnsafePointer<UInt64>, _ count: Int, _ isBad: UnsafeMutablePointer<UInt8>,
    wanted: UInt32
  ) -> ColumnVector {
    let buffer = MemoryBuffer(capacity: count * MemoryLayout<ListView>.stride)
    let views = buffer.base.assumingMemoryBound(to: ListView.self)
    var nulls = NullTracker(count: count)
    Self.findElements(of: spans, count, window.base, wanted, views, &keys, &values)
    for row in 0..<count where views[row].length < 0 {
      views[row].length = 0
      nulls.setNull(row)
      if spans[row] != 0 { isBad[row] = 1 }
    }
    let total = values.count
    let faults = UnsafeMutablePointer<UInt8>.allocate(capacity: total + 1)
    defer { faults.deallocate() }
    faults.initialize(repeating: 0, count: total + 1)
    var columns: [ColumnVector] = []
    if children.count == 2 { columns.append(children[0].column(window, keys.base, total, isBad: faults)) }
    columns.append(children[children.count - 1].column(window, values.base, total, isBad: faults))
    for row in 0..<count {
      for element in views[row].range { isBad[row] |= faults[element] }
    }
    return ColumnVector(type: type, count: count, values: buffer, validity: nulls.validity, children: columns)
  }

  /// Finds the elements of all containers; one of another kind, or that is malformed, gets a length of -1. The arrays come as parameters
  /// so that access to them is checked once, not for each row.
  private static func findElements(
    of spans: UnsafePointer<UInt64>, _ count: Int, _ base: UnsafePointer<UInt8>, _ wanted: UInt32,
    _ views: UnsafeMutablePointer<ListView>, _ keys: inout GrowingArray<UInt64>, _ values: inout GrowingArray<UInt64>
  ) {
    keys.removeAll()
    values.removeAll()
    for row in 0..<count {
      let start = values.count
      let isWell = ck_span_kind(spans[row]) == wanted && addElements(of: spans[row], base, &keys, &values)
      views[row] = ListView(offset: start, length: isWell ? values.count - start : -1)
    }
  }

  private static func addElements(
    of container: UInt64, _ base: UnsafePointer<UInt8>, _ keys: inout GrowingArray<UInt64>,
    _ values: inout GrowingArray<UInt64>
  ) -> Bool {
    var room = 16
    var found = 0
    while true {
      let isWell = ck_json_elements(base, container, keys.reserve(room), values.reserve(room), room, &found) != 0
      if !isWell { return false }
      if found <= room { break }
      room = found
    }
    keys.advance(found)
    values.advance(found)
    return true
  }
}
