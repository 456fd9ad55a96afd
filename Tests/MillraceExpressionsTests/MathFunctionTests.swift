import MillraceColumnar
import Testing

@testable import MillraceExpressions

@Suite struct MathFunctionTests {
  @Test func rounding() {
    CallTable().check(
      """
      round(2.5 DECIMAL(2,1)) = 3 DECIMAL(2,0)
      round(-2.5 DECIMAL(2,1)) = -3 DECIMAL(2,0)
      bround(2.5 DECIMAL(2,1)) = 2 DECIMAL(2,0)
      bround(3.5 DECIMAL(2,1)) = 4 DECIMAL(2,0)
      round(2.5 DOUBLE) = 3.0 DOUBLE
      round(-0.5 DOUBLE) = -1.0 DOUBLE
      round(2.5 FLOAT) = 3.0 FLOAT
      round(NaN DOUBLE) = NaN DOUBLE
      rint(2.5 DOUBLE) = 2.0 DOUBLE
      ceil(2.1 DECIMAL(2,1)) = 3 DECIMAL(2,0)
      floor(-2.1 DECIMAL(2,1)) = -3 DECIMAL(2,0)
      ceil(-0.5 DECIMAL(1,1)) = 0 DECIMAL(1,0)
      floor(-0.5 DECIMAL(1,1)) = -1 DECIMAL(1,0)
      floor(5 INT) = 5 BIGINT
      ceil(-1.5 DOUBLE) = -1 BIGINT
      floor(1e20 DOUBLE) = !ARITHMETIC_OVERFLOW
      floor(NULL DOUBLE) = NULL BIGINT
      round(true BOOLEAN) = !DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE
      """)
    checkPlaces(
      [
        ("round", "2.345", .decimal(precision: 4, scale: 3), 2, "2.35 DECIMAL(4,2)"),
        ("round", "1234", .integer, -2, "1200 INT"), ("round", "1250", .integer, -2, "1300 INT"),
        ("bround", "1250", .integer, -2, "1200 INT"), ("round", "127", .byte, -1, "!ARITHMETIC_OVERFLOW"),
        ("round", "1.5", .double, 400, "1.5 DOUBLE"), ("round", "55", .integer, -30, "0 INT"),
        ("round", "0.285", .double, 2, "0.29 DOUBLE"), ("round", "1.005", .double, 2, "1.01 DOUBLE"),
        ("bround", "0.125", .double, 2, "0.12 DOUBLE"), ("round", "12345.6", .double, -3, "12000.0 DOUBLE"),
        ("round", "1e300", .double, 2, "1.0E300 DOUBLE"), ("round", "1e-300", .double, 2, "0.0 DOUBLE"),
        ("ceil", "2.15", .decimal(precision: 3, scale: 2), 1, "2.2 DECIMAL(3,1)"),
        ("floor", "3.789", .decimal(precision: 4, scale: 3), 2, "3.78 DECIMAL(4,2)"),
        ("floor", "-127.5", .decimal(precision: 4, scale: 1), -1, "-130 DECIMAL(4,0)"),
      ])
  }

  /// Calls whose second argument has to be a constant.
  private func checkPlaces(_ cases: [(String, String, DataType, Int64, String)]) {
    for (name, number, type, places, wanted) in cases {
      let found: String
      do {
        let text = Expression.literal(.string(number), .string)
        let value = try Cast.bind(text, to: type, context: BindingContext()).constantValue()
        let function = try #require(FunctionRegistry.builtin.scalar(name))
        let arguments: [Expression] = [.literal(value, type), .literal(.integer(places), .integer)]
        let bound = try function.bind(arguments.map { .expression($0) }, BindingContext())
        found = "\(CellText(bound.type).string(try bound.constantValue())) \(bound.type.sql)"
      } catch {
        found = "!\((error as? MillraceError)?.code ?? "\(error)")"
      }
      #expect(found == wanted, "\(name)(\(number), \(places))")
    }
  }

  @Test func doubles() {
    CallTable().check(
      """
      sqrt(2 INT) = 1.4142135623730951 DOUBLE
      sqrt(-1 INT) = NaN DOUBLE
      sqrt(4 STRING) = 2.0 DOUBLE
      cbrt(27 INT) = 3.0 DOUBLE
      pow(2 INT, -1 INT) = 0.5 DOUBLE
      exp(0 INT) = 1.0 DOUBLE
      ln(10 INT) = 2.302585092994046 DOUBLE
      ln(0 INT) = NULL DOUBLE
      log(2 INT, 8 INT) = 3.0 DOUBLE
      log(0 INT, 8 INT) = NULL DOUBLE
      log(-1 INT) = NULL DOUBLE
      log10(1000 INT) = 3.0 DOUBLE
      log2(8 INT) = 3.0 DOUBLE
      log1p(-1 INT) = NULL DOUBLE
      log1p(0 INT) = 0.0 DOUBLE
      asin(2 INT) = NaN DOUBLE
      atan2(0 INT, 1 INT) = 0.0 DOUBLE
      hypot(3 INT, 4 INT) = 5.0 DOUBLE
      degrees(3.141592653589793 DOUBLE) = 180.0 DOUBLE
      sign(-5 INT) = -1.0 DOUBLE
      sign(-5 MONTH) = -1.0 DOUBLE
      pi() = 3.141592653589793 DOUBLE
      e() = 2.718281828459045 DOUBLE
      sqrt(2024-01-01 DATE) = !DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE
      """)
  }

