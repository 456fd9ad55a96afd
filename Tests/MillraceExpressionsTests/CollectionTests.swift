import MillraceColumnar
import MillraceExpressions
import Testing

/// A literal of a test.
struct Literal: Sendable {
  let value: Value
  let type: DataType
  static func int(_ number: Int64?) -> Literal { Literal(value: number.map { .integer($0) } ?? .null, type: .integer) }
  static func text(_ text: String?) -> Literal { Literal(value: text.map { .string($0) } ?? .null, type: .string) }
  static func flag(_ flag: Bool) -> Literal { Literal(value: .boolean(flag), type: .boolean) }
  static func ints(_ numbers: Int64?...) -> Literal {
    Literal(value: .array(numbers.map { int($0).value }), type: .array(.integer))
  }
  static func texts(_ texts: String?...) -> Literal {
    Literal(value: .array(texts.map { text($0).value }), type: .array(.string))
  }
  static func map(_ pairs: KeyValuePairs<String, Int64?>) -> Literal {
    Literal(value: .map(pairs.map { .init(.string($0.key), int($0.value).value) }), type: .map(.string, .integer))
  }
  static func null(_ type: DataType) -> Literal { Literal(value: .null, type: type) }
}

/// Calls a function on constants and on columns, which must agree, and gives the result.
func call(_ name: String, _ literals: [Literal], keepConstant: Set<Int> = []) throws -> Value {
  let function = try #require(FunctionRegistry.builtin.scalar(name), "no function \(name)")
  let plain = literals.map { FunctionArgument.expression(.literal($0.value, $0.type)) }
  let constant = try function.bind(plain, BindingContext())
  let context = EvaluationContext()
  let one = try Evaluator([constant], input: []).evaluate(RecordBatch(rowCount: 2, columns: []), context)[0]
  let attributes = literals.enumerated().map { Attribute("c\($0.offset)", $0.element.type) }
  let mixed = plain.indices.map { keepConstant.contains($0) ? plain[$0] : .expression(.attribute(attributes[$0])) }
  let expression = try function.bind(mixed, BindingContext())
  let columns = literals.map { ColumnVector.of([name == "map" ? $0.value : .null, $0.value, $0.value], type: $0.type) }
  let many = try Evaluator([expression], input: attributes).evaluate(
    RecordBatch(rowCount: 3, columns: columns), context)[0]
  #expect(one.type.matches(constant.type) && many.type.matches(expression.type), "\(name): type")
  #expect(one.value(1) == many.value(1) && many.value(1) == many.value(2), "\(name): constants and columns differ")
  _ = try Evaluator([expression], input: attributes).evaluate(
    RecordBatch(rowCount: 0, columns: attributes.map { .of([], type: $0.type) }), context)
  return one.value(0)
}

@Suite struct CollectionTests {
  typealias L = Literal
  static let pair = DataType.structure([StructField("a", .integer), StructField("b", .string)])
  static let structs = L(
    value: .array([.structure([.integer(1), .string("x")]), .structure([.null, .string("y")])]), type: .array(pair))
  static let nested = L(
    value: .array([L.ints(1, 2).value, L.ints().value, L.ints(nil).value]), type: .array(.array(.integer)))

