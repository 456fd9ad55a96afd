import MillraceColumnar

/// `COLLATE` and `collation`. Strings are compared by their bytes, which is the collation UTF8_BINARY; others are refused.
enum CollationFunctions {
  private static let known = ["UTF8_LCASE", "UNICODE", "UNICODE_CI"]

  static let all: [ScalarFunction] = [
    ScalarFunction(
      "collate", summary: "The string with a collation: `x COLLATE UTF8_BINARY`.",
      example: "collate('a', 'UTF8_BINARY')"
    ) { (arguments: [Expression], context: BindingContext) in
      let bound = try Arguments.coerce("collate", arguments, [.string, .string], context)
      guard case .string(let name) = try Arguments.constant("collate", "collation", bound[1]) else {
        throw MillraceError("DATATYPE_MISMATCH.UNEXPECTED_NULL", "the collation must not be NULL")
      }
      try check(name)
      return bound[0]
    },
    ScalarFunction(
      "collation", summary: "The name of a string's collation.", example: "collation('a')"
    ) { (arguments: [Expression], context: BindingContext) in
      _ = try Arguments.coerce("collation", arguments, [.strict(.string)], context)
      return .literal(.string("SYSTEM.BUILTIN.UTF8_BINARY"), .string)
    },
  ]

  private static func check(_ name: String) throws {
    let own = name.uppercased().split(separator: ".").last.map(String.init) ?? ""
    if own == "UTF8_BINARY" { return }
    let base = known.first { own.hasPrefix($0) }
    guard base == nil else {
      throw MillraceError(
        "UNSUPPORTED_FEATURE.COLLATION", "the collation \(name) is not supported",
        hint: "compare lower(x) instead, or use UTF8_BINARY")
    }
    throw MillraceError("COLLATION_INVALID_NAME", "there is no collation \(name)", hint: "use UTF8_BINARY")
  }
}
