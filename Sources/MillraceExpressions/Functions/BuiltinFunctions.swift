/// The explicit list of function families; a new family is one line here.
enum BuiltinFunctions {
  static let scalarFamilies: [[ScalarFunction]] = [
    OperatorFunctions.all,
    ConditionalFunctions.all,
    MathFunctions.all,
    Rounding.all,
    IntegerFunctions.all,
    HashFunctions.all,
    MiscFunctions.all,
    RandomFunctions.all,
    NumberFormatFunctions.all,
    RegexFunctions.all,
    StringFunctions.all,
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
    DateTimeFunctions.all,
    EncodingFunctions.all,
    URLFunctions.all,
    JSONFunctions.functions,
    CSVFunctions.all,
    ValidTextFunctions.all,
    VariantFunctions.functions,
  ]
  static let aggregateFamilies: [[AggregateFunction]] = [
    BasicAggregates.all,
    StatisticalAggregates.all,
    CollectionAggregates.all,
    VariantFunctions.aggregates,
  ]
}
