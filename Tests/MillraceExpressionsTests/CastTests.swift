import MillraceColumnar
import Testing

@testable import MillraceExpressions

@Suite struct CastTests {
  @Test func textToNumbers() {
    CallTable().check(
      """
      cast<INT>( 42  STRING) = 42 INT
      cast<BIGINT>(-7 STRING) = -7 BIGINT
      cast<SMALLINT>(+3 STRING) = 3 SMALLINT
      cast<INT>(4.2 STRING) = !CAST_INVALID_INPUT
      cast<INT>( STRING) = !CAST_INVALID_INPUT
      cast<INT>(- STRING) = !CAST_INVALID_INPUT
      cast<INT>(1e3 STRING) = !CAST_INVALID_INPUT
      cast<INT>(3000000000 STRING) = !CAST_INVALID_INPUT
      cast<BIGINT>(9223372036854775807 STRING) = 9223372036854775807 BIGINT
      cast<BIGINT>(-9223372036854775808 STRING) = -9223372036854775808 BIGINT
      cast<BIGINT>(9223372036854775808 STRING) = !CAST_INVALID_INPUT
      cast<BIGINT>(00000000000000000000012 STRING) = 12 BIGINT
      try_cast<INT>(abc STRING) = NULL INT
      try_cast<TINYINT>(128 STRING) = NULL TINYINT
      cast<DOUBLE>(1e3 STRING) = 1000.0 DOUBLE
      cast<DOUBLE>(  2.5  STRING) = 2.5 DOUBLE
      cast<DOUBLE>(inf STRING) = Infinity DOUBLE
      cast<DOUBLE>(-Infinity STRING) = -Infinity DOUBLE
      cast<DOUBLE>(nan STRING) = NaN DOUBLE
      cast<DOUBLE>(.5 STRING) = 0.5 DOUBLE
      cast<DOUBLE>(1.5d STRING) = 1.5 DOUBLE
      cast<DOUBLE>(1.7976931348623157e308 STRING) = 1.7976931348623157E308 DOUBLE
      cast<DOUBLE>(0.1234567890123456789012 STRING) = 0.12345678901234568 DOUBLE
      cast<DOUBLE>(1e STRING) = !CAST_INVALID_INPUT
      cast<DOUBLE>(. STRING) = !CAST_INVALID_INPUT
      cast<FLOAT>(16777217 STRING) = 1.6777216E7 FLOAT
      cast<DECIMAL(10,1)>(1e2 STRING) = 100.0 DECIMAL(10,1)
      cast<DECIMAL(10,2)>(-2.345 STRING) = -2.35 DECIMAL(10,2)
      cast<DECIMAL(5,2)>(12345 STRING) = !NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION
      cast<DECIMAL(5,2)>(x STRING) = !CAST_INVALID_INPUT
      try_cast<DECIMAL(5,2)>(99999999999 STRING) = NULL DECIMAL(5,2)
      cast<DECIMAL(38,0)>(99999999999999999999999999999999999999 STRING) = 99999999999999999999999999999999999999 DECIMAL(38,0)
      cast<DECIMAL(38,10)>(1234567890123456789012345678.123456789012345 STRING) = 1234567890123456789012345678.1234567890 DECIMAL(38,10)
      cast<BOOLEAN>(true STRING) = true BOOLEAN
      cast<BOOLEAN>( F  STRING) = false BOOLEAN
      cast<BOOLEAN>(Yes STRING) = true BOOLEAN
      cast<BOOLEAN>(n STRING) = false BOOLEAN
      cast<BOOLEAN>(0 STRING) = false BOOLEAN
      cast<BOOLEAN>(maybe STRING) = !CAST_INVALID_INPUT
      """)
  }

