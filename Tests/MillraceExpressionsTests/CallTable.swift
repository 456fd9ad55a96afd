import MillraceColumnar
import Testing

@testable import MillraceExpressions

/// Calls written compactly, one per line: `name(value TYPE, value TYPE) = value TYPE`, or `= !CONDITION` for a failure.
/// Functions are found by name in the registry; `cast<T>` and `try_cast<T>` are casts.
///
/// Each call runs with literals, with columns, and with each single argument constant; rows of NULL stand between.
struct CallTable {
  var context = BindingContext()

  init(timeZone: String = "UTC") { context.timeZone = timeZone }

  func check(_ lines: String, sourceLocation: SourceLocation = #_sourceLocation) {
    for line in lines.split(separator: "\n") where !line.allSatisfy(\.isWhitespace) {
      check(line: line.trimmed, sourceLocation)
    }
  }

  private func check(line: String, _ sourceLocation: SourceLocation) {
    let opening = line.contains("cast<") ? line.ranges(of: ">(").first.map { line.index(after: $0.lowerBound) } : nil
    guard let open = opening ?? line.firstIndex(of: "("), let split = line.range(of: ") = ") else {
      Issue.record("not a call: \(line)", sourceLocation: sourceLocation)
      return
    }
    let name = String(line[..<open])
    let arguments = Self.splitArguments(String(line[line.index(after: open)..<split.lowerBound]))
    let wanted = String(line[split.upperBound...])
    let found = (0..<(2 + arguments.count)).map { mode in outcome(name, arguments, mode) }
    for result in found where result != wanted {
      Issue.record("\(line)\n  gave \(found)", sourceLocation: sourceLocation)
      return
    }
  }

  /// The result as text with its type, or the condition of the failure.
  private func outcome(_ name: String, _ texts: [String], _ mode: Int) -> String {
    do {
      let literals = try texts.map { try Self.literal($0) }
      var input: [Attribute] = []
      var columns: [ColumnVector] = []
      // Mode 0: all literal; 1: all columns; k + 2: only argument k literal.
      let arguments = literals.enumerated().map { index, literal -> Expression in
        if mode == 0 || index == mode - 2 { return literal }
        guard case .literal(let value, let type) = literal else { return literal }
        let attribute = Attribute("c\(index)", type)
        input.append(attribute)
        columns.append(.of([value, .null, value, .null, value], type: type))
        return .attribute(attribute)
      }
      let bound = try bind(name, arguments)
      let rowCount = input.isEmpty ? 1 : 5
      let batch = RecordBatch(rowCount: rowCount, columns: columns)
      let result = try Evaluator([bound], input: input).evaluate(batch, EvaluationContext())[0]
      let zone = try TimeZoneRules.required(context.timeZone)
      let text = CellText(result.type, style: .table) { zone.local(fromUTC: $0) }
      let first = text.string(result, 0)
      for row in stride(from: 0, to: rowCount, by: 2) where text.string(result, row) != first {
        return "rows that differ"
      }
      if result.type != bound.type { return "a column of \(result.type) for an expression of \(bound.type)" }
      if result.isNull(0) && !bound.isNullable { return "NULL from an expression that is not nullable" }
      return "\(first) \(bound.type.sql)"
    } catch let error as MillraceError {
      return "!\(error.code)"
    } catch {
      return "\(error)"
    }
  }

  private func bind(_ name: String, _ arguments: [Expression]) throws -> Expression {
    for prefix in ["cast<", "try_cast<"] where name.hasPrefix(prefix) {
      let type = try Self.type(String(name.dropFirst(prefix.count).dropLast()))
      return try Cast.bind(arguments[0], to: type, isTry: prefix == "try_cast<", context: context)
    }
    let function = try #require(FunctionRegistry.builtin.scalar(name), "no function \(name)")
    return try function.bind(arguments.map { .expression($0) }, context)
  }

  private static func splitArguments(_ text: String) -> [String] {
    text.isEmpty ? [] : text.replacing(", ", with: "\u{1}").split(separator: "\u{1}").map { String($0) }
  }

  /// `value TYPE`; the value may be empty or `NULL`. BINARY is written in hexadecimal digits.
  private static func literal(_ text: String) throws -> Expression {
    let space = try #require(text.lastIndex(of: " "), "no type in \(text)")
    let type = try type(String(text[text.index(after: space)...]))
    let value = String(text[..<space])
    if value == "NULL" { return .null(type) }
    if type == .binary {
      let digits = Array(value)
      return .literal(
        .binary(stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16)! }),
        .binary)
    }
    let string = Expression.literal(.string(value), .string)
    if type.isInterval {
      let number = try Cast.bind(string, to: .long, context: BindingContext())
      return .literal(try Cast.bind(number, to: type, context: BindingContext()).constantValue(), type)
    }
    return .literal(try Cast.bind(string, to: type, context: BindingContext()).constantValue(), type)
  }

  private static func type(_ name: String) throws -> DataType {
    if name.hasPrefix("DECIMAL(") {
      let numbers = name.dropFirst(8).dropLast().split(separator: ",").compactMap { Int($0) }
      return .decimal(precision: numbers[0], scale: numbers[1])
    }
    let names: [String: DataType] = [
      "VOID": .void, "BOOLEAN": .boolean, "TINYINT": .byte, "SMALLINT": .short, "INT": .integer, "BIGINT": .long,
      "FLOAT": .float, "DOUBLE": .double, "STRING": .string, "BINARY": .binary, "DATE": .date, "TIMESTAMP": .timestamp,
      "TIMESTAMP_NTZ": .timestampNTZ, "DAY": .dayTimeInterval(from: .day, to: .day),
      "HOUR": .dayTimeInterval(from: .hour, to: .hour), "SECOND": .dayTimeInterval(from: .second, to: .second),
      "DAY_SECOND": .dayToSecond, "MONTH": .yearMonthInterval(from: .month, to: .month),
      "YEAR": .yearMonthInterval(from: .year, to: .year), "YEAR_MONTH": .yearToMonth,
    ]
    return try #require(names[name], "no type \(name)")
  }
}

extension Substring {
  fileprivate var trimmed: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}

extension String {
  fileprivate func range(of pattern: String) -> Range<String.Index>? { ranges(of: pattern).last }
}
