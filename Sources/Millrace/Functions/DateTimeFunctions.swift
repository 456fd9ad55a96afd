// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Dates, timestamps and their parts.

/// The time of the batch.
public func current_timestamp() -> Column { call("current_timestamp") }

/// The time of the batch.
public func now() -> Column { call("now") }

/// The day of the batch in the session's time zone.
public func current_date() -> Column { call("current_date") }

/// The time of the batch without a zone.
public func localtimestamp() -> Column { call("localtimestamp") }

/// A text as Spark writes timestamps, as a timestamp.
public func to_timestamp(_ value: Column) -> Column { call("to_timestamp", value) }

/// A text as a timestamp by a pattern.
public func to_timestamp(_ value: Column, _ second: String) -> Column { call("to_timestamp", value, lit(second)) }

/// A text as a timestamp by a pattern; NULL where it does not fit.
public func try_to_timestamp(_ value: Column, _ second: String) -> Column {
  call("try_to_timestamp", value, lit(second))
}

/// A text as a timestamp without a zone.
public func to_timestamp_ntz(_ value: Column) -> Column { call("to_timestamp_ntz", value) }

/// A text or timestamp as a date.
public func to_date(_ value: Column) -> Column { call("to_date", value) }

/// A text as a date by a pattern.
public func to_date(_ value: Column, _ second: String) -> Column { call("to_date", value, lit(second)) }

/// A date or timestamp as a text by a pattern.
public func date_format(_ value: Column, _ second: String) -> Column { call("date_format", value, lit(second)) }

/// Seconds since the epoch as a text.
public func from_unixtime(_ value: Column) -> Column { call("from_unixtime", value) }

/// Seconds since the epoch as a text by a pattern.
public func from_unixtime(_ value: Column, _ second: String) -> Column { call("from_unixtime", value, lit(second)) }

/// Seconds since the epoch.
public func unix_timestamp(_ value: Column) -> Column { call("unix_timestamp", value) }

/// Seconds since the epoch of a text by a pattern.
public func unix_timestamp(_ value: Column, _ second: String) -> Column { call("unix_timestamp", value, lit(second)) }

/// Seconds since the epoch.
public func unix_seconds(_ value: Column) -> Column { call("unix_seconds", value) }

/// Milliseconds since the epoch.
public func unix_millis(_ value: Column) -> Column { call("unix_millis", value) }

/// Microseconds since the epoch.
public func unix_micros(_ value: Column) -> Column { call("unix_micros", value) }

/// The timestamp of seconds since the epoch.
public func timestamp_seconds(_ value: Column) -> Column { call("timestamp_seconds", value) }

/// The timestamp of milliseconds since the epoch.
public func timestamp_millis(_ value: Column) -> Column { call("timestamp_millis", value) }

/// The timestamp of microseconds since the epoch.
public func timestamp_micros(_ value: Column) -> Column { call("timestamp_micros", value) }

/// A timestamp cut down to a unit, for instance `hour`.
public func date_trunc(_ value: String, _ second: Column) -> Column { call("date_trunc", lit(value), second) }

/// A date cut down to a unit, for instance `month`.
public func trunc(_ value: Column, _ second: String) -> Column { call("trunc", value, lit(second)) }

/// Days later.
public func date_add(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("date_add", value, second.column)
}

/// Days earlier.
public func date_sub(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("date_sub", value, second.column)
}

/// Days from the second date to the first.
public func datediff(_ value: Column, _ second: Column) -> Column { call("datediff", value, second) }

/// Months later.
public func add_months(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("add_months", value, second.column)
}

/// Months from the second date to the first.
public func months_between(_ value: Column, _ second: Column) -> Column { call("months_between", value, second) }

/// The last day of the month.
public func last_day(_ value: Column) -> Column { call("last_day", value) }

/// The next day of a name, for instance `Monday`.
public func next_day(_ value: Column, _ second: String) -> Column { call("next_day", value, lit(second)) }

/// A date of year, month and day.
public func make_date(_ value: Column, _ second: Column, _ third: Column) -> Column {
  call("make_date", value, second, third)
}

/// The year.
public func year(_ value: Column) -> Column { call("year", value) }

/// The quarter.
public func quarter(_ value: Column) -> Column { call("quarter", value) }

/// The month.
public func month(_ value: Column) -> Column { call("month", value) }

/// The day of the month.
public func day(_ value: Column) -> Column { call("day", value) }

/// The day of the month.
public func dayofmonth(_ value: Column) -> Column { call("dayofmonth", value) }

/// The day of the week, Sunday being 1.
public func dayofweek(_ value: Column) -> Column { call("dayofweek", value) }

/// The day of the week, Monday being 0.
public func weekday(_ value: Column) -> Column { call("weekday", value) }

/// The day of the year.
public func dayofyear(_ value: Column) -> Column { call("dayofyear", value) }

/// The week of the year by ISO 8601.
public func weekofyear(_ value: Column) -> Column { call("weekofyear", value) }

/// The hour.
public func hour(_ value: Column) -> Column { call("hour", value) }

/// The minute.
public func minute(_ value: Column) -> Column { call("minute", value) }

/// The second.
public func second(_ value: Column) -> Column { call("second", value) }

/// A time of UTC in a time zone.
public func from_utc_timestamp(_ value: Column, _ second: String) -> Column {
  call("from_utc_timestamp", value, lit(second))
}

/// A time of a time zone in UTC.
public func to_utc_timestamp(_ value: Column, _ second: String) -> Column {
  call("to_utc_timestamp", value, lit(second))
}

/// A local time of the first time zone in the second.
public func convert_timezone(_ value: any ColumnConvertible, _ second: any ColumnConvertible, _ third: Column) -> Column
{ call("convert_timezone", value.column, second.column, third) }