  @Test func numbersToText() {
    CallTable().check(
      """
      cast<STRING>(-42 INT) = -42 STRING
      cast<STRING>(-9223372036854775808 BIGINT) = -9223372036854775808 STRING
      cast<STRING>(9223372036854775807 BIGINT) = 9223372036854775807 STRING
      cast<STRING>(10 TINYINT) = 10 STRING
      cast<STRING>(1 DOUBLE) = 1.0 STRING
      cast<STRING>(-0.0 DOUBLE) = -0.0 STRING
      cast<STRING>(1e7 DOUBLE) = 1.0E7 STRING
      cast<STRING>(9999999.5 DOUBLE) = 9999999.5 STRING
      cast<STRING>(1.5e-5 DOUBLE) = 1.5E-5 STRING
      cast<STRING>(0.001 DOUBLE) = 0.001 STRING
      cast<STRING>(0.00099 DOUBLE) = 9.9E-4 STRING
      cast<STRING>(123456789.125 DOUBLE) = 1.23456789125E8 STRING
      cast<STRING>(1e300 DOUBLE) = 1.0E300 STRING
      cast<STRING>(100000000000000000000 DOUBLE) = 1.0E20 STRING
      cast<STRING>(nan DOUBLE) = NaN STRING
      cast<STRING>(-inf DOUBLE) = -Infinity STRING
      cast<STRING>(0.1 FLOAT) = 0.1 STRING
      cast<STRING>(-8.5 FLOAT) = -8.5 STRING
      cast<STRING>(3.4e38 FLOAT) = 3.4E38 STRING
      cast<STRING>(-0.50 DECIMAL(10,2)) = -0.50 STRING
      cast<STRING>(0.0000001 DECIMAL(10,7)) = 0.0000001 STRING
      cast<STRING>(-99999999999999999999999999999999999999 DECIMAL(38,0)) = -99999999999999999999999999999999999999 STRING
      cast<STRING>(true BOOLEAN) = true STRING
      cast<STRING>(NULL INT) = NULL STRING
      cast<STRING>(616263 BINARY) = abc STRING
      cast<BINARY>(abc STRING) = [61 62 63] BINARY
      """)
  }

  @Test func numbersToNumbers() {
    CallTable().check(
      """
      cast<TINYINT>(300 INT) = !CAST_OVERFLOW
      try_cast<TINYINT>(300 INT) = NULL TINYINT
      cast<TINYINT>(-128 BIGINT) = -128 TINYINT
      cast<INT>(1.9 DOUBLE) = 1 INT
      cast<INT>(-1.9 DOUBLE) = -1 INT
      cast<INT>(3e10 DOUBLE) = !CAST_OVERFLOW
      cast<INT>(NaN DOUBLE) = !CAST_OVERFLOW
      cast<BIGINT>(9223372036854775807 DOUBLE) = !CAST_OVERFLOW
      cast<BIGINT>(-9223372036854775808 DOUBLE) = -9223372036854775808 BIGINT
      cast<INT>(-1.9 DECIMAL(2,1)) = -1 INT
      cast<TINYINT>(200.5 DECIMAL(4,1)) = !CAST_OVERFLOW
      cast<DOUBLE>(12.34 DECIMAL(10,2)) = 12.34 DOUBLE
      cast<DOUBLE>(12345678901234567890123456789.123456789 DECIMAL(38,9)) = 1.2345678901234568E28 DOUBLE
      cast<FLOAT>(0.1 DOUBLE) = 0.1 FLOAT
      cast<DOUBLE>(0.1 FLOAT) = 0.10000000149011612 DOUBLE
      cast<DECIMAL(10,2)>(1.005 DECIMAL(4,3)) = 1.01 DECIMAL(10,2)
      cast<DECIMAL(10,2)>(-2.345 DECIMAL(4,3)) = -2.35 DECIMAL(10,2)
      cast<DECIMAL(5,2)>(12345.678 DECIMAL(8,3)) = !NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION
      try_cast<DECIMAL(5,2)>(12345.678 DECIMAL(8,3)) = NULL DECIMAL(5,2)
      cast<DECIMAL(3,1)>(100 INT) = !NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION
      cast<DECIMAL(3,1)>(-99 INT) = -99.0 DECIMAL(3,1)
      cast<DECIMAL(4,2)>(0.285 DOUBLE) = 0.29 DECIMAL(4,2)
      cast<DECIMAL(4,2)>(NaN DOUBLE) = NULL DECIMAL(4,2)
      cast<BOOLEAN>(2 INT) = true BOOLEAN
      cast<BOOLEAN>(0.0 DECIMAL(2,1)) = false BOOLEAN
      cast<INT>(true BOOLEAN) = 1 INT
      cast<DECIMAL(3,2)>(true BOOLEAN) = 1.00 DECIMAL(3,2)
      """)
  }

