import MillraceColumnar
import Testing

/// Joins of every kind, with NULL keys, repeated keys and conditions beyond equality. The order of rows does not count.
@Suite struct JoinTests {
  private static func tables(_ size: Int) -> SmallTables {
    var tables = SmallTables(batchesOf: size)
    let left: [(Int64?, String?)] = [(1, "a"), (2, "b"), (nil, "n"), (2, "c"), (4, "d")]
    let right: [(Int64?, String?)] = [(2, "x"), (nil, "z"), (2, "y"), (5, "q"), (1, nil)]
    tables.add("l", [("k", .integer), ("v", .string)], left.map { [.of($0.0), .of($0.1)] })
    tables.add("r", [("k", .integer), ("w", .string)], right.map { [.of($0.0), .of($0.1)] })
    tables.add("none", [("k", .integer), ("w", .string)], [])
    tables.add("f", [("x", .double)], [[.double(0)], [.double(-0.0)], [.double(.nan)], [.null], [.double(1)]])
    tables.add(
      "long", [("s", .string)], ["a text beyond twelve bytes", "a text beyond twelve", "short"].map { [.string($0)] })
    return tables
  }

  @Test(arguments: [
    ("SELECT l.k, v, w FROM l JOIN r ON l.k = r.k", "1,a,NULL 2,b,x 2,b,y 2,c,x 2,c,y"),
    (
      "SELECT l.k, v, r.k, w FROM l LEFT JOIN r ON l.k = r.k",
      "1,a,1,NULL 2,b,2,x 2,b,2,y 2,c,2,x 2,c,2,y 4,d,NULL,NULL NULL,n,NULL,NULL"
    ),
    (
      "SELECT l.k, v, r.k, w FROM l RIGHT JOIN r ON l.k = r.k",
      "1,a,1,NULL 2,b,2,x 2,b,2,y 2,c,2,x 2,c,2,y NULL,NULL,5,q NULL,NULL,NULL,z"
    ),
    (
      "SELECT l.k, v, r.k, w FROM l FULL JOIN r ON l.k = r.k",
      "1,a,1,NULL 2,b,2,x 2,b,2,y 2,c,2,x 2,c,2,y 4,d,NULL,NULL NULL,NULL,5,q NULL,NULL,NULL,z NULL,n,NULL,NULL"
    ), ("SELECT * FROM l LEFT SEMI JOIN r ON l.k = r.k", "1,a 2,b 2,c"),
    ("SELECT * FROM l LEFT ANTI JOIN r ON l.k = r.k", "4,d NULL,n"),
    ("SELECT count(*) FROM l CROSS JOIN r", "25"), ("SELECT v, w FROM l, r WHERE l.k = r.k AND w = 'y'", "b,y c,y"),
    // NULL equals NULL for <=> only.
    ("SELECT v, w FROM l JOIN r ON l.k <=> r.k WHERE l.k IS NULL", "n,z"),
    ("SELECT v FROM l LEFT ANTI JOIN r ON l.k <=> r.k", "d"),
    // The rest of ON decides about a match, that of WHERE about the row.
    ("SELECT v, w FROM l LEFT JOIN r ON l.k = r.k AND w = 'y'", "a,NULL b,y c,y d,NULL n,NULL"),
    ("SELECT v, w FROM l LEFT JOIN r ON l.k = r.k WHERE w = 'y'", "b,y c,y"),
    ("SELECT v, w FROM l LEFT JOIN r ON l.k = r.k AND v > 'b'", "a,NULL b,NULL c,x c,y d,NULL n,NULL"),
    (
      "SELECT v, w FROM l FULL JOIN r ON l.k = r.k AND v > 'b' AND w > 'x'",
      "NULL,NULL NULL,q NULL,x NULL,z a,NULL b,NULL c,y d,NULL n,NULL"
    ), ("SELECT v FROM l LEFT SEMI JOIN r ON l.k = r.k AND v < w", "b c"),
    ("SELECT v FROM l LEFT ANTI JOIN r ON l.k = r.k AND v < w", "a d n"),
    // Without equality every pair is looked at.
    ("SELECT v, w FROM l JOIN r ON l.k < r.k", "a,q a,x a,y b,q c,q d,q"),
    ("SELECT v, r.k FROM l LEFT JOIN r ON l.k > r.k AND r.k > 1", "a,NULL b,NULL c,NULL d,2 d,2 n,NULL"),
    // Sides without rows.
    ("SELECT v, none.w FROM l LEFT JOIN none ON l.k = none.k", "a,NULL b,NULL c,NULL d,NULL n,NULL"),
    ("SELECT v, none.w FROM none FULL JOIN l ON l.k = none.k", "a,NULL b,NULL c,NULL d,NULL n,NULL"),
    ("SELECT * FROM l JOIN none ON l.k = none.k", ""), ("SELECT * FROM none LEFT JOIN l ON l.k = none.k", ""),
    ("SELECT v FROM l LEFT ANTI JOIN none ON l.k = none.k", "a b c d n"),
    // NOT IN: a NULL among the values leaves nothing, no values leave all.
    ("SELECT v FROM l WHERE k IN (SELECT k FROM r)", "a b c"), ("SELECT v FROM l WHERE k NOT IN (SELECT k FROM r)", ""),
    ("SELECT v FROM l WHERE k NOT IN (SELECT k FROM r WHERE k IS NOT NULL)", "d"),
    ("SELECT v FROM l WHERE k NOT IN (SELECT k FROM none)", "a b c d n"),
    ("SELECT v FROM l WHERE EXISTS (SELECT 1 FROM r WHERE r.k = l.k AND w > 'x')", "b c"),
    ("SELECT v, (SELECT max(w) FROM r WHERE r.k = l.k) AS m FROM l", "a,NULL b,y c,y d,NULL n,NULL"),
    ("SELECT v, (SELECT w FROM r WHERE r.k = l.k) AS m FROM l", "!SCALAR_SUBQUERY_TOO_MANY_ROWS"),
    ("SELECT (SELECT k FROM r)", "!SCALAR_SUBQUERY_TOO_MANY_ROWS"), ("SELECT (SELECT k FROM none)", "NULL"),
    // Zero has one value and NaN equals itself, as in GROUP BY.
    ("SELECT count(*) FROM f a JOIN f b ON a.x = b.x", "6"),
    (
      "SELECT a.s FROM long a JOIN long b ON a.s = b.s WHERE length(a.s) > 5",
      "a text beyond twelve a text beyond twelve bytes"
    ),
    ("SELECT v FROM l JOIN r ON struct(l.k, v) = named_struct('k', r.k, 'v', 'c')", "c c"),
    ("SELECT v, w FROM l JOIN r USING (k) WHERE k = 1", "a,NULL"),
    ("SELECT k, v, w FROM l FULL JOIN r USING (k) WHERE k > 3", "4,d,NULL 5,NULL,q"),
  ])
  func gives(sql: String, expected: String) throws {
    for size in SmallTables.sizes {
      #expect(try Self.tables(size).rows(sql).sorted().joined(separator: " ") == expected, "\(sql), batches of \(size)")
    }
  }

