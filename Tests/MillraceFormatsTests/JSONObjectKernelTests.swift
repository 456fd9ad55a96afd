import CKernels
import MillraceColumnar
import MillraceTesting
import Testing

/// Fields are the same whatever a plan remembers of the objects before, and whichever instructions it uses.
struct JSONObjectKernelTests {
  private struct Fields: Equatable {
    var lines: [UInt32] = []
    var isBad: [UInt8] = []
    var columns: [[UInt64]] = []
  }

  private struct Layout {
    var keys: [String]
    var separator: String
    var colon: String
    /// What the values of each key are, mostly.
    var kinds: [Int]

    init(_ random: inout SeededGenerator) {
      keys = (0..<Int.random(in: 1...9, using: &random)).map { index in
        ["a", "b", "name \(index)", "\\u0061", String(repeating: "k", count: Int.random(in: 20...40, using: &random))]
          .randomElement(using: &random)!
      }
      separator = [",", ",", ", ", " ,\t"].randomElement(using: &random)!
      colon = [":", ":", ": ", " : "].randomElement(using: &random)!
      kinds = keys.map { _ in Int.random(in: 0..<9, using: &random) }
    }

    func line(_ random: inout SeededGenerator) -> String {
      let members = zip(keys, kinds).compactMap { key, kind -> String? in
        if Int.random(in: 0..<30, using: &random) == 0 { return nil }
        let kind = Int.random(in: 0..<15, using: &random) == 0 ? Int.random(in: 0..<9, using: &random) : kind
        return "\"\(key)\"\(colon)\(Self.value(kind, &random))"
      }
      return "{" + members.joined(separator: separator) + "}"
    }

    static func value(_ kind: Int, _ random: inout SeededGenerator) -> String {
      func text(_ count: Int) -> String {
        let parts = ["é", "{", "]", ",", ":", "0", "x", "\\n", "\\\\", "\\\""]
        let part = Int.random(in: 0..<8, using: &random) > 0 ? "y" : parts.randomElement(using: &random)!
        return "\"" + part + String(repeating: "z", count: count) + "\""
      }
      switch kind {
      case 0: return text(5)
      case 1: return text(31)
      case 2: return text(Int.random(in: 60...66, using: &random))
      case 3: return text(Int.random(in: 0...20, using: &random))
      case 4: return "\(Int.random(in: -50...1_000_000, using: &random))"
      case 5:
        let isOdd = Int.random(in: 0..<9, using: &random) == 0
        let values = isOdd ? ["nul", "01", "1x", "NaN", ""] : ["1.5e3", "-0.25", "true", "null"]
        return values.randomElement(using: &random)!
      case 6: return "{\"a\":\(text(3)), \"c\":[\(text(2))]}"
      case 7: return "{\"a\":\(text(Int.random(in: 0...50, using: &random))),\"b\":-1.5}"
      default:
        let isOdd = Int.random(in: 0..<9, using: &random) == 0
        return (isOdd ? ["[1,2}", "[\(text(4))"] : ["[]", "{}", "[\"a\",\"b\"]"]).randomElement(using: &random)!
      }
    }
  }

  private static func text(_ layout: Layout, _ random: inout SeededGenerator) -> [UInt8] {
    var line = Array(layout.line(&random).utf8)
    switch Int.random(in: 0..<12, using: &random) {
    case 0: line.removeLast(Int.random(in: 1...line.count, using: &random))
    case 1:
      let odd = Array("\"\\{}[]:,x0.- \u{1}".utf8)
      line[Int.random(in: line.indices, using: &random)] = odd.randomElement(using: &random)!
    case 2: line += Array("  ".utf8)
    default: break
    }
    return line
  }

  private static func plan(_ wanted: [String], filter: String?, isComplete: Bool) -> OpaquePointer {
    let plan = ck_json_plan_new(Int32(wanted.count), isComplete ? 1 : 0)!
    for (index, name) in wanted.enumerated() { ck_json_plan_field(plan, Int32(index), name, name.utf8.count) }
    if let filter { ck_json_plan_equal(plan, 0, filter, filter.utf8.count) }
    return plan
  }

  private static func fields(
    _ plan: OpaquePointer, _ base: UnsafePointer<UInt8>, _ spans: ArraySlice<UInt64>, _ width: Int
  ) -> Fields {
    let count = spans.count
    let columns = (0..<width).map { _ in UnsafeMutablePointer<UInt64>.allocate(capacity: count) }
    defer { for column in columns { column.deallocate() } }
    var lines = [UInt32](repeating: 0, count: count)
    var isBad = [UInt8](repeating: 0, count: count)
    let rows = Array(spans).withUnsafeBufferPointer { spans in
      columns.map { Optional($0) }.withUnsafeBufferPointer {
        ck_json_lines(plan, base, spans.baseAddress, count, $0.baseAddress, &lines, &isBad)
      }
    }
    return Fields(
      lines: Array(lines[..<rows]), isBad: Array(isBad[..<rows]),
      columns: columns.map { Array(UnsafeBufferPointer(start: $0, count: rows)) })
  }

  @Test(arguments: 0..<60)
  func fieldsOfLines(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let layout = Layout(&random)
    let wanted = Array(Set(["a", "name 1", layout.keys.last!])).sorted()
    let filter = seed % 4 == 0 ? "yzzzzz" : nil
    let isComplete = seed % 3 == 0
    let lines = (0..<400).map { _ in Self.text(layout, &random) }
    let bytes = Array(lines.joined(separator: [10])) + [10]
    let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 64)
    defer { buffer.deallocate() }
    buffer.initialize(repeating: UInt8(ascii: "\""), count: bytes.count + 64)
    buffer.update(from: bytes, count: bytes.count)
    var offset = 0
    let spans = lines.map { line -> UInt64 in
      defer { offset += line.count + 1 }
      return ck_span(offset, line.count, UInt32(CK_TEXT))
    }

    var expected = Fields(columns: wanted.map { _ in [] })
    for (index, span) in spans.enumerated() {
      let plan = Self.plan(wanted, filter: filter, isComplete: isComplete)
      defer { ck_json_plan_free(plan) }
      let one = Self.fields(plan, buffer, [span], wanted.count)
      expected.lines += one.lines.map { $0 + UInt32(index) }
      expected.isBad += one.isBad
      for column in wanted.indices { expected.columns[column] += one.columns[column] }
    }
    #expect(!expected.lines.isEmpty)
    for isPlain in [false, true] {
      let plan = Self.plan(wanted, filter: filter, isComplete: isComplete)
      defer { ck_json_plan_free(plan) }
      if isPlain { ck_json_plan_use_plain(plan) }
      #expect(Self.fields(plan, buffer, spans[...], wanted.count) == expected)
    }
  }
}
