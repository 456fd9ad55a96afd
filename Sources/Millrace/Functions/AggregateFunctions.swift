// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Aggregates of groups.

/// Number of rows in which the column is not NULL; of all rows for `col("*")`.
public func count(_ value: Column) -> Column { call("count", value) }

/// Sum.
public func sum(_ value: Column) -> Column { call("sum", value) }

/// Mean.
public func avg(_ value: Column) -> Column { call("avg", value) }

/// Mean.
public func mean(_ value: Column) -> Column { call("mean", value) }

/// Smallest value.
public func min(_ value: Column) -> Column { call("min", value) }

/// Largest value.
public func max(_ value: Column) -> Column { call("max", value) }

/// Number of rows for which the condition holds.
public func count_if(_ value: Column) -> Column { call("count_if", value) }

/// The first value in order of arrival.
public func first(_ value: Column) -> Column { call("first", value) }

/// The last value in order of arrival.
public func last(_ value: Column) -> Column { call("last", value) }

/// One of the values.
public func any_value(_ value: Column) -> Column { call("any_value", value) }

/// The first column's value where the second is smallest.
public func min_by(_ value: Column, _ second: Column) -> Column { call("min_by", value, second) }

/// The first column's value where the second is largest.
public func max_by(_ value: Column, _ second: Column) -> Column { call("max_by", value, second) }

/// All values that are not NULL as an array.
public func collect_list(_ value: Column) -> Column { call("collect_list", value) }

/// The different values that are not NULL as an array.
public func collect_set(_ value: Column) -> Column { call("collect_set", value) }

/// All texts that are not NULL, joined by a delimiter.
public func listagg(_ value: Column, _ second: String) -> Column { call("listagg", value, lit(second)) }

/// Number of different values, about.
public func approx_count_distinct(_ value: Column) -> Column { call("approx_count_distinct", value) }

/// The value at or below which a share of the values lies.
public func approx_percentile(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("approx_percentile", value, second.column)
}

/// The exact percentile, interpolated.
public func percentile(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("percentile", value, second.column)
}

/// The middle value, interpolated.
public func median(_ value: Column) -> Column { call("median", value) }

/// The most frequent value.
public func mode(_ value: Column) -> Column { call("mode", value) }

/// Standard deviation of a sample.
public func stddev(_ value: Column) -> Column { call("stddev", value) }

/// Standard deviation of a population.
public func stddev_pop(_ value: Column) -> Column { call("stddev_pop", value) }

/// Variance of a sample.
public func variance(_ value: Column) -> Column { call("variance", value) }

/// Variance of a population.
public func var_pop(_ value: Column) -> Column { call("var_pop", value) }

/// Correlation.
public func corr(_ value: Column, _ second: Column) -> Column { call("corr", value, second) }

/// Covariance of a sample.
public func covar_samp(_ value: Column, _ second: Column) -> Column { call("covar_samp", value, second) }

/// Covariance of a population.
public func covar_pop(_ value: Column, _ second: Column) -> Column { call("covar_pop", value, second) }

/// Skewness.
public func skewness(_ value: Column) -> Column { call("skewness", value) }

/// Kurtosis.
public func kurtosis(_ value: Column) -> Column { call("kurtosis", value) }

/// Whether all values are true.
public func bool_and(_ value: Column) -> Column { call("bool_and", value) }

/// Whether some value is true.
public func bool_or(_ value: Column) -> Column { call("bool_or", value) }

/// Bitwise AND of all values.
public func bit_and(_ value: Column) -> Column { call("bit_and", value) }

/// Bitwise OR of all values.
public func bit_or(_ value: Column) -> Column { call("bit_or", value) }

/// Bitwise XOR of all values.
public func bit_xor(_ value: Column) -> Column { call("bit_xor", value) }

/// Sum; NULL where it does not fit the type.
public func try_sum(_ value: Column) -> Column { call("try_sum", value) }

/// Mean; NULL where it does not fit the type.
public func try_avg(_ value: Column) -> Column { call("try_avg", value) }

/// 1 where `rollup` or `cube` left the key out of the group, else 0.
public func grouping(_ value: Column) -> Column { call("grouping", value) }

/// Number of different combinations of values.
public func count_distinct(_ columns: Column...) -> Column { call("count", columns, isDistinct: true) }

/// Sum of the different values.
public func sum_distinct(_ value: Column) -> Column { call("sum", [value], isDistinct: true) }