  /// A small left side is the one that is kept, so that rows come in the order of the large one, and those that nothing matched at the end;
  /// the columns stay where they were.
  @Test(arguments: [
    ("SELECT s.k, b.k, v FROM s JOIN b ON s.k % 2 = b.k % 2 AND b.k < 4", "2,0,two 1,1,one 2,2,two 1,3,one"),
    ("SELECT s.k, b.k FROM s CROSS JOIN b WHERE b.k < 2", "1,0 2,0 -7,0 NULL,0 1,1 2,1 -7,1 NULL,1"),
    ("SELECT b.k, s.k, v FROM b JOIN s ON s.k = b.k", "1,1,one 2,2,two"),
    ("SELECT v, b.k FROM s LEFT JOIN b ON s.k = b.k", "one,1 two,2 seven,NULL none,NULL"),
    ("SELECT v, b.k FROM b RIGHT JOIN s ON s.k = b.k", "one,1 two,2 seven,NULL none,NULL"),
    ("SELECT v, b.k FROM s LEFT JOIN b ON s.k % 2 = b.k % 2 AND b.k > 19998 WHERE v < 'p'", "one,19999 none,NULL"),
    ("SELECT v FROM s LEFT SEMI JOIN b ON s.k = b.k", "one two"),
    ("SELECT v FROM s LEFT ANTI JOIN b ON s.k = b.k", "seven none"),
    ("SELECT v FROM s WHERE EXISTS (SELECT 1 FROM b WHERE b.k % 2 = s.k % 2 AND b.k > s.k + 19997)", "one"),
    ("SELECT v FROM s WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k BETWEEN s.k AND s.k + 1)", "seven none"),
    ("SELECT v FROM s WHERE k NOT IN (SELECT k FROM b)", "seven"),
    ("SELECT count(*), count(s.k), count(b.k) FROM s FULL JOIN b ON s.k = b.k", "20002,3,20000"),
    ("SELECT count(*), count(s.k), count(b.k) FROM b FULL JOIN s ON s.k = b.k", "20002,3,20000"),
    ("SELECT count(*), count(s.k), count(b.k) FROM s RIGHT JOIN b ON s.k = b.k", "20000,2,20000"),
    // Many rows of a key on the small side.
    ("SELECT count(*), sum(k) FROM m WHERE EXISTS (SELECT 1 FROM b WHERE b.k % 2 = m.k % 2 AND b.k <> m.k)", "60,1770"),
    (
      "SELECT count(*), sum(k) FROM m WHERE EXISTS (SELECT 1 FROM b WHERE b.k % 2 = m.k % 2 AND b.k > m.k + 19950)",
      "48,1128"
    ),
    ("SELECT count(*), sum(k) FROM m LEFT ANTI JOIN b ON b.k % 2 = m.k % 2 AND b.k > m.k + 19950", "12,642"),
    // Sides that may be as large, or whose sizes do not matter: the right one is kept.
    ("SELECT s.k, x.k FROM s JOIN (SELECT k FROM b LIMIT 9) x ON s.k = x.k - 1", "1,2 2,3"),
    ("SELECT s.k, x.v FROM s JOIN s x ON s.k % 2 = x.k % 2", "1,one 2,two -7,seven"),
  ])
  func keepsTheSmallSide(sql: String, expected: String) throws {
    for size in [3, 6000] {
      var tables = SmallTables(batchesOf: size)
      let small: [(Int64?, String)] = [(1, "one"), (2, "two"), (-7, "seven"), (nil, "none")]
      tables.add("s", [("k", .long), ("v", .string)], small.map { [.of($0.0), .string($0.1)] })
      tables.add("m", [("k", .long)], (0..<60).map { [.integer($0)] })
      tables.add("b", [("k", .long)], (0..<20_000).map { [.integer($0)] })
      #expect(try tables.rows(sql).joined(separator: " ") == expected)
    }
  }

