import MillraceColumnar
import MillraceExpressions
import Testing

/// A column at a time must give the errors that a row at a time would.
@Suite struct EvaluationOrderTests {
  private let numbers = Attribute("n", .integer)
  private let texts = Attribute("t", .string)

  private func call(_ name: String, _ arguments: Expression...) throws -> Expression {
    let function = try #require(FunctionRegistry.builtin.scalar(name))
    return try function.bind(arguments.map { .expression($0) }, BindingContext())
  }

  private func number(_ column: Attribute) throws -> Expression {
    try Cast.bind(.attribute(column), to: .integer, context: BindingContext())
  }

  private func evaluate(_ expressions: [Expression], _ numbers: [Int64?], _ texts: [String?]) throws -> [[Value]] {
    let batch = RecordBatch(
      rowCount: numbers.count,
      columns: [
        .of(numbers.map { $0.map { .integer($0) } ?? .null }, type: .integer),
        .of(texts.map { $0.map { .string($0) } ?? .null }, type: .string),
      ])
    let results = try Evaluator(expressions, input: [self.numbers, self.texts]).evaluate(batch, EvaluationContext())
    return (0..<batch.rowCount).map { row in results.map { $0.value(row) } }
  }

  private func code(_ expressions: [Expression], _ numbers: [Int64?], _ texts: [String?]) throws -> String? {
    do {
      _ = try evaluate(expressions, numbers, texts)
      return nil
    } catch { return (error as? MillraceError)?.code }
  }

  /// The first expression is computed for all rows before the second; a row at a time, the row that comes first fails first.
  @Test func theFirstRowThatFailsTells() throws {
    let quotient = try call("div", .literal(.integer(1), .integer), .attribute(numbers))
    let read = try number(texts)
    let rows: [Int64?] = [1, 2, 3, 4, 0, 5]
    #expect(try code([quotient, read], rows, ["1", "2", "3", "4", "5", "6"]) == "DIVIDE_BY_ZERO")
    #expect(try code([quotient, read], rows, ["1", "2", "3", "x", "5", "6"]) == "CAST_INVALID_INPUT")
    #expect(try code([quotient, read], rows, ["1", "2", "3", "4", "5", "x"]) == "DIVIDE_BY_ZERO")
    #expect(try code([quotient, read], [1, 2, 3, 4, 6, 5], ["x", "2", "3", "4", "5", "6"]) == "CAST_INVALID_INPUT")
  }

  @Test func anArgumentBehindNullIsNotComputed() throws {
    let sum = try call("+", .attribute(numbers), number(texts))
    #expect(try evaluate([sum], [1, nil, 3], ["1", "x", "2"]) == [[.integer(2)], [.null], [.integer(5)]])
    #expect(try code([sum], [1, nil, 3], ["1", "2", "x"]) == "CAST_INVALID_INPUT")
    // One in front of it is, also where it cannot be NULL itself.
    let shown = try call("array", number(texts))
    let part = try call("slice", shown, .attribute(numbers), .literal(.integer(1), .integer))
    #expect(try code([part], [nil], ["x"]) == "CAST_INVALID_INPUT")
    #expect(try evaluate([part], [nil], ["7"]) == [[.null]])
  }

  /// Lists of rows that a filter left out stay in the elements of those that are kept.
  @Test func elementsThatNoRowNamesAreNotCast() throws {
    let lists = Attribute("lists", .array(.string))
    let column = ColumnVector.of(
      [.array([.string("1"), .string("2")]), .array([.string("x")]), .array([]), .array([.string("3")])],
      type: lists.type)
    let kept = RecordBatch(rowCount: 4, columns: [column]).gathered(Selection([0, 2, 3]))
    let cast = try Cast.bind(.attribute(lists), to: .array(.integer), context: BindingContext())
    let result = try Evaluator([cast], input: [lists]).evaluate(kept, EvaluationContext())[0]
    #expect(
      (0..<3).map { result.value($0) }
        == [.array([.integer(1), .integer(2)]), .array([]), .array([.integer(3)])])
  }

  @Test func anArrayIsNotFilledWithoutLimit() throws {
    let many = try call("array_repeat", .literal(.integer(1), .integer), .attribute(numbers))
    #expect(try code([many], [2_147_483_647], ["a"]) == "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER")
    #expect(try code([many], [10, 300_000_000], ["a", "b"]) == "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER")
    #expect(try evaluate([many], [2, -1], ["a", "b"]) == [[.array([.integer(1), .integer(1)])], [.array([])]])
  }
}
