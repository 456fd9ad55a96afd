import Glibc
import MillraceColumnar

/// Random numbers. A value depends on the call's seed, the batch's seed, the partition and the row, so that a replayed
/// batch gets the same ones.
enum RandomFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("rand", "random", summary: "A number from 0 up to but not 1.", example: "rand(7) < 1") {
      arguments, context in
      let seed = try seed("rand", arguments, context)
      return numbers("rand", seed, isSeeded: !arguments.isEmpty, { $0.uniform() }, { $0.uniform() })
    },
    ScalarFunction("randn", summary: "A number of the standard normal distribution.", example: "randn(7) < 10") {
      arguments, context in
      let seed = try seed("randn", arguments, context)
      return numbers("randn", seed, isSeeded: !arguments.isEmpty, { $0.normal() }, { $0.normal() })
    },
    ScalarFunction("uniform", summary: "A number between two constants.", example: "uniform(1, 10, 0) < 11") {
      arguments, context in try uniform(arguments, context)
    },
    ScalarFunction(
      "randstr", summary: "Random letters and digits, so many of them.", example: "length(randstr(5, 0))"
    ) { arguments, context in try randstr(arguments, context) },
    ScalarFunction(
      "shuffle", summary: "The elements of an array in a random order.", example: "size(shuffle(array(1, 20, 3), 7))"
    ) { arguments, context in try shuffle(arguments, context) },
    ScalarFunction("uuid", summary: "A random universally unique identifier.", example: "length(uuid())") {
      arguments, context in
      let seed = try seed("uuid", arguments, context)
      let rows = RandomPlaces<Int>()
      return MiscFunctions.nondeterministic("uuid", .string) { _, count, context in
        var writer = StringWriter(rows: count)
        let first = rows.advance(by: count, context)
        for row in first..<first + count {
          var source = RandomSource(seed, context, row: row)
          UUIDText.append(source.next(), source.next(), to: &writer)
          writer.end()
        }
        return writer.finish(.string, count: count)
      }
    },
  ]

  private static func seed(_ name: String, _ arguments: [Expression], _ context: BindingContext) throws -> UInt64 {
    try Arguments.expectCount(name, arguments, 0...1)
    guard let argument = arguments.first else { return UInt64.random(in: .min ... .max) }
    let value = try Arguments.constant(name, "seed", try Arguments.coerce(name, [argument], [.long], context)[0])
    if case .integer(let number) = value { return UInt64(bitPattern: number) }
    return 0
  }

  private static func uniform(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("uniform", arguments, 2...3)
    let bounds = try Arguments.coerce("uniform", Array(arguments.prefix(2)), [.numeric, .numeric], context)
    guard let type = TypeCoercion.commonType(bounds.map(\.type)) else { return .null(.double) }
    let seed = try seed("uniform", Array(arguments.dropFirst(2)), context)
    let limits = try bounds.map { try Arguments.constant("uniform", "bound", try $0.cast(to: .double, context)) }
    guard case .double(let low) = limits[0], case .double(let high) = limits[1] else { return .null(type) }
    let number = numbers(
      "uniform", seed, isSeeded: arguments.count > 2, { $0.uniform() * (high - low) + low },
      { $0.uniform() * (high - low) + low })
    return try number.cast(to: type, context)
  }

  private static func shuffle(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("shuffle", arguments, 1...2)
    let array = arguments[0].type == .void ? .null(.array(.integer)) : arguments[0]
    guard array.type.elementType != nil else {
      throw Arguments.unexpectedType("shuffle", 0, array.type, .array)
    }
    let seed = try seed("shuffle", Array(arguments.dropFirst()), context)
    let places = RandomPlaces<MersenneTwister> { MersenneTwister(seed, $0) }
    let function = BoundFunction("shuffle", type: array.type, isNullable: array.isNullable, isDeterministic: false) {
      vectors, count, context in
      places.withPlace(context) { generator in
        // A constant, too, is shuffled for each row.
        let lists = Lists(vectors[0].flattened())
        var maker = ListMaker([lists.column], rowCount: count)
        var order: [Int] = []
        for row in 0..<count {
          guard let range = lists[row] else {
            maker.endNull()
            continue
          }
          generator.shuffle(&order, count: range.count)
          for index in order { maker.append(range.lowerBound + index) }
          maker.end()
        }
        return maker.finish(array.type, [lists.elements])
      }
    }
    return .call(function, [array])
  }

  private static func randstr(_ arguments: [Expression], _ context: BindingContext) throws -> Expression {
    try Arguments.expectCount("randstr", arguments, 1...2)
    let length = try Arguments.constant(
      "randstr", "length", try Arguments.coerce("randstr", [arguments[0]], [.integer], context)[0])
    guard case .integer(let count) = length, count >= 0 else {
      throw MillraceError("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the length of `randstr` must not be negative")
    }
    let seed = try seed("randstr", Array(arguments.dropFirst()), context)
    let places = RandomPlaces<XORShift>(seed: seed)
    return MiscFunctions.nondeterministic("randstr", .string) { _, rows, context in
      var writer = StringWriter(rows: rows)
      places.withPlace(context) { source in
        for _ in 0..<rows {
          for _ in 0..<count { writer.append(source.letter()) }
          writer.end()
        }
      }
      return writer.finish(.string, count: rows)
    }
  }

  /// Numbers in the sequence of a seed that was given, or by the number of the row.
  private static func numbers(
    _ name: String, _ seed: UInt64, isSeeded: Bool, _ inSequence: @escaping @Sendable (inout XORShift) -> Double,
    _ byRow: @escaping @Sendable (RandomSource) -> Double
  ) -> Expression {
    if isSeeded {
      let places = RandomPlaces<XORShift>(seed: seed)
      return MiscFunctions.nondeterministic(name, .double) { _, count, context in
        places.withPlace(context) { source in column(.double, count) { _ in inSequence(&source) } }
      }
    }
    let rows = RandomPlaces<Int>()
    return MiscFunctions.nondeterministic(name, .double) { _, count, context in
      let first = rows.advance(by: count, context)
      return column(.double, count) { byRow(RandomSource(seed, context, row: first + $0)) }
    }
  }

  private static func column(_ type: DataType, _ count: Int, _ body: (Int) -> Double) -> ColumnVector {
    let out = MemoryBuffer(capacity: count * 8)
    let target = out.base.assumingMemoryBound(to: Double.self)
    for row in 0..<count { target[row] = body(row) }
    return ColumnVector(type: type, count: count, values: out)
  }
}

/// Random bits by counting and mixing (SplitMix64).
private struct RandomSource {
  private var state: UInt64

  init(_ seed: UInt64, _ context: EvaluationContext, row: Int) {
    let base = RandomSource.mix(seed) ^ RandomSource.mix(context.seed &+ 0x632B_E59B_D9B4_E019)
    let stream = RandomSource.mix(base &+ UInt64(context.partition) &* 0xD1B5_4A32_D192_ED03)
    // Mixed once more, so that the numbers of one row are not those of the next.
    state = RandomSource.mix(stream &+ UInt64(row) &* 0x9E37_79B9_7F4A_7C15)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var bits = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return RandomSource.mix(state ^ 0x5851_F42D_4C95_7F2D)
  }

  func uniform() -> Double {
    var copy = self
    return Double(copy.next() >> 11) * 0x1p-53
  }

  /// Box–Muller.
  func normal() -> Double {
    var copy = self
    let radius = Double(copy.next() >> 11 | 1) * 0x1p-53
    let angle = Double(copy.next() >> 11) * 0x1p-53
    return (-2 * log(radius)).squareRoot() * cos(2 * Double.pi * angle)
  }
}
