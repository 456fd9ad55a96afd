#!/usr/bin/env python3
"""Times queries over few and over very many small files in folders that tell their day, beside DuckDB, and compares the answers. Started by
`scripts/bench --folders`."""
import argparse, glob, gzip, os, sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from harness import data, tools
from wide.wide import DUCKDB, best, difference

# Plain bytes of a small file, and how many of them lie in a folder.
SMALL, EACH = 100_000, 25
QUERY = "SELECT ad_type, count(*), sum(latency_us) FROM %s%s GROUP BY ad_type ORDER BY ad_type"


def day(number):
    return "date=2026-%02d-%02d" % (1 + number // 28, 1 + number % 28)


def few(folder, sources):
    """A folder for each of the files."""
    for number, source in enumerate(sources):
        target = os.path.join(folder, day(number), "events.json.gz")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            os.link(source, target)


def many(folder, sources):
    """The same records in small files."""
    if os.path.exists(folder):
        return
    number, unfinished = 0, folder + ".part"
    for source in sources:
        with gzip.open(source, "rb") as records:
            while part := records.read(SMALL):
                target = os.path.join(unfinished, day(number // EACH))
                os.makedirs(target, exist_ok=True)
                with gzip.open(os.path.join(target, "part-%05d.json.gz" % number), "wb", 6) as out:
                    out.write(part + records.readline())
                number += 1
    os.rename(unfinished, folder)


def main():
    p = argparse.ArgumentParser(prog="scripts/bench --folders", description=__doc__)
    p.add_argument("-n", type=int, default=5, help="runs of each, of which the fastest counts (5)")
    p.add_argument("--millrace", metavar="FILE", help="a built command instead of a fresh release build")
    p.add_argument("--python", metavar="FILE", help="an interpreter that has DuckDB, instead of a virtual environment made here")
    p.add_argument("--data", metavar="DIR", help="input folder; what is missing is generated there")
    p.add_argument("--work", metavar="DIR", default=os.path.join(tools.ROOT, ".bench"), help="virtual environment and data (.bench)")
    o = p.parse_args()
    millrace = o.millrace or tools.build(o.work)
    python = o.python or tools.python(o.work, ["duckdb"])
    folder = o.data or os.path.join(o.work, "data-512x8")
    data.generate(folder, ["w2"], 512, 8)
    sources = data.common.files(folder, "w2")
    wrong = []
    for name, make in (("few", few), ("many", many)):
        target = os.path.join(folder, "folders-" + name)
        make(target, sources)
        count = len(glob.glob(os.path.join(target, "*", "*.gz")))
        for condition in ("", " WHERE date = DATE '2026-01-03'"):
            own, rows = best([millrace, "sql", QUERY % ("e", condition), "--json", "--table", "e:json=" + target], o.n)
            table = "read_json('%s/*/*.gz', format='newline_delimited', hive_partitioning=true)" % target
            other, answer = best([python, "-c", DUCKDB, QUERY % (table, condition)], o.n)
            found = difference(rows.splitlines(), answer)
            if found:
                wrong.append(name)
            print("%5d files, %-8s %5.0f ms  DuckDB %5.0f ms  %5.2f x  %s" % (count, "one day:" if condition else "all:", own * 1e3, other * 1e3, other / own, found and "OTHER ANSWER: " + found), flush=True)
    if wrong:
        raise SystemExit("other answers: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
