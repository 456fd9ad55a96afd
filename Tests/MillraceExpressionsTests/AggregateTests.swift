import MillraceColumnar
import MillraceExpressions
import Testing

/// Runs an aggregate in several ways that must agree: all rows at once, row by row, and through exported and merged states.
struct AggregateRun {
  let bound: BoundAggregate
  let input: [Attribute]

  init(_ name: String, _ types: [DataType], _ literals: [(Value, DataType)] = [], isDistinct: Bool = false) throws {
    input = types.enumerated().map { Attribute("c\($0.offset)", $0.element) }
    let function = try #require(FunctionRegistry.builtin.aggregate(name))
    let arguments = input.map { Expression.attribute($0) } + literals.map { .literal($0.0, $0.1) }
    let plain = try function.bind(arguments, BindingContext())
    bound = isDistinct ? plain.distinct() : plain
  }

  /// The results of `groupCount` groups over rows of group number and values.
  func results(_ rows: [(UInt32, [Value])], groupCount: Int) throws -> [[Value]] {
    [
      try run([rows], groupCount, merging: false), try run(rows.map { [$0] }, groupCount, merging: false),
      try run([rows], groupCount, merging: true), try run(rows.map { [$0] }, groupCount, merging: true),
      try run([[], rows, []], groupCount, merging: true),
    ]
  }

  private func run(_ batches: [[(UInt32, [Value])]], _ groupCount: Int, merging: Bool) throws -> [Value] {
    let identity = (0..<UInt32(groupCount)).map { $0 }
    var total = bound.makeAccumulator()
    total.reserve(groupCount: groupCount)
    let evaluator = try Evaluator(bound.arguments, input: input)
    for rows in batches {
      let columns = input.indices.map { index in ColumnVector.of(rows.map { $0.1[index] }, type: input[index].type) }
      let batch = RecordBatch(rowCount: rows.count, columns: columns)
      let arguments = try evaluator.evaluate(batch, EvaluationContext())
      let target = merging ? bound.makeAccumulator() : total
      target.reserve(groupCount: groupCount)
      try rows.map(\.0).withUnsafeBufferPointer {
        try target.update(
          groups: $0.baseAddress ?? UnsafePointer(bitPattern: 8)!, rowCount: rows.count, arguments: arguments)
      }
      guard merging else { continue }
      let states = try target.states(groupCount: groupCount)
      #expect(states.map(\.type) == bound.stateTypes)
      try identity.withUnsafeBufferPointer {
        try total.merge(groups: $0.baseAddress!, rowCount: groupCount, states: states)
      }
      // Carry the result over into a fresh accumulator, as a state store does.
      let carried = bound.makeAccumulator()
      carried.reserve(groupCount: groupCount)
      let kept = try total.states(groupCount: groupCount)
      try identity.withUnsafeBufferPointer {
        try carried.merge(groups: $0.baseAddress!, rowCount: groupCount, states: kept)
      }
      total = carried
    }
    let result = try total.finish(groupCount: groupCount)
    #expect(result.type == bound.type)
    return (0..<groupCount).map { result.value($0) }
  }
}

func isClose(_ left: Value, _ right: Value) -> Bool {
  switch (left, right) {
  case (.double(let a), .double(let b)): a == b || (a.isNaN && b.isNaN) || abs(a - b) <= 1e-9 * max(abs(a), abs(b))
  case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy(isClose)
  case (.structure(let a), .structure(let b)): a.count == b.count && zip(a, b).allSatisfy(isClose)
  default: left == right
  }
}

@Suite struct AggregateTests {
  typealias Case = (name: String, type: DataType, values: [Value], expected: Value)
  static func i(_ numbers: Int64?...) -> [Value] { numbers.map { $0.map { .integer($0) } ?? .null } }
  static func d(_ numbers: Double?...) -> [Value] { numbers.map { $0.map { .double($0) } ?? .null } }
  static func s(_ texts: String?...) -> [Value] { texts.map { $0.map { .string($0) } ?? .null } }