  @Test func integersAndDigits() {
    CallTable().check(
      """
      factorial(5 INT) = 120 BIGINT
      factorial(20 INT) = 2432902008176640000 BIGINT
      factorial(21 INT) = NULL BIGINT
      factorial(-1 INT) = NULL BIGINT
      bin(13 INT) = 1101 STRING
      bin(-1 INT) = 1111111111111111111111111111111111111111111111111111111111111111 STRING
      hex(255 INT) = FF STRING
      hex(-1 INT) = FFFFFFFFFFFFFFFF STRING
      hex(abc STRING) = 616263 STRING
      hex(00ff BINARY) = 00FF STRING
      unhex(616263 STRING) = [61 62 63] BINARY
      unhex(F STRING) = [0F] BINARY
      unhex(GG STRING) = NULL BINARY
      conv(100 STRING, 2 INT, 10 INT) = 4 STRING
      conv(ff STRING, 16 INT, 10 INT) = 255 STRING
      conv(-10 STRING, 16 INT, -10 INT) = -16 STRING
      conv(-1 STRING, 10 INT, 16 INT) = FFFFFFFFFFFFFFFF STRING
      conv(zz STRING, 36 INT, 16 INT) = 50F STRING
      conv(1 STRING, 1 INT, 10 INT) = NULL STRING
      width_bucket(5.3 DOUBLE, 0.2 DOUBLE, 10.6 DOUBLE, 5 INT) = 3 BIGINT
      width_bucket(-2.1 DOUBLE, 1.3 DOUBLE, 3.4 DOUBLE, 3 INT) = 0 BIGINT
      width_bucket(8.1 DOUBLE, 0.0 DOUBLE, 5.7 DOUBLE, 4 INT) = 5 BIGINT
      width_bucket(-0.9 DOUBLE, 5.2 DOUBLE, 0.5 DOUBLE, 2 INT) = 3 BIGINT
      width_bucket(1 DOUBLE, 1 DOUBLE, 1 DOUBLE, 2 INT) = NULL BIGINT
      bit_count(7 INT) = 3 INT
      bit_count(-1 TINYINT) = 64 INT
      bit_count(true BOOLEAN) = 1 INT
      bit_get(10 INT, 1 INT) = 1 TINYINT
      bit_get(10 INT, 32 INT) = !INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE
      bitmap_bit_position(123 INT) = 122 BIGINT
      bitmap_bucket_number(123 INT) = 1 BIGINT
      """)
  }

  @Test func conditions() {
    CallTable().check(
      """
      if(true BOOLEAN, 1 INT, 2 BIGINT) = 1 BIGINT
      if(NULL BOOLEAN, 1 INT, 2 INT) = 2 INT
      if(1 INT, 1 INT, 2 INT) = !DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE
      coalesce(NULL VOID, 1 INT, 2.5 DECIMAL(2,1)) = 1.0 DECIMAL(11,1)
      coalesce(NULL INT, NULL INT) = NULL INT
      nvl(NULL INT, 7 BIGINT) = 7 BIGINT
      nvl2(NULL INT, y STRING, n STRING) = n STRING
      nullif(2 INT, 2 BIGINT) = NULL INT
      nullif(2 INT, 3 INT) = 2 INT
      nullifzero(0 INT) = NULL INT
      zeroifnull(NULL INT) = 0 INT
      nanvl(NaN DOUBLE, 5 INT) = 5.0 DOUBLE
      nanvl(1.5 DOUBLE, 5 INT) = 1.5 DOUBLE
      nanvl(NULL DOUBLE, 5 INT) = NULL DOUBLE
      isnan(NaN DOUBLE) = true BOOLEAN
      isnan(NULL DOUBLE) = false BOOLEAN
      greatest(1 INT, NULL INT, 3 INT) = 3 INT
      least(1 INT, NULL INT, 3 INT) = 1 INT
      greatest(NULL INT, NULL INT) = NULL INT
      greatest(NaN DOUBLE, 1 INT) = NaN DOUBLE
      least(b STRING, a string that is long STRING) = a string that is long STRING
      greatest(1 INT) = !WRONG_NUM_ARGS.WITHOUT_SUGGESTION
      coalesce(1 INT, true BOOLEAN) = !DATATYPE_MISMATCH.DATA_DIFF_TYPES
      typeof(1.5 DECIMAL(2,1)) = decimal(2,1) STRING
      typeof(1 DAY) = interval day STRING
      assert_true(false BOOLEAN) = !USER_RAISED_EXCEPTION
      """)
  }

