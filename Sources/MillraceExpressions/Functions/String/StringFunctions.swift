/// All functions of strings.
enum StringFunctions {
  static let all: [ScalarFunction] = [SplitFunction.function] + CaseFunctions.all
}