  static let salaries = i(120, 100, 80, 80, 95, nil, 140)
  static let pairType = DataType.structure([StructField("a", .integer), StructField("b", .string)])

  static let cases: [Case] = [
    ("count", .integer, salaries, .integer(6)), ("count", .void, [.null, .null], .integer(0)),
    ("sum", .integer, salaries, .integer(615)), ("sum", .byte, i(127, 127), .integer(254)),
    ("avg", .long, i(.max, .max, .max, .max), .double(Double(Int64.max))),
    ("avg", .long, i(.min, .min, .min), .double(Double(Int64.min))),
    ("avg", .long, i(.min, .min, .max, .max, 4), .double(0.4)), ("avg", .long, i(-1, -2, nil, -6), .double(-3)),
    ("avg", .long, i(.min, .max, nil), .double(-0.5)), ("avg", .byte, i(-128, 127, -128), .double(-43)),
    ("sum", .long, i(nil), .null),
    ("sum", .float, d(0.5, 1.25, 0, nil, 3, -8.5), .double(-3.75)), ("sum", .void, [.null], .null),
    ("sum", .decimal(precision: 10, scale: 2), [.decimal(1234), .decimal(-50)], .decimal(1184)),
    ("sum", .dayToSecond, i(5, 6), .integer(11)), ("avg", .yearToMonth, i(1, 2), .integer(2)),
    ("avg", .integer, salaries, .double(102.5)),
    ("avg", .decimal(precision: 10, scale: 2), [.decimal(1234), .decimal(-50)], .decimal(5_920_000)),
    ("avg", .decimal(precision: 3, scale: 0), [.decimal(1), .decimal(1), .decimal(0)], .decimal(6667)),
    ("avg", .float, d(0.5, 1.25, 0, nil, 3, -8.5), .double(-0.75)), ("avg", .double, d(nil), .null),
    ("try_sum", .long, i(.max, 1), .null), ("try_sum", .long, i(.max, 0), .integer(.max)),
    ("try_avg", .integer, i(1, 2), .double(1.5)),
    ("min", .double, d(.nan, 1, .infinity, nil, -0.5), .double(-0.5)),
    ("max", .double, d(1, .nan, .infinity), .double(.nan)),
    ("min", .double, d(.nan, .nan), .double(.nan)), ("max", .float, d(0.5, nil, 3), .double(3)),
    ("min", .short, i(3, -4, nil), .integer(-4)), ("max", .date, i(3, 9, nil), .integer(9)),
    ("max", .boolean, [.boolean(false), .boolean(true)], .boolean(true)), ("min", .integer, i(nil), .null),
    ("max", .string, s("1", "10", "9"), .string("9")),
    ("min", .string, s(nil, "zz", "the longest of strings", "the longest of all"), .string("the longest of all")),
    ("max", .decimal(precision: 20, scale: 0), [.decimal(-3), .decimal(7)], .decimal(7)),
    (
      "max", pairType,
      [
        .structure([.integer(120), .string("Ann")]), .structure([.null, .string("Fay")]), .null,
        .structure([.integer(140), .string("Gus")]),
      ],
      .structure([.integer(140), .string("Gus")])
    ),
    ("min", .array(.integer), [.array(i(2)), .array(i(1, 5)), .array(i(1, 3))], .array(i(1, 3))),
    ("first", .integer, i(nil, 4, 5), .null), ("last", .string, s("a", "a rather long string", "b"), .string("b")),
    ("last", .array(.string), [.array(s("x")), .array(s("y", nil))], .array(s("y", nil))),
    ("any_value", .integer, i(3), .integer(3)),
    ("count_if", .boolean, [.boolean(true), .null, .boolean(false), .boolean(true)], .integer(2)),
    ("every", .boolean, [.boolean(true), .null], .boolean(true)),
    ("every", .boolean, [.boolean(true), .boolean(false)], .boolean(false)),
    ("bool_or", .boolean, [.boolean(false), .boolean(true)], .boolean(true)), ("some", .boolean, [.null], .null),
    ("bit_and", .integer, i(6, 3, nil), .integer(2)), ("bit_or", .long, i(6, 3), .integer(7)),
    ("bit_xor", .byte, i(-1, 3), .integer(-4)),
    ("collect_list", .integer, i(3, nil, 1, 3), .array(i(3, 1, 3))),
    ("collect_list", .array(.string), [.array(s("a", nil)), .null], .array([.array(s("a", nil))])),
    ("collect_set", .string, s("b", "a", "b", nil), .array(s("a", "b"))),
    ("listagg", .string, s("b", nil, "a"), .string("ba")), ("listagg", .string, s(nil), .null),
    ("median", .integer, salaries, .double(97.5)), ("mode", .integer, i(1, 2, 2, nil, nil, nil, 3), .integer(2)),
    ("mode", .string, s("b", "a"), .string("b")),
    ("stddev", .double, d(5), .null), ("stddev_pop", .double, d(5), .double(0)),
    ("variance", .integer, salaries, .double(557.5)),
    ("var_pop", .integer, salaries, .double(464.583333333333333)),
    ("skewness", .integer, salaries, .double(0.5804536245055143)),
    ("kurtosis", .integer, salaries, .double(-1.0022723159524622)),
    ("stddev_samp", .decimal(precision: 4, scale: 1), [.decimal(10), .decimal(30)], .double(1.4142135623730951)),
  ]

