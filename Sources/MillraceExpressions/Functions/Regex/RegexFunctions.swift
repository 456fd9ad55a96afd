import MillraceColumnar

/// Functions of regular expressions.
enum RegexFunctions {
  static let all: [ScalarFunction] = [
    RegexpExtract.function, RegexpExtract.allFunction, RegexpReplace.function, like, ilike, regexpLike, regexpCount,
    regexpSubstr,
    regexpInstr,
  ]

  /// A constant pattern compiled, nil for one that varies by row.
  static func compile(_ pattern: Expression) throws -> CompiledPattern? {
    try pattern.constantText.map { try CompiledPattern($0) }
  }

  /// A call whose second argument is the pattern: left out of the arguments when it is constant.
  static func call(
    _ name: String, _ arguments: [Expression], _ type: DataType, isNullable: Bool? = nil,
    _ kernel:
      @escaping @Sendable (_ vectors: [ColumnVector], _ count: Int, _ pattern: CompiledPattern?) throws -> ColumnVector
  ) throws -> Expression {
    let pattern = try compile(arguments[1])
    return Bind.call(name, arguments, type, canFail: pattern == nil, isNullable: isNullable) { vectors, count in
      try kernel(vectors, count, pattern)
    }
  }

  private static let regexpLike = ScalarFunction(
    "regexp_like", "rlike", "regexp", summary: "Whether a part of the string matches the pattern.",
    example: "regexp_like('a1', '\\\\d')"
  ) { (arguments: [Expression], context: BindingContext) in
    let bound = try Arguments.coerce("regexp_like", arguments, [.string, .string], context)
    return try call("regexp_like", bound, .boolean) { vectors, count, pattern in
      if let test = pattern?.test, !vectors[0].isConstant, !vectors[0].mayHaveNulls {
        return test.flags(vectors[0], count)
      }
      var cursor = PatternCursor(pattern)
      return try RowLoop.flags(vectors, count) { row in
        let matcher = try cursor.matcher(vectors[1].views[vectors[1].slot(row)])
        return try matcher.find(vectors[0].bytes(row))
      }
    }
  }

  private static let regexpCount = ScalarFunction(
    "regexp_count", summary: "How often the pattern matches in the string.", example: "regexp_count('a1b22', '\\\\d+')"
  ) { (arguments: [Expression], context: BindingContext) in
    let bound = try Arguments.coerce("regexp_count", arguments, [.string, .string], context)
    return try call("regexp_count", bound, .integer) { vectors, count, pattern in
      var cursor = PatternCursor(pattern)
      return try RowLoop.values(.integer, vectors, count) { row -> Int32? in
        let matcher = try cursor.matcher(vectors[1].views[vectors[1].slot(row)])
        var found: Int32 = 0
        try matcher.findAll(vectors[0].bytes(row)) {
          found += 1
          return true
        }
        return found
      }
    }
  }

  private static let regexpSubstr = ScalarFunction(
    "regexp_substr", summary: "The first part of the string that matches the pattern, NULL if none does.",
    example: "regexp_substr('a1b22', '\\\\d+')"
  ) { (arguments: [Expression], context: BindingContext) in
    let bound = try Arguments.coerce("regexp_substr", arguments, [.string, .string], context)
    return try call("regexp_substr", bound, .string, isNullable: true) { vectors, count, pattern in
      var cursor = PatternCursor(pattern)
      return try RowLoop.parts(vectors, count) { row in
        let matcher = try cursor.matcher(vectors[1].views[vectors[1].slot(row)])
        let bytes = vectors[0].bytes(row)
        guard try matcher.find(bytes), matcher.offsets[0] < matcher.offsets[1] else { return nil }
        return StringView(bytes, matcher.offsets[0]..<matcher.offsets[1])
      }
    }
  }

  private static let regexpInstr = ScalarFunction(
    "regexp_instr",
    summary: "Position from 1 of the first part of the string that matches the pattern, 0 if none does.",
    example: "regexp_instr('ab12', '\\\\d+')"
  ) { (arguments: [Expression], context: BindingContext) in
    let bound = try Arguments.coerce("regexp_instr", arguments, [.string, .string, .integer], counts: 2...3, context)
    return try call("regexp_instr", bound, .integer) { vectors, count, pattern in
      var cursor = PatternCursor(pattern)
      return try RowLoop.values(.integer, vectors, count) { row -> Int32? in
        let matcher = try cursor.matcher(vectors[1].views[vectors[1].slot(row)])
        let bytes = vectors[0].bytes(row)
        guard try matcher.find(bytes) else { return 0 }
        return Int32(bytes.part(0..<matcher.offsets[0]).characterCount + 1)
      }
    }
  }

  private static let like = ScalarFunction(
    "like", summary: "Whether the whole string matches a pattern of `%` (any characters) and `_` (one character).",
    example: "like('Spark', 'S%k')"
  ) { (arguments: [Expression], context: BindingContext) in try bindLike("like", arguments, context, ignoresCase: false)
  }

  private static let ilike = ScalarFunction(
    "ilike", summary: "The same as like, without regard to case.", example: "ilike('Spark', 's%K')"
  ) { (arguments: [Expression], context: BindingContext) in try bindLike("ilike", arguments, context, ignoresCase: true)
  }

  private static func bindLike(
    _ name: String, _ arguments: [Expression], _ context: BindingContext, ignoresCase: Bool
  ) throws -> Expression {
    let bound = try Arguments.coerce(name, arguments, [.string, .string, .string], counts: 2...3, context)
    var escape: Unicode.Scalar = "\\"
    if bound.count == 3 {
      guard case .string(let text) = try Arguments.constant(name, "escape", bound[2]), text.unicodeScalars.count == 1,
        let scalar = text.unicodeScalars.first
      else { throw MillraceError("INVALID_ESCAPE_CHAR", "the escape of `\(name)` must be a single character") }
      escape = scalar
    }
    let escapeCharacter = escape
    let lowered = ignoresCase ? bound.prefix(2).map { CaseFunctions.lowered($0) } : Array(bound.prefix(2))
    let fixed = try lowered[1].constantText.map { try LikeMatcher($0, escape: escape) }
    return Bind.call(name, lowered, .boolean, variant: "\(escape)", canFail: fixed == nil) { vectors, count in
      if let fixed { return RowLoop.flags(vectors, count) { fixed.matches(vectors[0].bytes($0)) } }
      var known: (view: StringView, matcher: LikeMatcher)?
      return try RowLoop.flags(vectors, count) { row in
        let view = vectors[1].views[vectors[1].slot(row)]
        if let known, known.view == view { return known.matcher.matches(vectors[0].bytes(row)) }
        let matcher = try LikeMatcher(view.string, escape: escapeCharacter)
        known = (view, matcher)
        return matcher.matches(vectors[0].bytes(row))
      }
    }
  }
}
