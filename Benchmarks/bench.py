#!/usr/bin/env python3
"""Times Millrace beside its peers and the limit of inflating the same files; started by scripts/bench."""
import argparse, os, shlex, sys

from connectors import measure
from harness import page, process, sections, tools

PATHS = {"--data", "--work", "--millrace", "--millrace-zlib", "--python", "--inflate2", "--report"}


def spoken(arguments):
    """The command as the page shows it: folders of this machine stay out."""
    said, hide = ["scripts/bench"], ""
    for a in arguments:
        option, _, value = a.partition("=")
        if hide:
            said.append(hide.strip("-").upper())
            hide = ""
        elif option in PATHS:
            said.append(option + "=" + option.strip("-").upper() if value else option)
            hide = "" if value else option
        else:
            said.append(shlex.quote(a))
    return " ".join(said)


def listed(choices):
    def read(text):
        names = list(choices) if text == "all" else [t for t in text.split(",") if t]
        for n in names:
            if n not in choices:
                raise argparse.ArgumentTypeError("%r is none of %s" % (n, ", ".join(choices)))
        return names
    return read


def options():
    p = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, epilog="""
      Without --queries and --sections all queries run. What is measured is kept below the work folder, unit by unit: the same
      command again measures only what is missing, and docs/benchmarks.md is written from all that is there.""")
    p.add_argument("--queries", type=listed(sections.QUERIES), metavar="q1,…", help="of %s; all" % ", ".join(sections.QUERIES))
    p.add_argument("--sections", type=listed(["queries"] + sections.MEASURED_EXTRAS + ["latency", "connectors"]), metavar="one-file,…",
                   help="queries, one-file (all of W1 in one .gz), scaling (more input), exactly-once (on and off), zlib (instead of ISA-L), latency (from a line sent to a row received), connectors (files, SQLite and sockets beside what the libraries do alone); all")
    p.add_argument("--peers", type=listed(["duckdb", "chdb", "polars", "shell-igzip", "shell", "shell-gawk", "spark-batch"]), default=sections.PEERS, metavar="duckdb,…")
    p.add_argument("--latency", action="store_true", help="the same as --sections latency")
    p.add_argument("--connectors", nargs="?", const="all", type=listed(measure.UNITS), metavar="gzip,…", help="only section connectors, or units of it: %s" % ", ".join(measure.UNITS))
    p.add_argument("--seconds", type=int, default=60, help="of each measurement of latency (60)")
    p.add_argument("--spark", action="store_true", help="Spark too, one run of each of Q1-Q5 (needs Java)")
    p.add_argument("-n", type=int, default=5, help="rounds (5)")
    p.add_argument("--data", metavar="DIR", help="input folder; what is missing is generated there")
    p.add_argument("--mib", type=int, default=512, help="uncompressed MiB of each workload where it is generated (512)")
    p.add_argument("--files", type=int, default=8, help="files of each workload where it is generated (8)")
    p.add_argument("--scale", type=lambda t: [int(x) for x in t.split(",")], default=[4, 16], metavar="4,16", help="how many times the input, in section scaling")
    p.add_argument("--quick", action="store_true", help="one round without warm-up over 64 MiB: to see that all works; no page is written")
    p.add_argument("--only-millrace", action="store_true", help="no peers; no page is written")
    p.add_argument("--again", action="store_true", help="measure also what is measured already")
    p.add_argument("--micro", nargs=argparse.REMAINDER, metavar="OPTION", help="only the micro-benchmarks of the kernels, with their own options (--check without any)")
    p.add_argument("--wide", nargs=argparse.REMAINDER, metavar="OPTION", help="only many other queries beside DuckDB, with their own options; answers are compared")
    p.add_argument("--random", nargs=argparse.REMAINDER, metavar="OPTION", help="only queries made at random beside DuckDB, with their own options; answers are compared")
    p.add_argument("--folders", nargs=argparse.REMAINDER, metavar="OPTION", help="only few and very many files in folders by day beside DuckDB, with their own options")
    p.add_argument("--functions", nargs=argparse.REMAINDER, metavar="OPTION", help="only the functions, one by one, with their own options")
    p.add_argument("--millrace", metavar="FILE", help="a built command instead of a fresh release build")
    p.add_argument("--millrace-zlib", metavar="FILE", help="one built without ISA-L, for section zlib")
    p.add_argument("--python", metavar="FILE", help="an interpreter that has the peers, instead of a virtual environment made here")
    p.add_argument("--inflate2", metavar="FILE", help="the compiled limit")
    p.add_argument("--work", metavar="DIR", default=os.path.join(tools.ROOT, ".bench"), help="virtual environment, data, outputs and raw figures (.bench)")
    p.add_argument("--report", metavar="FILE", help="the page to write (docs/benchmarks.md)")
    o = p.parse_args()
    o.command = spoken(sys.argv[1:])
    if o.quick:
        o.n, o.mib = 1, 64
    if o.spark:
        o.peers = o.peers + ["spark-batch"]
    for name in ("data", "work", "millrace", "millrace_zlib", "python", "inflate2"):
        if getattr(o, name):
            setattr(o, name, os.path.abspath(getattr(o, name)))
    o.data = o.data or os.path.join(o.work, "data-%dx%d" % (o.mib, o.files))
    o.results = "results" + ("-quick" if o.quick else "") + ("-millrace" if o.only_millrace else "")
    if not o.report and not o.quick and not o.only_millrace:
        o.report = os.path.join(tools.ROOT, "docs", "benchmarks.md")
    return o


