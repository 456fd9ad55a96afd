"""The tables that random queries read: `a` with 3,000,000 rows, `b` with 500,000 and `c` with 3,000, as JSON lines in gzip files that differ in
size, and in a DuckDB database. NULLs are absent members; keys are skewed; texts are of every length that matters to a string view."""
import datetime, gzip, json, os, random

TABLES = {"a": (3_000_000, 11), "b": (500_000, 5), "c": (3_000, 1)}
SCHEMA = "id BIGINT, k1 INT, k2 INT, k3 BIGINT, s1 STRING, s2 STRING, b BOOLEAN, d DOUBLE, dec DECIMAL(12,2), ts TIMESTAMP, dt DATE, arr ARRAY<STRING>"
DUCKDB = ("{'id':'BIGINT','k1':'INTEGER','k2':'INTEGER','k3':'BIGINT','s1':'VARCHAR','s2':'VARCHAR','b':'BOOLEAN','d':'DOUBLE','dec':'DECIMAL(12,2)',"
          "'ts':'TIMESTAMP','dt':'DATE','arr':'VARCHAR[]'}")
WORDS = ["", "a", "b", "GET", "POST", "été", "日本", "x" * 11, "x" * 12, "x" * 13, "long value that is out of line", "Z"]
START = datetime.datetime(2023, 11, 14, 22, tzinfo=datetime.timezone.utc)


def files(folder, table):
    return os.path.join(folder, table + ".*.json.gz")


def row(r, number, count):
    def skewed(n):
        return int(n ** r.random()) - 1

    user = r.randrange(count) if r.randrange(4) else skewed(count)
    time = START + datetime.timedelta(milliseconds=int(number * 86_400_000 / count) + r.randrange(-300_000, 300_000))
    # Each value with the share of rows that lack it.
    values = {
        "k1": (r.randrange(20), 0.05),
        "k2": (skewed(50_000), 0.02),
        "k3": (r.randrange(count * 3), 0.01),
        "s1": (r.choice(WORDS), 0.1),
        "s2": (["u%d", "user-%08d", "%d", "session/of/user/%d/long"][user % 4] % user, 0.03),
        "b": (r.random() < 0.3, 0.1),
        "d": (r.randrange(-4000, 4000) * 0.25, 0.05),
        "dec": ("%d.%02d" % (r.randrange(-500, 5000), r.randrange(100)), 0.05),
        "ts": (time.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (time.microsecond // 1000), 0.01),
        "dt": ((datetime.date(2023, 11, 1) + datetime.timedelta(days=r.randrange(400))).isoformat(), 0.05),
        "arr": ([r.choice(WORDS) for _ in range(r.choice([0, 0, 1, 2, 3]))], 0.1),
    }
    return {"id": number, **{name: value for name, (value, missing) in values.items() if r.random() >= missing}}


def write(folder):
    """Makes the files where they are missing."""
    done = os.path.join(folder, "files.done")
    if os.path.exists(done):
        return
    os.makedirs(folder, exist_ok=True)
    r = random.Random(7)
    for table, (count, parts) in TABLES.items():
        print("making %d rows of %s" % (count, table), flush=True)
        ends = sorted(r.sample(range(1, count), parts - 1)) + [count]
        for part, (start, end) in enumerate(zip([0] + ends, ends)):
            with gzip.open(files(folder, table).replace("*", "%02d" % part), "wt", compresslevel=1, encoding="utf-8") as out:
                for number in range(start, end):
                    out.write(json.dumps(row(r, number, count), ensure_ascii=False) + "\n")
    open(done, "w").close()


def load(folder):
    """The connection to a DuckDB database that has the same rows."""
    import duckdb
    path = os.path.join(folder, "tables.duckdb")
    is_new = not os.path.exists(path)
    con = duckdb.connect(path)
    con.execute("SET TimeZone = 'UTC'")
    if is_new:
        for table in TABLES:
            con.execute("CREATE TABLE %s AS SELECT * FROM read_json('%s', format='newline_delimited', columns=%s)" % (table, files(folder, table), DUCKDB))
    for setting in ("threads = 2", "preserve_insertion_order = false", "enable_progress_bar = false"):
        con.execute("SET " + setting)
    for macro in ("unix_seconds(x) AS epoch_us(x) // 1000000", "unix_date(x) AS date_diff('day', DATE '1970-01-01', x)", "size(x) AS len(x)"):
        con.execute("CREATE TEMP MACRO " + macro)
    return con