  static let cases: [(name: String, arguments: [Literal], expected: Value)] = [
    ("array_contains", [.ints(1, 2), .int(2)], .boolean(true)), ("array_contains", [.ints(1, nil), .int(2)], .null),
    ("array_contains", [.ints(1), .int(2)], .boolean(false)),
    ("array_contains", [.null(.array(.integer)), .int(2)], .null),
    ("array_contains", [.ints(1, 2), L(value: .integer(2), type: .long)], .boolean(true)),
    ("array_position", [.ints(3, 7, 7), .int(7)], .integer(2)), ("array_position", [.ints(nil), .int(7)], .integer(0)),
    ("array_min", [.ints(3, nil, 1)], .integer(1)), ("array_max", [.texts("b", "a", nil)], .string("b")),
    ("array_max", [.ints()], .null),
    ("arrays_overlap", [.ints(1, 2), .ints(2, nil)], .boolean(true)),
    ("arrays_overlap", [.ints(1, 2), .ints(3, nil)], .null),
    ("arrays_overlap", [.ints(1), .ints(2)], .boolean(false)),
    ("array_join", [.texts("a", nil, "b"), .text("+")], .string("a+b")),
    ("array_join", [.texts("c", nil), .text("+"), .text("?")], .string("c+?")),
    ("array_distinct", [.ints(1, 2, 1, nil, nil)], L.ints(1, 2, nil).value),
    ("array_union", [.ints(1, 2), .ints(2, 3)], L.ints(1, 2, 3).value),
    ("array_intersect", [.ints(1, 2, nil), .ints(2, nil)], L.ints(2, nil).value),
    ("array_except", [.ints(1, 2, 2, 3), .ints(2)], L.ints(1, 3).value),
    ("array_remove", [.ints(1, 2, nil, 1), .int(1)], L.ints(2, nil).value),
    ("array_remove", [.ints(1), .int(nil)], .null),
    ("array", [.int(1), .int(nil)], L.ints(1, nil).value), ("array", [], .array([])),
    ("array_repeat", [.text("a"), .int(2)], L.texts("a", "a").value),
    ("array_repeat", [.text("a"), .int(-1)], .array([])), ("array_compact", [.ints(1, nil, 2)], L.ints(1, 2).value),
    ("array_append", [.ints(1), .int(2)], L.ints(1, 2).value),
    ("array_prepend", [.ints(1), .int(nil)], L.ints(nil, 1).value),
    ("array_insert", [.ints(1, 3), .int(2), .int(2)], L.ints(1, 2, 3).value),
    ("array_insert", [.ints(1), .int(4), .int(9)], L.ints(1, nil, nil, 9).value),
    ("array_insert", [.ints(1, 2), .int(-1), .int(9)], L.ints(1, 2, 9).value),
    ("array_insert", [.ints(1, 2), .int(-2), .int(9)], L.ints(1, 9, 2).value),
    ("array_insert", [.ints(1, 2), .int(-5), .int(9)], L.ints(9, nil, nil, 1, 2).value),
    ("slice", [.ints(1, 2, 3, 4), .int(2), .int(2)], L.ints(2, 3).value),
    ("slice", [.ints(1, 2, 3), .int(-2), .int(5)], L.ints(2, 3).value),
    ("slice", [.ints(1), .int(3), .int(1)], .array([])), ("flatten", [nested], L.ints(1, 2, nil).value),
    ("flatten", [L(value: .array([L.ints(1).value, .null]), type: .array(.array(.integer)))], .null),
    ("sort_array", [.ints(5, nil, 3)], L.ints(nil, 3, 5).value),
    ("array_sort", [.texts("b", nil, "a")], L.texts("a", "b", nil).value),
    (
      "arrays_zip", [.ints(1, 2), .texts("a", "b", "c")],
      .array([
        .structure([.integer(1), .string("a")]), .structure([.integer(2), .string("b")]),
        .structure([.null, .string("c")]),
      ])
    ),
    ("size", [.ints(1, 2)], .integer(2)), ("cardinality", [.map(["a": 1])], .integer(1)),
    ("size", [.null(.array(.integer))], .null),
    ("element_at", [.ints(1, 2, 3), .int(-1)], .integer(3)), ("element_at", [.map(["a": 1]), .text("z")], .null),
    ("element_at", [.map(["a": 1, "b": 2]), .text("b")], .integer(2)), ("try_element_at", [.ints(1), .int(2)], .null),
    ("get", [.ints(1, 2), .int(1)], .integer(2)), ("get", [.ints(1), .int(-1)], .null),
    ("get", [.ints(1), .int(nil)], .null),
    ("sequence", [.int(1), .int(5)], L.ints(1, 2, 3, 4, 5).value),
    ("sequence", [.int(5), .int(1), .int(-2)], L.ints(5, 3, 1).value),
    ("sequence", [.int(3), .int(2)], L.ints(3, 2).value), ("sequence", [.int(2), .int(2), .int(0)], L.ints(2).value),
    (
      "sequence",
      [
        L(value: .integer(19753), type: .date), L(value: .integer(19814), type: .date),
        L(value: .integer(1), type: .yearToMonth),
      ],
      L.ints(19753, 19782, 19813).value
    ),
    (
      "sequence",
      [
        L(value: .integer(0), type: .timestamp), L(value: .integer(7_200_000_000), type: .timestamp),
        L(value: .integer(3_600_000_000), type: .dayToSecond),
      ],
      L.ints(0, 3_600_000_000, 7_200_000_000).value
    ),
    ("map", [.text("a"), .int(1), .text("b"), .int(nil)], L.map(["a": 1, "b": nil]).value),
    ("map_keys", [.map(["a": 1, "b": 2])], L.texts("a", "b").value),
    ("map_values", [.map(["a": 1, "b": nil])], L.ints(1, nil).value),
    ("map_entries", [.map(["a": 1])], .array([.structure([.string("a"), .integer(1)])])),
    ("map_from_arrays", [.texts("a", "b"), .ints(1, nil)], L.map(["a": 1, "b": nil]).value),
    (
      "map_from_entries", [structs.with(.array([.structure([.integer(1), .string("x")])]))],
      .map([.init(.integer(1), .string("x"))])
    ),
    ("map_concat", [.map(["a": 1]), .map(["b": 2])], L.map(["a": 1, "b": 2]).value),
    ("map_contains_key", [.map(["a": nil]), .text("a")], .boolean(true)),
    ("map_contains_key", [.map(["a": 1]), .text("b")], .boolean(false)),
    (
      "str_to_map", [.text("a:1,b:2,c")],
      .map([.init(.string("a"), .string("1")), .init(.string("b"), .string("2")), .init(.string("c"), .null)])
    ),
    (
      "str_to_map", [.text("a=1&b=2"), .text("&"), .text("=")],
      .map([.init(.string("a"), .string("1")), .init(.string("b"), .string("2"))])
    ),
    ("struct", [.int(1), .text("a")], .structure([.integer(1), .string("a")])),
    ("get_json_object", [.text("{\"a\":{\"b\":[{\"c\":1},{\"c\":2}]}}"), .text("$.a.b[1].c")], .string("2")),
  ]

