// swift-format-ignore-file: AlwaysUseLowerCamelCase

// Texts, regular expressions, encodings and hashes.

/// Upper case.
public func upper(_ value: Column) -> Column { call("upper", value) }

/// Lower case.
public func lower(_ value: Column) -> Column { call("lower", value) }

/// The first letter of each word in upper case.
public func initcap(_ value: Column) -> Column { call("initcap", value) }

/// The text without blanks at its ends.
public func trim(_ value: Column) -> Column { call("trim", value) }

/// The text without blanks at its start.
public func ltrim(_ value: Column) -> Column { call("ltrim", value) }

/// The text without blanks at its end.
public func rtrim(_ value: Column) -> Column { call("rtrim", value) }

/// The text without blanks at its ends.
public func btrim(_ value: Column) -> Column { call("btrim", value) }

/// Number of characters, or of bytes of a binary value.
public func length(_ value: Column) -> Column { call("length", value) }

/// Number of characters.
public func char_length(_ value: Column) -> Column { call("char_length", value) }

/// Number of bytes.
public func octet_length(_ value: Column) -> Column { call("octet_length", value) }

/// Texts, binary values or arrays put together; NULL if one is.
public func concat(_ columns: Column...) -> Column { call("concat", columns) }

/// Texts joined by a separator; NULLs are left out.
public func concat_ws(_ value: String, _ columns: Column...) -> Column { call("concat_ws", [lit(value)] + columns) }

/// Part of a text from a position counted from 1, of a length.
public func substring(_ value: Column, _ second: Int, _ third: Int) -> Column {
  call("substring", value, lit(second), lit(third))
}

/// The text before the nth delimiter; counted from the end where negative.
public func substring_index(_ value: Column, _ second: String, _ third: Int) -> Column {
  call("substring_index", value, lit(second), lit(third))
}

/// The first characters.
public func left(_ value: Column, _ second: any ColumnConvertible) -> Column { call("left", value, second.column) }

/// The last characters.
public func right(_ value: Column, _ second: any ColumnConvertible) -> Column { call("right", value, second.column) }

/// The parts of a text between matches of a regular expression.
public func split(_ value: Column, _ second: String) -> Column { call("split", value, lit(second)) }

/// The same, at most so many parts.
public func split(_ value: Column, _ second: String, _ third: Int) -> Column {
  call("split", value, lit(second), lit(third))
}

/// The nth part of a text between delimiters, from 1.
public func split_part(_ value: Column, _ second: any ColumnConvertible, _ third: any ColumnConvertible) -> Column {
  call("split_part", value, second.column, third.column)
}

/// A text with all occurrences of another replaced.
public func replace(_ value: Column, _ second: any ColumnConvertible, _ third: any ColumnConvertible) -> Column {
  call("replace", value, second.column, third.column)
}

/// A text with characters replaced by those at the same place of another.
public func translate(_ value: Column, _ second: String, _ third: String) -> Column {
  call("translate", value, lit(second), lit(third))
}

/// A text with a part written over from a position.
public func overlay(_ value: Column, _ second: Column, _ third: any ColumnConvertible) -> Column {
  call("overlay", value, second, third.column)
}

/// A text so many times.
public func `repeat`(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("repeat", value, second.column)
}

/// A text or array from its end to its start.
public func reverse(_ value: Column) -> Column { call("reverse", value) }

/// Filled on the left up to a length.
public func lpad(_ value: Column, _ second: Int, _ third: String) -> Column {
  call("lpad", value, lit(second), lit(third))
}

/// Filled on the right up to a length.
public func rpad(_ value: Column, _ second: Int, _ third: String) -> Column {
  call("rpad", value, lit(second), lit(third))
}

/// Position of a text in another, from 1; 0 without.
public func instr(_ value: Column, _ second: String) -> Column { call("instr", value, lit(second)) }

/// Position of the first text in the second, from 1; 0 without.
public func locate(_ value: String, _ second: Column) -> Column { call("locate", lit(value), second) }

/// Whether a text contains another.
public func contains(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("contains", value, second.column)
}

