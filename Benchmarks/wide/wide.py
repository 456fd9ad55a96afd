#!/usr/bin/env python3
"""Runs queries that nothing was tuned for beside DuckDB, and compares the answers: what is slower than the others is worth a look.
Started by `scripts/bench --wide`."""
import argparse, glob, json, math, os, re, statistics, subprocess, sys, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import data, tools
from wide.queries import QUERIES

common = data.common
FILES = {"e": "w2", "j": "w2", "o": "w4", "t": "w3", "l": "w1", "c": "w1"}
FORMATS = {"e": "json", "j": "text", "o": "csv", "t": "text", "l": "text", "c": "combined", "ads": "csv"}
SCHEMAS = {
    "e": "user_id STRING, page_id STRING, ad_id STRING, ad_type STRING, event_type STRING, event_time TIMESTAMP, ip STRING, latency_us BIGINT, "
         "geo STRUCT<country: STRING, city: STRING, lat: DOUBLE, lon: DOUBLE>, tags ARRAY<STRING>, q STRING",
    "o": "order_id BIGINT, ordered_at TIMESTAMP, customer STRING, country STRING, category STRING, product STRING, quantity INT, price DECIMAL(10,2), coupon STRING, note STRING",
}
EVENTS = {"user_id": "VARCHAR", "page_id": "VARCHAR", "ad_id": "VARCHAR", "ad_type": "VARCHAR", "event_type": "VARCHAR", "event_time": "TIMESTAMP", "ip": "VARCHAR",
          "latency_us": "BIGINT", "geo": "STRUCT(country VARCHAR, city VARCHAR, lat DOUBLE, lon DOUBLE)", "tags": "VARCHAR[]", "q": "VARCHAR"}
ORDERS = ("{'order_id': 'BIGINT', 'ordered_at': 'TIMESTAMP', 'customer': 'VARCHAR', 'country': 'VARCHAR', 'category': 'VARCHAR', 'product': 'VARCHAR', "
          "'quantity': 'INTEGER', 'price': 'DECIMAL(10,2)', 'coupon': 'VARCHAR', 'note': 'VARCHAR'}")
# Fields of the access log: the numbers of their groups in common.CLF, and what makes them of the text.
FIELDS = {"host": "ip", "target": "p", "user_agent": "ua", "referer": "nullif(m.r, '-')", "status": "m.st::INT", "bytes": "try_cast(m.b AS BIGINT)",
          "time": "strptime(m.ts, '%d/%b/%Y:%H:%M:%S %z')"}
DUCKDB = """import duckdb, json, sys
con = duckdb.connect()
for setting in ("threads = 2", "preserve_insertion_order = false", "TimeZone = 'UTC'", "enable_progress_bar = false"): con.execute("SET " + setting)
print(json.dumps([[str(v) if v is not None else None for v in row] for row in con.execute(sys.argv[1]).fetchall()]))
"""


def tables(sql):
    return sorted(set(re.findall(r"\b(?:FROM|JOIN) (e|j|o|t|l|c|ads)\b", sql)))


def millrace(command, folder, sql):
    """The command, and the rows that it gives as JSON lines."""
    line = [command, "sql", sql, "--json"]
    for table in tables(sql):
        path = os.path.join(folder, "campaigns.csv") if table == "ads" else os.path.join(folder, FILES[table], common.PAT[FILES[table]])
        line += ["--table", "%s:%s=%s" % (table, FORMATS[table], path)]
        if table in SCHEMAS:
            line += ["--schema", "%s=%s" % (table, SCHEMAS[table])]
    return line


