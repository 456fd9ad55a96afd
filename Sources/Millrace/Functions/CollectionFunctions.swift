// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Arrays, maps, structs and JSON.

/// One row per element of an array, or per entry of a map.
public func explode(_ value: Column) -> Column { call("explode", value) }

/// The same; a row with NULL where there is none.
public func explode_outer(_ value: Column) -> Column { call("explode_outer", value) }

/// One row per element with its position.
public func posexplode(_ value: Column) -> Column { call("posexplode", value) }

/// The same; a row with NULLs where there is none.
public func posexplode_outer(_ value: Column) -> Column { call("posexplode_outer", value) }

/// One row per struct of an array, its fields as columns.
public func inline(_ value: Column) -> Column { call("inline", value) }

/// The same; a row with NULLs where there is none.
public func inline_outer(_ value: Column) -> Column { call("inline_outer", value) }

/// An array of columns.
public func array(_ columns: Column...) -> Column { call("array", columns) }

/// A map of keys and values in turn.
public func map(_ columns: Column...) -> Column { call("map", columns) }

/// A struct of names and values in turn.
public func named_struct(_ columns: Column...) -> Column { call("named_struct", columns) }

/// Number of elements.
public func size(_ value: Column) -> Column { call("size", value) }

/// Number of elements.
public func cardinality(_ value: Column) -> Column { call("cardinality", value) }

/// The element at a position from 1, or the value of a key.
public func element_at(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("element_at", value, second.column)
}

/// The same; NULL where there is none.
public func try_element_at(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("try_element_at", value, second.column)
}

/// The element at a position from 0; NULL where there is none.
public func get(_ value: Column, _ second: any ColumnConvertible) -> Column { call("get", value, second.column) }

/// Elements from a position, so many.
public func slice(_ value: Column, _ second: any ColumnConvertible, _ third: any ColumnConvertible) -> Column {
  call("slice", value, second.column, third.column)
}

/// Whether an array has an element.
public func array_contains(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("array_contains", value, second.column)
}

/// Position of an element from 1; 0 without.
public func array_position(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("array_position", value, second.column)
}

/// Each different element once.
public func array_distinct(_ value: Column) -> Column { call("array_distinct", value) }

/// Elements in order, NULLs last.
public func array_sort(_ value: Column) -> Column { call("array_sort", value) }

/// Elements in order, NULLs first.
public func sort_array(_ value: Column) -> Column { call("sort_array", value) }

/// Elements as one text.
public func array_join(_ value: Column, _ second: String) -> Column { call("array_join", value, lit(second)) }

/// Elements of both, each once.
public func array_union(_ value: Column, _ second: Column) -> Column { call("array_union", value, second) }

/// Elements of the first that the second has not.
public func array_except(_ value: Column, _ second: Column) -> Column { call("array_except", value, second) }

/// Elements of both.
public func array_intersect(_ value: Column, _ second: Column) -> Column { call("array_intersect", value, second) }

/// An array of structs, one of each array's elements.
public func arrays_zip(_ columns: Column...) -> Column { call("arrays_zip", columns) }

/// Whether two arrays share an element.
public func arrays_overlap(_ value: Column, _ second: Column) -> Column { call("arrays_overlap", value, second) }

/// The smallest element.
public func array_min(_ value: Column) -> Column { call("array_min", value) }

/// The largest element.
public func array_max(_ value: Column) -> Column { call("array_max", value) }

/// An array without an element.
public func array_remove(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("array_remove", value, second.column)
}

/// A value so many times.
public func array_repeat(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("array_repeat", value, second.column)
}

/// An array of arrays as one.
public func flatten(_ value: Column) -> Column { call("flatten", value) }

/// All values from one to another.
public func sequence(_ value: Column, _ second: Column) -> Column { call("sequence", value, second) }

/// Keys of a map.
public func map_keys(_ value: Column) -> Column { call("map_keys", value) }

/// Values of a map.
public func map_values(_ value: Column) -> Column { call("map_values", value) }

/// Entries of a map as structs.
public func map_entries(_ value: Column) -> Column { call("map_entries", value) }

/// A map of structs.
public func map_from_entries(_ value: Column) -> Column { call("map_from_entries", value) }

/// A map of keys and values.
public func map_from_arrays(_ value: Column, _ second: Column) -> Column { call("map_from_arrays", value, second) }

/// Maps put together.
public func map_concat(_ columns: Column...) -> Column { call("map_concat", columns) }

/// Whether a map has a key.
public func map_contains_key(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("map_contains_key", value, second.column)
}

/// A map of a text with delimiters of entries and of keys.
public func str_to_map(_ value: Column, _ second: String, _ third: String) -> Column {
  call("str_to_map", value, lit(second), lit(third))
}

/// JSON as a struct, array or map by a schema as DDL.
public func from_json(_ value: Column, _ second: String) -> Column { call("from_json", value, lit(second)) }

/// A struct, array or map as JSON.
public func to_json(_ value: Column) -> Column { call("to_json", value) }

/// The value at a path such as `$.user.name` as a text.
public func get_json_object(_ value: Column, _ second: String) -> Column { call("get_json_object", value, lit(second)) }

/// Number of elements of a JSON array.
public func json_array_length(_ value: Column) -> Column { call("json_array_length", value) }

/// Keys of a JSON object.
public func json_object_keys(_ value: Column) -> Column { call("json_object_keys", value) }

/// The schema of a JSON text as DDL.
public func schema_of_json(_ value: String) -> Column { call("schema_of_json", lit(value)) }

/// A struct of columns, named after them.
public func `struct`(_ columns: Column...) -> Column { call("struct", columns) }
