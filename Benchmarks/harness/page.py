"""docs/benchmarks.md and the summary on the terminal, from the stored figures."""
import json, os

from connectors.measure import UNITS as CONNECTORS

from . import goals
from .sections import LATENCY, MEASURED_EXTRAS, QUERIES, median

NAMES = {
    "limit": "limit: inflate only", "millrace": "**Millrace**", "duckdb": "DuckDB", "chdb": "ClickHouse (chDB)", "polars": "Polars", "spark-batch": "Spark (one run)",
    "shell-igzip": "igzip + mawk", "shell": "zcat + mawk", "shell-gawk": "pigz + gawk", "millrace with zlib": "**Millrace with zlib**",
}
ABOUT = {
    "one-file": "All of the input in one gzip member: one thread inflates, the other runs the query.",
    "scaling": "The input several times over, log and events a day later each time and with new users. The factor is time per byte against the first row.",
    "exactly-once": "With a checkpoint and a commit each 64 MiB, as the pipeline stands (its own sizes of batch), and without a checkpoint.",
    "latency": "Word count, socket to socket, update mode, the checkpoint on the local disk. A client outside sends lines over loopback and reads the rows; from right before\n"
    "a line is sent to right after the row is received that counts it, without the first second. Spark 4.3 in the same job, tuned to two partitions, on a machine\n"
    "of this kind: 239 ms at p50, 386 at p99 with 1,000 lines a second; it does not hold 20,000. Its continuous mode takes no aggregation; a map alone took 50 and 100 ms.",
    "connectors": "Sinks fed by a replay of gzip files, start and commits included, the socket source, and programs over pipes, beside what zlib, SQLite, loopback and a pipe do alone in the same run.\n"
    "A kept stream is appended to a file that is synced; the sender takes a core of its own in all rows of the socket source.",
    "zlib": "Built with `--disable-default-traits`: zlib instead of ISA-L.",
}
TITLES = {"one-file": "One large file", "scaling": "More input", "exactly-once": "What exactly-once costs", "latency": "Latency", "zlib": "Without ISA-L", "connectors": "Connectors"}
# What a unit without a query is about.
UNITS = {**LATENCY, **CONNECTORS}


def stored(folder):
    """Stored units in the order of the page."""
    order = list(QUERIES) + ["%s.%s" % (section, q) for section in MEASURED_EXTRAS for q in QUERIES] + ["latency." + mode for mode in LATENCY] + ["connectors." + name for name in CONNECTORS]
    found = []
    for unit in order:
        path = os.path.join(folder, unit + ".json")
        if os.path.exists(path):
            with open(path) as f:
                found.append(json.load(f))
    return found


def spread(samples, field, form):
    v = [s[field] for s in samples]
    middle = form % median(samples, field)
    return middle if len(v) == 1 else "%s (%s–%s)" % (middle, form % min(v), form % max(v))


def rows(record):
    """The table of one unit."""
    runs = record["runs"]
    ours = median(runs["millrace"], "wall") if "millrace" in runs else None
    limit = median(runs["limit"], "wall") if "limit" in runs else None
    yield "| | wall s | of the limit | Millrace is faster | CPU s | peak MiB |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, samples in runs.items():
        wall = median(samples, "wall")
        compared = ours and not name.startswith(("millrace", "limit"))
        yield "| %s | %s | %s | %s | %s | %s |" % (
            NAMES.get(name, name[0].upper() + name[1:]), spread(samples, "wall", "%.2f"), "%.2f x" % (wall / limit) if limit else "",
            "%.2f x" % (wall / ours) if compared else "", spread(samples, "cpu", "%.2f"), "%.0f" % median(samples, "rss"))


def goal_rows(records):
    yield "| goal | wanted | measured | |"
    yield "| --- | --- | --- | --- |"
    for record in records:
        for what, wanted, measured, met in goals.judged(record):
            yield "| %s | %s | %s | %s |" % (what, wanted, measured, "met" if met else "**missed**")


def disturbance(records):
    """The most that other processes took while a unit was measured, as a median over its runs."""
    worst = [(median(metered, "foreign"), record["unit"]) for record in records
             if (metered := [s for r in record["runs"].values() for s in r if "foreign" in s])]
    return max(worst) if worst else (0, "")


def sizes(record):
    if "sizes" in record:
        ours = ["%s %.1f MB (%.3f x)" % (NAMES.get(n, n).strip("*"), s[0] / 1e6, s[0] / s[1]) for n, s in record["sizes"].items()]
        return "Compressed output, in brackets against zlib at level 6 over the same text: " + ", ".join(ours) + "."