  @Test(arguments: 0..<cases.count)
  func oneGroup(_ index: Int) throws {
    let (name, type, values, expected) = Self.cases[index]
    for result in try AggregateRun(name, [type]).results(values.map { (0, [$0]) }, groupCount: 1) {
      #expect(isClose(result[0], expected), "\(name): \(result[0]), not \(expected)")
    }
  }

  /// Values spread over groups give what each group alone gives; an empty group gives what no rows give.
  @Test(arguments: 0..<cases.count)
  func groupsDoNotMix(_ index: Int) throws {
    let (name, type, values, expected) = Self.cases[index]
    let run = try AggregateRun(name, [type])
    let empty = try run.results([], groupCount: 1)[0][0]
    let rows = values.flatMap { value in (0..<70).filter { $0 != 5 }.map { (UInt32($0), [value]) } }
    for result in try run.results(rows, groupCount: 70) {
      #expect(result[5] == empty)
      #expect(result.enumerated().allSatisfy { $0.offset == 5 || isClose($0.element, expected) })
    }
  }

  /// What an accumulator has given stays as it was while more is added.
  @Test(arguments: 0..<cases.count)
  func whatWasGivenStays(_ index: Int) throws {
    let (name, type, values, _) = Self.cases[index]
    let run = try AggregateRun(name, [type])
    let accumulator = run.bound.makeAccumulator()
    accumulator.reserve(groupCount: 2)
    let evaluator = try Evaluator(run.bound.arguments, input: run.input)
    func add(_ value: Value) throws {
      let batch = RecordBatch(rowCount: 1, columns: [.of([value], type: type)])
      var group: UInt32 = 1
      try accumulator.update(
        groups: &group, rowCount: 1, arguments: try evaluator.evaluate(batch, EvaluationContext()))
    }
    func look(_ columns: [ColumnVector]) -> [Value] { columns.flatMap { [$0.value(0), $0.value(1)] } }
    var given: [([ColumnVector], [Value])] = []
    for value in values {
      for columns in [try accumulator.states(groupCount: 2), [try accumulator.finish(groupCount: 2)]] {
        given.append((columns, look(columns)))
      }
      try add(value)
    }
    #expect(given.allSatisfy { columns, seen in zip(look(columns), seen).allSatisfy(isClose) })
  }

  static let pairCases: [(name: String, expected: Value)] = [
    ("corr", .double(0.3136852921703902)), ("covar_pop", .double(13.3333333333333)), ("covar_samp", .double(16)),
    ("regr_count", .integer(6)), ("regr_avgx", .double(102.5)), ("regr_syy", .double(23.333333333333332)),
    ("regr_sxy", .double(80)),
    ("regr_r2", .double(0.09839846252402305)), ("max_by", .integer(7)), ("min_by", .integer(4)),
  ]