/// Whether a text begins with another.
public func startswith(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("startswith", value, second.column)
}

/// Whether a text ends with another.
public func endswith(_ value: Column, _ second: any ColumnConvertible) -> Column {
  call("endswith", value, second.column)
}

/// Code of the first character.
public func ascii(_ value: Column) -> Column { call("ascii", value) }

/// Character of a code.
public func chr(_ value: Column) -> Column { call("chr", value) }

/// Values in a pattern as `printf` takes it.
public func format_string(_ value: String, _ columns: Column...) -> Column {
  call("format_string", [lit(value)] + columns)
}

/// A number with groups of thousands and so many decimals.
public func format_number(_ value: Column, _ second: Int) -> Column { call("format_number", value, lit(second)) }

/// Number of changes that make one text of the other.
public func levenshtein(_ value: Column, _ second: Column) -> Column { call("levenshtein", value, second) }

/// Code of a word's sound.
public func soundex(_ value: Column) -> Column { call("soundex", value) }

/// Letters and digits replaced by X, x and n.
public func mask(_ value: Column) -> Column { call("mask", value) }

/// Binary as Base64.
public func base64(_ value: Column) -> Column { call("base64", value) }

/// Base64 as binary.
public func unbase64(_ value: Column) -> Column { call("unbase64", value) }

/// Hexadecimal.
public func hex(_ value: Column) -> Column { call("hex", value) }

/// Hexadecimal as binary.
public func unhex(_ value: Column) -> Column { call("unhex", value) }

/// A text as bytes of a character set.
public func encode(_ value: Column, _ second: String) -> Column { call("encode", value, lit(second)) }

/// Bytes of a character set as text.
public func decode(_ value: Column, _ second: String) -> Column { call("decode", value, lit(second)) }

/// A text as it stands in a URL.
public func url_encode(_ value: Column) -> Column { call("url_encode", value) }

/// A text out of a URL.
public func url_decode(_ value: Column) -> Column { call("url_decode", value) }

/// A part of a URL, for instance `HOST`.
public func parse_url(_ value: Column, _ second: String) -> Column { call("parse_url", value, lit(second)) }

/// Whether a regular expression is found.
public func regexp_like(_ value: Column, _ second: String) -> Column { call("regexp_like", value, lit(second)) }

/// A group of a regular expression's first match; empty without one.
public func regexp_extract(_ value: Column, _ second: String, _ third: Int) -> Column {
  call("regexp_extract", value, lit(second), lit(third))
}

/// A group of all matches of a regular expression.
public func regexp_extract_all(_ value: Column, _ second: String, _ third: Int) -> Column {
  call("regexp_extract_all", value, lit(second), lit(third))
}

/// A text with all matches of a regular expression replaced.
public func regexp_replace(_ value: Column, _ second: String, _ third: String) -> Column {
  call("regexp_replace", value, lit(second), lit(third))
}

/// Number of matches of a regular expression.
public func regexp_count(_ value: Column, _ second: String) -> Column { call("regexp_count", value, lit(second)) }

/// The first match of a regular expression; NULL without one.
public func regexp_substr(_ value: Column, _ second: String) -> Column { call("regexp_substr", value, lit(second)) }

/// Position of the first match of a regular expression, from 1; 0 without.
public func regexp_instr(_ value: Column, _ second: String) -> Column { call("regexp_instr", value, lit(second)) }

/// MD5 as hexadecimal.
public func md5(_ value: Column) -> Column { call("md5", value) }

/// SHA-1 as hexadecimal.
public func sha1(_ value: Column) -> Column { call("sha1", value) }

/// SHA-2 of 224, 256, 384 or 512 bits as hexadecimal.
public func sha2(_ value: Column, _ second: Int) -> Column { call("sha2", value, lit(second)) }

/// CRC-32.
public func crc32(_ value: Column) -> Column { call("crc32", value) }

/// Murmur3 hash as INT.
public func hash(_ columns: Column...) -> Column { call("hash", columns) }

/// xxHash64 as BIGINT.
public func xxhash64(_ columns: Column...) -> Column { call("xxhash64", columns) }
