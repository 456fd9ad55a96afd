// swift-format-ignore-file: AlwaysUseLowerCamelCase

import MillraceColumnar
import MillracePlan
import MillraceSQL

// Columns, constants, and functions by name.

/// A column by name.
public func col(_ name: String) -> Column { Column(name) }

/// A column by name.
public func column(_ name: String) -> Column { Column(name) }

/// A text constant.
public func lit(_ value: String) -> Column { Column(SQLExpression(.literal(.string(value), .string))) }

/// A whole-number constant: INT where it fits, else BIGINT.
public func lit(_ value: Int) -> Column {
  Column(SQLExpression(.literal(.integer(Int64(value)), Int32(exactly: value) == nil ? .long : .integer)))
}

/// A DOUBLE constant.
public func lit(_ value: Double) -> Column { Column(SQLExpression(.literal(.double(value), .double))) }

/// A BOOLEAN constant.
public func lit(_ value: Bool) -> Column { Column(SQLExpression(.literal(.boolean(value), .boolean))) }

/// A constant of any kind; a column stays what it is.
public func lit(_ value: some ColumnConvertible) -> Column { value.column }

/// NULL, of no type of its own.
public func lit_null() -> Column { Column(SQLExpression(.literal(.null, .void))) }

/// An expression in SQL. A text that does not parse is reported when the column is used.
public func expr(_ sql: String) -> Column {
  do {
    return Column(try SQLParser.parseExpression(sql))
  } catch {
    return Column(failing: error)
  }
}

/// Any function by name, built in or registered with the session: `call_function("levenshtein", col("a"), col("b"))`.
public func call_function(_ name: String, _ arguments: any ColumnConvertible...) -> Column {
  call(name, arguments.map(\.column))
}

/// A column to sort by, ascending, NULLs first.
public func asc(_ name: String) -> Column { Column(name).asc() }

/// A column to sort by, descending, NULLs last.
public func desc(_ name: String) -> Column { Column(name).desc() }

/// A CASE: the value where the condition holds; go on with `when` and `otherwise`. NULL where nothing holds.
public func when(_ condition: Column, _ value: any ColumnConvertible) -> Column {
  let value = value.column
  let branch = SQLExpression.CaseBranch(condition.expression, value.expression)
  return Column(.caseWhen(operand: nil, branches: [branch], otherwise: nil), of: [condition, value])
}

// MARK: Lambdas

/// A lambda whose parameters are called apart from those of the lambdas inside it.
private func lambda(_ names: [String], _ body: ([Column]) -> Column) -> Column {
  var names = names
  while true {
    let result = body(names.map { Column(SQLExpression(.column([$0]))) })
    let isTaken = result.expression.contains { part in
      if case .lambda(let inner, _) = part.kind { !names.allSatisfy { !inner.contains($0) } } else { false }
    }
    if !isTaken { return Column(.lambda(parameters: names, body: result.expression), of: [result]) }
    names = names.map { $0 + "_" }
  }
}

private func lambda(_ body: (Column) -> Column) -> Column { lambda(["x"]) { body($0[0]) } }

/// Each element of an array changed: `transform(col("a")) { $0 * 2 }`.
public func transform(_ array: Column, _ body: (Column) -> Column) -> Column { call("transform", array, lambda(body)) }

/// The elements of an array for which a condition holds.
public func filter(_ array: Column, _ body: (Column) -> Column) -> Column { call("filter", array, lambda(body)) }

/// Whether a condition holds for some element of an array.
public func exists(_ array: Column, _ body: (Column) -> Column) -> Column { call("exists", array, lambda(body)) }

/// Whether a condition holds for every element of an array.
public func forall(_ array: Column, _ body: (Column) -> Column) -> Column { call("forall", array, lambda(body)) }

/// An array folded from a start value: `aggregate(col("a"), lit(0)) { $0 + $1 }`.
public func aggregate(_ array: Column, _ start: Column, _ merge: (Column, Column) -> Column) -> Column {
  call("aggregate", array, start, lambda(["acc", "x"]) { merge($0[0], $0[1]) })
}

// MARK: Files

/// The URI of the file that a row is from; empty where it is from none. The hidden column `_metadata` tells more.
public func input_file_name() -> Column { call("input_file_name") }

// MARK: Time windows

/// Tumbling windows over event time, for instance `window(col("time"), "1 minute")`.
public func window(_ time: Column, _ duration: String) -> Column { call("window", time, lit(duration)) }
/// Sliding windows over event time.
public func window(_ time: Column, _ duration: String, _ slide: String) -> Column {
  call("window", time, lit(duration), lit(slide))
}
/// Sliding windows over event time that begin at an offset from the epoch.
public func window(_ time: Column, _ duration: String, _ slide: String, _ start: String) -> Column {
  call("window", time, lit(duration), lit(slide), lit(start))
}
/// Session windows over event time: rows that follow each other within the gap are one session.
public func session_window(_ time: Column, _ gap: String) -> Column { call("session_window", time, lit(gap)) }
/// Session windows whose gap is computed for each row.
public func session_window(_ time: Column, _ gap: Column) -> Column { call("session_window", time, gap) }
/// The last instant of a window, to group windows again.
public func window_time(_ window: Column) -> Column { call("window_time", window) }
