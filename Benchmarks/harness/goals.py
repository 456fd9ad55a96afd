"""The table of goals, and what the stored figures say of them."""
from .sections import QUERIES, median

# Times of the limit (inflate2, two threads, same files, same run) that a query may take, and how many times as fast as
# the fastest peer of the same run it must be. Our own queries must be as far ahead as the least of the given ones.
LIMIT = {"q1": 2.2, "q2": 1.5, "q2-regex": 2.0, "q3": 1.5, "q4": 1.8, "q5": 2.2}
PEER = {"q1": 4.0, "q2": 3.5, "q2-regex": 2.5, "q3": 3.0, "q4": 2.8, "q5": 2.5, "o1": 2.5, "o2": 2.5, "o3": 2.5, "o4": 2.5, "o5": 2.5}
OUTPUT = {"q5": 1.15}       # size of the output against zlib's at level 6
ONE_FILE = 0.6              # speed of one large file against that of eight
LINEAR = 1.10               # time per byte of the larger input against that of the smaller
FLAT = {"q1": 256, "q2": 256, "q3": 256, "q5": 256}  # MiB of memory at any size of input
EXACTLY_ONCE = 1.05         # a commit each 64 MiB against no checkpoint
ZLIB = 1.5                  # with zlib instead of ISA-L, against the fastest peer
LATENCY = {  # microseconds, by way to run and lines a second
    "micro-batch": {1000: {"p50": 2000, "p99": 10000}, 100000: {"p99": 20000}},
    "continuous": {1000: {"p50": 200, "p99": 1000}, 100000: {"p99": 20000}},
}
ENGINES = ["duckdb", "chdb", "polars", "spark-batch"]  # less CPU and memory than each of these; awk's two processes are no engine


def name(unit):
    return unit[0].upper() + unit[1:]


def fastest(runs):
    """The fastest peer and its median, None without peers."""
    peers = {p: median(r, "wall") for p, r in runs.items() if not p.startswith(("limit", "millrace"))}
    return min(peers.items(), key=lambda p: p[1]) if peers else None


def of_query(query, record):
    runs = record["runs"]
    wall = median(runs["millrace"], "wall")
    ratio = wall / median(runs["limit"], "wall")
    most = LIMIT.get(query)
    if most:
        yield "%s against the limit" % name(query), "at most %.1f x" % most, "%.2f x" % ratio, ratio <= most
    peer = fastest(runs)
    if peer:
        ahead = peer[1] / wall
        yield "%s against the fastest peer" % name(query), "at least %.1f x" % PEER[query], "%.2f x (%s)" % (ahead, peer[0]), ahead >= PEER[query]
        for what, field in (("CPU time", "cpu"), ("peak memory", "rss")):
            engines = {e: median(runs[e], field) for e in ENGINES if e in runs}
            if engines:
                least = min(engines, key=engines.get)
                share = median(runs["millrace"], field) / engines[least]
                yield "%s, %s against the most frugal engine" % (name(query), what), "below 1", "%.2f x (%s)" % (share, least), share < 1
    if query in OUTPUT and "sizes" in record:
        ours, dense = record["sizes"]["millrace"]
        yield "%s, size of the output against zlib level 6" % name(query), "at most %.2f x" % OUTPUT[query], "%.3f x" % (ours / dense), ours <= OUTPUT[query] * dense


def of_one_file(query, record):
    share = median(record["runs"]["millrace"], "wall") / median(record["runs"]["millrace, one file"], "wall")
    yield "%s, one large file against several" % name(query), "at least %.1f of the speed" % ONE_FILE, "%.2f" % share, share >= ONE_FILE


def of_scaling(query, record):
    runs, first = record["runs"], record["scale"][0]
    for times in record["scale"][1:]:
        growth = median(runs["millrace %d" % times], "wall") / median(runs["millrace %d" % first], "wall") / (times / first)
        yield "%s, time per byte of %d times the input" % (name(query), times), "at most %.2f x" % LINEAR, "%.2f x" % growth, growth <= LINEAR
        if query in FLAT:
            peak = max(s["rss"] for s in runs["millrace %d" % times])
            yield "%s, peak memory at %d times the input" % (name(query), times), "at most %d MiB" % FLAT[query], "%.0f MiB" % peak, peak <= FLAT[query]


def of_exactly_once(query, record):
    runs = record["runs"]
    cost = median(runs["millrace, commit each 64 MiB"], "wall") / median(runs["millrace, no checkpoint"], "wall")
    yield "%s, exactly-once against no checkpoint" % name(query), "at most %.2f x" % EXACTLY_ONCE, "%.3f x" % cost, cost <= EXACTLY_ONCE


def of_zlib(query, record):
    peer = fastest(record["runs"])
    if peer:
        ahead = peer[1] / median(record["runs"]["millrace with zlib"], "wall")
        yield "%s with zlib against the fastest peer" % name(query), "at least %.1f x" % ZLIB, "%.2f x (%s)" % (ahead, peer[0]), ahead >= ZLIB


def of_latency(mode, record):
    for rate, most in LATENCY[mode].items():
        samples = record["runs"].get("%d lines/s" % rate)
        for field, bound in most.items() if samples else ():
            found = median(samples, field)
            yield "%s, %d lines/s, %s from line to row" % (name(mode), rate, field), "below %g ms" % (bound / 1000), "%.2f ms" % (found / 1000), found < bound


def of_connectors(unit, record):
    yield from record["goals"]


OF = {"connectors": of_connectors, "latency": of_latency, "one-file": of_one_file, "scaling": of_scaling, "exactly-once": of_exactly_once, "zlib": of_zlib}


def judged(record):
    """(what, goal, measured, met) of one stored unit."""
    section = record["unit"].split(".")[0]
    return list(of_query(section, record) if section in QUERIES else OF[section](record["unit"].split(".")[1], record))
