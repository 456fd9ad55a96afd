import Glibc
import MillraceColumnar

/// Functions of DOUBLE numbers.
enum MathFunctions {
  static let all: [ScalarFunction] =
    powers + logarithms + trigonometry + binary
    + [
      constant("pi", "The number π.", Double.pi), constant("e", "Euler's number.", M_E),
    ]

  private static let powers: [ScalarFunction] = [
    double("sqrt", "Square root.", "sqrt(4)") { Glibc.sqrt($0) },
    double("cbrt", "Cube root.", "cbrt(27)", cubeRoot),
    double("exp", "Euler's number to the power of the value.", "exp(0)") { Glibc.exp($0) },
    double("expm1", "exp(x) − 1 without loss near zero.", "expm1(0)") { Glibc.expm1($0) },
    double("rint", "The nearest whole number, half to even.", "rint(12.5)") { $0.rounded(.toNearestOrEven) },
    double("degrees", "Radians in degrees.", "degrees(pi())") { $0 * (180 / Double.pi) },
    double("radians", "Degrees in radians.", "radians(180)") { $0 / 180 * Double.pi },
    ScalarFunction("sign", "signum", summary: "-1, 0 or 1.", example: "sign(-5)") { arguments, context in
      try SignFunction.bind(arguments, context)
    },
  ]

  /// One step of Newton's method on the library's result, which is off by one bit even for some whole roots.
  private static let cubeRoot: @Sendable (Double) -> Double = { value in
    let root = Glibc.cbrt(value)
    guard root.isFinite, root != 0 else { return root }
    let square = root * root
    let better = root - (square * root - value) / (3 * square)
    return better.isFinite ? better : root
  }

  /// NULL outside of the domain, as Spark has it.
  private static let logarithms: [ScalarFunction] = [
    logarithm("ln", "Natural logarithm; NULL if there is none.", "ln(1)", above: 0) { Glibc.log($0) },
    logarithm("log2", "Logarithm to base 2; NULL if there is none.", "log2(8)", above: 0) { Glibc.log2($0) },
    logarithm("log10", "Logarithm to base 10; NULL if there is none.", "log10(100)", above: 0) { Glibc.log10($0) },
    logarithm("log1p", "ln(1 + x) without loss near zero; NULL if there is none.", "log1p(0)", above: -1) {
      Glibc.log1p($0)
    },
    ScalarFunction(
      "log", summary: "Logarithm to a base (natural if there is one argument); NULL if there is none.",
      example: "log(10, 100)"
    ) { arguments, context in
      let values = try Arguments.coerce("log", arguments, [.double], counts: 1...2, context)
      if values.count == 1 {
        return .operation("ln", .double, values, alwaysNullable: true) { vectors, _, _ in
          try .tryMap(.double, vectors[0]) { (value: Double) -> Double? in value <= 0 ? nil : Glibc.log(value) }
        }
      }
      return .operation("log", .double, values, alwaysNullable: true) { vectors, _, _ in
        try .tryMap(.double, vectors[0], vectors[1]) { (base: Double, value: Double) -> Double? in
          base <= 0 || value <= 0 ? nil : Glibc.log(value) / Glibc.log(base)
        }
      }
    },
  ]

