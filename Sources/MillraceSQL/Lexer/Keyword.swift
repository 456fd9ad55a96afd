/// A word with a meaning in the grammar. Every one may still name a column or table where nothing else is possible.
enum Keyword: String, CaseIterable {
  case add, aggregate, all, analyze, and, anti, any, array, `as`, asc, between, both, bucket, by
  case cache, `case`, cast, clear, cluster, codegen, collate, columns, comment, cost, create, cross, cube, current
  case date, dateadd, dateAddWord = "date_add", datediff, dateDiffWord = "date_diff", database, `default`, delay, desc
  case describe, distinct, distribute, div, drop, `else`, end, escape, except, exclude, exists, explain, extend
  case extended, extract, `false`, filter, first, following, `for`, formatted, from, full, function, functions
  case global, group, grouping, having, identifier, `if`, ignore, ilike, `in`, include, inner, intersect, interval, `is`
  case join, last, lateral, leading, left, level, like, limit, local, max, minusWord = "minus", name, natural, not,
    null, nulls
  case of, offset, on, options, or, order, out, outer, over, overlay, overwrite
  case partition, percentWord = "percent", pivot, placing, position, preceding, qualify, query
  case range, recursion, recursive, regexp, repeatable, replace, reset, respect, right, rlike, rollup, row, rows
  case select, semi, set, sets, setminus, show, some, sort, stream, `struct`, substr, substring
  case table, tables, tablesample, temp, temporary, then, time, timestamp, timestampadd, timestampdiff
  case timestampLTZ = "timestamp_ltz", timestampNTZ = "timestamp_ntz", to, trailing, trim, `true`
  case tryCast = "try_cast", unbounded, union, unknown, unpivot, using, values, variables, view, views
  case watermark, when, `where`, window, with, within, x

  /// Keywords by their lower-case spelling.
  static let bySpelling: [String: Keyword] = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue, $0) })

  /// The longest spelling; longer words need no look-up.
  static let maximumLength = 13

  /// The spelling in upper case, as messages show it.
  var shown: String { rawValue.uppercased() }
}

extension Keyword {
  /// Begins a clause or joins two parts of one, so it never names a column without back-ticks.
  var isReserved: Bool {
    switch self {
    case .select, .from, .where, .group, .having, .order, .union, .intersect, .except, .join, .on, .when, .then,
      .else, .and, .or, .as, .in, .between, .like, .ilike, .rlike, .is, .inner, .cross, .natural, .using, .lateral, .by:
      true
    default: false
    }
  }

  /// Never names a table or column right after it without AS: the words that may follow a relation or an expression.
  var isStrict: Bool {
    switch self {
    case .anti, .full, .left, .right, .semi, .setminus, .not, .regexp, .end, .case: true
    default: isReserved
    }
  }

  /// Begins a clause after an expression or relation, unless the word is the last thing of its list.
  var mayBeginClause: Bool {
    switch self {
    case .limit, .offset, .qualify, .window, .sort, .cluster, .distribute, .pivot, .unpivot, .tablesample, .watermark,
      .minusWord, .with, .delay, .for, .over, .escape, .div, .collate, .within:
      true
    default: false
    }
  }
}
