/// All functions of strings.
enum StringFunctions {
  static let all: [ScalarFunction] =
    [SplitFunction.function, Sentences.function] + CaseFunctions.all + LengthFunctions.all + SubstringFunctions.all
    + SearchFunctions.all
    + TrimFunctions.all + ReplaceFunctions.all + ConcatFunctions.all + FormatFunctions.all + DistanceFunctions.all
}
