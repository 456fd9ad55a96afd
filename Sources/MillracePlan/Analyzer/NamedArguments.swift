import MillraceColumnar
import MillraceCore
import MillraceExpressions
import MillraceSQL

/// Arguments by name: `mask(str => x, otherChar => '*')`, for the functions that take them in Spark.
enum NamedArguments {
  private struct Parameter {
    var name: String
    /// nil: it must be given.
    var standard: Value?
  }

  private static let parameters: [String: [Parameter]] = {
    let collection = [Parameter(name: "collection")], input = [Parameter(name: "input")]
    let marks = zip(["upperChar", "lowerChar", "digitChar", "otherChar"], ReplaceFunctions.maskDefaults)
    return [
      "mask": [Parameter(name: "str")] + marks.map { Parameter(name: $0, standard: $1) },
      "explode": collection, "explode_outer": collection, "posexplode": collection, "posexplode_outer": collection,
      "inline": input, "inline_outer": input, "variant_explode": input, "variant_explode_outer": input,
    ]
  }()

  /// The call with its arguments in the order of the parameters, those that were left out with their standard values.
  static func ordered(_ call: FunctionCall) throws -> FunctionCall {
    guard let firstNamed = call.arguments.firstIndex(where: { $0.name != nil }) else { return call }
    let function = call.name.joined(separator: ".")
    guard let parameters = parameters[function.lowercased()] else {
      throw MillraceError(
        "NAMED_PARAMETERS_NOT_SUPPORTED", "`\(function)` takes no arguments by name", hint: "pass them in order")
    }
    let named = call.arguments[firstNamed...]
    guard named.allSatisfy({ $0.name != nil }) else {
      throw MillraceError(
        "UNEXPECTED_POSITIONAL_ARGUMENT", "`\(function)` has an argument without a name behind one with a name",
        hint: "put arguments without names first")
    }
    var given: [FunctionCall.Argument?] = call.arguments[..<firstNamed].map { $0 }
    let positionalCount = given.count
    given += Array(repeating: nil, count: max(parameters.count - given.count, 0))
    for argument in named {
      let name = argument.name ?? ""
      guard let index = parameters.firstIndex(where: { $0.name.lowercased() == name.lowercased() }) else {
        throw MillraceError(
          "UNRECOGNIZED_PARAMETER_NAME", "`\(function)` has no parameter `\(name)`",
          hint: NearestName.of(name, among: parameters.map(\.name)).map { "did you mean `\($0)`?" })
      }
      if given[index] != nil {
        let kind = index < positionalCount ? "BOTH_POSITIONAL_AND_NAMED" : "DOUBLE_NAMED_ARGUMENT_REFERENCE"
        throw MillraceError(
          "DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT.\(kind)", "`\(function)` is given the parameter `\(name)` twice")
      }
      given[index] = FunctionCall.Argument(argument.expression ?? .null)
    }
    var result = call
    result.arguments = try zip(given, parameters).map { argument, parameter in
      if let argument { return argument }
      guard let standard = parameter.standard else {
        throw MillraceError(
          "REQUIRED_PARAMETER_NOT_FOUND", "`\(function)` needs the parameter `\(parameter.name)`")
      }
      return FunctionCall.Argument(
        SQLExpression(
          .literal(standard, standard.isNull ? .void : .string), call.arguments[0].expression?.range ?? .none))
    }
    return result
  }
}

extension SQLExpression {
  fileprivate static let null = SQLExpression(.literal(.null, .void))
}
