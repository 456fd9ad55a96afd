"""What is measured: the queries beside limit and peers, and the further sections. Each unit is stored when it is done."""
import hashlib, json, os, shlex, subprocess, sys, time

from connectors.measure import Connectors

from . import data, process, tools
from .tools import HERE

QUERIES = {
    "q1": "word count over text, all words into SQLite",
    "q2": "access log, errors per minute and status into SQLite",
    "q2-regex": "Q2 with `regexp_extract`, as the peers do it",
    "q3": "JSON: filter, join, ten-second windows into SQLite",
    "q4": "JSON: a million groups, the top 1000 into SQLite",
    "q5": "JSON: filter, project, write compressed JSON",
    "o1": "CSV with quoted fields: sales per day, country and category, in decimals",
    "o2": "nested JSON: fields of a struct, an array exploded, groups of country and tag",
    "o3": "five regular expressions over each line of the access log",
    "o4": "two sinks from one read of JSON: counts per minute into SQLite, slow events into compressed JSON",
    "o5": "access log: groups of two long strings, user agent and referer",
}
MEASURED_EXTRAS = ["one-file", "scaling", "exactly-once", "zlib"]
# Word count from a socket to a socket, by the ways to run it; lines a second.
LATENCY = {"micro-batch": "default trigger, exactly-once but for the socket", "continuous": "`{ \"continuous\": \"1 second\" }`, at-least-once"}
RATES = [1000, 100000]
PEERS = ["duckdb", "chdb", "polars", "shell-igzip"]
# Where awk does it naturally and in the time of the others; it has a side for q1 and q4 too, several times slower.
SHELL = ["q2", "q2-regex", "q3", "q5", "o3", "o5"]
SPARK = ["q1", "q2", "q2-regex", "q3", "q4", "q5"]


def plain(query):
    """The peers have one form of a query."""
    return query.split("-")[0]


