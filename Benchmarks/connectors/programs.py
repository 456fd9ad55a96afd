#!/usr/bin/env python3
"""Lines from and to other programs over pipes: what a pipe takes, and in the same run millrace with commands (`exec`), with a program
that speaks its protocol, and with the example in Python.

usage: programs.py MILLRACE [MIB [FOLDER]]     prints a line of JSON for each measurement; the files are made in FOLDER
"""
import json, os, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "examples")
COUNT = "SELECT count(*) AS lines FROM lines"
ROWS = 200_000  # of the example in Python


def compile_tool(folder):
    tool = os.path.join(folder, "program")
    subprocess.run(["cc", "-O2", "-o", tool, os.path.join(HERE, "program.c")], check=True)
    return tool


def limit(tool, what, mib, command):
    done = subprocess.run([tool, what, str(mib), *command], capture_output=True, text=True, check=True)
    got = json.loads(done.stdout)
    return got["bytes"] / got["seconds"]


def engine(millrace, folder, source, sink, plugins=(), checkpoint=False):
    """Seconds of a whole run, start and end included."""
    name = os.path.join(folder, str(time.monotonic_ns()))
    os.mkdir(name)
    pipeline = {"sources": {"lines": source}, "sinks": {"out": sink}, "trigger": {"availableNow": True}}
    if checkpoint:
        pipeline["checkpointLocation"] = "checkpoint"
    with open(name + "/connectors.json", "w") as file:
        json.dump({"version": 1, "plugins": [{"process": list(p)} for p in plugins], "pipelines": {"p": pipeline}}, file)
    start = time.monotonic()
    done = subprocess.run([millrace, "run"], cwd=name, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-1500:])
    return time.monotonic() - start


def samples(millrace, work, mib):
    """Yields a dict for each measurement: what, limit (the name of the row it is measured against, None for a limit), bytesPerSecond."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        tool, size = compile_tool(folder), mib << 20
        lines = os.path.join(folder, "lines")
        with open(lines, "wb") as file:
            subprocess.run([tool, "write", str(mib)], stdout=file, check=True)
        console = {"query": COUNT, "outputMode": "complete", "format": "console"}
        plain = {"format": "rotating-file", "options": {"path": lines}}
        cat = {"format": "exec", "options": {"command": f"cat '{lines}'"}}
        program = {"format": "lines", "options": {"blocks": mib}}
        text = {"query": "SELECT value FROM lines", "outputMode": "append", "encode": "text"}
        into_cat = {**text, "format": "exec", "options": {"command": "cat > /dev/null"}}

        def rate(seconds):
            return {"bytesPerSecond": size / seconds}

        out, into = "a pipe from cat", "a pipe into cat"
        yield {"what": out, "limit": None, "bytesPerSecond": limit(tool, "drop", mib, ["cat", lines])}
        yield {"what": "exec source", "limit": out, **rate(engine(millrace, folder, cat, console))}
        yield {"what": "exec source, checkpoint", "limit": out, **rate(engine(millrace, folder, cat, console, checkpoint=True))}
        yield {"what": "program as source", "limit": out, **rate(engine(millrace, folder, program, console, [[tool]]))}
        yield {"what": into, "limit": None, "bytesPerSecond": limit(tool, "feed", mib, ["sh", "-c", "cat > /dev/null"])}
        yield {"what": "exec sink, from a plain file", "limit": into, **rate(engine(millrace, folder, plain, into_cat))}
        yield {"what": "program as sink, from a plain file", "limit": into,
               **rate(engine(millrace, folder, plain, {**text, "format": "lines"}, [[tool]]))}
        # Millions of rows a second are not for Python; what its own JSON costs is the limit.
        python = [sys.executable, "-S", "-E", os.path.join(EXAMPLES, "counter.py")]
        script = "import json\nfor n in range(%d): print(json.dumps({'number': n, 'word': f'row {n}'}))" % ROWS
        start = time.monotonic()
        subprocess.run([sys.executable, "-S", "-E", "-c", script], stdout=subprocess.DEVNULL, check=True)
        yield {"what": "rows printed by Python", "limit": None, "rowsPerSecond": ROWS / (time.monotonic() - start)}
        counter = {"format": "counter", "options": {"limit": ROWS}}
        seconds = engine(millrace, folder, counter, {**console, "query": "SELECT max(number) FROM lines"}, [python])
        yield {"what": "counter.py as source", "limit": "rows printed by Python", "rowsPerSecond": ROWS / seconds}


def main():
    mib = int(sys.argv[2]) if len(sys.argv) > 2 else 1024
    for sample in samples(os.path.abspath(sys.argv[1]), sys.argv[3] if len(sys.argv) > 3 else None, mib):
        print(json.dumps(sample), flush=True)


if __name__ == "__main__":
    main()
