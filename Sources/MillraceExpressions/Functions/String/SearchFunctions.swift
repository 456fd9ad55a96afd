import MillraceColumnar

/// Where one string lies in another.
enum SearchFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction(
      "instr",
      summary:
        "Position from 1 of an occurrence of the second string in the first, 0 if there is none: from a position on (backwards if it is negative), the first or the n-th.",
      example: "instr('SparkSQL', 'SQL')"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce(
        "instr", arguments, [.string, .string, .integer, .integer], counts: 2...4, context)
      return Bind.call("instr", bound, .integer) { vectors, count in
        RowLoop.values(.integer, vectors, count) { row -> Int32? in
          if vectors.count == 2 { return position(vectors[0].bytes(row), vectors[1].bytes(row), from: 1) }
          return occurrence(
            vectors[0].bytes(row), vectors[1].bytes(row), from: vectors[2].int(row),
            number: vectors.count == 4 ? vectors[3].int(row) : 1)
        }
      }
    },
    ScalarFunction(
      "locate", "position",
      summary:
        "Position from 1 of the first string in the second, searched from position `start` on, 0 if there is none.",
      example: "locate('bar', 'foobarbar', 5)"
    ) { (arguments: [Expression], context: BindingContext) in
      let given = arguments.count == 2 ? arguments + [.integer(1)] : arguments
      let bound = try Arguments.coerce("locate", given, [.string, .string, .integer], counts: 2...3, context)
      let found = Bind.call("locate", bound, .integer, nullStops: 1) { vectors, count in
        RowLoop.values(.integer, vectors, count) { row -> Int32? in
          position(vectors[1].bytes(row), vectors[0].bytes(row), from: vectors[2].int(row))
        }
      }
      // A start that is NULL finds nothing, whatever the strings are.
      guard bound[2].isNullable else { return found }
      let hasStart = Expression.Branch(BuiltinOperators.isNotNull(bound[2]), found)
      return .conditional([hasStart], otherwise: .integer(0), .integer)
    },
    test("contains", "Whether the first value contains the second.", "contains('Spark SQL', 'Spark')") {
      $0.offset(of: $1) != nil
    },
    test("startswith", "Whether the first value starts with the second.", "startswith('Spark SQL', 'Spark')") {
      $0.matches($1, at: 0)
    },
    test("endswith", "Whether the first value ends with the second.", "endswith('Spark SQL', 'SQL')") {
      $0.matches($1, at: $0.count - $1.count)
    },
    ScalarFunction(
      "find_in_set", summary: "Position from 1 of a string in a comma-separated list, 0 if it is not there.",
      example: "find_in_set('ab', 'abc,b,ab,c,def')",
      bind: Bind.fixed("find_in_set", [.string, .string], .integer) { vectors, count in
        RowLoop.values(.integer, vectors, count) { row -> Int32? in
          findInSet(vectors[0].bytes(row), vectors[1].bytes(row))
        }
      }),
  ]

  private static func test(
    _ name: String, _ summary: String, _ example: String,
    _ body: @escaping @Sendable (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Bool
  ) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: example) { (arguments: [Expression], context: BindingContext) in
      let isBinary = arguments.count == 2 && arguments.allSatisfy { $0.type == .binary }
      let expected: ExpectedType = isBinary ? .binary : .string
      let bound = try Arguments.coerce(name, arguments, [expected, expected], context)
      return Bind.call(name, bound, .boolean) { vectors, count in
        RowLoop.flags(vectors, count) { body(vectors[0].bytes($0), vectors[1].bytes($0)) }
      }
    }
  }

  private static func position(
    _ bytes: UnsafeRawBufferPointer, _ needle: UnsafeRawBufferPointer, from start: Int
  ) -> Int32 {
    if start < 1 { return 0 }
    if needle.count == 0 { return 1 }
    guard let hit = bytes.offset(of: needle, from: bytes.offset(ofCharacter: start - 1)) else { return 0 }
    return Int32(truncatingIfNeeded: bytes.part(0..<hit).characterCount + 1)
  }

  /// The n-th occurrence from a position on, counted in characters; backwards from the end for a negative position.
  private static func occurrence(
    _ bytes: UnsafeRawBufferPointer, _ needle: UnsafeRawBufferPointer, from start: Int, number: Int
  ) -> Int32 {
    let length = bytes.characterCount
    guard start != 0, number > 0, start.magnitude <= length else { return 0 }
    var left = number
    var at = start > 0 ? start : length + start + 1
    while at >= 1 && at <= length {
      if bytes.matches(needle, at: bytes.offset(ofCharacter: at - 1)) {
        left -= 1
        if left == 0 { return Int32(truncatingIfNeeded: at) }
      }
      at += start > 0 ? 1 : -1
    }
    return 0
  }

  private static func findInSet(_ word: UnsafeRawBufferPointer, _ list: UnsafeRawBufferPointer) -> Int32 {
    if word.contains(UInt8(ascii: ",")) { return 0 }
    var number: Int32 = 1
    var start = 0
    for at in 0...list.count where at == list.count || list[at] == UInt8(ascii: ",") {
      if at - start == word.count && list.matches(word, at: start) { return number }
      number += 1
      start = at + 1
    }
    return 0
  }
}
