import MillraceColumnar
import Testing

@testable import MillraceExpressions

@Suite struct OperatorTests {
  @Test func arithmeticOfNumbers() {
    CallTable().check(
      """
      +(1 INT, 2 INT) = 3 INT
      +(NULL INT, 2 INT) = NULL INT
      +(1 TINYINT, 2 BIGINT) = 3 BIGINT
      +(1 TINYINT, 2 SMALLINT) = 3 SMALLINT
      +(0.5 FLOAT, 2 INT) = 2.5 DOUBLE
      +(0.5 FLOAT, 0.25 FLOAT) = 0.75 FLOAT
      +(2147483647 INT, 1 INT) = !ARITHMETIC_OVERFLOW
      +(9223372036854775807 BIGINT, 1 BIGINT) = !ARITHMETIC_OVERFLOW
      +(100 TINYINT, 100 TINYINT) = !BINARY_ARITHMETIC_OVERFLOW
      -(-2147483648 INT, 1 INT) = !ARITHMETIC_OVERFLOW
      -(-128 TINYINT, 1 TINYINT) = !BINARY_ARITHMETIC_OVERFLOW
      *(65536 INT, 32768 INT) = !ARITHMETIC_OVERFLOW
      *(-7 INT, 6 INT) = -42 INT
      *(0.1 DOUBLE, 3 INT) = 0.30000000000000004 DOUBLE
      /(5 INT, 2 INT) = 2.5 DOUBLE
      /(5 INT, 0 INT) = !DIVIDE_BY_ZERO
      /(1.5 DOUBLE, 0 DOUBLE) = !DIVIDE_BY_ZERO
      /(7 STRING, 2 INT) = 3.5 DOUBLE
      /(NULL VOID, NULL VOID) = NULL DOUBLE
      div(-7 INT, 2 INT) = -3 BIGINT
      div(7 INT, -2 INT) = -3 BIGINT
      div(5 INT, 0 INT) = !DIVIDE_BY_ZERO
      div(-9223372036854775808 BIGINT, -1 BIGINT) = !ARITHMETIC_OVERFLOW
      %(-7 INT, 3 INT) = -1 INT
      %(5 INT, 0 INT) = !REMAINDER_BY_ZERO
      %(-2147483648 INT, -1 INT) = 0 INT
      %(5.5 DOUBLE, 2 INT) = 1.5 DOUBLE
      %(5 DOUBLE, 0 INT) = !REMAINDER_BY_ZERO
      pmod(-7 INT, 3 INT) = 2 INT
      pmod(7 INT, -3 INT) = 1 INT
      pmod(-7 INT, -3 INT) = -1 INT
      +(5 STRING, 3 INT) = 8 BIGINT
      *(1.5 STRING, 2.0 DECIMAL(2,1)) = 3.0 DOUBLE
      *(1.5 STRING, 2 INT) = !CAST_INVALID_INPUT
      +(1 STRING, 2 STRING) = !DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE
      +(NULL VOID, NULL VOID) = NULL DOUBLE
      +(true BOOLEAN, 1 INT) = !DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES
      +(1 INT, 2 INT, 3 INT) = !WRONG_NUM_ARGS.WITHOUT_SUGGESTION
      negative(5 INT) = -5 INT
      negative(-2147483648 INT) = !ARITHMETIC_OVERFLOW
      negative(2 STRING) = -2.0 DOUBLE
      negative(NULL VOID) = NULL DOUBLE
      abs(-5.5 DECIMAL(2,1)) = 5.5 DECIMAL(2,1)
      abs(-2147483648 INT) = !ARITHMETIC_OVERFLOW
      abs(-0.5 DOUBLE) = 0.5 DOUBLE
      """)
  }

  @Test func decimals() {
    CallTable().check(
      """
      +(1.10 DECIMAL(3,2), 2.345 DECIMAL(4,3)) = 3.445 DECIMAL(5,3)
      *(1.10 DECIMAL(3,2), 2.345 DECIMAL(4,3)) = 2.57950 DECIMAL(8,5)
      /(10.0 DECIMAL(3,1), 3.0 DECIMAL(2,1)) = 3.333333 DECIMAL(9,6)
      -(12.34 DECIMAL(10,2), 0.5 DOUBLE) = 11.84 DOUBLE
      %(-5.5 DECIMAL(2,1), 2.00 DECIMAL(3,2)) = -1.50 DECIMAL(3,2)
      pmod(-5.5 DECIMAL(2,1), 2.0 DECIMAL(2,1)) = 0.5 DECIMAL(2,1)
      div(7.5 DECIMAL(2,1), 2.0 DECIMAL(2,1)) = 3 BIGINT
      /(1.0 DECIMAL(2,1), 0.0 DECIMAL(2,1)) = !DIVIDE_BY_ZERO
      %(1.0 DECIMAL(2,1), 0.0 DECIMAL(2,1)) = !REMAINDER_BY_ZERO
      +(99999999999999999999999999999999999999 DECIMAL(38,0), 1 DECIMAL(1,0)) = !NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION
      try_add(99999999999999999999999999999999999999 DECIMAL(38,0), 1 DECIMAL(1,0)) = NULL DECIMAL(38,0)
      +(9223372036854775807 DECIMAL(20,0), 1.5 DECIMAL(2,1)) = 9223372036854775808.5 DECIMAL(22,1)
      *(12345678901234567890.123456789 DECIMAL(38,9), 2.5 DECIMAL(38,9)) = 30864197253086419725.308642 DECIMAL(38,6)
      /(1 DECIMAL(38,0), 3 DECIMAL(38,0)) = 0.333333 DECIMAL(38,6)
      """)
  }