  @Test func hashes() {
    CallTable().check(
      """
      hash(1 INT) = -559580957 INT
      hash(NULL INT) = 42 INT
      hash(a STRING) = 1485273170 INT
      hash(Hello World STRING) = 352365215 INT
      hash(1 INT, Hello World STRING) = -413122514 INT
      hash(4 INT, NULL STRING) = -397064898 INT
      hash(0.0 DOUBLE) = -1670924195 INT
      hash(-0.0 DOUBLE) = -1670924195 INT
      hash(1 TINYINT) = -559580957 INT
      hash(1 FLOAT) = -466301895 INT
      hash( STRING) = 142593372 INT
      xxhash64(Hello World STRING) = 8557436188178888239 BIGINT
      xxhash64(1 INT, Hello World STRING) = -1526994409709387214 BIGINT
      xxhash64(1 INT) = -6698625589789238999 BIGINT
      xxhash64(1 BIGINT) = -7001672635703045582 BIGINT
      xxhash64(1.5 DOUBLE) = 7738255526519901366 BIGINT
      xxhash64(true BOOLEAN) = -6698625589789238999 BIGINT
      xxhash64(NULL VOID) = 42 BIGINT
      xxhash64(1.50 DECIMAL(3,2)) = -6873856301616164681 BIGINT
      xxhash64( STRING) = -7444071767201028348 BIGINT
      crc32(Hello World STRING) = 1243066710 BIGINT
      crc32(a STRING) = 3904355907 BIGINT
      md5(Hello World STRING) = b10a8db164e0754105b7a99be72e3fe5 STRING
      md5( STRING) = d41d8cd98f00b204e9800998ecf8427e STRING
      sha1(Hello World STRING) = 0a4d55a8d778e5022fab701977c5d840bbc486d0 STRING
      sha2(Hello World STRING, 256 INT) = a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e STRING
      sha2(abc STRING, 224 INT) = 23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7 STRING
      sha2(abc STRING, 512 INT) = \
      ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f STRING
      sha2(abc STRING, 384 INT) = \
      cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7 STRING
      sha2(abc STRING, 1 INT) = NULL STRING
      """)
  }

  /// Digests of messages around the block sizes, where the padding changes its shape; lengths and values from RFC 1321
  /// and from the property that a digest of a changed last byte differs.
  @Test func digestsPadEveryLength() {
    for count in [55, 56, 57, 63, 64, 65, 111, 112, 113, 127, 128, 129] {
      let message = [UInt8](repeating: 0x61, count: count)
      var other = message
      other[count - 1] = 0x62
      func differ<Kind: Digest>(_: Kind.Type) -> Bool {
        message.withUnsafeBytes { Kind.digest($0) } != other.withUnsafeBytes { Kind.digest($0) }
      }
      #expect(differ(MD5.self) && differ(SHA1.self) && differ(SHA256.self) && differ(SHA512.self))
    }
    let digits = "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
    CallTable().check("md5(\(digits) STRING) = 57edf4a22be3c955ac49da2e2107b67a STRING")
  }

  @Test func structsHashByTheirFields() throws {
    let type = DataType.structure([StructField("a", .integer), StructField("b", .string)])
    let value = Expression.literal(.structure([.integer(1), .string("x")]), type)
    let function = try #require(FunctionRegistry.builtin.scalar("xxhash64"))
    let bound = try function.bind([.expression(value)], BindingContext())
    #expect(try bound.constantValue() == .integer(8_510_603_489_595_372_987))
  }

  @Test func randomNumbersAreSpreadAndRepeatable() throws {
    let function = try #require(FunctionRegistry.builtin.scalar("rand"))
    let batch = RecordBatch(rowCount: 10_000, columns: [])
    func numbers(_ seed: UInt64, _ evaluator: Evaluator) throws -> [Double] {
      let column = try evaluator.evaluate(batch, EvaluationContext(seed: seed))[0]
      return (0..<10_000).map { column.values(as: Double.self)[$0] }
    }
    func evaluator() throws -> Evaluator {
      try Evaluator(
        [try function.bind([.expression(.literal(.integer(7), .integer))], BindingContext())], input: [])
    }
    let one = try evaluator()
    let first = try numbers(1, one)
    #expect(try first != numbers(1, one), "the second record batch goes on")
    #expect(try first != numbers(2, one), "another batch of the query begins with others")
    #expect(try first == numbers(1, one), "and one that is computed again with the same")
    #expect(try first == numbers(1, evaluator()))
    #expect(first.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(first.reduce(0, +) / 10_000 - 0.5) < 0.02)
  }
}