def page(folder):
    """The whole page."""
    records = stored(folder)
    last = max(records, key=lambda r: r["when"])
    m = last["machine"]
    versions = {}
    for r in records:
        versions.update(r["versions"])
    commits = sorted({r["versions"].get("commit", "") for r in records} - {""})
    foreign, unit = disturbance(records)
    yield "# Benchmarks"
    yield ""
    yield "Written by `scripts/bench`, see [its kit](../Benchmarks/README.md). Times are those of the whole process, start, commits and writing included. In each"
    yield "round limit, Millrace and peers run in turn; a figure is the median of the rounds, with minimum and maximum behind it. CPU is user and system"
    yield "time of all processes, memory that of the largest (the meter itself stands at some 16 MiB: no less can show). The limit inflates the same files with ISA-L on two threads and drops the output."
    yield "All answers were compared: an engine whose digest differed would be named here." if not differing(records) else "**Answers differ: %s.**" % differing(records)
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield "| machine | %s, %d cores, %s; %s, kernel %s |" % (m["cpu"], m["cores"], m["memory"], m["system"], m["kernel"])
    yield "| measured | %s to %s |" % (min(r["when"] for r in records), last["when"])
    if commits:
        yield "| commits | %s |" % ", ".join(commits)
    yield "| versions | %s |" % "; ".join("%s %s" % (k, v) for k, v in versions.items() if k != "commit")
    yield "| input | %s |" % "; ".join(sorted({"%s %.1f MB in %d files" % (w, b / 1e6, f) for w, b, f in ((workload(r), r["bytes"], r["files"]) for r in records if r["query"])}))
    yield "| runs | %s, after one to warm up |" % ", ".join(sorted({str(r["key"]["n"]) for r in records}))
    yield "| others on the machine | at most %.0f %% of its cores in the median (%s) |" % (100 * foreign, unit)
    yield "| command | %s |" % "<br>".join("`%s`" % c for c in sorted({r["command"] for r in records}))
    yield ""
    yield "## Goals"
    yield ""
    yield from goal_rows(records)
    yield ""
    yield "## Queries"
    extras = False
    for record in records:
        section = record["unit"].split(".")[0]
        if section not in QUERIES and section != extras:
            extras = section
            yield ""
            yield "## %s" % TITLES[section]
            yield ""
            yield ABOUT[section]
        yield ""
        what = record["query"] or record["unit"].split(".")[1]
        yield "### %s: %s" % (goals.name(what), QUERIES.get(what) or UNITS[what])
        yield ""
        yield from {"scaling": scale_rows, "latency": latency_rows, "connectors": connector_rows}.get(section, rows)(record)
        if sizes(record):
            yield ""
            yield sizes(record)


def scale_rows(record):
    runs = record["runs"]
    yield "| input | limit s | Millrace s | factor | of the limit | CPU s | peak MiB |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    first = median(runs["millrace 1"], "wall")
    for times in record["scale"]:
        ours, limit = runs["millrace %d" % times], runs["limit %d" % times]
        wall = median(ours, "wall")
        yield "| %.1f GB | %s | %s | %.2f x | %.2f x | %.2f | %.0f |" % (
            times * record["bytes"] / 1e9, spread(limit, "wall", "%.2f"), spread(ours, "wall", "%.2f"), wall / first / times, wall / median(limit, "wall"), median(ours, "cpu"), median(ours, "rss"))


def latency_rows(record):
    yield "| | p50 ms | p90 ms | p99 ms | p99.9 ms | at most ms | sender late by ms | CPU s | peak MiB |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for rate, samples in record["runs"].items():
        times = ["%.3f" % (median(samples, f) / 1000) for f in ("p50", "p90", "p99", "p999", "max", "sender_late_us")]
        yield "| %s for %d s | %s | %.1f | %.0f |" % (rate, samples[0]["seconds"], " | ".join(times), median(samples, "cpu_s"), median(samples, "rss_mib"))


def connector_rows(record):
    yield "| | | speed | | |"
    yield "| --- | --- | --- | --- | --- |"
    for of, what, rate, unit, more in record["rows"]:
        yield "| %s | %s | %.3g | %s | %s |" % (of, what, rate, unit, more)


def workload(record):
    from .data import workload
    return workload(record["query"]).upper()


def differing(records):
    return ", ".join(r["unit"] for r in records if len(set(r.get("digests", {}).values())) > 1)


def summary(records):
    """The units of this call on the terminal."""
    for record in records:
        print("\n%s: %s" % (record["unit"], QUERIES.get(record["query"]) or UNITS[record["unit"].split(".")[1]]))
        for name, samples in record["runs"].items() if "rows" not in record else ():
            print("  %-30s wall %-22s cpu %6.2f  peak %5.0f MiB  others %2.0f %%" % (
                name, spread(samples, "wall", "%.3f"), median(samples, "cpu"), median(samples, "rss"), 100 * median(samples, "foreign")))
        for what, wanted, measured, met in goals.judged(record):
            print("  %-6s %s: %s, wanted %s" % ("met" if met else "MISSED", what, measured, wanted))