def duckdb(folder, sql):
    """The query with each table as DuckDB reads it, only the columns that are used."""
    listed = lambda w: "[%s]" % ",".join("'%s'" % f for f in common.files(folder, w))
    used = lambda names: [n for n in names if re.search(r"\b%s\b" % n, sql)]
    lines = "(SELECT * FROM read_csv(%s, columns={'value': 'VARCHAR'}, delim='\\x01', quote='', escape='', header=false, auto_detect=false, strict_mode=false))"

    def table(match):
        word, name = match.group(1), match.group(2)
        if name == "e":
            columns = used(EVENTS) or ["user_id"]
            text = "read_json(%s, format='newline_delimited', columns={%s})" % (listed("w2"), ", ".join("'%s': '%s'" % (c, EVENTS[c]) for c in columns))
        elif name == "o":
            text = "read_csv(%s, header=true, auto_detect=false, delim=',', quote='\"', escape='\"', columns=%s)" % (listed("w4"), ORDERS)
        elif name == "ads":
            text = "read_csv('%s')" % os.path.join(folder, "campaigns.csv")
        elif name == "c":
            fields = ", ".join("%s AS \"%s\"" % (f if "m." in f else "m." + f, n) for n, f in FIELDS.items() if n in used(FIELDS))
            text = "(SELECT %s FROM (SELECT regexp_extract(value, '%s', ['ip','u','ts','me','p','st','b','r','ua']) AS m FROM %s))" % (fields, common.CLF, lines % listed("w1"))
        else:
            text = lines % listed(FILES[name])
        # An alias that follows stays the table's; without one it keeps its name.
        rest = sql[match.end():]
        return "%s %s%s" % (word, text, "" if re.match(r" [a-z]\b(?! =)", rest) else " AS " + name)
    return re.sub(r"\b(FROM|JOIN) (e|j|o|t|l|c|ads)\b", table, sql)


def plain(value):
    """A value in a form that both engines' values come to."""
    if value is None:
        return "NULL"
    try:
        number = float(value)
        return "%.9g" % number if math.isfinite(number) else str(number)
    except (TypeError, ValueError):
        return str(value)


def difference(ours, theirs):
    """How two results differ as sets of rows; empty where they do not."""
    columns = max((list(json.loads(line)) for line in ours), key=len, default=[])
    rows = sorted([plain(json.loads(line).get(c)) for c in columns] for line in ours)
    others = sorted([plain(v) for v in row] for row in json.loads(theirs))
    if len(rows) != len(others):
        return "%d rows, DuckDB %d" % (len(rows), len(others))
    for row, other in zip(rows, others):
        if row != other:
            return "%s, DuckDB %s" % (row, other)
    return ""


def best(command, rounds):
    times, out = [], None
    for _ in range(rounds):
        start = time.monotonic()
        out = subprocess.run(command, capture_output=True, text=True)
        times.append(time.monotonic() - start)
        if out.returncode:
            raise SystemExit("%s: %s" % (command[2] if len(command) > 2 else command[0], out.stderr.strip()[-500:]))
    return min(times), out.stdout.strip()


def main():
    p = argparse.ArgumentParser(prog="scripts/bench --wide", description=__doc__)
    p.add_argument("names", nargs="*", help="queries by the beginning of their name; all")
    p.add_argument("-n", type=int, default=2, help="runs of each, of which the fastest counts (2)")
    p.add_argument("--millrace", metavar="FILE", help="a built command instead of a fresh release build")
    p.add_argument("--python", metavar="FILE", help="an interpreter that has DuckDB, instead of a virtual environment made here")
    p.add_argument("--data", metavar="DIR", help="input folder; what is missing is generated there")
    p.add_argument("--work", metavar="DIR", default=os.path.join(tools.ROOT, ".bench"), help="virtual environment and data (.bench)")
    p.add_argument("--only-millrace", action="store_true", help="without DuckDB")
    o = p.parse_args()
    command = o.millrace or tools.build(o.work)
    python = o.python or tools.python(o.work, [] if o.only_millrace else ["duckdb"])
    folder = o.data or os.path.join(o.work, "data-512x8")
    data.generate(folder, ["w1", "w2", "w3", "w4"], 512, 8)
    ratios, wrong = [], []
    for query in QUERIES:
        if o.names and not any(query.name.startswith(n) for n in o.names):
            continue
        own, rows = best(millrace(command, folder, query.spark), o.n)
        if o.only_millrace:
            print("%-22s %7.0f ms" % (query.name, own * 1e3), flush=True)
            continue
        other, answer = best([python, "-c", DUCKDB, duckdb(folder, query.duckdb or query.spark)], o.n)
        found = "" if query.loose else difference(rows.splitlines(), answer)
        ratios.append((other / own, query.name))
        if found:
            wrong.append(query.name)
        print("%-22s %7.0f ms  DuckDB %7.0f ms  %5.2f x  %s" % (query.name, own * 1e3, other * 1e3, other / own, found and "OTHER ANSWER: " + found), flush=True)
    if ratios:
        print("\n%d queries: median %.2f x, least %s" % (len(ratios), statistics.median(r for r, _ in ratios), ", ".join("%s %.2f x" % (n, r) for r, n in sorted(ratios)[:3])))
    if wrong:
        raise SystemExit("other answers: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
