/// All functions of dates and times.
enum DateTimeFunctions {
  static let all: [ScalarFunction] =
    ClockFunctions.all + ParseFunctions.all + DatePartFunctions.all + DateArithmeticFunctions.all
    + TruncateFunctions.all + MakeFunctions.all + EpochFunctions.all + ZoneFunctions.all
}
