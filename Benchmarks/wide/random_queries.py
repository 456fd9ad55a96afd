"""Queries made at random over the tables `a`, `b` and `c` of `random_tables.py`, in words that Millrace and DuckDB share.

A query is nested up to three deep: filters, projections, groupings (ROLLUP and GROUPING SETS too), DISTINCT, joins of all kinds by keys and
ranges, window functions, UNION, INTERSECT and EXCEPT, explode, ORDER BY with LIMIT, IN and EXISTS. Around it stands one aggregate of every
column, so that the answer is one row however many rows there were. The same seed gives the same query.
"""
import random
from collections import namedtuple

# What the columns of the tables are.
COLUMNS = {"id": "int", "k1": "int", "k2": "int", "k3": "int", "s1": "text", "s2": "text", "b": "bool", "d": "double", "dec": "decimal", "ts": "time", "dt": "date", "arr": "list"}
ORDERED = ("int", "text", "bool", "double", "decimal", "time", "date")
KEYS = ("int", "text", "bool", "date", "decimal")

# A query or a table: its SQL for either engine, what its columns are, and the table that it is, or None.
Relation = namedtuple("Relation", "spark duckdb columns table")
# The aggregates of a column by what it is.
DIGESTS = {
    "int": ["count({})", "sum({})", "min({})", "max({})"],
    "double": ["count({})", "sum({})", "min({})", "max({})"],
    "decimal": ["count({})", "sum({})", "min({})", "max({})"],
    "text": ["count({})", "sum(length({}))", "min({})", "max({})"],
    "bool": ["count({})", "sum(CASE WHEN {} THEN 1 ELSE 0 END)"],
    "time": ["count({})", "sum(unix_seconds({}))"],
    "date": ["count({})", "sum(unix_date({}))"],
    "list": ["count({})", "sum(size({}))"],
}