class Bench:
    """Tools, data and options of one call of scripts/bench."""

    def __init__(self, options):
        self.options, self.work, self.progress = options, options.work, process.Progress()
        self.results = os.path.join(self.work, options.results)
        os.makedirs(self.results, exist_ok=True)
        self.failures = []
        wanted = [] if options.only_millrace else options.peers
        self.limit = options.inflate2 or tools.limit(self.work)
        self.millrace = options.millrace or tools.build(self.work)
        self.python = options.python or tools.python(self.work, wanted)
        self.peers = []
        for peer in wanted:
            why = tools.usable(peer, self.python)
            if why:
                self.progress.say("without %s: %s" % (peer, why))
            else:
                self.peers.append(peer)
        self.versions = tools.versions(self.millrace, self.peers, self.python)
        self.binary = tools.identity(self.millrace)

    def data(self, *queries):
        wanted = sorted({data.workload(q) for q in queries})
        self.options.mib, self.options.files = data.generate(self.options.data, wanted, self.options.mib, self.options.files)
        return self.options.data

    # Commands

    def run_limit(self, query, folder, threads=2):
        return {"command": [self.limit, str(threads), *data.common.files(folder, data.workload(query))], "environment": {}}

    def run_millrace(self, query, folder, name="millrace", binary=None, pipeline=None):
        out = self.out(query, name)
        if pipeline:
            return {"command": [self.millrace, "run", pipeline], "environment": {"DATA": folder, "OUT": out}, "out": out}
        return {"command": ["sh", os.path.join(HERE, "run.sh"), "millrace", query, folder, out], "environment": {"MILLRACE": binary or self.millrace}, "out": out}

    def run_peer(self, peer, query, folder):
        out = self.out(query, peer)
        return {"command": ["sh", os.path.join(HERE, "run.sh"), peer, plain(query), folder, out], "environment": {"PY": self.python}, "out": out}

    def out(self, query, name):
        return os.path.join(self.work, "out", query, name)

    def peers_of(self, query):
        return [p for p in self.peers if not (p.startswith("shell") and query not in SHELL) and not (p.startswith("spark") and query not in SPARK)]

    # Measuring

    def rounds(self, title, variants, few=()):
        """Runs all variants once for the page cache, then all in turn n times, so that a drift of the machine hits all
        alike. Those in `few` run once, with the first round. A peer that fails is left out, Millrace must not."""
        n, runs, log = self.options.n, {}, os.path.join(self.work, "log")
        for round in range(0 if self.options.quick else -1, n):
            for name, v in variants.items():
                if name in few and round != 0 or runs.get(name) == "failed":
                    continue
                self.progress.show("%s: %s %s" % (title, "warm-up" if round < 0 else "round %d of %d" % (round + 1, n), name))
                if "out" in v:
                    process.emptied(v["out"])
                try:
                    sample = process.run(v["command"], v["environment"], log)
                except process.Failed as failure:
                    self.progress.say("%s: %s failed: %s" % (title, name, failure))
                    if name.startswith(("millrace", "limit")):
                        raise
                    runs[name] = "failed"
                    continue
                if round >= 0:
                    runs.setdefault(name, []).append(sample)
        runs = {name: r for name, r in runs.items() if r != "failed"}
        self.progress.say(title + ": " + ", ".join("%s %.2f s" % (name, median(r, "wall")) for name, r in runs.items()))
        return runs

    def same(self, query, variants, runs):
        """The digest of each answer; all must be equal."""
        outs = {name: v["out"] for name, v in variants.items() if "out" in v and name in runs}
        said = subprocess.run([sys.executable, os.path.join(HERE, "verify.py"), plain(query), *outs.values()], capture_output=True, text=True)
        digests = dict(zip(outs, (line.split(" ", 2)[2] for line in said.stdout.strip().split("\n"))))
        if said.returncode:
            self.failures.append("%s: the answers differ: %s" % (query, digests))
            self.progress.say(self.failures[-1])
        return digests

    def unit(self, name, query, measure, **key):
        """Measures a unit and stores it, unless it is stored already for the same command, data and options."""
        key = {"millrace": self.binary, "n": self.options.n, **key}
        if query:
            key.update({"peers": self.peers_of(query), "data": [self.options.mib, self.options.files]})
        path = os.path.join(self.results, name + ".json")
        if os.path.exists(path) and not self.options.again:
            with open(path) as f:
                if json.load(f)["key"] == json.loads(json.dumps(key)):
                    return self.progress.say("%s: measured already (--again measures anew)" % name)
        try:
            found = measure()
        except process.Failed as failure:
            self.failures.append("%s: %s" % (name, failure))
            return self.progress.say(self.failures[-1])
        bytes, files = data.size(self.options.data, data.workload(query)) if query else (0, 0)
        record = {
            "unit": name, "query": query, "key": key, "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "command": self.options.command,
            "machine": tools.machine(), "versions": self.versions, "bytes": bytes, "files": files, **found,
        }
        with open(path + ".new", "w") as f:
            json.dump(record, f, indent=1)
        os.replace(path + ".new", path)

    # Sections

    def query(self, query):
        def measure():
            folder = self.data(query)
            variants = {"limit": self.run_limit(query, folder), "millrace": self.run_millrace(query, folder)}
            variants.update((p, self.run_peer(p, query, folder)) for p in self.peers_of(query))
            runs = self.rounds(query, variants, few=["spark-batch"])
            found = {"runs": runs, "digests": self.same(query, variants, runs)}
            if query in data.common.LINES:
                found["sizes"] = {name: data.recompressed(variants[name]["out"]) for name in runs if name != "limit"}
            return found
        self.data(query)
        self.unit(query, query, measure)

    def one_file(self, query):
        """All of the query's input in one file: inflating cannot use the second core."""
        def measure():
            one = data.one_file(os.path.join(self.work, "one-file-%dx%d" % (self.options.mib, self.options.files)), self.options.data, data.workload(query))
            variants = {
                "limit": self.run_limit(query, self.options.data), "limit of one file": self.run_limit(query, one, 1),
                "millrace": self.run_millrace(query, self.options.data), "millrace, one file": self.run_millrace(query, one, "one-file"),
            }
            runs = self.rounds("one-file " + query, variants)
            return {"runs": runs, "digests": self.same(query, variants, runs)}
        self.data(query)
        self.unit("one-file." + query, query, measure)

    def scaling(self, query):
        """Several times as much input: time and memory."""
        def measure():
            self.data(query)
            runs, sizes = {}, {}
            folders = {1: self.options.data}
            for times in self.options.scale:
                folder = os.path.join(self.work, "scale-%dx%dx%d" % (times, self.options.mib, self.options.files))
                self.progress.show("scaling %s: making %d times the input" % (query, times))
                folders[times] = data.copies(folder, self.options.data, data.workload(query), times)
            variants = {}
            for times, folder in folders.items():
                variants["limit %d" % times] = self.run_limit(query, folder)
                variants["millrace %d" % times] = self.run_millrace(query, folder)
            return {"runs": self.rounds("scaling " + query, variants), "scale": [1, *self.options.scale]}
        self.data(query)
        self.unit("scaling." + query, query, measure, scale=self.options.scale)

    def exactly_once(self, query):
        """With a checkpoint and a commit each 64 MiB, as the pipeline stands, and without a checkpoint."""
        def measure():
            folder, variants = self.data(query), {}
            for name, edit in (("millrace", lambda p: None), ("millrace, commit each 64 MiB", often), ("millrace, no checkpoint", never)):
                with open(os.path.join(HERE, "pipelines", query + ".json")) as f:
                    pipeline = json.load(f)
                for p in pipeline["pipelines"].values():
                    edit(p)
                path = os.path.join(self.work, "%s-%s.json" % (query, edit.__name__.strip("<>")))
                with open(path, "w") as f:
                    json.dump(pipeline, f, indent=1)
                variants[name] = self.run_millrace(query, folder, edit.__name__.strip("<>"), pipeline=path)
            runs = self.rounds("exactly-once " + query, variants)
            return {"runs": runs, "digests": self.same(query, variants, runs)}
        self.data(query)
        self.unit("exactly-once." + query, query, measure)

    def latency(self, mode):
        """From a line sent to the row received, as a client outside sees it over loopback, with a checkpoint on the local disk."""
        client = tools.latency_client(self.work)
        seconds = 3 if self.options.quick else self.options.seconds

        def measure():
            runs = {}
            for round in range(min(self.options.n, 3)):
                for rate in RATES:
                    title = "latency %s: %d lines/s for %d s" % (mode, rate, seconds)
                    self.progress.show("%s, round %d" % (title, round + 1))
                    out, log = process.emptied(self.out("latency", mode)), os.path.join(self.work, "log")
                    command = [client, str(rate), str(seconds), "--", self.millrace, "run", os.path.join(HERE, "pipelines", "latency-%s.json" % mode)]
                    sample = process.run(command, {"OUT": out}, log)
                    with open(log) as f:
                        sample.update(next(json.loads(line) for line in f if line.startswith('{"rate"')))
                    runs.setdefault("%d lines/s" % rate, []).append(sample)
                    self.progress.say("%s: p50 %.0f, p99 %.0f, at most %.0f microseconds" % (title, sample["p50"], sample["p99"], sample["max"]))
            return {"runs": runs}
        self.unit("latency." + mode, None, measure, seconds=seconds)

    def connector(self, name):
        """A connector beside what its library does alone."""
        self.unit("connectors." + name, None, getattr(Connectors(self), name))

    def zlib(self, query):
        """Built without ISA-L, beside the peers."""
        other = self.options.millrace_zlib
        if not other:
            other = self.options.millrace_zlib = tools.build(self.work, more=["--disable-default-traits", "--scratch-path", os.path.join(self.work, "build-zlib")])

        def measure():
            folder = self.data(query)
            variants = {"millrace": self.run_millrace(query, folder), "millrace with zlib": self.run_millrace(query, folder, "zlib", binary=other)}
            variants.update((p, self.run_peer(p, query, folder)) for p in self.peers_of(query) if not p.startswith("spark"))
            runs = self.rounds("zlib " + query, variants)
            return {"runs": runs, "digests": self.same(query, variants, runs)}
        self.data(query)
        self.unit("zlib." + query, query, measure, zlib=tools.identity(other))


def often(pipeline):
    for source in pipeline["sources"].values():
        source["options"]["maxBytesPerTrigger"] = "64 MiB"


def never(pipeline):
    del pipeline["checkpointLocation"], pipeline["delivery"]


def median(samples, field):
    v = sorted(s[field] for s in samples)
    return (v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2