  private static let trigonometry: [ScalarFunction] = [
    double("sin", "Sine.", "sin(0)") { Glibc.sin($0) },
    double("cos", "Cosine.", "cos(0)") { Glibc.cos($0) },
    double("tan", "Tangent.", "tan(0)") { Glibc.tan($0) },
    double("cot", "Cotangent.", "cot(1)") { 1 / Glibc.tan($0) },
    double("sec", "Secant.", "sec(0)") { 1 / Glibc.cos($0) },
    double("csc", "Cosecant.", "csc(1)") { 1 / Glibc.sin($0) },
    double("asin", "Arc sine; NaN outside of -1…1.", "asin(0)") { Glibc.asin($0) },
    double("acos", "Arc cosine; NaN outside of -1…1.", "acos(1)") { Glibc.acos($0) },
    double("atan", "Arc tangent.", "atan(0)") { Glibc.atan($0) },
    double("sinh", "Hyperbolic sine.", "sinh(0)") { Glibc.sinh($0) },
    double("cosh", "Hyperbolic cosine.", "cosh(0)") { Glibc.cosh($0) },
    double("tanh", "Hyperbolic tangent.", "tanh(0)") { Glibc.tanh($0) },
    double("asinh", "Inverse hyperbolic sine.", "asinh(0)") { Glibc.asinh($0) },
    double("acosh", "Inverse hyperbolic cosine.", "acosh(1)") { Glibc.acosh($0) },
    double("atanh", "Inverse hyperbolic tangent.", "atanh(0)") { Glibc.atanh($0) },
  ]

  private static let binary: [ScalarFunction] = [
    pair("pow", "power", "The first value to the power of the second.", "pow(2, 3)") { Glibc.pow($0, $1) },
    pair("atan2", nil, "Angle of the point (second, first).", "atan2(0, 1)") { Glibc.atan2($0, $1) },
    pair("hypot", nil, "Length of the hypotenuse.", "hypot(3, 4)") { Glibc.hypot($0, $1) },
  ]

  // MARK: - Shapes

  private static func double(
    _ name: String, _ summary: String, _ example: String, _ body: @escaping @Sendable (Double) -> Double
  ) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: example) { arguments, context in
      let values = try Arguments.coerce(name, arguments, [.double], context)
      return .operation(name, .double, values) { vectors, _, _ in .map(.double, vectors[0], body) }
    }
  }

  private static func logarithm(
    _ name: String, _ summary: String, _ example: String, above limit: Double,
    _ body: @escaping @Sendable (Double) -> Double
  ) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: example) { arguments, context in
      let values = try Arguments.coerce(name, arguments, [.double], context)
      return .operation(name, .double, values, alwaysNullable: true) { vectors, _, _ in
        try .tryMap(.double, vectors[0]) { (value: Double) -> Double? in value <= limit ? nil : body(value) }
      }
    }
  }

  private static func pair(
    _ name: String, _ alias: String?, _ summary: String, _ example: String,
    _ body: @escaping @Sendable (Double, Double) -> Double
  ) -> ScalarFunction {
    let bind: @Sendable ([Expression], BindingContext) throws -> Expression = { arguments, context in
      let values = try Arguments.coerce(name, arguments, [.double, .double], context)
      return .operation(name, .double, values) { vectors, _, _ in .map(.double, vectors[0], vectors[1], body) }
    }
    guard let alias else { return ScalarFunction(name, summary: summary, example: example, bind: bind) }
    return ScalarFunction(name, alias, summary: summary, example: example, bind: bind)
  }

  private static func constant(_ name: String, _ summary: String, _ value: Double) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)()") { arguments, _ in
      try Arguments.expectCount(name, arguments, 0)
      return .literal(.double(value), .double)
    }
  }
}

/// `sign` of numbers and intervals, as DOUBLE.
enum SignFunction {
  static func bind(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("sign", arguments, 1)
    let type = arguments[0].type
    if type.isInterval && type != .calendarInterval {
      return .operation("sign", .double, arguments) { vectors, _, _ in
        if type.physical == .int32 {
          return .map(.double, vectors[0]) { (value: Int32) -> Double in Double(value.signum()) }
        }
        return .map(.double, vectors[0]) { (value: Int64) -> Double in Double(value.signum()) }
      }
    }
    let values = try Arguments.coerce("sign", arguments, [.double], context)
    return .operation("sign", .double, values) { vectors, _, _ in
      .map(.double, vectors[0]) { (value: Double) -> Double in value > 0 ? 1 : value < 0 ? -1 : value }
    }
  }
}
