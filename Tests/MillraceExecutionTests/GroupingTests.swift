import MillraceColumnar
import Testing

/// GROUP BY, DISTINCT, set operations and window functions over small batches. The order of rows does not count.
@Suite struct GroupingTests {
  private static func tables(_ size: Int) -> SmallTables {
    var tables = SmallTables(batchesOf: size)
    let rows: [(Int64?, String?)] = [(1, "a"), (nil, "b"), (1, nil), (2, "a"), (nil, "b"), (1, "a")]
    tables.add("t", [("k", .integer), ("v", .string)], rows.map { [.of($0.0), .of($0.1)] })
    tables.add("u", [("k", .integer), ("v", .string)], [[.of(1), .of("a")], [.null, .of("b")], [.of(9), .of("x")]])
    tables.add("none", [("k", .integer), ("v", .string)], [])
    tables.add(
      "f", [("x", .double)], [.double(0), .double(-0.0), .double(.nan), .double(-.nan), .null, .double(1)].map { [$0] })
    tables.add("long", [("s", .string)], (0..<40).map { [.of("a text longer than twelve bytes \($0 % 7)")] })
    tables.add("numbers", [("n", .long)], (0..<100).map { [.of($0)] })
    return tables
  }

  @Test(arguments: [
    ("SELECT k, count(*), count(v), min(v) FROM t GROUP BY k", "1,3,2,a 2,1,1,a NULL,2,2,b"),
    ("SELECT k, v, count(*) FROM t GROUP BY k, v", "1,NULL,1 1,a,2 2,a,1 NULL,b,2"),
    ("SELECT count(*), sum(k), avg(k), max(v) FROM t", "6,5,1.25,b"),
    ("SELECT count(*) FILTER (WHERE v = 'a'), sum(k) FILTER (WHERE v = 'b') FROM t", "3,NULL"),
    ("SELECT count(DISTINCT v), count(DISTINCT k, v), sum(DISTINCT k) FROM t", "2,2,3"),
    ("SELECT v, count(DISTINCT k), max(k), count(*) FROM t GROUP BY v", "NULL,1,1,1 a,2,2,3 b,0,NULL,2"),
    ("SELECT count(DISTINCT k, v), sum(k) FILTER (WHERE v = 'a'), count(DISTINCT k, v) FROM t", "2,4,2"),
    ("SELECT count(DISTINCT v) FILTER (WHERE k = 2), count(DISTINCT v) FROM t", "1,2"),
    ("SELECT count(DISTINCT NULL), count(DISTINCT x), count(DISTINCT array(x)) FROM f", "0,3,4"),
    ("SELECT count(DISTINCT array(x)), avg(DISTINCT x) FROM f", "4,nan"),
    ("SELECT count(DISTINCT array(x)), count(*) FROM f", "4,6"),
    ("SELECT count(DISTINCT k), min(k) FROM none", "0,NULL"),
    ("SELECT v, count(DISTINCT k) FROM none GROUP BY v", ""),
    (
      "SELECT s.a, count(DISTINCT s.b) FROM (SELECT named_struct('a', v, 'b', k) AS s FROM t) GROUP BY s.a",
      "NULL,1 a,2 b,0"
    ),
    ("SELECT collect_list(DISTINCT k), count(DISTINCT k) FROM t WHERE k = 1", "[1],1"),
    ("SELECT k + 1, count(*) AS n FROM t GROUP BY k + 1 HAVING n > 1", "2,3 NULL,2"),
    ("SELECT max(n) FROM (SELECT count(*) AS n FROM t GROUP BY k)", "3"),
    // No rows: one group without keys, none with.
    ("SELECT count(*), sum(k), min(v) FROM none", "0,NULL,NULL"), ("SELECT k, count(*) FROM none GROUP BY k", ""),
    ("SELECT 'row' FROM (SELECT count(*) FROM none)", "row"),
    ("SELECT 'row' FROM (SELECT k FROM t GROUP BY k)", "row row row"),
    ("SELECT count(*) FROM none HAVING count(*) > 0", ""), ("SELECT 1 FROM t HAVING 1 > 2", ""),
    // Zero is one key, and so is NaN.
    ("SELECT x, count(*) FROM f GROUP BY x", "0.0,2 1.0,1 NULL,1 nan,2"),
    ("SELECT count(*) FROM (SELECT s FROM long GROUP BY s)", "7"),
    ("SELECT s['a'], count(*) FROM (SELECT named_struct('a', k) AS s FROM t) GROUP BY s", "1,3 2,1 NULL,2"),
    ("SELECT a, count(*) FROM (SELECT array(v, 'z') AS a FROM t) GROUP BY a", "[NULL;z],1 [a;z],3 [b;z],2"),
    ("SELECT n % 10, sum(n) FROM numbers WHERE n >= 90 GROUP BY n % 10 HAVING sum(n) > 97", "8,98 9,99"),
    // Sets of keys; grouping() tells a NULL of the data from one of the set.
    (
      "SELECT k, v, count(*), grouping(k), grouping(v) FROM t GROUP BY ROLLUP (k, v)",
      "1,NULL,1,0,0 1,NULL,3,0,1 1,a,2,0,0 2,NULL,1,0,1 2,a,1,0,0 NULL,NULL,2,0,1 NULL,NULL,6,1,1 NULL,b,2,0,0"
    ), ("SELECT v, count(*) FROM t GROUP BY GROUPING SETS ((v), ())", "NULL,1 NULL,6 a,3 b,2"),
    (
      "SELECT grouping_id(k, v), count(*) FROM t GROUP BY CUBE (k, v) HAVING grouping_id(k, v) IN (2, 3)",
      "2,1 2,2 2,3 3,6"
    ),
    // DISTINCT and set operations take NULL as equal to NULL.
    ("SELECT DISTINCT k, v FROM t", "1,NULL 1,a 2,a NULL,b"), ("SELECT DISTINCT x FROM f", "0.0 1.0 NULL nan"),
    ("SELECT * FROM t INTERSECT SELECT * FROM u", "1,a NULL,b"),
    ("SELECT * FROM t INTERSECT ALL SELECT * FROM u", "1,a NULL,b"),
    ("SELECT * FROM t INTERSECT ALL SELECT * FROM t", "1,NULL 1,a 1,a 2,a NULL,b NULL,b"),
    ("SELECT * FROM t EXCEPT SELECT * FROM u", "1,NULL 2,a"),
    ("SELECT * FROM t EXCEPT ALL SELECT * FROM u", "1,NULL 1,a 2,a NULL,b"),
    ("SELECT * FROM t EXCEPT SELECT * FROM none", "1,NULL 1,a 2,a NULL,b"),
    ("SELECT * FROM none INTERSECT SELECT * FROM t", ""),
    ("SELECT k FROM t UNION SELECT k FROM u", "1 2 9 NULL"),
    ("SELECT count(*) FROM (SELECT k FROM t UNION ALL SELECT k FROM u)", "9"),
    ("SELECT k, v FROM u UNION ALL BY NAME SELECT v, k FROM none", "1,a 9,x NULL,b"),
    // Windows.
    ("SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v) FROM t WHERE k = 1", "1,NULL,1 1,a,2 1,a,3"),
    ("SELECT v, rank() OVER (ORDER BY v), dense_rank() OVER (ORDER BY v) FROM u", "a,1,1 b,2,2 x,3,3"),
    (
      "SELECT n, lag(n) OVER (ORDER BY n), lead(n, 2, -1) OVER (ORDER BY n), sum(n) OVER (ORDER BY n ROWS 1 PRECEDING) FROM numbers WHERE n < 4",
      "0,NULL,2,0 1,0,3,1 2,1,-1,3 3,2,-1,5"
    ),
    ("SELECT k, sum(k) OVER (PARTITION BY v), count(*) OVER () FROM t WHERE k IS NOT NULL", "1,4,4 1,4,4 1,1,4 2,4,4"),
    ("SELECT row_number() OVER (ORDER BY k) FROM none", ""),
    // Generators.
    ("SELECT v, e FROM u LATERAL VIEW explode(array(k, 0)) AS e", "a,0 a,1 b,0 b,NULL x,0 x,9"),
    ("SELECT k, e FROM u LATERAL VIEW OUTER explode(filter(array(k), x -> x > 1)) AS e", "1,NULL 9,9 NULL,NULL"),
    ("SELECT pos, col FROM (SELECT posexplode(array('x', 'y')))", "0,x 1,y"),
    ("SELECT count(*) FROM range(20000)", "20000"),
    ("SELECT id FROM range(5, 0, -2)", "1 3 5"),
    // So many groups that rows go to the workers' shared table.
    (
      "SELECT count(*), sum(n), sum(s), sum(c), sum(d), max(m) FROM (SELECT count(*) AS n, sum(id) AS s, count(*) FILTER (WHERE id % 2 = 0) AS c, count(DISTINCT id % 3) AS d, max(id) AS m FROM range(300000) GROUP BY concat('key number ', id % 150000))",
      "150000,300000,44999850000,150000,150000,299999"
    ),
  ])
  func gives(sql: String, expected: String) throws {
    for size in SmallTables.sizes {
      #expect(
        try Self.tables(size).rows(sql).sorted().joined(separator: " ")
          == expected.split(separator: " ").sorted().joined(separator: " "), "\(sql), batches of \(size)")
    }
  }
}
