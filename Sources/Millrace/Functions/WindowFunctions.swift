// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Functions that only make sense with `over`.

/// Number of the row in its partition, from 1.
public func row_number() -> Column { call("row_number") }

/// Rank in the partition's order, with gaps behind equal rows.
public func rank() -> Column { call("rank") }

/// Rank in the partition's order, without gaps.
public func dense_rank() -> Column { call("dense_rank") }

/// Rank as a share from 0 to 1.
public func percent_rank() -> Column { call("percent_rank") }

/// Share of rows at or before this one in the partition's order.
public func cume_dist() -> Column { call("cume_dist") }

/// Number of one of as many equal parts of the partition.
public func ntile(_ value: Int) -> Column { call("ntile", lit(value)) }

/// The value some rows before.
public func lag(_ value: Column, _ second: Int) -> Column { call("lag", value, lit(second)) }

/// The value some rows behind.
public func lead(_ value: Column, _ second: Int) -> Column { call("lead", value, lit(second)) }

/// The value of the frame's nth row, from 1.
public func nth_value(_ value: Column, _ second: Int) -> Column { call("nth_value", value, lit(second)) }
