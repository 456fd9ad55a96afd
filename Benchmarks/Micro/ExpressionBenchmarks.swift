import MillraceColumnar
import MillraceExpressions

/// Expressions over a batch, bound and evaluated as the engine does it, and what filters do with their results.
enum ExpressionBenchmarks {
  private static let rows = 8192

  static func all() throws -> [MicroBenchmark] {
    let a = Samples.longs(rows, distinct: 1_000_000), b = Samples.longs(rows, distinct: 999_983)
    let holed = Samples.longs(rows, distinct: 1_000_000, nullEvery: 7)
    let x = Samples.doubles(rows)
    return try arithmetic(a, b, holed, x) + texts() + times() + patterns() + filters(a, holed)
  }

  // MARK: Numbers

  private static func arithmetic(_ a: ColumnVector, _ b: ColumnVector, _ holed: ColumnVector, _ x: ColumnVector) throws
    -> [MicroBenchmark]
  {
    let ten: [(Value, DataType)] = [(.integer(10), .long)]
    let price = try cast(a, .decimal(precision: 10, scale: 2))
    return [
      try benchmark("arithmetic/bigint +", "+", [a, b]),
      try benchmark("arithmetic/bigint + with nulls", "+", [a, holed]),
      try benchmark("arithmetic/bigint * constant", "*", [a], ten),
      try benchmark("arithmetic/double *", "*", [x, x]),
      try benchmark("arithmetic/bigint % constant", "%", [a], ten),
      try benchmark("arithmetic/decimal *", "*", [price, price]),
      try benchmark("arithmetic/round", "round", [x], [(.integer(1), .integer)]),
      try benchmark("comparison/bigint <", "<", [a, b]),
      try benchmark("comparison/bigint < with nulls", "<", [a, holed]),
      try benchmark("comparison/bigint = constant", "=", [a], ten),
      mapped(a, b),
      try casting("cast/bigint to string", a, .string), try casting("cast/bigint to double", a, .double),
      try casting("cast/string to bigint", try cast(a, .string), .long),
      try casting("cast/string to double", try cast(x, .string), .double),
      try casting("cast/string to decimal", try cast(x, .string), .decimal(precision: 20, scale: 6)),
    ]
  }

  /// A shared executor with a body from this module: shows whether it is still specialised across modules.
  private static func mapped(_ a: ColumnVector, _ b: ColumnVector) -> MicroBenchmark {
    MicroBenchmark("executor/map across modules", rows: rows) {
      consume(ColumnVector.map(.long, a, b) { (x: Int64, y: Int64) in x &+ y })
    }
  }

  // MARK: Strings, times, patterns

  private static func texts() throws -> [MicroBenchmark] {
    let words = Samples.strings(rows, distinct: 4000, Samples.word)
    let agents = Samples.strings(rows, distinct: 4000, Samples.agent)
    let lines = Samples.strings(rows, distinct: 4000) { number in
      (number..<(number + 3)).map(Samples.word).joined(separator: " ")
    }
    return [
      try benchmark("comparison/string =", "=", [words], [(.string("bacedi"), .string)]),
      try benchmark("strings/upper", "upper", [agents]),
      try benchmark("strings/length", "char_length", [agents]),
      try benchmark("strings/substring", "substring", [agents], [(.integer(14), .integer), (.integer(20), .integer)]),
      try benchmark("strings/contains", "contains", [agents], [(.string("Safari"), .string)]),
      try benchmark("strings/concat", "concat", [words, words]),
      try benchmark("strings/split", "split", [lines], [(.string(" "), .string)]),
    ]
  }