  @Test func datesAndTimes() {
    CallTable().check(
      """
      cast<DATE>(2024-2-9 STRING) = 2024-02-09 DATE
      cast<DATE>(2024 STRING) = 2024-01-01 DATE
      cast<DATE>(2023-02-29 STRING) = !CAST_INVALID_INPUT
      cast<DATE>(2024-05-06 07:08:09 TIMESTAMP) = 2024-05-06 DATE
      cast<TIMESTAMP>(2024-13-01 00:00:00 STRING) = !CAST_INVALID_INPUT
      try_cast<TIMESTAMP>(x STRING) = NULL TIMESTAMP
      cast<TIMESTAMP>(2024-01-02 DATE) = 2024-01-02 00:00:00 TIMESTAMP
      cast<STRING>(2024-01-02 03:04:05.670 TIMESTAMP) = 2024-01-02 03:04:05.67 STRING
      cast<STRING>(1969-12-31 23:59:58.5 TIMESTAMP_NTZ) = 1969-12-31 23:59:58.5 STRING
      cast<STRING>(0001-01-01 DATE) = 0001-01-01 STRING
      cast<BIGINT>(1969-12-31 23:59:58.5 TIMESTAMP) = -2 BIGINT
      cast<DOUBLE>(1969-12-31 23:59:58.5 TIMESTAMP) = -1.5 DOUBLE
      cast<DECIMAL(20,3)>(1970-01-01 00:00:01.2345 TIMESTAMP) = 1.235 DECIMAL(20,3)
      cast<TINYINT>(2024-01-01 00:00:00 TIMESTAMP) = !CAST_OVERFLOW
      cast<TIMESTAMP>(1 INT) = 1970-01-01 00:00:01 TIMESTAMP
      cast<TIMESTAMP>(-1.5 DOUBLE) = 1969-12-31 23:59:58.5 TIMESTAMP
      cast<TIMESTAMP>(1.25 DECIMAL(3,2)) = 1970-01-01 00:00:01.25 TIMESTAMP
      cast<INT>(2024-01-01 DATE) = !DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION
      cast<DATE>(1 INT) = !DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION
      cast<BOOLEAN>(2024-01-01 DATE) = !DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION
      cast<BINARY>(1 INT) = !DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION
      cast<INT>(61 BINARY) = !DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION
      cast<STRING>(90 SECOND) = INTERVAL '90' SECOND STRING
      cast<DAY_SECOND>(90061 SECOND) = INTERVAL '1 01:01:01' DAY TO SECOND INTERVAL DAY TO SECOND
      cast<INT>(3 HOUR) = 3 INT
      cast<STRING>(14 MONTH) = INTERVAL '14' MONTH STRING
      cast<YEAR_MONTH>(-14 MONTH) = INTERVAL '-1-2' YEAR TO MONTH INTERVAL YEAR TO MONTH
      """)
    CallTable(timeZone: "America/New_York").check(
      """
      cast<TIMESTAMP>(2024-07-01 12:00:00 STRING) = 2024-07-01 12:00:00 TIMESTAMP
      cast<STRING>(2024-07-01 12:00:00 TIMESTAMP) = 2024-07-01 08:00:00 STRING
      cast<DATE>(2024-07-01 02:00:00 TIMESTAMP) = 2024-06-30 DATE
      cast<TIMESTAMP>(2024-07-01 DATE) = 2024-07-01 00:00:00 TIMESTAMP
      cast<TIMESTAMP_NTZ>(2024-07-01 12:00:00 TIMESTAMP) = 2024-07-01 08:00:00 TIMESTAMP_NTZ
      """)
  }

  @Test func nestedTypes() throws {
    func text(_ value: Value, _ type: DataType, to target: DataType = .string) throws -> String {
      let bound = try Cast.bind(.literal(value, type), to: target, context: BindingContext())
      return CellText(target).string(try bound.constantValue())
    }
    let numbers = Value.array([.integer(1), .null, .integer(3)])
    #expect(try text(numbers, .array(.integer)) == "[1, null, 3]")
    #expect(try text(numbers, .array(.integer), to: .array(.string)) == "[1, null, 3]")
    #expect(try text(.array([.string("1")]), .array(.string), to: .array(.double)) == "[1.0]")
    #expect(try text(.map([.init(.string("k"), .integer(1))]), .map(.string, .integer)) == "{k -> 1}")
    let fields = [StructField("a", .integer), StructField("b", .string), StructField("c", .void)]
    #expect(try text(.structure([.integer(1), .string("x"), .null]), .structure(fields)) == "{1, x, null}")
    #expect(throws: MillraceError.self) { try text(numbers, .array(.integer), to: .integer) }
  }

  @Test func commonTypes() {
    let cases: [([DataType], DataType?)] = [
      ([.integer, .string], .long), ([.string, .decimal(precision: 2, scale: 1)], .double), ([.void, .date], .date),
      ([.void, .integer, .decimal(precision: 2, scale: 1)], .decimal(precision: 11, scale: 1)),
      ([.integer, .decimal(precision: 2, scale: 1), .long], .decimal(precision: 21, scale: 1)),
      ([.string, .string], .string), ([.date, .timestampNTZ], .timestampNTZ),
      ([.timestampNTZ, .timestamp], .timestamp),
      ([.float, .long], .double), ([.boolean, .integer], nil), ([.array(.integer), .integer], nil),
      ([.array(.integer), .array(.long)], .array(.long)), ([.string, .binary], .binary),
      ([.decimal(precision: 38, scale: 10), .decimal(precision: 38, scale: 0)], .decimal(precision: 38, scale: 0)),
    ]
    for (types, wanted) in cases { #expect(TypeCoercion.commonType(types) == wanted, "\(types)") }
  }
}
