"""What scripts/bench --connectors runs: each unit gives samples by variant, and goals as (what, wanted, measured, met)."""
import glob, gzip, json, os, shutil, sqlite3, subprocess, sys

from harness import data, process

from . import ingest, programs

HERE = os.path.dirname(os.path.abspath(__file__))
UNITS = {
    "gzip": "rotating-file sink, compressed: a replay of gzip text written again",
    "sqlite": "sqlite sink: rows of a replay of gzip logs appended, and upserted by a key",
    "socket": "socket source: lines over loopback counted, with and without a checkpoint",
    "programs": "programs as connectors: lines from and to commands and a program that speaks the protocol",
    "tail": "rotating-file source: a plain access log read on one core",
}
DEFLATE = 4.0           # speed of the compressed sink against zlib at level 6 on one core
APPEND, UPSERT = 1.5e6, 0.8e6  # rows a second, end to end
LOOPBACK = 0.9          # of what a receiver takes that drops all, in the same run; with a checkpoint of what the disk takes, if that is less

PIPE = 0.5              # of what a reader takes from a pipe that drops all, start and end of the run included
TAIL = 1e9              # bytes a second on one core, lines of text counted and filtered
TAILED = {
    "lines counted": ({}, "text", "SELECT count(*) AS n FROM rows"),
    "lines with a text counted": ({}, "text", "SELECT count(*) AS n FROM rows WHERE value LIKE '%\" 404 %'"),
    "access log decoded, by status": ({}, "combined", "SELECT count(*) AS n FROM rows WHERE status >= 500"),
    "traces put together, counted": ({"multiline": {"preset": "java"}}, "text", "SELECT count(*) AS n FROM rows"),
}

GZIP = {"w1": "access log", "w2": "JSON", "w3": "text"}
SQLITE = {
    "append": ("w1", "combined", "SELECT host, time, status, bytes FROM rows", None),
    "append, JSON": ("w2", "json", "SELECT user_id, event_time, latency_us FROM rows", None),
    "upsert": ("w1", "combined", "SELECT host, time, status, bytes FROM rows", "host"),
    "upsert, JSON": ("w2", "json", "SELECT user_id, event_time, latency_us FROM rows", "user_id"),
}
SCHEMA = {"json": "user_id STRING, event_time STRING, latency_us BIGINT"}


