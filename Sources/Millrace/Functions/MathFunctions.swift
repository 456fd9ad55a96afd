// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Numbers, conditions and NULL.

/// Absolute value.
public func abs(_ value: Column) -> Column { call("abs", value) }

/// -1, 0 or 1.
public func sign(_ value: Column) -> Column { call("sign", value) }

/// Rounded up.
public func ceil(_ value: Column) -> Column { call("ceil", value) }

/// Rounded down.
public func floor(_ value: Column) -> Column { call("floor", value) }

/// Rounded to a whole number, halves away from zero.
public func round(_ value: Column) -> Column { call("round", value) }

/// Rounded to so many decimals.
public func round(_ value: Column, _ second: Int) -> Column { call("round", value, lit(second)) }

/// Rounded to so many decimals, halves to the even neighbour.
public func bround(_ value: Column, _ second: Int) -> Column { call("bround", value, lit(second)) }

/// The nearest whole number as DOUBLE.
public func rint(_ value: Column) -> Column { call("rint", value) }

/// Square root.
public func sqrt(_ value: Column) -> Column { call("sqrt", value) }

/// Cube root.
public func cbrt(_ value: Column) -> Column { call("cbrt", value) }

/// Power.
public func pow(_ value: Column, _ second: any ColumnConvertible) -> Column { call("pow", value, second.column) }

/// Power of e.
public func exp(_ value: Column) -> Column { call("exp", value) }

/// Natural logarithm.
public func ln(_ value: Column) -> Column { call("ln", value) }

/// Logarithm to base 2.
public func log2(_ value: Column) -> Column { call("log2", value) }

/// Logarithm to base 10.
public func log10(_ value: Column) -> Column { call("log10", value) }

/// Natural logarithm of one more.
public func log1p(_ value: Column) -> Column { call("log1p", value) }

/// Sine.
public func sin(_ value: Column) -> Column { call("sin", value) }

/// Cosine.
public func cos(_ value: Column) -> Column { call("cos", value) }

/// Tangent.
public func tan(_ value: Column) -> Column { call("tan", value) }

/// Inverse sine.
public func asin(_ value: Column) -> Column { call("asin", value) }

/// Inverse cosine.
public func acos(_ value: Column) -> Column { call("acos", value) }

/// Inverse tangent.
public func atan(_ value: Column) -> Column { call("atan", value) }

/// Angle of a point.
public func atan2(_ value: Column, _ second: Column) -> Column { call("atan2", value, second) }

/// Radians as degrees.
public func degrees(_ value: Column) -> Column { call("degrees", value) }

/// Degrees as radians.
public func radians(_ value: Column) -> Column { call("radians", value) }

/// Remainder that is not negative.
public func pmod(_ value: Column, _ second: any ColumnConvertible) -> Column { call("pmod", value, second.column) }

/// Factorial.
public func factorial(_ value: Column) -> Column { call("factorial", value) }

/// A number of one base as a text of another.
public func conv(_ value: Column, _ second: Int, _ third: Int) -> Column {
  call("conv", value, lit(second), lit(third))
}

/// Binary digits.
public func bin(_ value: Column) -> Column { call("bin", value) }

/// Number of the equal part between two bounds.
public func width_bucket(_ value: Column, _ second: Column, _ third: Column, _ fourth: Column) -> Column {
  call("width_bucket", value, second, third, fourth)
}

/// A random number from 0 to 1, the same when a batch is run again.
public func rand() -> Column { call("rand") }

/// Number of bits that are set.
public func bit_count(_ value: Column) -> Column { call("bit_count", value) }

/// Bits shifted to the left.
public func shiftleft(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("shiftleft", value, second.column)
}

/// Bits shifted to the right.
public func shiftright(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("shiftright", value, second.column)
}

/// Sum; NULL where it does not fit the type.
public func try_add(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("try_add", value, second.column)
}

/// Difference; NULL where it does not fit the type.
public func try_subtract(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("try_subtract", value, second.column)
}

/// Product; NULL where it does not fit the type.
public func try_multiply(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("try_multiply", value, second.column)
}

/// Quotient; NULL for a division by zero.
public func try_divide(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("try_divide", value, second.column)
}

/// The largest value that is not NULL.
public func greatest(_ columns: Column...) -> Column { call("greatest", columns) }

/// The smallest value that is not NULL.
public func least(_ columns: Column...) -> Column { call("least", columns) }

/// The first value that is not NULL.
public func coalesce(_ columns: Column...) -> Column { call("coalesce", columns) }

/// The second value where the first is NULL.
public func nvl(_ value: Column, _ second: any ColumnConvertible) -> Column { call("nvl", value, second.column) }

/// The second value where the first is not NULL, else the third.
public func nvl2(_ value: Column, _ second: any ColumnConvertible, _ third: any ColumnConvertible) -> Column {
  call("nvl2", value, second.column, third.column)
}

/// NULL where both are equal, else the first.
public func nullif(_ value: Column, _ second: any ColumnConvertible) -> Column { call("nullif", value, second.column) }

/// The second value where the first is NULL.
public func ifnull(_ value: Column, _ second: any ColumnConvertible) -> Column { call("ifnull", value, second.column) }

/// The second value where the first is not a number.
public func nanvl(_ value: Column, _ second: any ColumnConvertible) -> Column { call("nanvl", value, second.column) }

/// Whether the value is NULL.
public func isnull(_ value: Column) -> Column { call("isnull", value) }

/// Whether the value is not NULL.
public func isnotnull(_ value: Column) -> Column { call("isnotnull", value) }

/// Whether the value is not a number.
public func isnan(_ value: Column) -> Column { call("isnan", value) }

/// Equality for which NULL equals NULL.
public func equal_null(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("equal_null", value, second.column)
}

/// The type's name.
public func typeof(_ value: Column) -> Column { call("typeof", value) }

/// A random UUID, the same when a batch is run again.
public func uuid() -> Column { call("uuid") }

/// A number that grows from row to row of a partition.
public func monotonically_increasing_id() -> Column { call("monotonically_increasing_id") }

/// NULL, or an error where the condition does not hold.
public func assert_true(_ value: Column) -> Column { call("assert_true", value) }

/// Always an error with the text.
public func raise_error(_ value: Column) -> Column { call("raise_error", value) }
