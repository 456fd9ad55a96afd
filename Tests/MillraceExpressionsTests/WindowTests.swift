import MillraceColumnar
import MillraceExpressions
import Testing

@Suite struct WindowTests {
  /// Partition, ordering key and value of the sorted rows.
  static let rows: [(Int64, Int64?, Int64?)] = [
    (1, nil, 10), (1, nil, nil), (1, 1, 30), (1, 3, nil), (1, 3, 50), (1, 4, 60), (1, 9, nil), (2, 5, 1), (3, 1, nil),
    (3, 2, 2),
  ]

  static func i(_ numbers: Int64?...) -> [Value] { numbers.map { $0.map { .integer($0) } ?? .null } }

  static func input(_ rows: [(Int64, Int64?, Int64?)], isDescending: Bool = false) -> (WindowInput, ColumnVector) {
    func column(_ values: [Int64?]) -> ColumnVector {
      .of(values.map { $0.map { .integer($0) } ?? .null }, type: .integer)
    }
    let value = column(rows.map(\.2))
    let input = WindowInput(
      rowCount: rows.count, partitionColumns: [column(rows.map(\.0))],
      orderColumns: [(column(rows.map(\.1)), isDescending)], arguments: [value])
    return (input, value)
  }

  static func run(
    _ name: String, _ more: [Expression] = [], frame: WindowFrame? = nil, ignoresNulls: Bool = false,
    rows: [(Int64, Int64?, Int64?)] = rows,
    isDescending: Bool = false
  ) throws -> [Value] {
    let value = Attribute("v", .integer)
    let takesNone = ["row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile"].contains(name)
    let function = try #require(
      try WindowFunctions.bind(
        name, (takesNone ? [] : [.attribute(value)]) + more, ignoresNulls: ignoresNulls, BindingContext()))
    let (input, column) = input(rows, isDescending: isDescending)
    let arguments = try Evaluator(function.arguments, input: [value]).evaluate(
      RecordBatch(rowCount: rows.count, columns: [column]), EvaluationContext())
    let evaluator = try WindowEvaluator(function, frame: frame, isOrdered: true, BindingContext())
    let result = try evaluator.evaluate(input.with(arguments: arguments))
    #expect(result.type == function.type && result.count == rows.count)
    return (0..<rows.count).map { result.value($0) }
  }

  static func int(_ number: Int64) -> Expression { .literal(.integer(number), .integer) }

  static let cases: [(name: String, more: [Expression], ignoresNulls: Bool, expected: [Value])] = [
    ("row_number", [], false, i(1, 2, 3, 4, 5, 6, 7, 1, 1, 2)), ("rank", [], false, i(1, 1, 3, 4, 4, 6, 7, 1, 1, 2)),
    ("dense_rank", [], false, i(1, 1, 2, 3, 3, 4, 5, 1, 1, 2)),
    ("ntile", [int(3)], false, i(1, 1, 1, 2, 2, 3, 3, 1, 1, 2)),
    ("lag", [], false, i(nil, 10, nil, 30, nil, 50, 60, nil, nil, nil)),
    ("lead", [int(2), int(-1)], false, i(30, nil, 50, 60, nil, -1, -1, -1, -1, -1)),
    ("lag", [int(-1)], false, i(nil, 30, nil, 50, 60, nil, nil, nil, 2, nil)),
    ("lag", [], true, i(nil, 10, 10, 30, 30, 50, 60, nil, nil, nil)),
    ("lead", [int(2)], true, i(50, 50, 60, 60, nil, nil, nil, nil, nil, nil)),
    ("first_value", [], false, i(10, 10, 10, 10, 10, 10, 10, 1, nil, nil)),
    ("last_value", [], false, i(nil, nil, 30, 50, 50, 60, nil, 1, nil, 2)),
    ("last_value", [], true, i(10, 10, 30, 50, 50, 60, 60, 1, nil, 2)),
    ("first_value", [], true, i(10, 10, 10, 10, 10, 10, 10, 1, nil, 2)),
    ("nth_value", [int(3)], false, i(nil, nil, 30, 30, 30, 30, 30, nil, nil, nil)),
    ("nth_value", [int(2)], true, i(nil, nil, 30, 30, 30, 30, 30, nil, nil, nil)),
    ("sum", [], false, i(10, 10, 40, 90, 90, 150, 150, 1, nil, 2)),
    ("count", [], false, i(1, 1, 2, 3, 3, 4, 4, 1, 0, 1)), ("max", [], false, i(10, 10, 30, 50, 50, 60, 60, 1, nil, 2)),
  ]

  @Test(arguments: cases.indices)
  func functions(_ index: Int) throws {
    let (name, more, ignoresNulls, expected) = Self.cases[index]
    #expect(try Self.run(name, more, ignoresNulls: ignoresNulls) == expected, "\(name)")
    #expect(try Self.run(name, more, ignoresNulls: ignoresNulls, rows: []) == [])
  }

  @Test func relativeRanks() throws {
    #expect(try Self.run("percent_rank").suffix(3) == [.double(0), .double(0), .double(1)])
    #expect(try Self.run("cume_dist").prefix(3) == [.double(2.0 / 7), .double(2.0 / 7), .double(3.0 / 7)])
  }

  static func bound(_ offset: Int64?) -> WindowFrame.Bound {
    guard let offset else { return .currentRow }
    return offset < 0 ? .preceding(.integer(-offset), .integer) : .following(.integer(offset), .integer)
  }

  /// Every frame over rows and values, against its definition, with an aggregate that shows which rows it saw in which order.
  @Test(arguments: [false, true], [false, true])
  func framesHoldTheRowsTheyShould(isRange: Bool, isDescending: Bool) throws {
    var generator = SystemRandomNumberGenerator()
    var sorted: [(Int64, Int64?, Int64?)] = []
    for partition in 0..<3 {
      let keys = (0..<Int.random(in: 1...40, using: &generator)).map { _ in Int64.random(in: 0...15, using: &generator)
      }.sorted()
      let nulls: [Int64?] = [nil, nil]
      let ordered: [Int64?] = isDescending ? keys.reversed().map { $0 } + nulls : nulls + keys.map { $0 }
      for key in ordered { sorted.append((Int64(partition), key, Int64(sorted.count))) }
    }
    let offsets: [Int64?] = [-100, -3, -1, 0, nil, 1, 4, 100]
    for lower in [.unboundedPreceding] + offsets.map(Self.bound) {
      for upper in offsets.map(Self.bound) + [.unboundedFollowing] {
        let frame = WindowFrame(isRange ? .range : .rows, lower, upper)
        let results = try Self.run("collect_list", frame: frame, rows: sorted, isDescending: isDescending)
        for (row, result) in results.enumerated() {
          let expected = sorted.indices.filter {
            sorted[$0].0 == sorted[row].0 && Self.isInside($0, row, lower, sorted, isRange, isDescending, isLower: true)
              && Self.isInside($0, row, upper, sorted, isRange, isDescending, isLower: false)
          }
          #expect(result == .array(expected.map { .integer(Int64($0)) }), "\(frame) row \(row)")
          if result != .array(expected.map { .integer(Int64($0)) }) { return }
        }
      }
    }
  }

  /// Whether a row lies on the right side of one bound of another row's frame, by definition.
  static func isInside(
    _ other: Int, _ row: Int, _ bound: WindowFrame.Bound, _ rows: [(Int64, Int64?, Int64?)], _ isRange: Bool,
    _ isDescending: Bool, isLower: Bool
  ) -> Bool {
    var distance: Int64 = 0
    switch bound {
    case .unboundedPreceding, .unboundedFollowing: return true
    case .currentRow: break
    case .preceding(.integer(let offset), _): distance = -offset
    case .following(.integer(let offset), _): distance = offset
    default: return false
    }
    if !isRange { return isLower ? other >= row + Int(distance) : other <= row + Int(distance) }
    guard let key = rows[row].1, let otherKey = rows[other].1 else {
      // NULL keys are peers of each other, and lie before or behind all values however far an offset reaches.
      if rows[row].1 == nil && rows[other].1 == nil { return true }
      return isLower ? other > row : other < row
    }
    let target = isDescending ? key - distance : key + distance
    return isLower == isDescending ? otherKey <= target : otherKey >= target
  }

  @Test func intervalsMoveTimes() throws {
    let times: [Int64] = [3, 10, 27, 60].map { $0 * 1_000_000 }
    let column = ColumnVector.of(times.map { .integer($0) }, type: .timestamp)
    let input = WindowInput(rowCount: 4, partitionColumns: [], orderColumns: [(column, false)], arguments: [])
    let count = try #require(try WindowFunctions.bind("count", [], BindingContext()))
    let frame = WindowFrame(.range, .preceding(.integer(10_000_000), .dayToSecond), .currentRow)
    try frame.check(orderKeys: [.timestamp])
    let result = try WindowEvaluator(count, frame: frame, isOrdered: true, BindingContext()).evaluate(input)
    #expect((0..<4).map { result.value($0) } == Self.i(1, 2, 1, 1))
  }

  @Test func mistakesAreRefused() throws {
    func code(_ body: () throws -> Void) -> String? { #expect(throws: MillraceError.self) { try body() }?.code }
    let rank = try #require(try WindowFunctions.bind("rank", [], BindingContext()))
    #expect(
      code { _ = try WindowEvaluator(rank, frame: nil, isOrdered: false, BindingContext()) }
        == "WINDOW_FUNCTION_FRAME_NOT_ORDERED")
    let frame = WindowFrame(.range, Self.bound(-1), .currentRow)
    #expect(code { try frame.check(orderKeys: [.integer, .integer]) } == "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER")
    #expect(
      code { try frame.check(orderKeys: [.string]) } == "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE")
    #expect(
      code { _ = try WindowFunctions.bind("ntile", [Self.int(0)], BindingContext()) }
        == "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE")
    #expect(try WindowFunctions.bind("no_such", [], BindingContext()) == nil)
  }
}