  /// Existence is found among many candidates, be it the first or the last, and many pairs of which few are kept are no trouble.
  @Test(arguments: [
    ("SELECT count(*) FROM l LEFT SEMI JOIN r ON l.k = r.k AND l.v = r.v", 600),
    ("SELECT count(*) FROM l LEFT SEMI JOIN r ON l.k = r.k AND r.v > l.v", 597),
    ("SELECT count(*) FROM l LEFT SEMI JOIN r ON l.k = r.k AND l.v + r.v = 597", 201),
    ("SELECT count(*) FROM l LEFT ANTI JOIN r ON l.k = r.k AND l.v = r.v", 300),
    ("SELECT count(*) FROM l WHERE k NOT IN (SELECT k FROM r WHERE k <> 1)", 300),
    ("SELECT count(*) FROM l JOIN r ON l.k = r.k AND l.v + r.v = 597", 300),
    ("SELECT count(*) FROM l LEFT JOIN r ON l.k = r.k AND l.v + r.v = 597", 999),
    ("SELECT count(*) FROM l FULL JOIN r ON l.k = r.k AND l.v + r.v = 597", 1599),
  ])
  func findsAmongManyCandidates(sql: String, expected: Int) throws {
    var tables = SmallTables(batchesOf: 500)
    tables.add("l", [("k", .integer), ("v", .integer)], (0..<900).map { [.integer($0 % 3), .integer($0)] })
    tables.add(
      "r", [("k", .integer), ("v", .integer)], (0..<900).map { [.integer($0 % 3), .integer($0 < 600 ? $0 : -1)] })
    #expect(try tables.rows(sql) == ["\(expected)"])
  }
}
