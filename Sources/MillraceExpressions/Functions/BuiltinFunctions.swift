/// The explicit list of function families; a new family is one line here.
enum BuiltinFunctions {
  static let scalarFamilies: [[ScalarFunction]] = [
    RegexFunctions.all,
    StringFunctions.all,
    ParseFunctions.all,
    ClockFunctions.all,
  ]
  static let aggregateFamilies: [[AggregateFunction]] = [
    BasicAggregates.all,
    StatisticalAggregates.all,
    CollectionAggregates.all,
  ]
}