  @Test(arguments: pairCases.indices)
  func pairs(_ index: Int) throws {
    let (name, expected) = Self.pairCases[index]
    let rows = Self.salaries.enumerated().map { (UInt32(0), [Value.integer(Int64($0.offset + 1)), $0.element]) }
    for result in try AggregateRun(name, [.integer, .integer]).results(rows, groupCount: 1) {
      #expect(isClose(result[0], expected), "\(name): \(result[0]), not \(expected)")
    }
  }

  static let distinctCases: [Case] = [
    ("count", .integer, salaries, .integer(5)), ("sum", .integer, salaries, .integer(535)),
    ("avg", .integer, salaries, .double(107)),
    ("count", .double, d(.nan, 1, .infinity, -.nan, -0.0, 0), .integer(4)),
    ("count", .string, s("a", nil, "a", "a longer string", "a longer string"), .integer(2)),
    ("count", .array(.integer), [.array(i(1)), .array(i(1)), .array(i(nil))], .integer(2)),
  ]

  @Test(arguments: distinctCases.indices)
  func distinct(_ index: Int) throws {
    let (name, type, values, expected) = Self.distinctCases[index]
    for result in try AggregateRun(name, [type], isDistinct: true).results(values.map { (0, [$0]) }, groupCount: 1) {
      #expect(isClose(result[0], expected))
    }
  }

  @Test func countOfSeveralColumnsSkipsNulls() throws {
    let rows: [(UInt32, [Value])] = [(0, Self.i(1, 2)), (0, Self.i(1, nil)), (1, Self.i(nil, nil)), (0, Self.i(1, 2))]
    for result in try AggregateRun("count", [.integer, .integer]).results(rows, groupCount: 2) {
      #expect(result == Self.i(2, 0))
    }
    for result in try AggregateRun("count", [.integer, .integer], isDistinct: true).results(rows, groupCount: 2) {
      #expect(result == Self.i(1, 0))
    }
    for result in try AggregateRun("count", []).results(rows.map { ($0.0, []) }, groupCount: 2) {
      #expect(result == Self.i(3, 1))
    }
  }

  @Test func approximateCountsAreExactForFewAndCloseForMany() throws {
    for result in try AggregateRun("approx_count_distinct", [.integer]).results(
      Self.i(1, 2, 2, nil, 3).map { (1, [$0]) }, groupCount: 2)
    {
      #expect(result == Self.i(0, 3))
    }
    for count in [1000, 20_000] {
      let rows = (0..<count).map { (UInt32(0), [Value.integer(Int64($0) * 7919)]) }
      let bound = try AggregateRun("approx_count_distinct", [.long]).bound
      let accumulator = bound.makeAccumulator()
      accumulator.reserve(groupCount: 1)
      try [UInt32](repeating: 0, count: count).withUnsafeBufferPointer {
        try accumulator.update(
          groups: $0.baseAddress!, rowCount: count, arguments: [.of(rows.map { $0.1[0] }, type: .long)])
      }
      guard case .integer(let estimate) = try accumulator.finish(groupCount: 1).value(0) else { continue }
      #expect(abs(Double(estimate) - Double(count)) < 0.12 * Double(count), "\(estimate) for \(count)")
    }
  }

  @Test func nullsMayBeIgnored() throws {
    let rows = Self.i(nil, 4, 5, nil).map { (UInt32(0), [$0]) }
    let flag: [(Value, DataType)] = [(.boolean(true), .boolean)]
    for result in try AggregateRun("first", [.integer], flag).results(rows, groupCount: 1) {
      #expect(result == Self.i(4))
    }
    for result in try AggregateRun("last", [.integer], flag).results(rows, groupCount: 1) {
      #expect(result == Self.i(5))
    }
  }