  private static func times() throws -> [MicroBenchmark] {
    let stamps = Samples.strings(rows, distinct: 86_400) {
      "2026-01-02 \(two($0 / 3600)):\(two($0 / 60 % 60)):\(two($0 % 60))"
    }
    let logged = Samples.strings(rows, distinct: 86_400) {
      "02/Jan/2026:\(two($0 / 3600)):\(two($0 / 60 % 60)):\(two($0 % 60)) +0000"
    }
    let instants = try cast(stamps, .timestamp)
    return [
      try casting("time/cast from string", stamps, .timestamp),
      try casting("time/cast to string", instants, .string),
      try benchmark("time/parse by pattern", "to_timestamp", [logged], [(.string("dd/MMM/yyyy:HH:mm:ss Z"), .string)]),
      try benchmark("time/format by pattern", "date_format", [instants], [(.string("yyyy-MM-dd HH:mm"), .string)]),
      try benchmark("time/hour", "hour", [instants]),
    ]
  }

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func patterns() throws -> [MicroBenchmark] {
    var random = Samples(seed: 9)
    let builder = ColumnBuilder(.string, capacity: rows)
    for row in 0..<rows { builder.append(string: Samples.accessLine(&random, second: row)) }
    let lines = builder.finish()
    let combined = #"^(\S+) \S+ (\S+) \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d{3}) (\S+) "([^"]*)" "([^"]*)""#
    func pattern(_ text: String) -> (Value, DataType) { (.string(text), .string) }
    func group(_ number: Int64) -> (Value, DataType) { (.integer(number), .integer) }
    return [
      try benchmark("regexp/extract, whole line", "regexp_extract", [lines], [pattern(combined), group(6)]),
      try benchmark("regexp/extract, searched", "regexp_extract", [lines], [pattern(#"Chrome/(\d+)"#), group(1)]),
      try benchmark("regexp/like", "rlike", [lines], [pattern(#"bot\d+|curl/"#)]),
      try benchmark("regexp/replace", "regexp_replace", [lines], [pattern(#"\d+\.\d+ "#), pattern("0.0 ")]),
      try benchmark("regexp/LIKE", "like", [lines], [pattern("%GET %Chrome/9%")]),
    ]
  }

  // MARK: Filters

  private static func filters(_ a: ColumnVector, _ holed: ColumnVector) throws -> [MicroBenchmark] {
    let words = Samples.strings(rows, distinct: 4000, Samples.agent)
    let input = [Attribute("a", .long)]
    let half = try call("<", input, [(.integer(500_000), .long)])
    let evaluator = try Evaluator([half], input: input)
    let kept = try evaluator.select(RecordBatch(rowCount: rows, columns: [a]), EvaluationContext())
    func selecting(_ name: String, _ column: ColumnVector) -> MicroBenchmark {
      MicroBenchmark(name, rows: rows) {
        consume(try evaluator.select(RecordBatch(rowCount: rows, columns: [column]), EvaluationContext()))
      }
    }
    func gathering(_ name: String, _ column: ColumnVector) -> MicroBenchmark {
      MicroBenchmark(name, rows: rows) { consume(column.gathered(kept)) }
    }
    return [
      selecting("filter/select", a), selecting("filter/select with nulls", holed),
      gathering("filter/gather bigint", a), gathering("filter/gather with nulls", holed),
      gathering("filter/gather strings", words),
    ]
  }

  // MARK: Calls

  /// A call of a function by name over columns, then constants.
  private static func call(_ name: String, _ input: [Attribute], _ constants: [(Value, DataType)]) throws -> Expression
  {
    guard let function = FunctionRegistry.builtin.scalar(name) else {
      throw MillraceError("INTERNAL_ERROR", "no function \(name)", fault: .bug)
    }
    let arguments = input.map { Expression.attribute($0) } + constants.map { .literal($0.0, $0.1) }
    return try function.bind(arguments.map { .expression($0) }, BindingContext())
  }

  private static func benchmark(
    _ title: String, _ name: String, _ columns: [ColumnVector], _ constants: [(Value, DataType)] = []
  ) throws -> MicroBenchmark {
    try evaluating(title, columns) { try call(name, $0, constants) }
  }

  private static func casting(_ title: String, _ column: ColumnVector, _ type: DataType) throws -> MicroBenchmark {
    try evaluating(title, [column]) { try Cast.bind(.attribute($0[0]), to: type, context: BindingContext()) }
  }

  private static func evaluating(
    _ title: String, _ columns: [ColumnVector], _ expression: ([Attribute]) throws -> Expression
  ) throws -> MicroBenchmark {
    let input = columns.enumerated().map { Attribute("c\($0.offset)", $0.element.type) }
    let evaluator = try Evaluator([try expression(input)], input: input)
    let batch = RecordBatch(rowCount: rows, columns: columns)
    return MicroBenchmark(title, rows: rows) { consume(try evaluator.evaluate(batch, EvaluationContext())) }
  }

  /// Sample data of another type.
  private static func cast(_ column: ColumnVector, _ type: DataType) throws -> ColumnVector {
    let input = [Attribute("c", column.type)]
    let expression = try Cast.bind(.attribute(input[0]), to: type, context: BindingContext())
    let batch = RecordBatch(rowCount: column.count, columns: [column])
    return try Evaluator([expression], input: input).evaluate(batch, EvaluationContext())[0]
  }
}