  @Test func integerLiteralsBesideDecimalsAreNarrow() throws {
    let column = Expression.attribute(Attribute("d", .decimal(precision: 10, scale: 2)))
    let one = Expression.literal(.integer(1), .integer)
    let context = BindingContext()
    #expect(try BuiltinOperators.subtract(column, one, context).type == .decimal(precision: 11, scale: 2))
    #expect(try BuiltinOperators.divide(column, .literal(.integer(3), .integer), context).type.sql == "DECIMAL(14,6)")
    let number = Expression.attribute(Attribute("i", .integer))
    let oneAndHalf = Expression.literal(.decimal(15), .decimal(precision: 2, scale: 1))
    #expect(try BuiltinOperators.add(number, oneAndHalf, context).type == .decimal(precision: 12, scale: 1))
  }

  @Test func tryForms() {
    CallTable().check(
      """
      try_add(2147483647 INT, 1 INT) = NULL INT
      try_add(1 INT, 1 INT) = 2 INT
      try_subtract(-128 TINYINT, 1 TINYINT) = NULL TINYINT
      try_multiply(9223372036854775807 BIGINT, 2 INT) = NULL BIGINT
      try_divide(1 INT, 0 INT) = NULL DOUBLE
      try_divide(1.0 DECIMAL(2,1), 0.0 DECIMAL(2,1)) = NULL DECIMAL(8,6)
      try_mod(10 INT, 0 SMALLINT) = NULL INT
      """)
  }

  @Test func comparisons() {
    CallTable().check(
      """
      =(1 INT, 1 BIGINT) = true BOOLEAN
      =(NULL INT, 1 INT) = NULL BOOLEAN
      =(1.0 DECIMAL(2,1), 1 INT) = true BOOLEAN
      =(3 INT, 3 STRING) = true BOOLEAN
      =(a STRING, 1 INT) = !CAST_INVALID_INPUT
      =(NaN DOUBLE, NaN DOUBLE) = true BOOLEAN
      !=(NaN DOUBLE, NaN DOUBLE) = false BOOLEAN
      <(Infinity DOUBLE, NaN DOUBLE) = true BOOLEAN
      <=(NaN DOUBLE, NaN DOUBLE) = true BOOLEAN
      >(NaN DOUBLE, 1 DOUBLE) = true BOOLEAN
      >=(1 DOUBLE, NaN DOUBLE) = false BOOLEAN
      <(NaN FLOAT, 1 FLOAT) = false BOOLEAN
      =(0.0 DOUBLE, -0.0 DOUBLE) = true BOOLEAN
      =(abc STRING, abc STRING) = true BOOLEAN
      =(a longer string here STRING, a longer string here STRING) = true BOOLEAN
      =(a longer string here STRING, a longer string hexe STRING) = false BOOLEAN
      !=(abcdefghijkl STRING, abcdefghijkm STRING) = true BOOLEAN
      <(abc STRING, abd STRING) = true BOOLEAN
      <(abc STRING, abc STRING) = false BOOLEAN
      <=(abc STRING, abc STRING) = true BOOLEAN
      >(Z STRING, a STRING) = false BOOLEAN
      <(01 BINARY, FF BINARY) = true BOOLEAN
      <(2024-01-01 DATE, 2024-01-02 STRING) = true BOOLEAN
      =(2024-01-01 DATE, 2024-01-01 00:00:00 TIMESTAMP) = true BOOLEAN
      >(1 DAY, 23 HOUR) = true BOOLEAN
      =(true BOOLEAN, t STRING) = true BOOLEAN
      =(true BOOLEAN, 1 INT) = !DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES
      =(NULL VOID, NULL VOID) = NULL BOOLEAN
      <=>(NULL VOID, NULL VOID) = true BOOLEAN
      <=>(NULL INT, NULL VOID) = true BOOLEAN
      <=>(NULL INT, 1 INT) = false BOOLEAN
      <=>(1 INT, 1 INT) = true BOOLEAN
      between(2 INT, 1 INT, 3 INT) = true BOOLEAN
      between(NULL INT, 1 INT, 3 INT) = NULL BOOLEAN
      between(0 INT, 1 INT, NULL INT) = false BOOLEAN
      """)
  }

