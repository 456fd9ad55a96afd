import MillraceExpressions
import Testing

@Suite struct StringFunctionTests {
  @Test(arguments: [
    ("upper('straße')", "STRASSE"), ("upper('naïve é')", "NAÏVE É"), ("lower('ÀB')", "àb"), ("initcap('sPark sql')", "Spark Sql"),
    ("initcap('naïve café')", "Naïve Café"), ("initcap('10%_off')", "10%_off"), ("upper(NULL)", nil),
    ("length('日本語')", "3"), ("octet_length('日本語')", "9"), ("bit_length('ab')", "16"), ("length(X'c3a9')", "2"), ("length('')", "0"),
    ("ascii('A')", "65"), ("ascii('')", "0"), ("ascii('é')", "233"), ("chr(98)", "b"), ("char(256)", "\0"), ("chr(-1)", ""), ("chr(233)", "é"),
    ("substring('hello', 0)", "hello"), ("substring('hello', 0, 2)", "he"), ("substring('hello', -10, 7)", "he"),
    ("substring('hello', 2, -1)", ""), ("substring('hello', 10)", ""), ("substring('日本語', 2, 1)", "本"), ("substr('naïve café', -3)", "afé"),
    ("substring('Hello World', 2, 3)", "ell"), ("left('abc', 0)", ""), ("right('abc', -1)", ""), ("right('naïve', 3)", "ïve"),
    ("right('ab', 5)", "ab"), ("left('naïve', 3)", "naï"), ("substring(NULL, 1)", nil),
    ("substring_index('www.apache.org', '.', 2)", "www.apache"), ("substring_index('www.apache.org', '.', -1)", "org"),
    ("substring_index('www.apache.org', '.', -2)", "apache.org"), ("substring_index('a', '.', 1)", "a"), ("substring_index('a.b', '', 1)", ""),
    ("split_part('11.12.13', '.', 3)", "13"), ("split_part('11.12.13', '.', -1)", "13"), ("split_part('a.b', '.', 5)", ""),
    ("split_part('a.b', '.', 0)", "!INVALID_INDEX_OF_ZERO"), ("split_part('a.b', '.', -3)", ""), ("split_part('a', '', 1)", "a"),
    ("instr('Hello', 'o')", "5"), ("instr('', '')", "1"), ("instr('naïve café', 'é')", "10"), ("instr('a', 'b')", "0"),
    ("locate('a', 'AbCabc', 2)", "4"), ("locate('a', 'abc', 0)", "0"), ("position('l', 'hello', 4)", "4"), ("locate('', 'abc', 3)", "1"),
    ("contains('Spark', 'par')", "true"), ("startswith('Spark', 'Sp')", "true"), ("endswith('Spark', 'rk')", "true"),
    ("endswith('k', 'rk')", "false"), ("contains(X'0102', X'02')", "true"), ("find_in_set('b', 'a,b,c')", "2"), ("find_in_set('z', 'a,b')", "0"),
    ("find_in_set('a,b', 'a,b')", "0"), ("find_in_set('', 'a,,b')", "2"),
    ("trim('  x ')", "x"), ("ltrim('  x ')", "x "), ("rtrim('  x ')", "  x"), ("trim('a', 'abca')", "bc"), ("btrim('SSparkSQLS', 'SL')", "parkSQ"),
    ("btrim('éaé', 'é')", "a"), ("trim('\t x')", "\t x"),
    ("lpad('7', 3, '0')", "007"), ("rpad('ab', 5, 'xy')", "abxyx"), ("lpad('hello', 3, '*')", "hel"), ("lpad('a', 4)", "   a"),
    ("rpad('q', 3, '')", "q"), ("lpad(NULL, 3, 'x')", nil), ("lpad('é', 3, 'ü')", "üüé"),
    ("replace('ABCabc', 'abc', 'DEF')", "ABCDEF"), ("replace('a b', ' ')", "ab"), ("replace('a', '', 'b')", "a"),
    ("translate('AbCabc', 'abc', '12')", "A2C12"), ("translate('naïve', 'ï', 'i')", "naive"),
    ("overlay('Spark SQL', '_', 6)", "Spark_SQL"), ("overlay('', '__', 2, 1)", "__"), ("overlay('Hello World', '__', 2, 1)", "H__llo World"),
    ("overlay('Spark SQL', 'ANSI ', 7, 0)", "Spark ANSI SQL"),
    ("repeat('ab', 2)", "abab"), ("repeat('ab', -1)", ""), ("space(2)", "  "), ("reverse('日本')", "本日"), ("reverse('')", ""),
    ("mask('AbCD123-@$#')", "XxXXnnn-@$#"), ("mask('AbCD123', 'Q', 'q', 'd')", "QqQQddd"), ("mask('Ab1-', NULL, 'x', 'n', '*')", "Axn*"),
    ("concat('a', 1, 'b')", "a1b"), ("concat('a', NULL)", nil), ("concat()", ""), ("concat(X'01', X'02')", "\u{1}\u{2}"),
    ("concat_ws(',', array('a', NULL, 'b'))", "a,b"), ("concat_ws('|', 'x', NULL, array('p', 'q'))", "x|p|q"), ("concat_ws(NULL, 'a')", nil),
    ("concat_ws(',')", ""), ("elt(2, 'x', 'y', 'z')", "y"), ("elt(5, 'x')", "!INVALID_ARRAY_INDEX"), ("elt(NULL, 'x')", nil),
    ("levenshtein('kitten', 'sitting')", "3"), ("levenshtein('abc', 'xyz', 2)", "-1"), ("levenshtein('', 'é')", "1"),
    ("soundex('Robert')", "R163"), ("soundex('Miller')", "M460"), ("soundex('Ashcraft')", "A261"), ("soundex('1a')", "1a"),
    ("luhn_check('8112189876')", "true"), ("luhn_check('79927398714')", "false"), ("luhn_check('')", "false"),
    ("format_string('%s-%d-%05.2f', 'a', 7, 3.14159D)", "a-7-03.14"), ("printf('%x', 255)", "ff"), ("printf('%x', -1)", "ffffffff"),
    ("printf('%,d|%+d|%-5d|%5s|%S|%%', 1234567, 5, 3, 'ab', 'ab')", "1,234,567|+5|3    |   ab|AB|%"), ("printf('%2$s %1$s', 'a', 'b')", "b a"),
    ("printf('%e %.0f %b %c', 12345.678D, 2.5D, true, 65)", "1.234568e+04 3 true A"), ("printf('%d', 'x')", "!INVALID_PARAMETER_VALUE.PATTERN"),
    ("printf('%s', NULL)", "null"), ("printf('%.2f', 1.005)", "1.01"), ("printf('%g', 0.0001234D)", "0.000123400"),
    ("format_number(1234567.891, 2)", "1,234,567.89"), ("format_number(0.5D, 0)", "0"), ("format_number(12332.123456, 4)", "12,332.1235"),
    ("format_number(-1234, 1)", "-1,234.0"), ("format_number(1, -1)", nil), ("format_number(999.995, 2)", "1,000.00"),
    ("upper('a', 'b')", "!WRONG_NUM_ARGS.WITHOUT_SUGGESTION"),
  ])
  func call(text: String, expected: String?) {
    #expect(CallText.result(text) == expected, "\(text)")
  }
}