def middle(values):
    v = sorted(values)
    return (v[(len(v) - 1) // 2] + v[len(v) // 2]) / 2


class Connectors:
    """Runs the units for the options of one call."""

    def __init__(self, bench):
        self.bench, self.millrace, self.n = bench, bench.millrace, bench.options.n
        self.log = os.path.join(bench.work, "log")

    def say(self, *words):
        self.bench.progress.say("connectors: " + " ".join(words))

    def limit(self, *arguments):
        sample = process.run([sys.executable, os.path.join(HERE, "limits.py"), *arguments], {}, self.log)
        with open(self.log) as f:
            return {**sample, **json.loads(f.read())}

    def pipeline(self, name, workload, decode, sink):
        """Writes a pipeline that reads all of a workload at once, with a checkpoint; gives the command and the folder of its output."""
        out = self.bench.out("connectors", name)
        source = {"format": "gzip-file", "options": {"path": os.path.join(self.bench.options.data, workload, data.common.PAT[workload])},
                  "decode": decode}
        if decode in SCHEMA:
            source["schema"] = SCHEMA[decode]
        pipeline = {"sources": {"rows": source}, "sinks": {"out": sink(out)}, "trigger": {"availableNow": True},
                    "checkpointLocation": os.path.join(out, "checkpoint")}
        path = os.path.join(process.emptied(os.path.dirname(out) + "/" + name + "-pipeline"), "connectors.json")
        with open(path, "w") as f:
            json.dump({"version": 1, "pipelines": {"p": pipeline}}, f, indent=1)
        return [self.millrace, "run", path], out

    def run(self, name, workload, decode, sink):
        command, out = self.pipeline(name, workload, decode, sink)
        process.emptied(out)
        return process.run(command, {}, self.log), out

    # Units

    def gzip(self):
        runs, goals, rows = {}, [], []
        for workload, what in GZIP.items():
            self.bench.options.mib, _ = data.generate(self.bench.options.data, [workload], self.bench.options.mib, self.bench.options.files)
            files = data.common.files(self.bench.options.data, workload)
            size, _ = data.size(self.bench.options.data, workload)
            found = {"zlib 6": [], "zlib 1": [], "read": [], "written": []}
            for _ in range(self.n):
                for level in (6, 1):
                    found["zlib %d" % level].append(self.limit("deflate", str(level), *files[:2]))
                sample, _ = self.run("read", workload, "text", lambda out: {
                    "query": "SELECT count(*) AS n, sum(length(value)) AS bytes FROM rows", "outputMode": "complete", "format": "console"})
                found["read"].append(sample)
                sample, out = self.run("gzip", workload, "text", lambda out: {
                    "query": "SELECT value FROM rows", "outputMode": "append", "format": "rotating-file",
                    "options": {"path": out + "/files/lines.gz", "compress": "gzip"}, "encode": "text"})
                sample["packed"] = sum(os.path.getsize(f) for f in glob.glob(out + "/files/*.gz"))
                found["written"].append(sample)
            for name, samples in found.items():
                runs["%s, %s" % (what, name)] = samples
            six = middle(s["bytes"] / s["cpuSeconds"] for s in found["zlib 6"])
            wall = size / middle(s["wall"] for s in found["written"])
            core = size / max(1e-9, middle(s["cpu"] for s in found["written"]) - middle(s["cpu"] for s in found["read"]))
            ours = middle(s["packed"] for s in found["written"]) / size
            theirs = middle(s["packed"] / s["bytes"] for s in found["zlib 1"])
            rows += [
                (what, "zlib level 6, one core", six / 1e6, "MB/s", "%.3f of the size" % middle(s["packed"] / s["bytes"] for s in found["zlib 6"])),
                (what, "zlib level 1, one core", middle(s["bytes"] / s["cpuSeconds"] for s in found["zlib 1"]) / 1e6, "MB/s", "%.3f of the size" % theirs),
                (what, "Millrace, end to end", wall / 1e6, "MB/s", "%.3f of the size" % ours),
                (what, "Millrace, the sink's share of the CPU time", core / 1e6, "MB/s a core", ""),
            ]
            goals += [
                ("Compressed rotating files, %s, end to end against zlib level 6 on one core" % what, "at least %.1f x" % DEFLATE, "%.2f x" % (wall / six), wall >= DEFLATE * six),
                ("Compressed rotating files, %s, a core of the sink against zlib level 6" % what, "at least %.1f x" % DEFLATE, "%.2f x" % (core / six), core >= DEFLATE * six),
                ("Compressed rotating files, %s, size against zlib level 1" % what, "at most 1.00 x", "%.3f x" % (ours / theirs), ours <= theirs),
            ]
            self.say("gzip", what, "%.0f MB/s end to end, zlib 6 %.0f" % (wall / 1e6, six / 1e6))
        return {"runs": runs, "rows": rows, "goals": goals}

    def sqlite(self):
        runs, goals, rows = {}, [], []
        staged = os.path.join(self.bench.work, "staged.db")
        for name, (workload, decode, query, key) in SQLITE.items():
            kind = name.split(",")[0]
            self.bench.options.mib, _ = data.generate(self.bench.options.data, [workload], self.bench.options.mib, self.bench.options.files)
            options = {"table": "written", "mode": kind, **({"keys": [key]} if key else {})}
            count, ours, limits = 0, [], []
            for round in range(self.n):
                sample, out = self.run("sqlite", workload, decode, lambda out: {
                    "query": query, "outputMode": "append", "format": "sqlite", "options": {"path": out + "/out.db", **options}})
                ours.append(sample)
                if kind == "append" and round == 0:
                    count = self.limit("stage", out + "/out.db", "written", staged)["rows"]
                elif kind == "upsert" and round == 0:
                    # all rows, in the order in which they came
                    _, all = self.run("sqlite-staged", workload, decode, lambda out: {
                        "query": query, "outputMode": "append", "format": "sqlite", "options": {"path": out + "/out.db", "table": "written"}})
                    count = self.limit("stage", all + "/out.db", "written", staged)["rows"]
                limits.append(self.limit(kind, os.path.join(self.bench.work, "limit.db"), staged, key or "-"))
            runs["sqlite " + name] = ours
            runs["limit of " + name] = limits
            rate = count / middle(s["wall"] for s in ours)
            alone = middle(s["rows"] / s["seconds"] for s in limits)
            distinct = sqlite3.connect(out + "/out.db").execute("SELECT count(*) FROM written").fetchone()[0]
            rows += [(name, "SQLite alone, rows in a table it holds", alone / 1e6, "M rows/s", ""),
                     (name, "Millrace, end to end from gzip", rate / 1e6, "M rows/s", "%d rows, %d in the table" % (count, distinct))]
            wanted = UPSERT if key else APPEND
            goals.append(("SQLite %s, rows a second end to end" % name, "at least %.1f M" % (wanted / 1e6), "%.2f M (%.2f of SQLite alone)" % (rate / 1e6, rate / alone), rate >= wanted))
            self.say("sqlite", name, "%.2f M rows/s, SQLite alone %.2f" % (rate / 1e6, alone / 1e6))
        return {"runs": runs, "rows": rows, "goals": goals}

    def socket(self):
        seconds = 1 if self.bench.options.quick else 4
        found = {}
        for _ in range(self.n):
            for sample in ingest.samples(self.millrace, self.bench.work, seconds):
                found.setdefault(sample["what"], []).append(sample)
                self.say("socket", sample["what"], "%.2f GB/s, %.0f k records/s" % (sample["bytesPerSecond"] / 1e9, sample["recordsPerSecond"] / 1e3))
        rows, goals = [], []
        rate = {what: middle(s["bytesPerSecond" if what.startswith("tcp") else "recordsPerSecond"] for s in samples) for what, samples in found.items()}
        for what, got in rate.items():
            transport, name = what.split(" ", 1)
            scale, unit = (1e9, "GB/s") if transport == "tcp" else (1e3, "k datagrams/s")
            if name.startswith("limit"):
                rows.append((transport, name, got / scale, unit, ""))
                continue
            limits = [rate[transport + " limit"]]
            if "checkpoint" in name and transport == "tcp":
                limits.append(rate["tcp limit of the disk"])
            share = got / min(limits)
            rows.append((transport, "Millrace, " + name, got / scale, unit, "%.2f of the limit" % share))
            if name.startswith("count"):
                goals.append(("Socket source, %s, against the limit of the same run" % what, "at least %.2f" % LOOPBACK, "%.2f" % share, share >= LOOPBACK))
        return {"runs": found, "rows": rows, "goals": goals}

    def programs(self):
        mib = 128 if self.bench.options.quick else 1024
        found = {}
        for _ in range(self.n):
            for sample in programs.samples(self.millrace, self.bench.work, mib):
                found.setdefault(sample["what"], []).append(sample)
        rows, goals, rate = [], [], {}
        for what, samples in found.items():
            unit, scale, key = ("k rows/s", 1e3, "rowsPerSecond") if "rowsPerSecond" in samples[0] else ("GB/s", 1e9, "bytesPerSecond")
            rate[what] = middle(s[key] for s in samples)
            limit = samples[0]["limit"]
            share = rate[what] / rate[limit] if limit else None
            rows.append(("a program", what if limit is None else "Millrace, " + what, rate[what] / scale, unit, "" if limit is None else "%.2f of the limit" % share))
            self.say("programs", what, "%.2f %s" % (rate[what] / scale, unit))
            # The disk, and the reading of a file, have limits of their own.
            if limit and key == "bytesPerSecond" and "checkpoint" not in what and "from a plain file" not in what:
                goals.append(("Programs, %s, against %s" % (what, limit), "at least %.2f" % PIPE, "%.2f" % share, share >= PIPE))
        return {"runs": found, "rows": rows, "goals": goals}

    def tail(self):
        """One core reads a plain log from its beginning: millrace, `wc -l`, and a loop of memchr over blocks."""
        self.bench.options.mib, _ = data.generate(self.bench.options.data, ["w1"], self.bench.options.mib, self.bench.options.files)
        log, wanted = os.path.join(self.bench.work, "tail.log"), (256 if self.bench.options.quick else 2048) << 20
        with open(log, "wb") as out:
            while out.tell() < wanted:
                for name in data.common.files(self.bench.options.data, "w1"):
                    with gzip.open(name) as text:
                        shutil.copyfileobj(text, out, 1 << 20)
                    if out.tell() >= wanted:
                        break
        size, one = os.path.getsize(log), ["taskset", "-c", "0"]
        tool = os.path.join(self.bench.work, "tail")
        subprocess.run(["cc", "-O2", "-o", tool, os.path.join(HERE, "tail.c")], check=True)
        runs = {}
        for _ in range(self.n):
            runs.setdefault("memchr", []).append(process.run(one + [tool, log], {}, self.log))
            runs.setdefault("wc -l", []).append(process.run(one + ["wc", "-l", log], {}, self.log))
            for what, (options, decode, query) in TAILED.items():
                folder = process.emptied(self.bench.out("connectors", "tail"))
                source = {"format": "rotating-file", "options": {"path": log, **options}, "decode": decode}
                sink = {"query": query, "outputMode": "complete", "format": "console"}
                pipeline = {"sources": {"rows": source}, "sinks": {"out": sink}, "trigger": {"availableNow": True},
                            "checkpointLocation": os.path.join(folder, "checkpoint")}
                path = os.path.join(folder, "connectors.json")
                with open(path, "w") as f:
                    json.dump({"version": 1, "pipelines": {"p": pipeline}}, f, indent=1)
                runs.setdefault(what, []).append(process.run(one + [self.millrace, "run", path], {}, self.log))
        os.remove(log)
        rates = {what: size / middle(s["wall"] for s in samples) for what, samples in runs.items()}
        rows, goals = [], []
        for what, rate in rates.items():
            name = what if what in ("memchr", "wc -l") else "Millrace, " + what
            rows.append(("plain log, one core", name, rate / 1e9, "GB/s", "%.2f of memchr" % (rate / rates["memchr"])))
            self.say("tail", what, "%.2f GB/s" % (rate / 1e9))
            if what.startswith("lines"):
                goals.append(("Following a plain log, one core, %s" % what, "at least %.1f GB/s" % (TAIL / 1e9), "%.2f GB/s" % (rate / 1e9), rate >= TAIL))
        return {"runs": runs, "rows": rows, "goals": goals}