  @Test func membership() {
    CallTable().check(
      """
      in(2 INT, 1 INT, 2 INT) = true BOOLEAN
      in(3 INT, 1 INT, 2 INT) = false BOOLEAN
      in(3 INT, 1 INT, NULL INT) = NULL BOOLEAN
      in(1 INT, 1 INT, NULL INT) = true BOOLEAN
      in(NULL INT, 1 INT) = NULL BOOLEAN
      in(abc STRING, x STRING, abc STRING) = true BOOLEAN
      in(a string that is long STRING, x STRING, a string that is long STRING) = true BOOLEAN
      in(a string that is lonh STRING, x STRING, a string that is long STRING) = false BOOLEAN
      in(1.5 DOUBLE, 1 INT, 1.5 DOUBLE) = true BOOLEAN
      in(2024-01-01 DATE, 2024-01-01 STRING) = true BOOLEAN
      in(1 INT, true BOOLEAN) = !DATATYPE_MISMATCH.DATA_DIFF_TYPES
      """)
  }

  @Test func logicAndBits() {
    CallTable().check(
      """
      and(true BOOLEAN, NULL BOOLEAN) = NULL BOOLEAN
      and(false BOOLEAN, NULL BOOLEAN) = false BOOLEAN
      and(NULL BOOLEAN, false BOOLEAN) = false BOOLEAN
      or(true BOOLEAN, NULL BOOLEAN) = true BOOLEAN
      or(NULL BOOLEAN, false BOOLEAN) = NULL BOOLEAN
      and(1 INT, true BOOLEAN) = !DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES
      not(true BOOLEAN) = false BOOLEAN
      not(NULL BOOLEAN) = NULL BOOLEAN
      not(f STRING) = true BOOLEAN
      not(1 INT) = !DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE
      isnull(NULL INT) = true BOOLEAN
      isnull(NULL VOID) = true BOOLEAN
      isnotnull(1 INT) = true BOOLEAN
      &(6 SMALLINT, 3 INT) = 2 INT
      |(6 INT, 1 INT) = 7 INT
      ^(6 TINYINT, 3 TINYINT) = 5 TINYINT
      ~(5 SMALLINT) = -6 SMALLINT
      &(1 INT, 1.5 DOUBLE) = !DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES
      shiftleft(1 INT, 33 INT) = 2 INT
      shiftleft(1 BIGINT, 33 INT) = 8589934592 BIGINT
      shiftright(-8 INT, 1 INT) = -4 INT
      shiftrightunsigned(-8 INT, 1 INT) = 2147483644 INT
      """)
  }

  @Test func datesAndIntervals() {
    CallTable().check(
      """
      +(2024-02-28 DATE, 2 INT) = 2024-03-01 DATE
      +(2 INT, 2024-02-28 DATE) = 2024-03-01 DATE
      -(2024-03-01 DATE, 1 INT) = 2024-02-29 DATE
      -(2024-03-01 DATE, 2024-02-01 DATE) = INTERVAL '29' DAY INTERVAL DAY
      +(2024-01-31 DATE, 1 MONTH) = 2024-02-29 DATE
      -(2024-02-29 DATE, 1 YEAR) = 2023-02-28 DATE
      +(2024-01-01 DATE, 36 HOUR) = 2024-01-02 12:00:00 TIMESTAMP
      +(2024-01-01 DATE, 36 DAY) = 2024-02-06 DATE
      -(2024-03-31 10:00:00 TIMESTAMP, 1 MONTH) = 2024-02-29 10:00:00 TIMESTAMP
      +(2024-03-31 10:00:00 TIMESTAMP, 90 SECOND) = 2024-03-31 10:01:30 TIMESTAMP
      -(2024-01-02 00:00:00 TIMESTAMP, 2024-01-01 12:00:00 TIMESTAMP) = INTERVAL '0 12:00:00' DAY TO SECOND INTERVAL DAY TO SECOND
      *(1 HOUR, 2.5 DECIMAL(2,1)) = INTERVAL '0 02:30:00' DAY TO SECOND INTERVAL DAY TO SECOND
      /(3 MONTH, 2 INT) = INTERVAL '0-2' YEAR TO MONTH INTERVAL YEAR TO MONTH
      /(3 MONTH, 0 INT) = !INTERVAL_DIVIDED_BY_ZERO
      +(1 HOUR, 30 SECOND) = INTERVAL '01:00:30' HOUR TO SECOND INTERVAL HOUR TO SECOND
      negative(5 DAY) = INTERVAL '-5' DAY INTERVAL DAY
      +(1 DAY, 1 MONTH) = !DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE
      +(NULL DATE, 1 INT) = NULL DATE
      """)
    CallTable(timeZone: "Europe/Berlin").check(
      """
      +(2024-03-30 11:00:00 TIMESTAMP, 1 DAY) = 2024-03-31 12:00:00 TIMESTAMP
      +(2024-03-30 11:00:00 TIMESTAMP, 24 HOUR) = 2024-03-31 12:00:00 TIMESTAMP
      """)
  }
}
