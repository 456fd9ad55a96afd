import MillraceColumnar
import MillraceExpressions

/// Evaluates calls written as in SQL, such as `lpad('7', 3, '0')`, without a SQL parser: literals, typed literals and calls.
struct CallText {
  private var rest: Substring
  private let context: BindingContext

  /// The call's result cast to a string, nil for NULL, `!CODE` for an error.
  static func result(_ text: String, _ context: BindingContext = BindingContext()) -> String? {
    do {
      var parser = CallText(rest: text[...], context: context)
      let expression = try parser.expression()
      guard parser.rest.isEmpty else { return "!trailing \(parser.rest)" }
      return try result(expression, context)
    } catch let error as MillraceError {
      return "!\(error.code)"
    } catch {
      return "!\(error)"
    }
  }

  static func result(_ expression: Expression, _ context: BindingContext) throws -> String? {
    let shown = try Cast.bind(expression, to: .string, context: context)
    let evaluator = try Evaluator([shown], input: [])
    let batch = RecordBatch(rowCount: 3, columns: [])
    let vector = try evaluator.evaluate(batch, EvaluationContext(batchTimestamp: 1_700_000_000_000_000))[0]
    guard case .string(let value) = vector.value(2) else { return nil }
    return value
  }

  private mutating func skip() { rest = rest.drop { $0 == " " } }

  private mutating func take(_ character: Character) -> Bool {
    skip()
    guard rest.first == character else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func expression() throws -> Expression {
    skip()
    guard let first = rest.first else { throw MillraceError("TEST", "an expression is missing") }
    if first == "'" { return .literal(.string(string()), .string) }
    if first.isNumber || first == "-" { return number() }
    let word = String(rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" })
    rest = rest.dropFirst(word.count)
    switch (word.uppercased(), rest.first) {
    case ("NULL", _): return .null(.void)
    case ("TRUE", _): return .literal(.boolean(true), .boolean)
    case ("FALSE", _): return .literal(.boolean(false), .boolean)
    case ("DATE", "'"): return try typed(.date)
    case ("TIMESTAMP", "'"): return try typed(.timestamp)
    case ("TIMESTAMP_NTZ", "'"): return try typed(.timestampNTZ)
    case ("X", "'"): return .literal(.binary(bytes(string())), .binary)
    default: return try call(word)
    }
  }

  private mutating func typed(_ type: DataType) throws -> Expression {
    let text = Expression.literal(.string(string()), .string)
    return .literal(try Cast.bind(text, to: type, context: context).constantValue(), type)
  }

  private func bytes(_ digits: String) -> [UInt8] {
    stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(digits.dropFirst($0).prefix(2), radix: 16) }
  }

  private mutating func string() -> String {
    rest.removeFirst()
    var text = ""
    while let character = rest.popFirst() {
      if character == "'" {
        if rest.first != "'" { break }
        rest.removeFirst()
        text.append("'")
      } else if character == "\\" {
        let next = rest.popFirst() ?? "\\"
        text.append(["n": "\n", "r": "\r", "t": "\t"][next] ?? next)
      } else {
        text.append(character)
      }
    }
    return text
  }

  private mutating func number() -> Expression {
    let text = String(rest.prefix { $0.isNumber || $0 == "-" || $0 == "." })
    rest = rest.dropFirst(text.count)
    if rest.first == "D" {
      rest.removeFirst()
      return .literal(.double(Double(text) ?? 0), .double)
    }
    if rest.first == "L" {
      rest.removeFirst()
      return .literal(.integer(Int64(text) ?? 0), .long)
    }
    guard let point = text.firstIndex(of: ".") else { return .literal(.integer(Int64(text) ?? 0), .integer) }
    let digits = text.filter { $0 != "." }
    let scale = text.distance(from: point, to: text.endIndex) - 1
    let precision = max(digits.filter(\.isNumber).count, scale)
    return .literal(.decimal(Int128(digits) ?? 0), .decimal(precision: precision, scale: scale))
  }

  private mutating func call(_ name: String) throws -> Expression {
    guard take("(") else { throw MillraceError("TEST", "'(' is missing behind '\(name)'") }
    var arguments: [Expression] = []
    if !take(")") {
      repeat { arguments.append(try expression()) } while take(",")
      guard take(")") else { throw MillraceError("TEST", "')' is missing before '\(rest)'") }
    }
    if name.lowercased() == "array" {
      let values = try arguments.map { try $0.constantValue() }
      return .literal(.array(values), .array(arguments.first { $0.type != .void }?.type ?? .void))
    }
    if name.lowercased() == "string" { return try Cast.bind(arguments[0], to: .string, context: context) }
    guard let function = FunctionRegistry.builtin.scalar(name) else {
      throw MillraceError("UNRESOLVED_ROUTINE", "there is no function \(name)")
    }
    return try function.bind(arguments.map { .expression($0) }, context)
  }
}
