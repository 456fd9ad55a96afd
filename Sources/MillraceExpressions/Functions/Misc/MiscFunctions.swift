package import MillraceColumnar
import Synchronization

/// Functions about types, errors and the session.
enum MiscFunctions {
  static let all: [ScalarFunction] = [
    ScalarFunction("typeof", summary: "The name of the value's type.", example: "typeof(1)") { arguments, _ in
      try Arguments.expectCount("typeof", arguments, 1)
      return .literal(.string(arguments[0].type.catalogName), .string)
    },
    ScalarFunction(
      "assert_true", summary: "NULL if the condition is true, else an error.", example: "assert_true(0 < 1)"
    ) {
      arguments, context in
      try Arguments.expectCount("assert_true", arguments, 1...2)
      let condition = try Arguments.coerce("assert_true", [arguments[0]], [.boolean], context)[0]
      let message =
        arguments.count == 2
        ? try Arguments.coerce("assert_true", [arguments[1]], [.string], context)[0]
        : .literal(.string("the condition of assert_true is not true"), .string)
      return .conditional(
        [Expression.Branch(condition, .null(.void))], otherwise: raise("USER_RAISED_EXCEPTION", message), .void)
    },
    ScalarFunction("raise_error", summary: "Fails with a message.", example: "if(false, raise_error('no'), 1)") {
      arguments, context in
      let values = try Arguments.coerce("raise_error", arguments, [.string], context)
      return raise("USER_RAISED_EXCEPTION", values[0])
    },
    ScalarFunction("version", summary: "The name and version of the engine.", example: "version()") { arguments, _ in
      try Arguments.expectCount("version", arguments, 0)
      return .literal(.string("4.3.0 millrace"), .string)
    },
    ScalarFunction("spark_partition_id", summary: "Number of the input partition.", example: "spark_partition_id()") {
      arguments, _ in
      try Arguments.expectCount("spark_partition_id", arguments, 0)
      return nondeterministic("spark_partition_id", .integer) { _, count, context in
        .constant(.integer(Int64(context.partition)), type: .integer, count: count)
      }
    },
    ScalarFunction(
      "monotonically_increasing_id", summary: "Numbers that grow within each partition and are unique.",
      example: "monotonically_increasing_id()"
    ) { arguments, _ in
      try Arguments.expectCount("monotonically_increasing_id", arguments, 0)
      let counters = RowCounters()
      return nondeterministic("monotonically_increasing_id", .long) { _, count, context in
        let first = Int64(context.partition) << 33 + counters.advance(partition: context.partition, by: count)
        let out = MemoryBuffer(capacity: count * 8)
        let target = out.base.assumingMemoryBound(to: Int64.self)
        for row in 0..<count { target[row] = first + Int64(row) }
        return ColumnVector(type: .long, count: count, values: out)
      }
    },
    session("current_user", "user", "The name of the user.", "millrace"),
    session("session_user", nil, "The name of the user.", "millrace"),
    session("current_database", "current_schema", "The name of the database.", "default"),
    session("current_catalog", nil, "The name of the catalog.", "spark_catalog"),
    file("input_file_name", "The URI of the file that a row is from.", .literal(.string(""), .string)),
    file("input_file_block_start", "Where in the file the part begins.", .literal(.integer(-1), .long)),
    file("input_file_block_length", "Bytes of the file that a row is from.", .literal(.integer(-1), .long)),
    ScalarFunction("current_timezone", summary: "The session time zone.", example: "current_timezone()") {
      arguments, context in
      try Arguments.expectCount("current_timezone", arguments, 0)
      return .literal(.string(context.timeZone), .string)
    },
  ]

  /// A function whose calls are resolved where a scan of files is below; elsewhere rows are from no file.
  private static func file(_ name: String, _ summary: String, _ none: Expression) -> ScalarFunction {
    ScalarFunction(name, summary: summary, example: "\(name)()") { arguments, _ in
      try Arguments.expectCount(name, arguments, 0)
      return none
    }
  }

  private static func session(_ name: String, _ alias: String?, _ summary: String, _ value: String) -> ScalarFunction {
    let bind: @Sendable ([Expression], BindingContext) throws -> Expression = { arguments, _ in
      try Arguments.expectCount(name, arguments, 0)
      return .literal(.string(value), .string)
    }
    guard let alias else { return ScalarFunction(name, summary: summary, example: "\(name)()", bind: bind) }
    return ScalarFunction(name, alias, summary: summary, example: "\(name)()", bind: bind)
  }

  static func nondeterministic(_ name: String, _ type: DataType, kernel: @escaping Kernel) -> Expression {
    .call(BoundFunction(name, type: type, isNullable: false, isDeterministic: false, kernel: kernel), [])
  }

  /// Fails on the first row, with the row's message.
  private static func raise(_ code: String, _ message: Expression) -> Expression {
    let function = BoundFunction("raise_error", type: .void, isDeterministic: false, canFail: true) {
      vectors, count, _ in
      guard count > 0 else { return .nulls(.void, count: 0) }
      let text = vectors[0].isNull(0) ? "null" : String(decoding: vectors[0].bytes(0), as: UTF8.self)
      throw MillraceError(code, text)
    }
    return .call(function, [message])
  }

  /// How many rows each partition has seen.
  private final class RowCounters: Sendable {
    private let counts = Mutex<[Int: Int64]>([:])

    func advance(partition: Int, by count: Int) -> Int64 {
      counts.withLock { counts in
        let before = counts[partition, default: 0]
        counts[partition] = before + Int64(count)
        return before
      }
    }
  }
}

extension DataType {
  /// The type in lower case without spaces, as `typeof` names it: `struct<a:int,b:array<string>>`.
  package var catalogName: String {
    switch self {
    case .array(let element, _): "array<\(element.catalogName)>"
    case .map(let key, let value, _): "map<\(key.catalogName),\(value.catalogName)>"
    case .structure(let fields):
      "struct<" + fields.map { "\($0.name):\($0.type.catalogName)" }.joined(separator: ",") + ">"
    default: sql.lowercased()
    }
  }
}
