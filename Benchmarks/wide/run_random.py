#!/usr/bin/env python3
"""Runs queries made at random by Millrace and by DuckDB, and compares the answers. Names what differs, what fails and what takes far longer than it
does there. Started by `scripts/bench --random`."""
import argparse, importlib.util, json, math, os, re, resource, subprocess, sys, threading, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import tools
from wide import random_tables
from wide.random_queries import RandomQuery

# Seconds after which DuckDB is stopped, and the query left out.
PATIENCE = 25
# What DuckDB takes, times this and some seconds more, is called slow: it need not decode the input.
SLOW, START = 6, 6
# Bytes of address space that a query may have.
MEMORY = 12 << 30


def answered(con, sql):
    """The only row of DuckDB's answer; None if it took too long."""
    import duckdb
    timer = threading.Timer(PATIENCE, con.interrupt)
    timer.start()
    try:
        return con.execute(sql).fetchone()
    except duckdb.InterruptException:
        return None
    finally:
        timer.cancel()


def command(millrace, folder, sql):
    line = [millrace, "sql", sql, "--json"]
    for table in random_tables.TABLES:
        if re.search(r"\b(FROM|JOIN) %s\b" % table, sql):
            line += ["--table", "%s=%s" % (table, random_tables.files(folder, table)), "--schema", "%s=%s" % (table, random_tables.SCHEMA)]
    return line


def plain(value):
    """A value in a form that both engines' values come to."""
    if value is None or isinstance(value, bool):
        return value
    try:
        number = float(value)
        return "%.9g" % number if math.isfinite(number) else str(number)
    except (TypeError, ValueError):
        return str(value)


def verdict(millrace, folder, query, con):
    """What is to be said about a query, empty if it is as it should be; None if DuckDB took too long."""
    start = time.monotonic()
    expected = answered(con, query.duckdb)
    other = time.monotonic() - start
    if expected is None:
        return None
    start = time.monotonic()
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        out = subprocess.run(command(millrace, folder, query.spark), capture_output=True, text=True, timeout=20 * PATIENCE, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return "STOPPED after %d s, DuckDB %.1f s" % (20 * PATIENCE, other)
    own = time.monotonic() - start
    if out.returncode:
        return "FAILED " + out.stderr.strip()[:300].replace("\n", " ")
    row = json.loads(out.stdout or "{}")
    unlike = ["%s: %s, DuckDB %s" % (name, row.get(name), value) for name, value in zip(query.names, expected) if plain(row.get(name)) != plain(value)]
    if unlike:
        return "OTHER ANSWER " + "; ".join(unlike[:3])
    return "SLOW %.1f s, DuckDB %.1f s" % (own, other) if own > SLOW * other + START else ""


def main():
    p = argparse.ArgumentParser(prog="scripts/bench --random", description=__doc__)
    p.add_argument("first", type=int, help="number of the first query, which is its seed")
    p.add_argument("end", type=int, help="number behind the last one")
    p.add_argument("--show", action="store_true", help="only print the queries")
    p.add_argument("--millrace", metavar="FILE", help="a built command instead of a fresh release build")
    p.add_argument("--python", metavar="FILE", help="an interpreter that has DuckDB, instead of a virtual environment made here")
    p.add_argument("--work", metavar="DIR", default=os.path.join(tools.ROOT, ".bench"), help="virtual environment and data (.bench)")
    o = p.parse_args()
    queries = ((seed, RandomQuery(seed)) for seed in range(o.first, o.end))
    if o.show:
        for seed, query in queries:
            print("%d\n  %s\n  %s" % (seed, query.spark, query.duckdb))
        return
    millrace = o.millrace or tools.build(o.work)
    if importlib.util.find_spec("duckdb") is None:
        python = o.python or tools.python(o.work, ["duckdb"])
        os.execv(python, [python, __file__, str(o.first), str(o.end), "--millrace", millrace, "--work", o.work])
    folder = os.path.join(o.work, "random")
    random_tables.write(folder)
    con = random_tables.load(folder)
    counts = {"same": 0, "named": 0, "left out": 0}
    for seed, query in queries:
        said = verdict(millrace, folder, query, con)
        counts["left out" if said is None else "named" if said else "same"] += 1
        if said:
            print("%d %s" % (seed, said), flush=True)
    print(", ".join("%d %s" % (count, word) for word, count in counts.items()))
    if counts["named"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