  @Test(arguments: cases.indices)
  func functions(_ index: Int) throws {
    let (name, arguments, expected) = Self.cases[index]
    #expect(try call(name, arguments) == expected, "\(name)")
  }

  @Test func constantsThatMustBeConstant() throws {
    #expect(try call("sort_array", [.ints(5, nil, 3), .flag(false)], keepConstant: [1]) == L.ints(5, 3, nil).value)
    #expect(try call("named_struct", [.text("k"), .int(3)], keepConstant: [0]) == .structure([.integer(3)]))
  }

  static let failures: [(name: String, arguments: [Literal], code: String)] = [
    ("element_at", [.ints(1), .int(0)], "INVALID_INDEX_OF_ZERO"),
    ("element_at", [.ints(1), .int(2)], "INVALID_ARRAY_INDEX_IN_ELEMENT_AT"),
    ("map", [.text("a"), .int(1), .text("a"), .int(2)], "DUPLICATED_MAP_KEY"),
    ("map", [.text(nil), .int(1)], "NULL_MAP_KEY"),
    ("map_concat", [.map(["a": 1]), .map(["a": 2])], "DUPLICATED_MAP_KEY"),
    ("slice", [.ints(1), .int(0), .int(1)], "INVALID_PARAMETER_VALUE.START"),
    ("slice", [.ints(1), .int(1), .int(-1)], "INVALID_PARAMETER_VALUE.LENGTH"),
    ("array_insert", [.ints(1), .int(0), .int(1)], "INVALID_INDEX_OF_ZERO"),
    ("sequence", [.int(1), .int(5), .int(-1)], "ILLEGAL_SEQUENCE_BOUNDARIES"),
    (
      "sequence", [L(value: .integer(.min), type: .long), L(value: .integer(.max), type: .long)],
      "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER"
    ),
    (
      "sequence",
      [
        L(value: .integer(0), type: .long), L(value: .integer(.min), type: .long), L(value: .integer(-1), type: .long),
      ],
      "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER"
    ),
    ("size", [.int(1)], "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE"),
    ("array_contains", [.ints(1), .ints(1)], "DATATYPE_MISMATCH.ARRAY_FUNCTION_DIFF_TYPES"),
    ("array_union", [.ints(1)], "WRONG_NUM_ARGS.WITHOUT_SUGGESTION"),
  ]