def micro(arguments):
    built = tools.build("", "MillraceBenchmarks")
    os.execv(built, [built, *(arguments or ["--check"])])


def main():
    o = options()
    if o.micro is not None:
        micro(o.micro)
    for name, script in (("wide", "wide"), ("functions", "functions"), ("random", "run_random"), ("folders", "folders")):
        if getattr(o, name) is not None:
            if sys.argv[1] != "--" + name:
                raise SystemExit("scripts/bench: --%s comes first; its own options follow" % name)
            os.execv(sys.executable, [sys.executable, os.path.join(tools.HERE, "wide", script + ".py"), *getattr(o, name)])
    bench = sections.Bench(o)
    wanted = o.sections or [name for name in ("latency", "connectors") if getattr(o, name)] or ["queries"]
    units = []
    if "queries" in wanted:
        for q in o.queries or sections.QUERIES:
            bench.query(q)
            units.append(q)
    for section, run, by_default in (
        ("one-file", bench.one_file, ["q2"]), ("scaling", bench.scaling, ["q1", "q2", "q3", "q4", "q5"]),
        ("exactly-once", bench.exactly_once, ["q1", "q2", "q3", "q4", "q5"]), ("zlib", bench.zlib, ["q1", "q2", "q3", "q4", "q5"]),
    ):
        if section in wanted:
            for q in o.queries or by_default:
                run(q)
                units.append("%s.%s" % (section, q))
    if "latency" in wanted:
        for mode in sections.LATENCY:
            bench.latency(mode)
            units.append("latency." + mode)
    if "connectors" in wanted:
        for unit in o.connectors or measure.UNITS:
            bench.connector(unit)
            units.append("connectors." + unit)
    stored = page.stored(bench.results)
    page.summary([r for r in stored if r["unit"] in units])
    if o.report and stored:
        with open(o.report, "w") as f:
            f.write("\n".join(page.page(bench.results)) + "\n")
        print("\nwritten: %s" % os.path.relpath(o.report), file=sys.stderr)
    print("raw figures: %s" % os.path.relpath(bench.results), file=sys.stderr)
    if bench.failures:
        sys.exit("\n".join(bench.failures))


if __name__ == "__main__":
    try:
        main()
    except (process.Failed, KeyboardInterrupt) as e:
        sys.exit("scripts/bench: %s" % (e or "interrupted"))