  static let withLiteral:
    [(name: String, type: DataType, values: [Value], literal: (Value, DataType), expected: Value)] = [
      ("percentile", .integer, i(0, 10), (.double(0.3), .double), .double(3)),
      ("percentile", .integer, i(nil), (.double(0.3), .double), .null),
      (
        "percentile", .double, d(1, 2, 3, 4),
        (.array([.decimal(25), .decimal(100)]), .array(.decimal(precision: 3, scale: 2))), .array(d(1.75, 4))
      ),
      ("approx_percentile", .integer, salaries, (.double(0.5), .double), .integer(95)),
      ("percentile_approx", .integer, salaries, (.array(d(0.1, 0.9)), .array(.double)), .array(i(80, 140))),
      ("listagg", .string, s("b", nil, "a"), (.string(", "), .string), .string("b, a")),
      (
        "histogram_numeric", .integer, i(0, 1, 2, 10), (.integer(3), .integer),
        .array([
          .structure([.integer(0), .double(1)]), .structure([.integer(1), .double(2)]),
          .structure([.integer(10), .double(1)]),
        ])
      ),
    ]

  @Test(arguments: withLiteral.indices)
  func withConstantArgument(_ index: Int) throws {
    let (name, type, values, literal, expected) = Self.withLiteral[index]
    for result in try AggregateRun(name, [type], [literal]).results(values.map { (0, [$0]) }, groupCount: 1) {
      #expect(isClose(result[0], expected), "\(name): \(result[0]), not \(expected)")
    }
  }

  @Test func orderWithinGroup() throws {
    let word = Attribute("w", .string), rank = Attribute("r", .integer)
    let rows: [[Value]] = [[.string("b"), .integer(1)], [.string("a"), .integer(3)], [.string("c"), .null]]
    let batch = RecordBatch.of(rows, schema: Schema([word.field, rank.field]))
    let context = BindingContext()
    func run(_ bound: BoundAggregate) throws -> Value {
      let total = bound.makeAccumulator()
      total.reserve(groupCount: 1)
      let arguments = try Evaluator(bound.arguments, input: [word, rank]).evaluate(batch, EvaluationContext())
      try [UInt32](repeating: 0, count: 3).withUnsafeBufferPointer {
        try total.update(groups: $0.baseAddress!, rowCount: 3, arguments: arguments)
      }
      return try total.finish(groupCount: 1).value(0)
    }
    func listagg(_ ordering: AggregateOrdering) throws -> Value {
      try run(WithinGroup.bind("listagg", arguments: [.attribute(word)], ordering: [ordering], context: context))
    }
    #expect(try listagg(AggregateOrdering(.attribute(word))) == .string("abc"))
    #expect(try listagg(AggregateOrdering(.attribute(rank))) == .string("cba"))
    #expect(try listagg(AggregateOrdering(.attribute(rank), isDescending: true)) == .string("abc"))
    let half: [Expression] = [.literal(.double(0.25), .double)]
    for (name, isDescending, expected) in [
      ("percentile_cont", false, 1.5), ("percentile_cont", true, 2.5), ("percentile_disc", false, 1.0),
    ] {
      let ordering = [AggregateOrdering(.attribute(rank), isDescending: isDescending)]
      #expect(
        try run(WithinGroup.bind(name, arguments: half, ordering: ordering, context: context)) == .double(expected))
    }
  }

  static let failures: [(name: String, type: DataType, values: [Value], code: String)] = [
    ("sum", .long, i(.max, 1), "ARITHMETIC_OVERFLOW"), ("sum", .boolean, [], "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"),
    ("max", .map(.string, .string), [], "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE"),
    ("bit_or", .string, [], "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"),
    ("corr", .double, [], "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"),
    ("sum", .decimal(precision: 38, scale: 0), [.decimal(DecimalLimit.largest), .decimal(1)], "ARITHMETIC_OVERFLOW"),
  ]

  enum DecimalLimit { static let largest: Int128 = 99_999_999_999_999_999_999_999_999_999_999_999_999 }

  @Test(arguments: failures.indices)
  func failsWithCode(_ index: Int) throws {
    let (name, type, values, code) = Self.failures[index]
    let error = #expect(throws: MillraceError.self) {
      _ = try AggregateRun(name, [type]).results(values.map { (0, [$0]) }, groupCount: 1)
    }
    #expect(error?.code == code)
  }
}