class RandomQuery:
    """`spark` and `duckdb` are the query's SQL; its columns are named as `names` says."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.taken = 0
        inner = self.relation(self.random.choice([1, 2, 2, 2, 3, 3]))
        digests = ["count(*)"] + [d.format(name) for name, kind in inner.columns.items() for d in DIGESTS[kind]]
        self.names = ["c%d" % i for i in range(len(digests))]
        outer = self.select(inner, ", ".join("%s AS %s" % pair for pair in zip(digests, self.names)), {})
        self.spark, self.duckdb = outer.spark, outer.duckdb

    # Parts of expressions

    def new_name(self):
        self.taken += 1
        return "q%d" % self.taken

    def some(self, columns, *kinds):
        found = [name for name, kind in columns.items() if kind in kinds]
        return self.random.choice(found) if found else None

    def subset(self, items, most):
        return self.random.sample(items, min(len(items), most))

    def number(self, columns, depth=1):
        r, column = self.random, self.some(columns, "int")
        text, time, date, items = (self.some(columns, kind) for kind in ("text", "time", "date", "list"))
        choices = ["1"]
        if column:
            choices = [column, column, "coalesce(%s, %d)" % (column, r.randrange(-5, 5)), "%s %% %d" % (column, r.choice([3, 7, 100, 1000, 100000]))]
        if text:
            choices.append("length(%s)" % text)
        if time:
            choices.append("unix_seconds(%s)" % time)
        if date:
            choices.append("%s(%s)" % (r.choice(["unix_date", "month", "day"]), date))
        if items:
            choices.append("size(%s)" % items)
        if depth:
            choices.append("(%s + %s)" % (self.number(columns, 0), self.number(columns, 0)))
            choices.append("CASE WHEN %s THEN %s ELSE %s END" % (self.condition(columns, 0), self.number(columns, 0), self.number(columns, 0)))
        return r.choice(choices)

    def text(self, columns):
        r, column = self.random, self.some(columns, "text")
        if not column:
            return None
        return r.choice([
            column, column, "upper(%s)" % column, "trim(%s)" % column, "coalesce(%s, 'none')" % column, "replace(%s, 'u', 'v')" % column,
            "substring(%s, %d, %d)" % (column, r.randrange(1, 6), r.randrange(1, 8)), "(%s || '-' || %s)" % (column, self.some(columns, "text")),
        ])

    def condition(self, columns, depth=1):
        r = self.random
        number, text, amount, flag = self.some(columns, "int"), self.some(columns, "text"), self.some(columns, "double", "decimal"), self.some(columns, "bool")
        time, date = self.some(columns, "time"), self.some(columns, "date")
        choices = ["%s IS %sNULL" % (r.choice(list(columns)), r.choice(["", "NOT "]))]
        if number:
            choices += [
                "%s %s %d" % (number, r.choice(["<", ">", "<=", ">=", "=", "<>"]), r.choice([0, 3, 10, 100, 5000, 1000000])),
                "%s BETWEEN %d AND %d" % (number, r.randrange(5), r.choice([10, 100, 40000])), "%s %% 3 <> 1" % number,
                "%s IN (%s)" % (number, ", ".join(str(r.randrange(20)) for _ in range(4))),
            ]
        if text:
            choices += ["%s LIKE '%s'" % (text, r.choice(["u%", "%1%", "%/user/%", "x%", "user-%9", "_"])), "%s IN ('a', 'GET', '日本', 'u17', '')" % text]
        if amount:
            choices.append("%s > %s" % (amount, r.choice(["0", "100", "-12.5"])))
        if flag:
            choices.append(r.choice(["%s", "NOT %s", "%s IS NULL"]) % flag)
        if time:
            choices.append("hour(%s) %s %d" % (time, r.choice("<>="), r.randrange(24)))
        if date:
            choices.append("%s > DATE '2024-%02d-01'" % (date, r.randrange(1, 13)))
        if depth:
            choices.append("(%s %s %s)" % (self.condition(columns, 0), r.choice(["AND", "OR"]), self.condition(columns, 0)))
        return r.choice(choices)

    def ordering(self, names):
        return ", ".join("%s %s NULLS %s" % (name, self.random.choice(["ASC", "DESC"]), self.random.choice(["FIRST", "LAST"])) for name in names)

    # Relations

    def relation(self, depth):
        if depth == 0:
            return self.base()
        kinds = [
            self.filtered, self.projected, self.grouped, self.grouped, self.grouped, self.joined, self.joined, self.joined, self.distinct, self.windowed, self.union,
            self.exploded, self.combined, self.top, self.chosen,
        ]
        return self.random.choice(kinds)(depth)

    def base(self):
        table = self.random.choice("aaabbc")
        return Relation(table, table, dict(COLUMNS), table)

    def aliased(self, relation):
        """An alias, and the relation under it for either engine."""
        alias = self.new_name()
        return (alias, *("%s AS %s" % (sql if relation.table else "(%s)" % sql, alias) for sql in (relation.spark, relation.duckdb)))

    def select(self, relation, items, columns, tail=""):
        _, spark, duckdb = self.aliased(relation)
        return Relation("SELECT %s FROM %s%s" % (items, spark, tail), "SELECT %s FROM %s%s" % (items, duckdb, tail), columns, None)

    def filtered(self, depth):
        source = self.relation(depth - 1)
        return self.select(source, "*", source.columns, " WHERE " + self.condition(source.columns))

    def projected(self, depth):
        source = self.relation(depth - 1)
        columns = {name: kind for name, kind in source.columns.items() if self.random.random() < 0.6}
        items, suffix = list(columns), self.new_name()
        columns["n" + suffix] = "int"
        items.append("%s AS n%s" % (self.number(source.columns), suffix))
        if text := self.text(source.columns):
            columns["t" + suffix] = "text"
            items.append("%s AS t%s" % (text, suffix))
        return self.select(source, ", ".join(items), columns)

    def distinct(self, depth):
        source = self.relation(depth - 1)
        names = self.subset([name for name, kind in source.columns.items() if kind != "list"], self.random.randrange(1, 4))
        return self.select(source, "DISTINCT " + ", ".join(names), {name: source.columns[name] for name in names}) if names else source

    def aggregate(self, columns):
        """An aggregate and what its result is."""
        r, number = self.random, self.number(columns)
        choices = [
            ("count(*)", "int"), ("sum(%s)" % number, "int"), ("max(%s)" % number, "int"), ("avg(%s)" % number, "double"),
            ("count(*) FILTER (WHERE %s)" % self.condition(columns), "int"),
        ]
        for kind, functions in (("text", "min max"), ("double", "sum avg min max stddev var_pop"), ("decimal", "sum min max"), ("bool", "bool_and bool_or"), ("time", "min max"), ("date", "min max")):
            if column := self.some(columns, kind):
                choices.append(("%s(%s)" % (r.choice(functions.split()), column), kind))
        if column := self.some(columns, *KEYS, "time"):
            choices += [("count(DISTINCT %s)" % column, "int"), ("count(%s)" % column, "int")]
        return r.choice(choices)

    def grouped(self, depth):
        source = self.relation(depth - 1)
        r, keys = self.random, {}
        for _ in range(r.choice([0, 1, 1, 1, 2, 2, 3])):
            text, column = self.text(source.columns), self.some(source.columns, *KEYS)
            choices = [(self.number(source.columns), "int")] + ([(text, "text")] if text else []) + [(column, source.columns[column])] * 3 if column else []
            keys.update([r.choice(choices)] if choices else [])
        results = [self.aggregate(source.columns) for _ in range(r.randrange(1, 4))]
        suffix, columns, items = self.new_name(), {}, []
        for letter, parts in (("g", list(keys.items())), ("m", results)):
            for index, (sql, kind) in enumerate(parts):
                columns["%s%d%s" % (letter, index, suffix)] = kind
                items.append("%s AS %s%d%s" % (sql, letter, index, suffix))
        tail = ""
        if keys:
            listed = ", ".join(keys)
            tail = " GROUP BY " + ", ".join(str(i + 1) for i in range(len(keys)))
            if len(keys) > 1 and r.random() < 0.25:
                tail = r.choice([" GROUP BY ROLLUP (%s)" % listed, " GROUP BY GROUPING SETS ((%s), (%s), ())" % (next(iter(keys)), listed)])
            if r.random() < 0.25:
                tail += " HAVING count(*) %s %d" % (r.choice("<>"), r.choice([1, 2, 5, 100]))
        return self.select(source, ", ".join(items), columns, tail)

    def joined(self, depth):
        r = self.random
        left, right = self.relation(depth - 1), self.relation(max(0, depth - 2)) if r.random() < 0.4 else self.base()
        # Keys that few rows share, so that results stay small.
        shared = [(name, name) for name in ("id", "k3") if name in left.columns and name in right.columns]
        shared += [("s2", "s2")] if "c" in (left.table, right.table) and "s2" in left.columns and "s2" in right.columns else []
        numbers = [name for name, kind in left.columns.items() if kind == "int"]
        if not shared and right.table and numbers:
            shared = [(r.choice(numbers), "id")]
        if not shared:
            return self.select(left, "*", left.columns, " WHERE " + self.condition(left.columns))
        (x, left_spark, left_duckdb), (y, right_spark, right_duckdb) = self.aliased(left), self.aliased(right)
        pair = r.choice(shared)
        condition = "%s.%s = %s.%s" % (x, pair[0], y, pair[1])
        if r.random() < 0.5:
            condition = self.with_range(condition, x, left, y, right, pair)
        kind = r.choice(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"])
        columns, items = dict(left.columns), ["%s.%s" % (x, name) for name in left.columns]
        if "SEMI" not in kind and "ANTI" not in kind:
            suffix = self.new_name()
            for name in [name for name in right.columns if r.random() < 0.5]:
                columns[name + suffix] = right.columns[name]
                items.append("%s.%s AS %s%s" % (y, name, name, suffix))
        form = "SELECT %s FROM %s %s %s ON %s"
        other = kind.replace("LEFT SEMI", "SEMI").replace("LEFT ANTI", "ANTI")
        return Relation(form % (", ".join(items), left_spark, kind, right_spark, condition), form % (", ".join(items), left_duckdb, other, right_duckdb, condition), columns, None)

    def with_range(self, condition, x, left, y, right, pair):
        r = self.random
        kinds = [kind for kind in ORDERED if kind != "bool" and self.some(left.columns, kind) and self.some(right.columns, kind)]
        if not kinds:
            return condition
        kind = r.choice(kinds)
        value, low, high = self.some(left.columns, kind), self.some(right.columns, kind), self.some(right.columns, kind)
        less = {"int": " - %d" % r.choice([0, 1, 5]), "double": " - 0.5", "time": " - INTERVAL 2 SECONDS"}.get(kind, "")
        form = r.choice([
            "{x}.{value} BETWEEN {y}.{low} AND {y}.{high}", "{y}.{low} BETWEEN {x}.{value}{less} AND {x}.{value}",
            "{x}.{value} > {y}.{low} AND {y}.{high} >= {x}.{value}", "{x}.{value} < {y}.{low}",
        ])
        search = form.format(x=x, y=y, value=value, low=low, high=high, less=less)
        # Keys that very many rows share, where one side is small and the range leaves few pairs.
        if "c" in (left.table, right.table) and "BETWEEN" in form and kind in ("int", "time", "text") and left.columns[pair[0]] == "int" and r.random() < 0.3:
            condition = "%s.%s %% 7 = %s.%s %% 7" % (x, pair[0], y, pair[1])
        return condition + " AND " + search

    def windowed(self, depth):
        source = self.relation(depth - 1)
        r, columns = self.random, source.columns
        parts = self.subset([name for name, kind in columns.items() if kind in ("int", "text", "bool", "date")], r.randrange(3))
        ordered = [name for name, kind in columns.items() if kind in ORDERED]
        if not ordered:
            return source
        first = r.choice(ordered)
        # Every column takes part, so that no two rows tie but for lists.
        every, one = self.ordering([first] + [name for name in ordered if name != first]), first + " NULLS FIRST"
        number, value = self.some(columns, "int") or "1", self.some(columns, "int", "text", "date") or first
        frame = r.choice(["", " ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING", " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"])
        function, order, kind = r.choice([
            ("row_number()", every, "int"), ("ntile(7)", every, "int"), ("rank()", one, "int"), ("dense_rank()", one, "int"), ("sum(%s)" % number, one, "int"),
            ("sum(%s)" % number, every + frame, "int"), ("count(*)", "", "int"), ("max(%s)" % value, "", columns.get(value)),
            ("lag(%s, 2)" % value, every, columns.get(value)), ("lead(%s)" % value, every, columns.get(value)), ("first_value(%s)" % value, every, columns.get(value)),
        ])
        name = "w" + self.new_name()
        over = " ".join(filter(None, ["PARTITION BY " + ", ".join(parts) if parts else "", "ORDER BY " + order if order else ""]))
        result = self.select(source, "*, %s OVER (%s) AS %s" % (function, over, name), {**columns, name: kind})
        if kind != "int" or r.random() < 0.5:
            return result
        return self.select(result, "*", result.columns, " WHERE %s %s %d" % (name, r.choice(["=", "<=", "<"]), r.randrange(1, 6)))

    def both(self, left, right, names, operation):
        (_, left_spark, left_duckdb), (_, right_spark, right_duckdb) = self.aliased(left), self.aliased(right)
        listed = ", ".join(names)
        form = "SELECT %s FROM %s %s SELECT %s FROM %s"
        return Relation(
            form % (listed, left_spark, operation, listed, right_spark), form % (listed, left_duckdb, operation, listed, right_duckdb),
            {name: left.columns[name] for name in names}, None)

    def union(self, depth):
        left, right = self.relation(depth - 1), self.relation(depth - 1)
        names = [name for name in left.columns if name in right.columns]
        return self.both(left, right, names, "UNION ALL") if names else left

    def combined(self, depth):
        left, right = self.relation(depth - 1), self.relation(depth - 1)
        names = self.subset([name for name, kind in left.columns.items() if name in right.columns and kind != "list"], 2)
        return self.both(left, right, names, self.random.choice(["INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL", "UNION"])) if names else left

    def exploded(self, depth):
        source = self.relation(depth - 1)
        if source.columns.get("arr") != "list":
            return self.select(source, "*", source.columns, " WHERE " + self.condition(source.columns))
        name = "e" + self.new_name()
        columns = {key: kind for key, kind in source.columns.items() if self.random.random() < 0.5}
        alias, spark, duckdb = self.aliased(source)
        items = ["%s.%s" % (alias, key) for key in columns]
        form = "SELECT %s FROM %s"
        spark, duckdb = (form % (", ".join(items + ["%s(%s.arr) AS %s" % (function, alias, name)]), sql) for function, sql in (("explode", spark), ("unnest", duckdb)))
        return Relation(spark, duckdb, {**columns, name: "text"}, None)

    def top(self, depth):
        source = self.relation(depth - 1)
        columns = {name: kind for name, kind in source.columns.items() if kind != "list"}
        if not columns:
            return source
        order = self.ordering(self.subset(list(columns), len(columns)))
        return self.select(source, ", ".join(columns), columns, " ORDER BY %s LIMIT %d%s" % (order, self.random.choice([1, 10, 1000, 100000]), self.random.choice(["", " OFFSET 5"])))

    def chosen(self, depth):
        source, other = self.relation(depth - 1), self.base()
        r = self.random
        keys = [name for name in ("id", "k2", "k3", "s2") if name in source.columns]
        if not keys:
            return source
        key, condition = r.choice(keys), self.condition(other.columns)
        alias, spark, duckdb = self.aliased(source)
        tail = r.choice([
            "{key} IN (SELECT {key} FROM {table} WHERE {condition})", "{key} NOT IN (SELECT {key} FROM {table} WHERE {key} IS NOT NULL AND {condition})",
            "{no}EXISTS (SELECT 1 FROM {table} AS z WHERE z.{key} = {alias}.{key} AND z.k1 {sign} 7)",
        ]).format(key=key, table=other.table, condition=condition, no=r.choice(["", "NOT "]), alias=alias, sign=r.choice("<>="))
        return Relation("SELECT * FROM %s WHERE %s" % (spark, tail), "SELECT * FROM %s WHERE %s" % (duckdb, tail), source.columns, None)
