/// The explicit list of function families; a new family is one line here.
enum BuiltinFunctions {
  static let scalarFamilies: [[ScalarFunction]] = [
    RegexFunctions.all,
    StringFunctions.all,
    ParseFunctions.all,
    ClockFunctions.all,
    CollectionAccess.functions,
    ArraySearch.functions,
    ArraySets.functions,
    ArrayTransforms.functions,
    SequenceFunction.functions,
    MapFunctions.functions,
    MapLambdas.functions,
    HigherOrder.functions,
    StructFunctions.functions,
    JSONExtraction.functions,
  ]
  static let aggregateFamilies: [[AggregateFunction]] = [
    BasicAggregates.all,
    StatisticalAggregates.all,
    CollectionAggregates.all,
  ]
}