  @Test(arguments: failures.indices)
  func failsWithCode(_ index: Int) {
    let (name, arguments, code) = Self.failures[index]
    let error = #expect(throws: MillraceError.self) { _ = try call(name, arguments) }
    #expect(error?.code == code)
  }

  @Test func partsAreAccessedByIndexKeyAndName() throws {
    func value(_ base: Literal, _ make: (Expression) throws -> Expression) throws -> Value {
      let attribute = Attribute("x", base.type)
      let batch = RecordBatch(rowCount: 2, columns: [.of([.null, base.value], type: base.type)])
      let expressions = [try make(.attribute(attribute)), try make(.literal(base.value, base.type))]
      let results = try Evaluator(expressions, input: [attribute]).evaluate(batch, EvaluationContext())
      #expect(results[0].value(0) == .null)
      #expect(results[0].value(1) == results[1].value(0))
      return results[1].value(1)
    }
    let context = BindingContext()
    func index(_ base: Literal, _ key: Literal) throws -> Value {
      try value(base) { try CollectionAccess.subscriptExpression($0, .literal(key.value, key.type), context) }
    }
    #expect(try index(.ints(3, 4), .int(1)) == .integer(4))
    #expect(try index(.map(["one": 1]), .text("one")) == .integer(1))
    #expect(try index(.map(["one": 1]), .text("two")) == .null)
    #expect(try value(Self.structs) { try CollectionAccess.fieldAccess($0, "B", context) } == L.texts("x", "y").value)
    #expect(try value(.map(["k": 5])) { try CollectionAccess.fieldAccess($0, "k", context) } == .integer(5))
    #expect(
      try value(L(value: .structure([.integer(1), .null]), type: Self.pair)) {
        try CollectionAccess.fieldAccess($0, "a", context)
      } == .integer(1))
    #expect(#expect(throws: MillraceError.self) { _ = try index(.ints(1), .int(1)) }?.code == "INVALID_ARRAY_INDEX")
    #expect(
      #expect(throws: MillraceError.self) {
        _ = try value(Self.structs) { try CollectionAccess.fieldAccess($0, "c", context) }
      }?.code
        == "FIELD_NOT_FOUND")
    #expect(
      #expect(throws: MillraceError.self) {
        _ = try value(.int(1)) { try CollectionAccess.fieldAccess($0, "c", context) }
      }?.code
        == "INVALID_EXTRACT_BASE_FIELD_TYPE")
  }

  // MARK: Lambdas

  /// `left op right` over nullable INTs.
  static func operation(_ name: String, _ type: DataType, _ left: Expression, _ right: Expression) -> Expression {
    .call(
      BoundFunction("test_\(name)", type: type) { arguments, _, _ in
        if name == "<" {
          return .map(type, arguments[0], arguments[1]) { (a: Int32, b: Int32) -> UInt8 in a < b ? 1 : 0 }
        }
        return .map(type, arguments[0], arguments[1]) { (a: Int32, b: Int32) -> Int32 in name == "+" ? a + b : b - a }
      }, [left, right])
  }

  static func lambda(_ count: Int, _ body: @escaping @Sendable ([Expression]) -> Expression) -> FunctionArgument {
    .lambda(parameterCount: count) { types in
      let parameters = types.enumerated().map {
        Attribute("p\($0.offset)", $0.element.0, isNullable: $0.element.isNullable)
      }
      return Lambda(parameters, body(parameters.map { .attribute($0) }))
    }
  }

  static let two = Expression.literal(.integer(2), .integer)
  static let lambdaCases: [(name: String, arguments: [Literal], lambdas: [FunctionArgument], expected: Value)] = [
    ("transform", [.ints(1, nil, 3)], [lambda(1) { operation("+", .integer, $0[0], two) }], L.ints(3, nil, 5).value),
    ("transform", [.ints(7, 7)], [lambda(2) { operation("+", .integer, $0[0], $0[1]) }], L.ints(7, 8).value),
    ("filter", [.ints(1, nil, 3, 0)], [lambda(1) { operation("<", .boolean, $0[0], two) }], L.ints(1, 0).value),
    ("exists", [.ints(5, 1)], [lambda(1) { operation("<", .boolean, $0[0], two) }], .boolean(true)),
    ("exists", [.ints(5, nil)], [lambda(1) { operation("<", .boolean, $0[0], two) }], .null),
    ("forall", [.ints(1, nil)], [lambda(1) { operation("<", .boolean, $0[0], two) }], .null),
    ("forall", [.ints(5, nil)], [lambda(1) { operation("<", .boolean, $0[0], two) }], .boolean(false)),
    ("forall", [.ints()], [lambda(1) { operation("<", .boolean, $0[0], two) }], .boolean(true)),
    ("aggregate", [.ints(1, 2, 3), .int(10)], [lambda(2) { operation("+", .integer, $0[0], $0[1]) }], .integer(16)),
    (
      "reduce", [.ints(), .int(10)],
      [lambda(2) { operation("+", .integer, $0[0], $0[1]) }, lambda(1) { operation("+", .integer, $0[0], $0[0]) }],
      .integer(20)
    ),
    (
      "zip_with", [.ints(1, 2), .ints(10, 20, 30)], [lambda(2) { operation("+", .integer, $0[0], $0[1]) }],
      L.ints(11, 22, nil).value
    ),
    (
      "array_sort", [.ints(3, 1, 5, 2, 4, 3)], [lambda(2) { operation("-", .integer, $0[0], $0[1]) }],
      L.ints(5, 4, 3, 3, 2, 1).value
    ),
    (
      "transform_values", [.map(["a": 1, "b": nil])], [lambda(2) { operation("+", .integer, $0[1], two) }],
      L.map(["a": 3, "b": nil]).value
    ),
    (
      "map_filter", [.map(["a": 1, "b": 9])], [lambda(2) { operation("<", .boolean, $0[1], two) }],
      L.map(["a": 1]).value
    ),
    ("transform_keys", [.map(["a": 1])], [lambda(2) { $0[1] }], .map([.init(.integer(1), .integer(1))])),
    (
      "map_zip_with", [.map(["a": 1, "b": 2]), .map(["b": 5, "c": 6])],
      [lambda(3) { operation("+", .integer, $0[1], $0[2]) }],
      L.map(["a": nil, "b": 7, "c": nil]).value
    ),
  ]

  @Test(arguments: lambdaCases.indices)
  func lambdas(_ index: Int) throws {
    let (name, literals, lambdas, expected) = Self.lambdaCases[index]
    let function = try #require(FunctionRegistry.builtin.scalar(name))
    let attributes = literals.enumerated().map { Attribute("c\($0.offset)", $0.element.type) }
    for isConstant in [true, false] {
      let arguments = literals.indices.map {
        FunctionArgument.expression(
          isConstant ? .literal(literals[$0].value, literals[$0].type) : .attribute(attributes[$0]))
      }
      let expression = try function.bind(arguments + lambdas, BindingContext())
      let columns = literals.enumerated().map { position, literal in
        ColumnVector.of(
          position == 0 ? [literal.value, .null, literal.value] : [literal.value, literal.value, literal.value],
          type: literal.type)
      }
      let result = try Evaluator([expression], input: attributes).evaluate(
        RecordBatch(rowCount: 3, columns: columns), EvaluationContext())[0]
      #expect(result.type.matches(expression.type))
      #expect(result.value(0) == expected && result.value(2) == expected, "\(name): \(result.value(0))")
      if !isConstant { #expect(result.value(1) == .null) }
    }
  }

  // MARK: Generators

  @Test func generatorsGiveRowsAndTheirParents() throws {
    func run(_ name: String, _ columns: [ColumnVector], _ count: Int) throws -> [[Value]] {
      let attributes = columns.map { Attribute("c", $0.type) }
      let expressions: [Expression] = columns.enumerated().map { index, column in
        column.isConstant ? .literal(column.value(0), column.type) : .attribute(attributes[index])
      }
      let generator = try #require(try Generators.bind(name, expressions, BindingContext()))
      let arguments = try Evaluator(generator.arguments, input: attributes).evaluate(
        RecordBatch(rowCount: count, columns: columns), EvaluationContext())
      let rows = try generator.kernel(arguments, count, .init(isOuter: Generators.isOuter(name)))
      #expect(rows.columns.map(\.type) == generator.output.map(\.type))
      return (0..<rows.parents.count).map { row in
        [.integer(Int64(rows.parents.rows[row]))] + rows.columns.map { $0.value(row) }
      }
    }
    func i(_ numbers: Int64?...) -> [Value] { numbers.map { $0.map { .integer($0) } ?? .null } }
    let lists = ColumnVector.of([L.ints(3, 1).value, .array([]), .null, L.ints(nil).value], type: .array(.integer))
    #expect(try run("explode", [lists], 4) == [i(0, 3), i(0, 1), i(3, nil)])
    #expect(try run("explode_outer", [lists], 4) == [i(0, 3), i(0, 1), i(1, nil), i(2, nil), i(3, nil)])
    #expect(try run("posexplode", [lists], 4) == [i(0, 0, 3), i(0, 1, 1), i(3, 0, nil)])
    #expect(
      try run("posexplode_outer", [lists], 4) == [i(0, 0, 3), i(0, 1, 1), i(1, nil, nil), i(2, nil, nil), i(3, 0, nil)])
    let reordered = lists.gathered(Selection([3, 0]))
    #expect(try run("explode", [reordered], 2) == [i(0, nil), i(1, 3), i(1, 1)])
    let maps = ColumnVector.of([L.map(["a": 1, "b": nil]).value, .null], type: .map(.string, .integer))
    #expect(
      try run("explode", [maps], 2) == [[.integer(0), .string("a"), .integer(1)], [.integer(0), .string("b"), .null]])
    let structs = ColumnVector.of([Self.structs.value, .array([.null])], type: Self.structs.type)
    #expect(
      try run("inline", [structs], 2) == [
        [.integer(0), .integer(1), .string("x")], [.integer(0), .null, .string("y")], [.integer(1), .null, .null],
      ])
    let values = [1, 10, 2].map { ColumnVector.constant(.integer(Int64($0)), type: .integer, count: 2) }
    let two = ColumnVector.constant(.integer(2), type: .integer, count: 2)
    #expect(try run("stack", [two] + values, 2) == [i(0, 1, 10), i(0, 2, nil), i(1, 1, 10), i(1, 2, nil)])
    let json = ColumnVector.of(
      [.string("{\"a\":1,\"b\":\"x\\ty\",\"c\":[1, 2]}"), .string("oops"), .null], type: .string)
    let names = ["b", "c", "a", "z"].map { ColumnVector.constant(.string($0), type: .string, count: 3) }
    let rows = try run("json_tuple", [json] + names, 3)
    #expect(rows[0] == [.integer(0), .string("x\ty"), .string("[1,2]"), .string("1"), .null])
    #expect(rows[1] == [.integer(1), .null, .null, .null, .null])
  }

  @Test func explodeSharesTheElementsOfOrderedLists() throws {
    let lists = ColumnVector.of([L.ints(3, 1).value, L.ints(4).value], type: .array(.integer))
    let attribute = Attribute("c", lists.type)
    let generator = try #require(try Generators.bind("explode", [.attribute(attribute)], BindingContext()))
    let rows = try generator.kernel([lists], 2, .init(isOuter: false))
    #expect(rows.columns[0] === lists.children[0])
  }
}

extension Literal {
  func with(_ value: Value) -> Literal { Literal(value: value, type: type) }
}
